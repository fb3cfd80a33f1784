"""How is it found out how long a planned run should go on, and what becomes of the plan then?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.collection.curation import ALIKE, Alike
from handstyle.planning import Plan, base_templates, require_plan
from handstyle.progress import Progress

if TYPE_CHECKING:
    from handstyle.finetuning.cross_fitting import CrossFitting
    from handstyle.finetuning.defaults import Expectation
    from handstyle.finetuning.manifest import RunManifest
    from handstyle.finetuning.material import Material
    from handstyle.finetuning.measured import CrossFitted, Stop
    from handstyle.finetuning.memory import Looks


@dataclass(frozen=True)
class Found:
    """What the plan has become, and why; of a dry run, what finding the length will take at most."""

    plan: Plan
    material: Material
    manifest: RunManifest
    fitted: CrossFitted | None = None
    expected: Expectation | None = None

    @property
    def run(self) -> Path:
        return self.plan.workspace.run(self.manifest.lineage[:12])

    def resumes(self, asked: bool) -> bool:
        """A run that was stopped while works were left out has not begun itself."""
        return asked and (self.fitted is None or (self.run / "run.json").is_file())

    def keep(self) -> None:
        """Beside the run, why it is as long as it is, and what it goes on from."""
        from handstyle.finetuning.cross_fitting import RECORD

        if self.fitted:
            self.fitted.save(self.run / RECORD)
        if self.plan.origin is not None:
            self.plan.origin.save(self.run)


def found(
    plan: Plan,
    stop: Stop,
    save_every: int,
    announce: Callable[[str], None],
    progress: Progress,
    *,
    looks: Looks | None = None,
    loaded: int = 0,
) -> Found:
    """Works are left out in turn where `stop` says so, or says nothing and that is quick. With `looks` it is a dry run,
    and `loaded` the peak of memory before it."""
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning import how_long, running
    from handstyle.finetuning.material import material_of

    cache = Cache(plan.workspace.cache)
    material = material_of(plan.collection, plan.family, plan.recipe, cache, plan.class_images, progress)
    manifest = running.manifest(plan.collection, plan.family, plan.recipe, material, plan.extends, plan.replaces,
                               plan.goes_on_from)  # fmt: skip
    as_asked = Found(plan, material, manifest)
    alike = _alike(plan)
    units = {alike.get(work.name, work.name) for work in material.works}
    if not how_long.may_be_fitted(stop, len(units), plan.extends, plan.goes_on_from):
        return as_asked
    furthest = how_long.furthest(manifest.steps, stop, length_is_given=plan.length_is_given)
    fitting = _fitting(plan, material, manifest.steps, furthest, alike, save_every)
    if not fitting.is_done:
        expected = _expected(plan, fitting, material, looks, loaded)
        unasked = partial(how_long.is_fitted_unasked, length_is_given=plan.length_is_given)
        if stop == "auto" and not unasked(fitting, as_asked.run, expected.seconds):
            return as_asked
        announce(how_long.plan_in_words(fitting, expected.seconds))
        if looks:
            return replace(as_asked, expected=expected)
    with plan.workspace.held(fitting.folder):
        fitted = fitting.go(progress)
    require_plan(plan)  # to find the length may have taken long
    recipe = how_long.of_length(plan.recipe, fitted.chosen)
    material = replace(material, recipe=recipe)
    manifest = running.manifest(plan.collection, plan.family, recipe, material, replaces=plan.replaces)
    return Found(replace(plan, recipe=recipe), material, manifest, fitted)


def _alike(plan: Plan) -> dict[str, str]:
    path = plan.workspace.collection(plan.collection.digest) / ALIKE
    return Alike.load(path).works if path.is_file() else {}


def _fitting(
    plan: Plan, material: Material, steps: int, furthest: int, alike: dict[str, str], save_every: int
) -> CrossFitting:
    from handstyle.finetuning import how_long, running
    from handstyle.finetuning.cross_fitting import CrossFitting

    recipe = how_long.longest(plan.recipe, steps, length_is_given=plan.length_is_given)
    material = replace(material, recipe=recipe)
    manifest = running.manifest(plan.collection, plan.family, recipe, material, replaces=plan.replaces)
    return CrossFitting(
        folder=plan.workspace.folds(manifest.lineage[:12]),
        manifest=manifest,
        family=plan.family,
        material=material,
        captions=[work.caption for work in plan.collection.training],
        templates=base_templates(plan),
        alike=alike,
        still_permitted=partial(require_plan, plan),
        save_every=save_every,
        own_length=steps,
        furthest=furthest,
    )


def _expected(plan: Plan, fitting: CrossFitting, material: Material, looks: Looks | None, loaded: int) -> Expectation:
    """From two trial steps, of all folds and the longest run. In a fold all works are measured at first."""
    from handstyle.finetuning import defaults, how_long
    from handstyle.finetuning.trainable import trainable

    recipe = fitting.manifest.recipe
    if looks:
        looks = replace(looks, drawings=max(looks.drawings, len(material.works)))
    with trainable(plan.family, recipe) as learning:
        expected = defaults.expect(
            plan.family,
            learning,
            material.batch_at(0),
            recipe,
            fitting.furthest,
            looks,
            loaded,
        )
    return replace(expected, seconds=how_long.predicted(fitting, expected))
