"""What changed between two runs, in the recipe and in the works, and what do the numbers say of it in words?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from handstyle.collection.works import Collection, Work
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection.comparison import Fate, PairedGain, RecipeChange, WorkChange

NOTHING, STEPS = "nothing", "steps done"
FATES: tuple[Fate, ...] = ("added", "removed", "re-captioned", "trained on now", "kept back to check with")


@dataclass(frozen=True)
class ChangedWork:
    """A work that changed, and in which of the two collections it still stands."""

    fate: Fate
    before: Work | None
    after: Work | None

    @property
    def work(self) -> Work:
        found = self.after or self.before
        assert found is not None, "it stands in one of them"
        return found


def recipe_changes(before: TrainedStyle, after: TrainedStyle) -> tuple[RecipeChange, ...]:
    """Every field that differs, and what decides the weights besides the recipe."""
    old, new = _facts(before), _facts(after)
    differ = [name for name in old if old[name] != new[name]]
    if "max_train" in differ:  # which says the same
        differ = [name for name in differ if name != STEPS]
    return tuple(RecipeChange(name=name, before=old[name], after=new[name]) for name in differ)


def _facts(style: TrainedStyle) -> dict[str, str]:
    words = {name: _in_words(value) for name, value in style.recipe.as_json().items()}
    # Where the recipe leaves it to the base, the size that was trained at still counts.
    words["resolution"] = str(style.resolution)
    return {
        **words,
        STEPS: str(style.steps),
        "goes on from the run": style.extends or NOTHING,
        "class images": style.class_images[:12] or "the base's own, if any",
    }


def _in_words(value: object) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def work_changes(before: Collection, after: Collection) -> list[ChangedWork]:
    """Works are told apart by their pixels: a file that was renamed is the same work."""
    old = {work.pixels_sha256: work for work in before.works}
    new = {work.pixels_sha256: work for work in after.works}
    learnt_old = {work.pixels_sha256 for work in before.training}
    learnt_new = {work.pixels_sha256 for work in after.training}
    found = []
    for pixels in sorted(old.keys() | new.keys(), key=lambda key: (new.get(key) or old[key]).name):
        was, now = old.get(pixels), new.get(pixels)
        fates = list(_fates(was, now, pixels in learnt_old, pixels in learnt_new))
        found += [ChangedWork(fate, was, now) for fate in fates]
    return sorted(found, key=lambda change: (FATES.index(change.fate), change.work.name))


def _fates(was: Work | None, now: Work | None, learnt: bool, learns: bool) -> Iterator[Fate]:
    if was is None or now is None:
        yield "added" if was is None else "removed"
        return
    if was.caption != now.caption:
        yield "re-captioned"
    if learnt != learns:
        yield "trained on now" if learns else "kept back to check with"


def unchanged(before: Collection, after: Collection) -> int:
    """Works that both learnt from in the same words."""
    old = {(work.pixels_sha256, work.caption) for work in before.training}
    return len(old & {(work.pixels_sha256, work.caption) for work in after.training})


def verdict(
    gain: PairedGain | None, recipe: tuple[RecipeChange, ...], works: tuple[WorkChange, ...]
) -> tuple[str, ...]:
    """The headline first."""
    return (*_of_gain(gain), _what_changed(recipe, works))


def _of_gain(gain: PairedGain | None) -> list[str]:
    if gain is None:
        return [
            "Which of the two is nearer to the artist cannot be told.",
            "There is no drawing that neither of them learnt from: keep some works back, or give --further.",
        ]
    found = gain.difference
    share, low, high = (
        100 * gain.share(value) for value in (found.gain, found.interval.low, found.interval.high)
    )  # fmt: skip
    if low > 0:
        headline = "By its denoising error the second run is nearer to the artist than the first."
    elif high < 0:
        headline = "By its denoising error the second run is further from the artist than the first."
    else:
        headline = "By its denoising error neither run has been shown to be nearer to the artist than the other."
    less = "less" if share >= 0 else "more"
    drawings = f"On {gain.number_of_drawings} drawings that neither learnt from"
    better = sum(one.after > one.before for one in gain.on_drawings)
    return [
        headline,
        f"{drawings} the second errs {abs(share):.2f} % {less} than the first, as a share of the base's error (95 % "
        f"interval of what is gained: {low:.2f} to {high:.2f} %); it is the better one on {better} of them.",
    ]


def _what_changed(recipe: tuple[RecipeChange, ...], works: tuple[WorkChange, ...]) -> str:
    counted = Counter(change.fate for change in works)
    parts = [f"{counted[fate]} {'work' if counted[fate] == 1 else 'works'} {fate}" for fate in FATES if counted[fate]]
    if recipe:
        parts.append(f"{', '.join(change.name for change in recipe)} in the recipe")
    if not parts:
        return "Nothing changed between them: recipe and works are the same."
    words = f"What changed: {'; '.join(parts)}."
    if len(counted) + len(recipe) > 1:
        words += " Several things changed at once, so no number here says which of them it was."
    return words
