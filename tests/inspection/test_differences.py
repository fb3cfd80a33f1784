"""Is everything told that changed between two runs, and nothing more than the numbers hold?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handstyle.collection.intake import collect
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.collection.works import Collection
from handstyle.finetuning.gain import gain_of
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.inspection.comparison import OnDrawing, PairedGain, RecipeChange
from handstyle.inspection.differences import recipe_changes, unchanged, verdict, work_changes


def folder(root: Path, captions: dict[str, str]) -> Path:
    """One drawing of another colour for each name; the colour is the name's last letter."""
    root.mkdir()
    for name, caption in captions.items():
        Image.new("RGB", (8, 8), (ord(name[-1]), 40, 90)).save(root / f"{name}.png")
        (root / f"{name}.txt").write_text(caption, encoding="utf-8")
    return root


def collection(root: Path, captions: dict[str, str], validation: Any = None) -> Collection:
    rights = for_all(own_work("Ada"))
    return collect(folder(root, captions), rights=rights, validation=validation)


def style(recipe: Recipe, **more: Any) -> TrainedStyle:
    base = BaseIdentity(name="tiny", family="sd1", sha256="b" * 64, licence="CC0-1.0")
    return TrainedStyle(
        name="s", base=base, collection="c" * 64, number_of_works=4, recipe=recipe, tensors="a" * 64,
        **{"steps": 3, "resolution": 16, "environment": {}, **more},
    )  # fmt: skip


def test_works_are_followed_by_their_pixels_whatever_their_files_are_called(tmp_path: Path) -> None:
    before = collection(tmp_path / "one", {"a": "apple", "b": "boat", "c": "cat", "d": "dog"})
    after = collection(tmp_path / "two", {"renamed-a": "apple", "b": "a red boat", "c": "cat", "e": "eel"})
    told = [(change.fate, change.work.caption) for change in work_changes(before, after)]
    assert told == [("added", "eel"), ("removed", "dog"), ("re-captioned", "a red boat")]
    assert unchanged(before, after) == 2


def test_a_work_that_is_kept_back_from_now_on_is_told(tmp_path: Path) -> None:
    captions = {name: name for name in "abcd"}
    before, after = collection(tmp_path / "one", captions), collection(tmp_path / "two", captions, 1)
    (change,) = work_changes(before, after)
    assert change.fate == "kept back to check with" and change.work.name == after.validation[0]
    (back,) = work_changes(after, before)
    assert back.fate == "trained on now"
    assert unchanged(before, after) == 3, "one of four is not learnt from any more"


def test_every_field_of_the_recipe_that_differs_is_told_in_words() -> None:
    one = style(Recipe(rank=4, snr_gamma=5.0))
    two = style(Recipe(rank=8, snr_gamma=None, random_flip=True), resolution=32, extends="abc")
    told = {change.name: (change.before, change.after) for change in recipe_changes(one, two)}
    assert told == {
        "rank": ("4", "8"),
        "snr_gamma": ("5.0", "none"),
        "random_flip": ("no", "yes"),
        "resolution": ("16", "32"),
        "goes on from the run": ("nothing", "abc"),
    }
    assert recipe_changes(one, one) == ()


def test_a_length_is_told_once() -> None:
    short, long = style(Recipe(max_train="3 steps")), style(Recipe(max_train="9 steps"), steps=9)
    assert [change.name for change in recipe_changes(short, long)] == ["max_train"]
    assert [change.name for change in recipe_changes(short, style(short.recipe, steps=9))] == ["steps done"]


def gained(better: float, noise: float = 0.01) -> PairedGain:
    chance = np.random.default_rng(0)
    base = np.full((4, 20), 0.5)
    before, after = base - 0.01, base - 0.01 - better - noise * chance.standard_normal((1, 20))
    steps = [10, 20, 30, 40]
    on = [OnDrawing(caption=str(n), before=0.02, after=float(1 - after[:, n].mean() / 0.5)) for n in range(20)]
    return PairedGain(
        number_of_drawings=20, further=0, base_prompt="{caption}", base_error=0.5,
        before=gain_of(base, before, steps), after=gain_of(base, after, steps),
        difference=gain_of(before, after, steps), on_drawings=tuple(on),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("better", "said"),
    [(0.05, "is nearer to the artist"), (-0.05, "is further from the artist"), (0.0, "neither run has been shown")],
)
def test_a_winner_is_named_only_where_the_paired_interval_leaves_zero_out(better: float, said: str) -> None:
    headline, numbers, _ = verdict(gained(better), (), ())
    assert said in headline and "denoising error" in headline, "of the pictures it says nothing"
    assert "On 20 drawings that neither learnt from" in numbers


def test_pairing_sees_what_two_separate_intervals_would_not() -> None:
    """Drawings differ far more from each other than the two runs do on one drawing."""
    hard = np.linspace(0.1, 0.9, 20)[None, :].repeat(4, 0)
    before, after = 0.9 * hard, 0.9 * hard - 0.002
    steps = [10, 20, 30, 40]
    assert gain_of(before, after, steps).interval.is_above_zero
    apart = [gain_of(hard, each, steps).interval for each in (before, after)]
    assert apart[0].high > apart[1].low, "taken alone, the two intervals overlap"


def test_where_several_things_changed_no_cause_is_named() -> None:
    change = RecipeChange(name="rank", before="4", after="8")
    assert "no number here says which" not in verdict(None, (change,), ())[-1]
    other = RecipeChange(name="seed", before="0", after="1")
    assert "no number here says which of them it was" in verdict(None, (change, other), ())[-1]
    assert verdict(None, (), ())[-1].startswith("Nothing changed")
    assert verdict(None, (), ())[0] == "Which of the two is nearer to the artist cannot be told."
