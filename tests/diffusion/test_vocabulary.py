"""Does a new word join text encoders so that nothing else changes, and leave them as they were?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from handstyle.diffusion import vocabulary
from handstyle.errors import UsageMistake

WORD = "hndst"


@pytest.fixture(params=["family", "xl_family"])
def there(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A base with one text encoder, and one with two; afterwards each is what it was."""
    family = request.getfixturevalue(request.param)
    networks = family.text_encoders.values()
    before = [{name: tensor.clone() for name, tensor in network.state_dict().items()} for network in networks]
    tokenizers = list(family.tokenizers)
    yield family
    assert all(one is other for one, other in zip(family.tokenizers, tokenizers, strict=True))
    for network, was in zip(networks, before, strict=True):
        now = network.state_dict()
        assert now.keys() == was.keys() and all(torch.equal(now[name], was[name]) for name in was)


def vectors(family: Any, number: int = 2) -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(3)
    return {
        part: 0.02 * torch.randn(number, vocabulary.table(family, part).shape[1], generator=chance)
        for part in family.word_tables
    }


@torch.no_grad()
def test_texts_without_the_word_are_read_as_before_to_the_bit(there: Any) -> None:
    texts = ["a red boat", "", "hn dst"]
    before = there.encode_texts(texts)
    with vocabulary.joined(there, WORD, vectors(there)):
        assert torch.equal(there.encode_texts(texts), before)
    assert torch.equal(there.encode_texts(texts), before)


@torch.no_grad()
def test_the_word_is_read_by_its_own_vectors_and_by_all_of_them(there: Any) -> None:
    own = vectors(there)
    text = f"a boat, {WORD} drawing"
    with vocabulary.joined(there, WORD, own):
        said = there.encode_texts([text])
    for part in there.word_tables:
        for row in range(2):
            changed = {name: rows.clone() for name, rows in own.items()}
            changed[part][row] += 0.5
            with vocabulary.joined(there, WORD, changed):
                assert not torch.equal(there.encode_texts([text]), said), f"{part}, vector {row}"


@torch.no_grad()
def test_a_word_with_the_vectors_of_a_known_one_means_the_same(there: Any) -> None:
    rows = {part: vocabulary.tokens(there, part, "boat") for part in there.word_tables}
    with vocabulary.joined(there, WORD, {part: vocabulary.table(there, part)[ids] for part, ids in rows.items()}):
        torch.testing.assert_close(
            there.encode_texts([f"a {WORD} on a lake"]), there.encode_texts(["a boat on a lake"])
        )


@torch.no_grad()
def test_a_text_is_summed_up_at_its_end_also_where_an_old_configuration_looks_for_the_largest_number(
    xl_family: Any,
) -> None:
    second = xl_family.text_encoders["text_encoder_2"].text_model
    with vocabulary.joined(xl_family, WORD, vectors(xl_family)):
        right = xl_family.encode_texts([f"{WORD} boat"])
    end, second.eos_token_id = second.eos_token_id, 2  # as in the configurations of the published model
    try:
        with vocabulary.joined(xl_family, WORD, vectors(xl_family)):
            assert torch.equal(xl_family.encode_texts([f"{WORD} boat"]), right)
        assert second.eos_token_id == 2
    finally:
        second.eos_token_id = end


def test_spans_and_what_is_cut_off_are_told_in_the_words_that_were_written(there: Any) -> None:
    text = f"a {WORD} boat"
    with vocabulary.joined(there, WORD, vectors(there, 3)):
        spans = [text[start:end] for start, end in there.token_spans(text) if end > start]
        assert spans == ["a", WORD, WORD, WORD, "boat"]
        room = there.tokenizers[0].model_max_length - 2
        assert there.words_cut_off(f"{WORD} " * (room // 3)) == ""
        assert there.words_cut_off(f"{WORD} " * (room // 3 + 1)) != ""


@pytest.mark.parametrize("word", ["boat", "<|endoftext|>"])
def test_a_word_that_the_base_knows_is_no_new_one(word: str, there: Any) -> None:
    with pytest.raises(UsageMistake, match="no new word"), vocabulary.joined(there, word, vectors(there)):
        pass


def test_two_words_can_be_there_and_one_word_not_twice(there: Any) -> None:
    with vocabulary.joined(there, WORD, vectors(there)), vocabulary.joined(there, "qxzj", vectors(there, 1)):
        spans = [s for s in there.token_spans(f"{WORD} qxzj") if s[1] > s[0]]
        assert spans == [(0, 5), (0, 5), (6, 10)]
        with pytest.raises(UsageMistake, match="wear one"), vocabulary.joined(there, WORD, vectors(there)):
            pass


def test_a_family_whose_words_are_read_elsewhere_too_refuses_by_name(request: pytest.FixtureRequest) -> None:
    for name, known_as in [("sd3_family", "Stable Diffusion 3"), ("flux_family", "FLUX")]:
        family = request.getfixturevalue(name)
        with pytest.raises(UsageMistake, match=f"{known_as}.* cannot be taught a new word"):
            vocabulary.check(family, WORD, family.word_tables)
