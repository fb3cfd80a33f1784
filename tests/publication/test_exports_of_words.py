"""Do other tools, given a style that was taught a new word, read it as it was taught, alone and beside a LoRA?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ingredients import Ingredients, assert_broken, gathered, mozilla, signed_again
from test_exports import ALPHA, RANK, saved
from test_exports_of_adapters import tensors_of

from handstyle import digests
from handstyle.errors import RecordDamaged
from handstyle.publication import card_use, dialects, exports, reloads
from handstyle.publication.provenance import Weights
from handstyle.publication.verification import verify
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors

torch = pytest.importorskip("torch")

VECTORS = 3
ALONE: dict[str, Any] = {"algo": "textual-inversion", "num_vectors": VECTORS}
BESIDE: dict[str, Any] = {"train_text_encoder_ti": True, "num_vectors": VECTORS}
FORMATS = {"alone": ["embedding"], "beside": ["diffusers-lora", "kohya-lora", "embedding"]}
each_way = pytest.mark.parametrize("way", ["alone", "beside"])


@pytest.fixture(params=["1", "xl"])
def there(request: pytest.FixtureRequest) -> tuple[Any, Path]:
    """A base of Stable Diffusion 1, and one of XL."""
    if request.param == "1":
        return request.getfixturevalue("family"), request.getfixturevalue("tiny_base")
    return request.getfixturevalue("xl_family"), request.getfixturevalue("xl_base")


def tensors(family: Any, way: str) -> dict[str, Any]:
    from handstyle.diffusion import vocabulary

    chance = torch.Generator().manual_seed(2)
    word = {
        f"{part}.emb_params": torch.randn(VECTORS, vocabulary.table(family, part).shape[1], generator=chance)
        for part in family.word_tables
    }
    return word if way == "alone" else {**tensors_of(family, "lora"), **word}


def written(folder: Path, there: tuple[Any, Path], way: str) -> tuple[Weights, ...]:
    family, base = there
    settings = ALONE if way == "alone" else BESIDE
    style, cleared = saved(folder / "style.safetensors", tensors(family, way), **settings)
    return exports.write(folder / "weights", style, folder / "style.safetensors", base, cleared)


@each_way
def test_every_file_gives_back_what_was_taught(way: str, there: tuple[Any, Path], tmp_path: Path) -> None:
    files = written(tmp_path, there, way)
    assert [file.format for file in files] == FORMATS[way]
    assert all(file.largest_difference < 1e-5 for file in files)
    names = ["clip_g", "clip_l"] if len(there[0].word_tables) == 2 else ["emb_params"]
    with (
        tensors_in(tmp_path / "weights" / exports.EMBEDDING) as held,
        tensors_in(tmp_path / "style.safetensors") as own,
    ):
        assert sorted(held) == names
        back = dialects.from_embedding(held)
        assert {name: bytes(own[name].data) for name in back} == {name: bytes(t.data) for name, t in back.items()}
    assert metadata_of(tmp_path / "weights" / exports.EMBEDDING)["modelspec.architecture"].endswith(
        "/textual-inversion"
    )
    if way == "beside":
        with tensors_in(tmp_path / "weights" / "soft-outline.safetensors") as kohya:
            assert sorted(name for name in kohya if name.startswith("bundle_emb.")) == [
                f"bundle_emb.hndst.{name}" for name in names
            ]


@each_way
def test_what_the_card_says_to_do_reads_the_word(way: str, there: tuple[Any, Path], tmp_path: Path) -> None:
    """`load_textual_inversion` of diffusers, on a small pipeline: its prompt is read as handstyle reads it."""
    from handstyle.generation.generate import Worn, attached

    family, base = there
    files = written(tmp_path, there, way)
    settings = ALONE if way == "alone" else BESIDE
    style, _ = saved(tmp_path / "again.safetensors", tensors(family, way), **settings)
    style = style.model_copy(update={"base": style.base.model_copy(update={"family": family.kind})})
    code = card_use.code(style, files, str(base), "a house").replace("RELEASE", str(tmp_path))
    *loading, drawing = code.splitlines()
    assert drawing.startswith("pipeline(")
    names: dict[str, Any] = {}
    exec("\n".join(loading), names)
    found = names["pipeline"].encode_prompt(
        "a house, hndst drawing", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    rows = found[0]
    with attached([Worn(style, tensors(family, way))], family), torch.no_grad():
        own = family.encode_texts(["a house, hndst drawing"])
    assert torch.allclose(rows, own[:, : rows.shape[1]], atol=1e-5)
    if len(family.word_tables) == 2:
        assert torch.allclose(found[2], own[:, -1, : found[2].shape[-1]], atol=1e-5)


@each_way
def test_a_file_with_other_vectors_does_not_pass(way: str, there: tuple[Any, Path], tmp_path: Path) -> None:
    family, base = there
    written(tmp_path, there, way)
    path = tmp_path / "weights" / exports.EMBEDDING
    with tensors_in(path) as held:
        copy = {name: Tensor(tensor.kind, tensor.shape, bytes(tensor.data)[::-1]) for name, tensor in held.items()}
    write_tensors(path, copy, metadata_of(path))
    settings = ALONE if way == "alone" else BESIDE
    style, _ = saved(tmp_path / "again.safetensors", tensors(family, way), **settings)
    with pytest.raises(RecordDamaged, match="does not read the word as it was taught"):
        reloads.largest_differences(base, tmp_path / "style.safetensors", style, {path: "embedding"})


@pytest.fixture(params=["alone", "beside"])
def released(request: pytest.FixtureRequest, family: Any, tiny_base: Path, tmp_path: Path) -> tuple[Ingredients, Path]:
    raw = {
        name: Tensor("F32", tuple(tensor.shape), tensor.contiguous().numpy().tobytes())
        for name, tensor in tensors(family, request.param).items()
    }
    (tmp_path / "made").mkdir()
    rights = mozilla(tmp_path / "made")
    settings = {**(ALONE if request.param == "alone" else BESIDE), "rank": RANK, "lora_alpha": ALPHA}
    ingredients = gathered(tmp_path / "made", rights, tensors=raw, base=tiny_base, **settings)
    return ingredients, ingredients.assemble(tmp_path / "soft-outline")


def test_a_release_holds_and_another_word_in_it_breaks_it(released: tuple[Ingredients, Path]) -> None:
    ingredients, release = released
    assert verify(release).holds
    said = (release / "README.md").read_text()
    assert "a new word of 3 vectors" in said and "`hndst.safetensors`" in said and "textual_inversion" in said
    path = release / "weights" / exports.EMBEDDING
    with tensors_in(path) as held:
        copy = {name: Tensor(tensor.kind, tensor.shape, bytes(tensor.data)[::-1]) for name, tensor in held.items()}
    write_tensors(path, copy, metadata_of(path))
    signed_again(release, ingredients.key)
    alone = ingredients.style.recipe.algo == "textual-inversion"
    assert_broken(release, "weights", f"weights/{exports.EMBEDDING if alone else exports.DIFFUSERS_LORA}")


def test_under_another_name_the_word_is_called_otherwise_and_is_the_same(released: tuple[Ingredients, Path]) -> None:
    from test_renaming import everything_in, renamed

    _, release = released
    renamed(release, "Quiet lines", "qlines")
    folder = release.with_name("renamed")
    assert verify(folder).status == "intact"
    assert b"hndst" not in everything_in(folder)
    before, after = (digests.of_tensor_file(place / "weights" / exports.EMBEDDING) for place in (release, folder))
    assert before == after
