"""Are works left out in turn exactly, and does a run that was stopped meanwhile end with the same numbers?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.finetuning.conftest import Stopped, example, manifest

from handstyle.errors import SnapshotDamaged
from handstyle.finetuning import cross_fitting, fold, stopping
from handstyle.finetuning.cross_fitting import CrossFitting
from handstyle.finetuning.gain import gain_of
from handstyle.finetuning.material import Material
from handstyle.finetuning.measured import CrossFitted, Interval
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.validation import Drawings, denoising_errors

NAMES = ["ant", "bee", "cow", "dog", "elk", "fox"]
STEPS = 5


@pytest.fixture
def fitting(family: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CrossFitting]:
    """Six works of chance in four folds; pictures take two steps."""
    monkeypatch.setattr(family, "card", family.card.model_copy(update={"num_inference_steps": 2}))
    monkeypatch.setattr(cross_fitting, "LEVELS", 2)

    def made(recipe: Recipe, folder: Path, **options: Any) -> CrossFitting:
        works = tuple(example(family, name, n) for n, name in enumerate(NAMES))
        whole = Material(recipe, works, (), "", family.encode_texts([""]).detach()[0])
        choices: dict[str, Any] = {
            "alike": {"fox": "ant"},
            "still_permitted": lambda: None,
            "save_every": 2,
            "own_length": 3,
            "furthest": STEPS,
            **options,
        }
        return CrossFitting(folder, manifest(recipe, STEPS), family, whole, NAMES, ["{caption}"], **choices)

    return made


def found(
    fitting: CrossFitting, report: Callable[[str, int, int], object] = lambda what, done, of: None
) -> CrossFitted:
    return fitting.go(report)  # type: ignore[arg-type]


def same(one: CrossFitted, other: CrossFitted) -> bool:
    return one.model_copy(update={"seconds": 0}) == other.model_copy(update={"seconds": 0})


def test_at_a_constant_rate_an_average_stands_in_for_a_decay() -> None:
    falling, level = Recipe(lr_scheduler="cosine"), Recipe(lr_scheduler="constant_with_warmup")
    averaged = Recipe(lr_scheduler="cosine", ema_decay=0.9)
    for recipe, decay in ((falling, cross_fitting.INSTEAD_OF_A_DECAY), (level, 0.0), (averaged, 0.9)):
        constant = cross_fitting.without_schedule(recipe)
        assert (constant.lr_scheduler, constant.ema_decay) == ("constant_with_warmup", decay)


def test_each_work_is_measured_by_a_model_that_did_not_learn_from_it(
    fitting: Any, recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[set[str]] = []
    batch_at = Material.batch_at
    monkeypatch.setattr(
        Material, "batch_at", lambda self, step: learnt.append(set((b := batch_at(self, step)).names)) or b
    )
    measured: list[tuple[set[str], set[str]]] = []
    measure = fold.Fold._measure

    def noticing(self: fold.Fold, step: int) -> Any:
        measured.append(({work.name for work in self.left_out}, set().union(*learnt)))
        return measure(self, step)

    monkeypatch.setattr(fold.Fold, "_measure", noticing)
    monkeypatch.setattr(
        fold.Fold, "go", lambda self, *given, go=fold.Fold.go, **how: learnt.clear() or go(self, *given, **how)
    )
    result = found(fitting(recipe(), tmp_path))
    assert {name for names in result.folds for name in names} == set(NAMES) and len(result.folds) == 4
    assert any({"ant", "fox"} <= set(names) for names in result.folds), "they look nearly alike"
    assert all(not left_out & seen for left_out, seen in measured)
    assert {frozenset(left_out) for left_out, _ in measured} == {frozenset(names) for names in result.folds}
    assert result.lengths[-1].steps == STEPS and result.chosen in [length.steps for length in result.lengths]


@pytest.mark.parametrize("stop", [6, *(pytest.param(stop, marks=pytest.mark.slow) for stop in (1, 2, 5, 9, 12))])
def test_a_fold_that_was_stopped_goes_on_to_the_same_numbers(
    stop: int, fitting: Any, recipe: Any, tmp_path: Path
) -> None:
    chosen = recipe(ema_decay=0.9, lora_dropout=0.3)
    whole = found(fitting(chosen, tmp_path / "whole"))

    def report(what: str, done: int, of: int) -> None:
        if done == stop:
            raise Stopped

    with pytest.raises(Stopped):
        found(fitting(chosen, tmp_path / "stopped"), report)
    assert not (tmp_path / "stopped" / "stopping.json").exists()
    assert same(found(fitting(chosen, tmp_path / "stopped")), whole)


@pytest.mark.slow
def test_a_line_that_was_torn_or_belongs_to_another_fold_is_measured_again(
    fitting: Any, recipe: Any, tmp_path: Path
) -> None:
    whole = found(fitting(recipe(), tmp_path / "whole"))
    folder = tmp_path / "again"
    found(fitting(recipe(), folder))
    (folder / "stopping.json").unlink()
    paths = [folder / f"fold-{number}" / "measured.jsonl" for number in (1, 2, 3)]
    paths[0].write_text(paths[0].read_text()[:-20])
    paths[1].write_text("another\n" + "".join(paths[2].read_text().splitlines(keepends=True)[1:]))
    assert same(found(fitting(recipe(), folder)), whole)


@pytest.fixture
def falls_until_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "is_cut_short", lambda steps, gains: steps[-1] < 8)


@pytest.mark.usefixtures("falls_until_eight")
def test_where_the_loss_still_falls_the_search_goes_on_and_ends_with_the_numbers_of_a_longer_one(
    fitting: Any, recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in its second round, or begun by somebody who did not want to go on, it is the same search."""
    chosen = recipe(ema_decay=0.9, lora_dropout=0.3)
    short = found(fitting(chosen, tmp_path / "short"))
    longer = found(fitting(chosen, tmp_path / "longer", furthest=40))
    assert [length.steps for length in short.lengths] == [1, 2, 3, 4, 5]
    assert [length.steps for length in longer.lengths] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert longer.lengths[:5] == short.lengths
    assert not list(tmp_path.rglob("*.safetensors"))

    def report(what: str, done: int, of: int) -> None:
        if "up to 10 steps" in what and done == 12:
            raise Stopped

    with pytest.raises(Stopped):
        found(fitting(chosen, tmp_path / "stopped", furthest=40), report)
    assert same(found(fitting(chosen, tmp_path / "stopped", furthest=40)), longer)
    assert same(found(fitting(chosen, tmp_path / "short", furthest=40)), longer)
    monkeypatch.setattr(stopping, "points", lambda longest: list(range(1, 2 * longest + 1)))
    assert same(found(fitting(chosen, tmp_path / "at once")), longer)


@pytest.mark.usefixtures("falls_until_eight")
def test_the_search_goes_no_further_than_was_asked(fitting: Any, recipe: Any, tmp_path: Path) -> None:
    asked = fitting(recipe(), tmp_path, furthest=7)
    assert found(asked).lengths[-1].steps == 7 and asked.at_most[-1] == 7 and asked.is_done


def test_no_weights_of_a_fold_are_left(fitting: Any, recipe: Any, tmp_path: Path) -> None:
    found(fitting(recipe(), tmp_path))
    assert not list(tmp_path.rglob("*.safetensors"))


def test_what_was_found_is_not_computed_again(fitting: Any, recipe: Any, tmp_path: Path) -> None:
    first = found(fitting(recipe(), tmp_path))
    assert found(fitting(recipe(), tmp_path, still_permitted=lambda: pytest.fail("nothing is trained"))) == first


@pytest.mark.slow
def test_the_permission_is_asked_before_each_fold(fitting: Any, recipe: Any, tmp_path: Path) -> None:
    asked: list[int] = []

    def withdrawn() -> None:
        asked.append(len(asked))
        if len(asked) == 3:
            raise SnapshotDamaged("withdrawn meanwhile")

    with pytest.raises(SnapshotDamaged, match="withdrawn meanwhile"):
        found(fitting(recipe(), tmp_path, still_permitted=withdrawn))
    assert not (tmp_path / "fold-3").exists() and (tmp_path / "fold-2").exists()


def test_the_numbers_of_a_fold_are_those_of_a_run_on_its_works(
    fitting: Any, recipe: Any, tmp_path: Path, family: Any
) -> None:
    from handstyle.finetuning.loop import finetune
    from handstyle.finetuning.trainable import at_rest, trainable

    chosen = recipe()
    crossed = fitting(chosen, tmp_path)
    first = crossed._fold(0, crossed.folds[0], [STEPS])
    measured = first.go(2, lambda step: None)[-1]
    with trainable(family, chosen) as learning:
        for _ in finetune(family, first.material.batch_at, learning, chosen, measured.step, None):
            pass
        shown = Drawings((), tuple(work.variants[0].mean_BCHW for work in first.left_out))
        with at_rest(family):
            errors = denoising_errors(family, shown, [work.text for work in first.left_out], "no", 2)
    assert [list(row) for row in measured.errors] == errors.double().tolist()


def test_where_nothing_is_gained_clearly_the_recipes_own_length_is_kept(
    fitting: Any, recipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing speaks for one length or another then."""
    unclear = {"interval": Interval(low=-1.0, high=1.0)}
    monkeypatch.setattr(cross_fitting, "gain_of", lambda *given: gain_of(*given).model_copy(update=unclear))
    result = found(fitting(recipe(), tmp_path, own_length=4))
    assert result.chosen == 4 and "so the recipe's own length is kept, 4 steps" in result.verdict[0]
