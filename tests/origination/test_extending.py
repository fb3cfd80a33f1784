"""Does a base that goes on learning keep what it was, and end where one would that never stopped?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.origination.conftest import finished

from handstyle.collection.works import Collection
from handstyle.diffusion.checkpoints import read_tensors
from handstyle.errors import UsageMistake
from handstyle.origination.extending import Earlier
from handstyle.origination.originate import Origination
from handstyle.origination.recipe import BaseRecipe

Begin = Callable[[Path], Origination]
pytestmark = pytest.mark.usefixtures("lenient")


def with_a_further_round(recipe: BaseRecipe) -> BaseRecipe:
    rounds = (*recipe.denoiser.rounds, recipe.denoiser.rounds[-1])
    return recipe.model_copy(
        update={"name": "larger base", "denoiser": recipe.denoiser.model_copy(update={"rounds": rounds})}
    )


def extended(made: Origination, earlier: Path, folder: Path) -> Origination:
    material = replace(made.material, folder=folder, recipe=with_a_further_round(made.recipe))
    material.claim()
    return Origination(material, made.teacher, made.vocabulary, Earlier(earlier))


def test_everything_but_the_denoiser_stays_and_a_further_round_begins_with_its_weights(
    begun: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begun(tmp_path / "first")
    before = finished(first)
    further = extended(first, before, tmp_path / "further")
    began: list[dict[str, torch.Tensor]] = []
    rounds = Origination._round

    def watched(made: Origination, number: int, part: object, weights: dict[str, torch.Tensor]) -> object:
        assert number == 2
        began.append(weights)
        return rounds(made, number, part, weights)  # type: ignore[arg-type]

    monkeypatch.setattr(Origination, "_round", watched)
    after = finished(further)
    own = read_tensors(before / "unet/diffusion_pytorch_model.safetensors")[0]
    assert len(began) == 1
    assert all(torch.equal(began[0][f"unet.{name}"], tensor.float()) for name, tensor in own.items())
    for kept in (
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "tokenizer/tokenizer.json",
    ):
        assert (before / kept).read_bytes() == (after / kept).read_bytes()
    learnt = read_tensors(after / "unet/diffusion_pytorch_model.safetensors")[0]
    assert any(not torch.equal(learnt[name], tensor) for name, tensor in own.items())


def test_its_card_tells_the_whole_way(begun: Begin, tmp_path: Path) -> None:
    first = begun(tmp_path / "first")
    before = finished(first)
    further = extended(first, before, tmp_path / "further")
    after = finished(further)
    page = (after / "ORIGIN.md").read_text(encoding="utf-8")
    assert page.count("| denoiser at 32 px | 3 | 12 |") == 2 and page.count("| denoiser at 16 px | 3 | 12 |") == 1
    assert "the first 2 rounds of the denoiser are those of small base" in page
    assert Earlier(before).digest in page
    assert BaseRecipe.from_toml(after / "recipe.toml") == further.recipe
    assert (after / "credits.jsonl").read_bytes() == (before / "credits.jsonl").read_bytes()


def test_its_card_still_says_how_well_the_words_were_learnt_and_what_each_round_took(
    begun: Begin, tmp_path: Path
) -> None:
    first = begun(tmp_path / "first")
    before = finished(first)
    after = finished(extended(first, before, tmp_path / "further"))
    rows = [line for line in (before / "ORIGIN.md").read_text(encoding="utf-8").splitlines() if "unknown texts" in line]
    page = (after / "ORIGIN.md").read_text(encoding="utf-8")
    assert len(rows) == 1 and rows[0] in page and "| and found again by what it says |" in page
    for number, side in ((1, 16), (2, 32), (3, 32)):
        assert page.count(f"| error on unseen works, denoiser, round {number} at {side} px |") == 1


def test_what_is_finished_is_passed_over(begun: Begin, tmp_path: Path) -> None:
    first = begun(tmp_path / "first")
    before = finished(first)
    weights = "unet/diffusion_pytorch_model.safetensors"
    once = (finished(extended(first, before, tmp_path / "further")) / weights).read_bytes()
    log = (tmp_path / "further/denoiser-3/log.jsonl").read_text(encoding="utf-8")
    assert (finished(extended(first, before, tmp_path / "further")) / weights).read_bytes() == once
    assert (tmp_path / "further/denoiser-3/log.jsonl").read_text(encoding="utf-8") == log


def test_another_recipe_and_other_works_are_refused(begun: Begin, tmp_path: Path, collection: Collection) -> None:
    first = begun(tmp_path / "first")
    earlier, recipe = Earlier(finished(first)), first.recipe
    longer = with_a_further_round(recipe)
    earlier.checked(longer, collection)
    other = longer.model_copy(update={"words": longer.words.model_copy(update={"keywords": 0.9})})
    for wrong in (recipe, other):
        with pytest.raises(UsageMistake, match=r"not that of .* with further rounds"):
            earlier.checked(wrong, collection)
    fewer = collection.model_copy(update={"works": collection.works[1:]})
    with pytest.raises(UsageMistake, match="made of other works"):
        earlier.checked(longer, fewer)
    with pytest.raises(UsageMistake, match=r"no recipe\.toml and no credits"):
        Earlier(tmp_path).checked(longer, collection)
