"""What will a run train on, and with which recipe?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handstyle.collection.involvement import involvement
from handstyle.collection.works import Collection
from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.errors import UsageMistake
from handstyle.finetuning.foreign_style import goes_on_from
from handstyle.gates import require_base, require_generating, require_permission, require_standing, require_training
from handstyle.loading import collection_named, current_collection, default_recipe, load_base
from handstyle.picture_marks import own_mark
from handstyle.vouching import require_known_base, require_unknown_to_be_welcome
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.encoding.class_images import OwnClassImages
    from handstyle.finetuning.manifest import RunManifest
    from handstyle.finetuning.material import Material
    from handstyle.finetuning.memory import Looks
    from handstyle.finetuning.origin import Origin
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.running import Running
    from handstyle.finetuning.trackers import ReportTo
    from handstyle.finetuning.trainable import Trainable
    from handstyle.finetuning.validation import Yardstick
    from handstyle.inspection.material import HeldOut


NOTHING = 1e-4  # share of a change that rounding alone can miss


@dataclass(frozen=True)
class Plan:
    """Everything a run needs, before it starts."""

    workspace: Workspace
    collection: Collection
    folder: Path
    family: ModelFamily
    recipe: Recipe
    class_images: OwnClassImages | None = None
    extends: str = ""
    base: BaseProvenance | None = None  # what the base was made from
    replaces: str = ""  # tensors that this run stands in for
    length_is_given: bool = True  # somebody said how long to train, or how long at most
    origin: Origin | None = None  # a file of another tool, where training goes on from it

    @property
    def goes_on_from(self) -> str:
        return self.origin.digest if self.origin else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before it starts."""
        notes = [f"The base was {self.base.words}."] if self.base and self.base.made_from == "unknown" else []
        if self.origin is not None:
            notes.append(goes_on_from(self.origin.digest))
            if self.origin.missed > NOTHING:
                notes.append(f"The rank holds all of it but {self.origin.missed:.2%}.")
        return tuple(notes)


def plan(
    workspace: Workspace,
    base: Path | None = None,
    *,
    recipe_file: Path | None = None,
    preset: str | None = None,
    settings: dict[str, Any] | None = None,
    class_images: Path | None = None,
    extend: str | None = None,
    network_weights: Path | None = None,
    plain: bool = False,
) -> Plan:
    """The recipe for this collection on this base: the default for so many works, a preset or a file, then settings.
    `network_weights` is a file of another tool to go on from; its rank is taken where nobody says another."""
    if extend is not None:
        return _extension(workspace, base, class_images, extend, plain=plain)
    collection, folder = current_collection(workspace)
    require_permission(workspace, collection, "train")
    from handstyle.finetuning.defaults import recipe_from, with_settings
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.suiting import suit

    # Before the base is loaded, which takes a while: a slip is told at once.
    chosen = recipe_from(recipe_file, preset, Recipe())
    recipe = chosen.changed(**(settings or {})) if recipe_file else with_settings(chosen, settings or {})
    family = load_base(base, plain=plain)
    known = require_known_base(workspace, family)
    if recipe_file is None and preset is None:
        own_settings = _settings_of(network_weights, family) | (settings or {})
        recipe = with_settings(default_recipe(collection, family), own_settings)
    suit(family, recipe)
    origin = _origin(workspace, network_weights, family, recipe)
    require_training(collection, family, recipe, origin.digest if origin else "")
    own = own_class_images(class_images, recipe, family) if class_images else None
    given = recipe_file is not None or "max_train" in (settings or {})
    return Plan(workspace, collection, folder, family, recipe, own, base=known, length_is_given=given, origin=origin)


def _settings_of(file: Path | None, family: ModelFamily) -> dict[str, Any]:
    from handstyle.finetuning import origin

    return origin.settings_of(file, family.folder) if file else {}


def _origin(workspace: Workspace, file: Path | None, family: ModelFamily, recipe: Recipe) -> Origin | None:
    """Raises GateClosed where this workspace refuses what nobody knows the works of."""
    from handstyle.finetuning.origin import origin
    from handstyle.generation.foreign_files import worn_file

    if file is None:
        return None
    require_generating(workspace, worn_file(file, 1.0, family).style, family)
    return origin(file, family, recipe)


def _extension(workspace: Workspace, base: Path | None, class_images: Path | None, extend: str, *, plain: bool) -> Plan:
    """The current run, on its own works and base, for so much longer."""
    from handstyle.finetuning import origin
    from handstyle.finetuning.duration import Duration
    from handstyle.finetuning.manifest import RunManifest
    from handstyle.finetuning.suiting import suit

    run = workspace.needs("run", "finetune")
    before = RunManifest.load(workspace.run(run) / "run.json")
    collection, folder = collection_named(workspace, before.collection)
    require_permission(workspace, collection, "train")
    family = load_base(base, plain=plain)
    known = require_known_base(workspace, family)
    require_base(before.base, family)
    try:
        more = Duration.parse(extend).in_steps(collection.pictures_in_an_epoch, before.recipe.train_batch_size)
    except ValueError as error:
        raise UsageMistake(
            f"`{extend}` is no duration: {error}", hint='Write for example --extend "120 steps".'
        ) from None
    recipe = before.recipe.changed(max_train=f"{before.steps + more} steps")
    suit(family, recipe)
    require_training(collection, family, recipe, before.origin)
    if before.origin:
        require_unknown_to_be_welcome(workspace, f"what the run {run} goes on from")
    own = class_images_again(workspace, before.class_images, class_images, recipe, family)
    began = origin.of_run(workspace.run(run), before.origin)
    return Plan(workspace, collection, folder, family, recipe, own, run, known, origin=began)


def own_class_images(folder: Path, recipe: Recipe, family: ModelFamily) -> OwnClassImages:
    """Raises RightsMissing where nobody permitted to train on one of them."""
    from handstyle.collection import rights_plan
    from handstyle.collection.beside import collect_beside
    from handstyle.collection.imports import folder_of
    from handstyle.encoding.class_images import OwnClassImages

    if not recipe.with_prior_preservation:
        raise UsageMistake(
            "without prior preservation there are no class images to train on",
            hint="Ask for it with --set with_prior_preservation=true, or leave --class-images out.",
        )
    rights = rights_plan.in_folder(folder_of(folder))
    instead = "; or leave --class-images out, and the base draws them"
    found = collect_beside(folder, rights, instead=instead, wanted="class images")
    require_training(found.collection, family, recipe)
    return OwnClassImages(found.collection, found.folder, tuple(grant.consent for grant in rights.consents))


def class_images_again(
    workspace: Workspace, before: str, folder: Path | None, recipe: Recipe, family: ModelFamily
) -> OwnClassImages | None:
    """Those a run was trained with: an extension goes on with them, so that the style still names all it stands on."""
    from handstyle.encoding.class_images import OwnClassImages

    own = own_class_images(folder, recipe, family) if folder else None
    if not before:
        return own
    if own is not None and own.collection.digest != before:
        raise UsageMistake("the run was trained with other class images", hint="Leave --class-images out.")
    found, place = collection_named(workspace, before)
    require_training(found, family, recipe)
    return OwnClassImages(found, place)


def require_plan(plan: Plan) -> None:
    """Raises Withdrawn or RightsMissing where a permission does not stand any more."""
    require_permission(plan.workspace, plan.collection, "train")
    if own := plan.class_images:
        require_standing(plan.workspace, own.collection, own.consents or None, "class images")


def running(
    plan: Plan,
    folder: Path,
    manifest: RunManifest,
    learning: Trainable,
    material: Material,
    further: HeldOut | None,
    report_to: ReportTo | None = None,
) -> Running:
    from handstyle.finetuning.running import Running
    from handstyle.generation.previews import samples_of

    family, own = plan.family, plan.class_images
    previews = samples_of(plan.collection, plan.recipe, family, folder / "samples", own_mark())
    return Running(
        folder=folder,
        manifest=manifest,
        family=family,
        learning=learning,
        material=material,
        paint=lambda step: previews.paint(step, family),
        held_out=_yardstick(plan, further),
        involvement=involvement(plan.collection, own.collection if own else None),
        report_to=report_to,
    )


def _yardstick(plan: Plan, further: HeldOut | None) -> Yardstick | None:
    """Further drawings if there are any, else the works left out of training; and what the base makes of them."""
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning.framing import framing_of
    from handstyle.finetuning.validation import yardstick
    from handstyle.inspection import material

    found = material.held_out(plan.collection, plan.folder, further)
    if found is None:
        return None
    family = plan.family
    drawings = material.encoded(found, family, framing_of(plan.recipe, family), Cache(plan.workspace.cache))
    return yardstick(family, drawings, base_templates(plan), plan.recipe.mixed_precision)


def looks(plan: Plan, further: HeldOut | None, sample_every: int) -> Looks:
    """What a run does between its steps: the drawings it is measured on go through the network, and before them the
    works, where the base is asked in which of its styles; and samples are drawn."""
    from handstyle.finetuning.memory import Looks
    from handstyle.generation.previews import SAMPLES

    works = plan.collection.training
    drawings = len(further.works if further else plan.collection.withheld)
    if drawings and plan.family.card.known_styles:
        drawings = max(drawings, len(works))
    return Looks(drawings, min(SAMPLES, len(works)) if sample_every else 0)


def base_templates(plan: Plan) -> list[str]:
    """In which words the base may be asked."""
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning.framing import framing_of
    from handstyle.inspection import material, subject

    family, cache = plan.family, Cache(plan.workspace.cache)
    framing = framing_of(plan.recipe, family)
    works = material.HeldOut(plan.collection, plan.folder, plan.collection.training, False)
    return subject.base_templates(
        family,
        plan.recipe.class_words,
        plan.recipe.mixed_precision,
        lambda: material.encoded(works, family, framing, cache),
    )
