"""Does a run go on for as long as its recipe says, or for as long as works left out in turn say?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from handstyle.errors import UsageMistake
from handstyle.finetuning import cross_fitting, fold
from handstyle.finetuning.cross_fitting import CrossFitting, without_schedule
from handstyle.finetuning.defaults import Expectation
from handstyle.finetuning.measured import Stop
from handstyle.finetuning.observers import LoggedStep
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.stopping import FEWEST

PATIENCE = 300  # seconds that cross-fitting may take without having been asked for
FURTHER = 2  # times the default length, where nobody gave one
FURTHEST = 8  # times it, where works are left out because somebody asked for it and their loss still falls
LOOKING = 1 / 3  # of what learning from a picture takes: there is no way back


def longest(recipe: Recipe, steps: int, *, length_is_given: bool) -> Recipe:
    """What the folds follow: up to the length that was given, else beyond the default one."""
    return of_length(recipe, steps if length_is_given else FURTHER * steps)


def furthest(steps: int, stop: Stop, *, length_is_given: bool) -> int:
    """Length that the search may go on to: whoever gave one does not want more, and whoever did not ask has not time
    for more."""
    if length_is_given:
        return steps
    return (FURTHEST if stop == "cross-fitted" else FURTHER) * steps


def of_length(recipe: Recipe, steps: int) -> Recipe:
    return without_schedule(recipe).changed(max_train=f"{steps} steps")


def may_be_fitted(stop: Stop, works: int, extends: str, origin: str = "") -> bool:
    """Raises UsageMistake where it was asked for and cannot be done."""
    if stop == "cross-fitted" and extends:
        raise UsageMistake("an extension has its length already", hint="Leave --stop or --extend out.")
    if stop == "cross-fitted" and origin:
        raise UsageMistake(
            "works cannot be left out of a file that another tool trained, and it may know them all",
            hint="Leave --stop out: the recipe says how long to train.",
        )
    if stop == "cross-fitted" and works < FEWEST:
        raise UsageMistake(
            f"there are {works} works that differ, and to leave some out in turn takes {FEWEST}",
            hint="Leave --stop out: the recipe says how long to train.",
        )
    return stop != "max_train" and not extends and not origin and works >= FEWEST


def is_fitted_unasked(fitting: CrossFitting, run: Path, seconds: float, *, length_is_given: bool) -> bool:
    """Where nobody said. What was begun goes on as it began, however fast the machine is today; `run` is the folder of
    the run by its recipe."""
    if length_is_given or (run / "run.json").is_file():
        return False
    return fitting.folder.is_dir() or seconds < PATIENCE


def predicted(fitting: CrossFitting, expected: Expectation) -> float:
    """Seconds, of all folds and of the longest run that may follow."""
    a_picture = expected.seconds / expected.pictures
    works, folds, card = len(fitting.material.works), len(fitting.folds), fitting.family.card
    points = len(fitting.at_most)
    drawing = fold.SAMPLES * 2 * card.num_inference_steps * points / cross_fitting.EVERY
    looking = works * cross_fitting.LEVELS * points + folds * drawing
    learning = (fitting.number_of_steps + fitting.furthest) * expected.pictures / expected.steps
    return a_picture * (learning + LOOKING * looking)


def plan_in_words(fitting: CrossFitting, seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    works, folds = len(fitting.material.works), fitting.folds
    fewest = works - max(map(len, folds))
    return (
        f"cross-fitted stopping: {len(folds)} folds of {fewest} or more works, then all {works} for as long as they "
        f"say, at most {fitting.furthest} steps at a constant rate; at most about {minutes}:{rest:02d} minutes"
    )


def verdict_of_log(lines: Sequence[LoggedStep]) -> tuple[str, ...]:
    """Of a run that went on as long as its recipe said, on the drawings it was measured on meanwhile."""
    looks = [
        (line.step, line.gain, line.gain_interval) for line in lines if line.gain is not None and line.gain_interval
    ]
    if len(looks) < 2:
        return ()
    (best, gain, (low, high)), (last, at_end, _) = max(looks, key=lambda look: look[1]), looks[-1]
    gained = f"{100 * gain:.1f} % gained ({100 * low:.1f} to {100 * high:.1f} %)"
    chosen = f"That step was chosen among {len(looks)}, so its interval is rather too narrow."
    if low <= 0:
        head = "On drawings it did not learn from, nothing clear of chance was gained at the step where it gained most"
        return (f"{head} ({best}): {gained}. {chosen}",)
    if best == last:
        head = "The loss on drawings it did not learn from was still falling at step"
        return (f"{head} {last}: {gained}. {chosen}",)
    return (
        f"The loss on drawings it did not learn from was lowest at step {best}: {gained}. {chosen} At step {last} "
        f"{100 * at_end:.1f} % are gained. `--stop cross-fitted` tells whether that is less beyond chance.",
    )
