"""Does a run teach a new word and move nothing else: alone (textual inversion), or beside an adapter (pivotal)?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handstyle.diffusion import vocabulary
from handstyle.diffusion.family import LatentDistribution
from handstyle.encoding.batches import Batch
from handstyle.errors import RecipeInvalid, UsageMistake
from handstyle.finetuning import new_words
from handstyle.finetuning.objective import batch_loss
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots
from handstyle.finetuning.trainable import trainable

# tests/finetuning/conftest.py compares the whole base before and after each of these.

ALONE: dict[str, Any] = {"algo": "textual-inversion", "num_vectors": 2, "token_lr": 1e-2}
BESIDE: dict[str, Any] = {"train_text_encoder_ti": True, "num_vectors": 2, "token_lr": 1e-2}
WORD = "text_encoder.emb_params"


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_only_the_rows_of_the_word_learn(family: Any, run: Any, recipe: Callable[..., Recipe]) -> None:
    table = vocabulary.table(family, "text_encoder").clone()
    _, end = run(recipe(**ALONE))
    assert list(end.weights) == [WORD] and end.weights[WORD].shape == (2, table.shape[1])
    begun = new_words.first_vectors(family, "text_encoder", recipe(**ALONE))
    assert not torch.isclose(end.weights[WORD], begun).any(dim=1).all()
    assert torch.equal(vocabulary.table(family, "text_encoder"), table)


def test_beside_an_adapter_both_learn(run: Any, recipe: Callable[..., Recipe]) -> None:
    _, end = run(recipe(**BESIDE))
    _, alone = run(recipe())
    assert end.weights.keys() == {WORD, *alone.weights}
    assert not same({"": end.weights[WORD]}, {"": torch.zeros_like(end.weights[WORD])})


@pytest.mark.parametrize(
    "settings",
    [ALONE, BESIDE, {**BESIDE, "train_text_encoder": True, "ema_decay": 0.5}, {**BESIDE, "algo": "lokr"},
     {**BESIDE, "train_text_encoder_ti_frac": 0.5}, {**BESIDE, "optimizer_in_backward": True},
     {**BESIDE, "optimizer": "adafactor"},
     {**BESIDE, "optimizer": "prodigy", "learning_rate": 1, "token_lr": 1}],
    ids=str,
)  # fmt: skip
def test_a_run_goes_on_to_the_bit_where_it_was_stopped(
    settings: dict[str, Any], run: Any, recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    chosen, snapshots = recipe(**settings), Snapshots(tmp_path, "ours")
    steps, end = run(chosen, watch=lambda step: snapshots.save(step.state()) if step.index == 3 else None)
    again, same_end = run(chosen, snapshots.load(tmp_path / "step-000003.safetensors"))
    assert [step.loss for step in again] == [step.loss for step in steps[3:]]
    assert same(end.weights, same_end.weights) and same(end.exp_avg, same_end.exp_avg) and same(end.ema, same_end.ema)


def test_the_word_has_a_rate_of_its_own_and_stays_from_a_share_of_the_run_on(
    run: Any, recipe: Callable[..., Recipe]
) -> None:
    rows: list[Tensor] = []
    chosen = recipe(**BESIDE, train_text_encoder_ti_frac=0.5, lr_scheduler="constant")  # of seven steps, four
    _, end = run(chosen, watch=lambda step: rows.append(step.state().weights[WORD].clone()))
    assert not torch.equal(rows[2], rows[3]) and all(torch.equal(row, rows[3]) for row in rows[4:])
    _, slower = run(chosen.changed(token_lr=1e-4))
    assert not torch.equal(slower.weights[WORD], end.weights[WORD])


def test_its_vectors_begin_as_those_of_words_repeated_or_cut_off(family: Any, recipe: Callable[..., Recipe]) -> None:
    table = vocabulary.table(family, "text_encoder")
    red, boat = vocabulary.tokens(family, "text_encoder", "red boat")
    for number, expected in [(1, [red]), (2, [red, boat]), (3, [red, boat, red])]:
        chosen = recipe(**{**ALONE, "num_vectors": number, "initializer_token": "red boat"})
        assert torch.equal(new_words.first_vectors(family, "text_encoder", chosen), table[expected])
    drawing = vocabulary.tokens(family, "text_encoder", "drawing")
    assert torch.equal(new_words.first_vectors(family, "text_encoder", recipe(**ALONE))[:1], table[drawing[:1]])


def test_its_vectors_are_drawn_back_to_the_length_of_others(family: Any, recipe: Callable[..., Recipe]) -> None:
    """One step of `retract_embeddings` (diffusers, train_dreambooth_lora_sdxl_advanced.py), written out."""
    with trainable(family, recipe(**ALONE)) as learning:
        rows = learning.word[WORD]
        with torch.no_grad():
            rows.mul_(30)
        table = vocabulary.table(family, "text_encoder")
        expected = rows.detach() * (table.std() / rows.detach().std()) ** 0.1
        learning.draw_back()
        torch.testing.assert_close(rows.detach(), expected)
        for _ in range(100):
            learning.draw_back()
        torch.testing.assert_close(rows.detach().std(), table.std(), rtol=1e-3, atol=0)


def test_both_text_encoders_of_xl_learn_the_word(xl_family: Any, recipe: Callable[..., Recipe]) -> None:
    with trainable(xl_family, recipe(**ALONE)) as learning:
        assert list(learning.parameters) == [WORD, "text_encoder_2.emb_params"]
        latents = LatentDistribution(torch.randn(1, 4, 8, 8), torch.zeros(1, 4, 8, 8))
        text = ("a boat, hndst drawing",)
        batch = Batch(("ant",), text, latents, xl_family.encode_texts(text).detach(), torch.ones(1), 1)
        loss = batch_loss(batch, xl_family, seed=0, step=0, snr_gamma=5.0, precision="no", live_text=True)
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(rows.grad is not None and rows.grad.abs().sum() > 0 for rows in learning.word.values())


def test_what_can_be_taught_no_word_is_refused_before_anything_is_encoded(flux_family: Any, family: Any) -> None:
    with pytest.raises(UsageMistake, match="cannot be taught a new word"):
        new_words.require_room(flux_family, Recipe(**ALONE))
    with pytest.raises(UsageMistake, match="no new word"):
        new_words.require_room(family, Recipe(**ALONE, identifier="boat"))
    new_words.require_room(flux_family, Recipe())


def test_recipes_without_a_new_word_are_written_as_before() -> None:
    written = Recipe().as_json()
    assert not {"train_text_encoder_ti", "num_vectors", "token_lr", "initializer_token"} & written.keys()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"algo": "textual-inversion", "train_text_encoder": True}, "networks that stay as they are"),
        ({"train_text_encoder_ti": True, "method": "full"}, "has the words that are there"),
        ({"train_text_encoder_ti": True, "identifier": "two words"}, "one word of small letters"),
        ({"train_text_encoder_ti": True, "optimizer": "adamwschedulefree"}, "choose another"),
        ({"train_text_encoder_ti": True, "optimizer": "prodigy", "learning_rate": 1}, "token_lr: prodigy"),
    ],
    ids=str,
)
def test_what_does_not_fit_a_new_word_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeInvalid, match=words):
        Recipe().changed(**settings)
