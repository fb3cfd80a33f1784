"""How do two styles do on the same drawings and the same words, snapshot by snapshot?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from handstyle.collection.works import Work
from handstyle.diffusion.checkpoints import digest_of
from handstyle.encoding.buckets import Framing
from handstyle.errors import WorkChanged
from handstyle.finetuning.gain import gain_of
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.snapshots import Snapshots, State
from handstyle.finetuning.validation import NOISE_LEVELS, Drawings, noise_levels
from handstyle.generation.generate import Worn, attached
from handstyle.inspection import differences
from handstyle.inspection.comparison import Cell, Compared, Comparison, OnDrawing, PairedGain, Row, Which, WorkChange
from handstyle.inspection.differences import ChangedWork
from handstyle.inspection.drawing import Album, Drawn, Report, draw, seed_of
from handstyle.inspection.material import HeldOut, apart, as_seen, encoded, told_of
from handstyle.inspection.report import Shown
from handstyle.inspection.subject import Subject, errors_of, style_template, templates_for_base

MOST_PROMPTS = 6
MOST_SNAPSHOTS = 4  # of one run, the finished style among them
WEIGHTS = (0.5, 0.75, 1.0)
SEED = 1
GONE = Shown(file="", caption="")


@dataclass(frozen=True)
class Drawing:
    """A real drawing that neither run learnt from, and where it lies."""

    held: HeldOut
    work: Work


@dataclass(frozen=True)
class Comparing:
    """`before` and `after` are inspected on the same base, at the resolution of `after`."""

    before: Subject
    after: Subject
    further: HeldOut | None
    weights: tuple[float, ...]
    prompts: tuple[str, ...]  # none: the words of drawings that neither learnt from
    album: Album
    report: Report

    def go(self) -> Comparison:
        drawings, too_near = unseen(self.before, self.after, self.further)
        changes = differences.work_changes(self.before.collection, self.after.collection)
        gain, base_template = self._gain(drawings)
        recipe = differences.recipe_changes(self.before.worn.trained, self.after.worn.trained)
        works = tuple(map(self._changed, changes))
        lengths = {"before": snapshots(self.before), "after": snapshots(self.after)}
        return Comparison(
            before=_compared(self.before),
            after=_compared(self.after),
            base=self.after.family.digest,
            base_name=self.after.family.card.name,
            recipe=recipe,
            works=works,
            unchanged=differences.unchanged(self.before.collection, self.after.collection),
            gain=gain,
            weights=self.weights,
            steps_before=tuple(worn.trained.steps for worn in lengths["before"]),
            steps_after=tuple(worn.trained.steps for worn in lengths["after"]),
            rows=self._rows(drawings, base_template, lengths),
            verdict=(*differences.verdict(gain, recipe, works), *told_of(too_near), *too_near),
        )

    def _gain(self, drawings: Sequence[Drawing]) -> tuple[PairedGain | None, str]:
        """And the words that suit the base best: over the drawings, or the first where there are none."""
        sides = (self.before, self.after)
        templates = list(dict.fromkeys(one for side in sides for one in templates_for_base(side)))
        if not drawings:
            return None, templates[0]
        real, subject = latents(drawings, self.after), self.after
        base = {}
        for done, template in enumerate(templates):
            self.report("measuring on real drawings", done, len(templates) + 2)
            base[template] = errors_of(subject, real, template, NOISE_LEVELS)
        errors = []
        for done, side in enumerate(sides, len(templates)):
            self.report("measuring on real drawings", done, len(templates) + 2)
            with attached([side.worn], side.family):
                errors.append(errors_of(side, real, style_template(side), NOISE_LEVELS))
        self.report("measuring on real drawings", len(templates) + 2, len(templates) + 2)
        best = min(base, key=lambda template: float(base[template].mean()))
        timesteps = noise_levels(subject.family.noise.number_of_timesteps)
        base_LN, before_LN, after_LN = (each.double().numpy() for each in (base[best], *errors))
        of_base_N = base_LN.mean(0)
        found = PairedGain(
            number_of_drawings=len(drawings),
            further=sum(drawing.held.is_further for drawing in drawings),
            base_prompt=best,
            base_error=float(base_LN.mean()),
            before=gain_of(base_LN, before_LN, timesteps),
            after=gain_of(base_LN, after_LN, timesteps),
            difference=gain_of(before_LN, after_LN, timesteps),
            on_drawings=tuple(
                OnDrawing(
                    caption=drawing.work.caption,
                    before=float(1 - before_LN[:, number].mean() / of_base_N[number]),
                    after=float(1 - after_LN[:, number].mean() / of_base_N[number]),
                )
                for number, drawing in enumerate(drawings)
            ),
        )
        return found, best

    def _changed(self, change: ChangedWork) -> WorkChange:
        side = self.after if change.after else self.before
        try:
            image = as_seen(change.work, side.folder, side.collection.background, self.after.resolution)
            picture = self.album.add(image, change.work.caption)
        except WorkChanged:  # a work that was taken out of the folder may well be gone
            if change.after:
                raise
            picture = GONE
        return WorkChange(
            fate=change.fate,
            name=change.work.name,
            caption_before=change.before.caption if change.before else "",
            caption_after=change.after.caption if change.after else "",
            picture=picture,
            show="show-works" in side.collection.rights_of(change.work).permits,
        )

    def _rows(self, drawings: Sequence[Drawing], base_template: str, lengths: dict[str, list[Worn]]) -> tuple[Row, ...]:
        shown = [] if self.prompts else sorted(drawings, key=lambda one: one.work.pixels_sha256)[:MOST_PROMPTS]
        captions = self.prompts or tuple(one.work.caption for one in shown) or self._captions()
        truth = [_real(one, self.after.resolution) for one in shown]
        models: list[tuple[str, list[Worn], str]] = [("base", [], base_template)]
        for which, side in (("before", self.before), ("after", self.after)):
            wearing = (replace(worn, weight=weight) for worn in lengths[which] for weight in self.weights)
            models += [(which, [worn], style_template(side)) for worn in wearing]
        drawn = []
        for done, (which, worn, template) in enumerate(models):
            self.report("drawing", done, len(models))
            pictures = draw(self.after, template, captions, worn, lambda *told: None, (SEED,))
            drawn.append((which, worn, pictures))
        self.report("drawing", len(models), len(models))
        return tuple(self._row(number, caption, drawn, shown, truth) for number, caption in enumerate(captions))

    def _row(
        self,
        number: int,
        caption: str,
        drawn: Sequence[tuple[str, list[Worn], Drawn]],
        shown: Sequence[Drawing],
        truth: Sequence[Image.Image],
    ) -> Row:
        def picture(made: Drawn) -> Shown:
            prompt = made.template.replace("{caption}", caption)
            return self.album.add(made.first[number], prompt, seed_of(SEED, number), made.made)

        (_, _, base), *styles = drawn
        real = shown[number] if number < len(shown) else None
        return Row(
            caption=caption,
            base=picture(base),
            cells=tuple(
                Cell(which=which_of(which), steps=worn.trained.steps, weight=worn.weight, picture=picture(made))
                for which, [worn], made in styles
            ),
            real=self.album.add(truth[number], caption) if real else None,
            show_real=real.held.may_be_shown(real.work) if real else False,
        )

    def _captions(self) -> tuple[str, ...]:
        """Of works that both learnt from, spread over the collection."""
        works = self.after.collection.training
        return tuple(work.caption for work in works[:: max(1, len(works) // MOST_PROMPTS)][:MOST_PROMPTS])


def which_of(word: str) -> Which:
    return "before" if word == "before" else "after"


def unseen(before: Subject, after: Subject, further: HeldOut | None) -> tuple[list[Drawing], tuple[str, ...]]:
    """Drawings kept back by either run, or further ones, from which neither learnt; each once. And those left out, with
    the works of either that they look nearly like."""
    trained = [(side.collection, side.folder) for side in (before, after)]
    learnt = {work.pixels_sha256 for collection, _ in trained for work in collection.training}
    kept = [HeldOut(side.collection, side.folder, side.collection.withheld, False) for side in (after, before)]
    found: dict[str, Drawing] = {}
    too_near: dict[str, None] = {}
    for held in filter(None, (further, *kept)):
        fresh = tuple(work for work in held.works if work.pixels_sha256 not in learnt and _is_there(held, work))
        left = apart(replace(held, works=fresh), *trained)
        too_near |= dict.fromkeys(left.too_near)
        for work in left.works:
            found.setdefault(work.pixels_sha256, Drawing(held, work))
    return list(found.values()), tuple(too_near)


def _is_there(held: HeldOut, work: Work) -> bool:
    """A work that only the earlier collection keeps back may have left the folder since."""
    return (held.folder / work.name).is_file()


def latents(drawings: Sequence[Drawing], subject: Subject) -> Drawings:
    """All of them as the base encodes them, in their order; squares, since two runs may have cut them otherwise."""
    parts = []
    for drawing in drawings:
        one = replace(drawing.held, works=(drawing.work,))
        parts.append(encoded(one, subject.family, Framing(subject.resolution), subject.cache))
    captions = tuple(caption for part in parts for caption in part.captions)
    return Drawings(captions, tuple(latents for part in parts for latents in part.latents))


def _real(drawing: Drawing, resolution: int) -> Image.Image:
    return as_seen(drawing.work, drawing.held.folder, drawing.held.collection.background, resolution)


def snapshots(subject: Subject) -> list[Worn]:
    """As many as are drawn, the earliest first and the finished style last."""
    finished, manifest = subject.worn, subject.run / "run.json"
    if not manifest.is_file():
        return [finished]
    kept = Snapshots(subject.run / "snapshots", RunManifest.load(manifest).lineage)
    states = (kept.load(path) for path in _spread(kept.paths()[:-1], MOST_SNAPSHOTS - 1))
    return [*(_as_style(state, finished) for state in states if state.step < finished.trained.steps), finished]


def _spread(paths: Sequence[Path], most: int) -> list[Path]:
    """The last one is left to the finished style, which is the same."""
    places = {round(number * (len(paths) - 1) / max(1, most - 1)) for number in range(most)} if paths else set()
    return [paths[place] for place in sorted(places)]


def _as_style(state: State, finished: Worn) -> Worn:
    """A style of its own, by the digest of its own tensors."""
    tensors = state.finished_weights()
    return Worn(finished.trained.model_copy(update={"steps": state.step, "tensors": digest_of(tensors)}), tensors)


def _compared(subject: Subject) -> Compared:
    style = subject.worn.trained
    return Compared(
        run=subject.run.name,
        style=style.tensors,
        style_name=style.name,
        collection=style.collection,
        works=len(subject.collection.training),
        steps=style.steps,
    )
