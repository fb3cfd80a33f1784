"""Does a style copy the works it learns from? A twin is trained on half of them, and its pictures are asked which half.

Chance chose the half, so whoever copies nothing treats both alike, and the test is exact. A second twin, trained until
it knows its works by heart, must be recognised; the base, which knows none of them, must not. Else the audit says that
it cannot tell. The weights of the twins are not kept.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handstyle.finetuning.material import Material
from handstyle.finetuning.stopping import fold_steps
from handstyle.generation.generate import Worn
from handstyle.generation.previews import sheet
from handstyle.generation.wardrobe import made_from
from handstyle.inspection.audit_report import LEVEL, Audit, Collage, Judged, Proposal
from handstyle.inspection.collage import Pieces
from handstyle.inspection.copy_distances import Looked
from handstyle.inspection.drawing import Album, Report, draw
from handstyle.inspection.exchangeability import half_of, p_value, smallest_p, units_of, upper_bound
from handstyle.inspection.extraction import extracted
from handstyle.inspection.material import as_seen
from handstyle.inspection.prompt_meters import magnitudes
from handstyle.inspection.subject import Subject, style_template
from handstyle.inspection.twins import Twin, Twins

BY_HEART, FASTER = 8, 5  # times as long, times the learning rate
SEEDS, ATTACKS = (1, 2), (11, 12, 13, 14, 15, 16)
WEIGHTS = (0.8, 0.6, 0.4, 0.2)
EARLIER = (0.75, 0.5, 0.25)  # of the length


@dataclass(frozen=True)
class Auditing:
    """One audit of one style. `seed` chose the half, `chosen_by` says whose choice that is."""

    subject: Subject
    material: Material
    alike: Mapping[str, str]
    seed: str
    chosen_by: str
    album: Album
    report: Report
    folder: Path  # of twins that are being trained; what was stopped goes on from there, and nothing stays

    def go(self) -> Audit:
        began, works = time.perf_counter(), self.subject.collection.training
        units = units_of([work.name for work in works], self.alike)
        held_units = half_of(len(units), self.seed)
        held = sorted(place for unit in held_units for place in units[unit])
        learnt_units = [unit for unit in range(len(units)) if unit not in held_units]
        frame = Audit(
            works=len(works),
            learnt=len(works) - len(held),
            held_out=len(held),
            units=len(units),
            chosen_by=self.chosen_by,
            smallest_p=smallest_p(len(units), len(learnt_units)),
        )
        if frame.smallest_p > LEVEL / 2:
            return frame
        found = self._found(frame, units, learnt_units, held)
        shutil.rmtree(self.folder, ignore_errors=True)
        return found.model_copy(update={"seconds": round(time.perf_counter() - began, 1)})

    def _found(self, frame: Audit, units: list[list[int]], learnt: list[int], held: list[int]) -> Audit:
        subject = self.subject
        works = [
            as_seen(work, subject.folder, subject.collection.background, subject.resolution)
            for work in subject.collection.training
        ]
        judge = Judge(Looked(works), units, learnt)
        steps = fold_steps(subject.worn.trained.steps, len(works), len(held))
        recipe = subject.worn.trained.recipe
        twins = Twins(subject, self.material, self.folder, self.report)
        twin, *earlier = twins.trained(recipe, held, steps, EARLIER)
        by_heart = recipe.changed(
            lr_scheduler="constant_with_warmup",
            caption_dropout=0,
            ema_decay=0,
            learning_rate=FASTER * recipe.learning_rate,
        )
        expert = twins.trained(by_heart, held, BY_HEART * steps)[0]
        of_base = self._drawn(None)
        judge.measure_base(of_base, self._steered(None))
        drawn, forced = self._drawn(twin), self._forced(twin)
        style = judge.tested("the style's twin", steps, drawn, forced, self._steered(twin))
        heart = judge.tested(
            "a twin that learnt by heart", BY_HEART * steps, self._drawn(expert), self._forced(expert),
            self._steered(expert),
        )  # fmt: skip
        near_QS = judge.near(drawn, works, held).reshape(len(works), -1)
        near_of_base_QS = judge.near(of_base, works, held).reshape(len(works), -1)
        near_prompts = int(near_QS.any(axis=1).sum())
        return frame.model_copy(
            update={
                "style": style,
                "positive": heart,
                "negative": Judged(model="the base", steps=0, outputs_p=judge.base_p),
                "left_out": judge.on_left_out(steps, drawn, forced, self.seed),
                "outputs": len(drawn),
                "near": int(near_QS.sum()),
                "prompts": len(works),
                "near_prompts": near_prompts,
                "near_prompts_of_base": int(near_of_base_QS.any(axis=1).sum()),
                # Pictures for one prompt are no independent trials, so prompts are what is counted.
                "most_near": upper_bound(near_prompts, len(works)),
                "collage": self._collage(drawn, works, held),
                "proposal": self._proposal(judge, twin, earlier) if style.is_flagged else None,
            }
        )

    def _worn(self, twin: Twin, weight: float = 1.0) -> Worn:
        return Worn(self.subject.worn.style, twin.weights, weight)

    def _drawn(self, twin: Twin | None, weight: float = 1.0) -> list[Image.Image]:
        """In the words of all works, of both halves."""
        captions = [work.caption for work in self.subject.collection.training]
        worn = [self._worn(twin, weight)] if twin else []
        rows = draw(self.subject, style_template(self.subject), captions, worn, self.report, SEEDS).pictures
        return [picture for row in rows for picture in row]

    def _forced(self, twin: Twin, weight: float = 1.0) -> list[Image.Image]:
        template = style_template(self.subject)
        prompts = [template.replace("{caption}", work.caption) for work in self.subject.collection.training]

        def told(done: int) -> None:
            self.report("trying to get the works out", done, len(prompts) * len(ATTACKS))

        return extracted(self.subject.family, self._worn(twin, weight), prompts, ATTACKS, told)

    def _steered(self, twin: Twin | None) -> NDArray[np.float64]:
        """How strongly the words of each work steer, while it is drawn."""
        template, style = style_template(self.subject), self.subject.worn.trained
        prompts = [template.replace("{caption}", work.caption) for work in self.subject.collection.training]
        worn = [self._worn(twin)] if twin else []
        return magnitudes(self.subject.family, worn, prompts, SEEDS, self.subject.resolution, style.recipe)

    def _proposal(self, judge: Judge, twin: Twin, earlier: Sequence[Twin]) -> Proposal:
        """What passes both ways, as the style itself would have to; the attack is the dearer, so it comes second."""

        def passes(candidate: Twin, weight: float) -> bool:
            if judge.p(self._drawn(candidate, weight)) <= LEVEL / 2:
                return False
            return judge.p(self._forced(candidate, weight)) > LEVEL / 2

        weight = next((weight for weight in WEIGHTS if passes(twin, weight)), None)
        shorter = next((candidate.step for candidate in earlier if passes(candidate, 1.0)), None)
        whole = self.subject.worn.trained.steps / twin.step
        return Proposal(weight=weight, steps=None if shorter is None else max(1, round(shorter * whole)))

    def _collage(self, drawn: Sequence[Image.Image], works: Sequence[Image.Image], held: Sequence[int]) -> Collage:
        pieces = Pieces([work for place, work in enumerate(works) if place not in held])
        outputs = [pieces.cover(picture) for picture in drawn]
        others = [pieces.cover(works[place]) for place in held]
        best = int(np.argmin([one.distance for one in outputs]))
        null = int(np.argmin([one.distance for one in others]))
        side = outputs[best].picture.size
        made = made_from([self.subject.worn], self.subject.family)
        page = sheet(
            [
                [drawn[best].resize(side), outputs[best].picture],
                [works[held[null]].resize(side), others[null].picture],
            ],
            ["the output that pieces cover best", "the held-out work that they cover best"],
            ["", "from pieces"],
        )
        return Collage(
            picture=self.album.add(page, "from pieces of the works", made=made.as_sheet).file,
            nearest_output=outputs[best].distance,
            nearest_held_out=others[null].distance,
            outputs_nearer=sum(one.distance < others[null].distance for one in outputs),
        )


class Judge:
    """How near pictures come to each unit of works, and whether that tells the halves apart."""

    def __init__(self, looked: Looked, units: list[list[int]], learnt: list[int]) -> None:
        self.looked, self.units, self.learnt = looked, units, learnt
        self.base_MN: NDArray[np.float64] | None = None
        self.base_steered: NDArray[np.float64] | None = None

    def _nearest(self, pictures: Sequence[Image.Image]) -> NDArray[np.float64]:
        """Of any picture, by each measure, to each unit."""
        nearest_MN = self.looked.everywhere(pictures).min(axis=0)
        return np.stack([nearest_MN[:, unit].min(axis=1) for unit in self.units], axis=1)

    def measure_base(self, pictures: Sequence[Image.Image], steered: NDArray[np.float64] | None = None) -> None:
        self.base_MN, self.base_steered = self._nearest(pictures), steered

    @property
    def base_p(self) -> float:
        assert self.base_MN is not None
        return p_value(self.base_MN, self.learnt)

    def p(self, pictures: Sequence[Image.Image]) -> float:
        """What the base comes near to by itself is taken off: some works are near to everything."""
        assert self.base_MN is not None
        return p_value(self._nearest(pictures) - self.base_MN, self.learnt)

    def on_left_out(
        self, steps: int, drawn: Sequence[Image.Image], forced: Sequence[Image.Image], seed: str
    ) -> Judged | None:
        """Of two halves of the works that were not learnt from there is nothing to tell, neither by pictures nor by the
        attack. None where so few are left out that no test could tell them apart."""
        assert self.base_MN is not None
        base_MN, left = self.base_MN, [unit for unit in range(len(self.units)) if unit not in self.learnt]
        half = half_of(len(left), f"{seed}/left out")
        if smallest_p(len(left), len(half)) > LEVEL / 2:
            return None

        def p(pictures: Sequence[Image.Image]) -> float:
            return p_value((self._nearest(pictures) - base_MN)[:, left], half)

        return Judged(
            model="the style's twin, on works left out", steps=steps, outputs_p=p(drawn), extraction_p=p(forced)
        )

    def prompts_p(self, steered: NDArray[np.float64] | None) -> float | None:
        """Whether words of works that were learnt from steer more strongly than they steer the base."""
        if steered is None or self.base_steered is None:
            return None
        more = steered - self.base_steered
        return p_value(-np.array([more[unit].max() for unit in self.units]), self.learnt)

    def tested(
        self,
        model: str,
        steps: int,
        drawn: Sequence[Image.Image],
        forced: Sequence[Image.Image],
        steered: NDArray[np.float64] | None = None,
    ) -> Judged:
        return Judged(
            model=model,
            steps=steps,
            outputs_p=self.p(drawn),
            extraction_p=self.p(forced),
            prompts_p=self.prompts_p(steered),
        )

    def near(
        self, drawn: Sequence[Image.Image], works: Sequence[Image.Image], held: Sequence[int]
    ) -> NDArray[np.bool_]:
        """Which are by one measure at least nearer than any held-out work is: the bound on their share is the more
        careful."""
        learnt = [place for unit in self.learnt for place in self.units[unit]]
        real_M = self.looked.everywhere([works[place] for place in held])[:, :, learnt].min(axis=(0, 2))
        far_KM = self.looked.everywhere(drawn)[:, :, learnt].min(axis=2)
        near_K: NDArray[np.bool_] = (far_KM < real_M).any(axis=1)
        return near_K
