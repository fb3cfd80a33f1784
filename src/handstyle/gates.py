"""May this be done today, with these works? Every gate, by what it asks for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.collection.involvement import involvement
from handstyle.collection.scope import Act
from handstyle.collection.works import Collection
from handstyle.errors import RecordDamaged, RightsMissing, StageMissing, UsageMistake
from handstyle.loading import collection_named
from handstyle.vouching import require_unknown_to_be_welcome
from handstyle.workspace import House, Workspace

SHOWN = 16  # digits of a digest, by which `convert` names what a file was merged from

if TYPE_CHECKING:
    from handstyle.collection.consent import Consent
    from handstyle.collection.licences import Use
    from handstyle.diffusion.family import ModelFamily
    from handstyle.finetuning.foreign_style import ForeignStyle
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
    from handstyle.inspection.material import HeldOut
    from handstyle.publication.disclosure import PublishedCollection


def require_permission(workspace: Workspace, collection: Collection, use: Use) -> None:
    """Raises Withdrawn or RightsMissing when a work's permission does not cover `use` today."""
    from handstyle.collection import permission
    from handstyle.collection.licences import USES

    require_standing(workspace, collection, None, USES[use])
    permission.require(collection, Act(use, date.today()), USES[use])


def require_standing(
    workspace: Workspace, collection: Collection | PublishedCollection, consents: Iterable[Consent] | None, doing: str
) -> None:
    """Raises Withdrawn where a permission was taken back. `consents` are those it stands on; None means the kept."""
    from handstyle.collection import permission
    from handstyle.publication import logged, taken_back

    if consents is None:
        assert isinstance(collection, Collection), "a published one lies in no workspace"
        consents = permission.kept(collection, workspace.collection(collection.digest)).values()
    house = House.here()
    known = taken_back.known(workspace, house, logged.keepers_log(house))
    taken_back.require(known, collection, {given.digest: given for given in consents}, doing)


def require_training(collection: Collection, family: ModelFamily, recipe: Recipe, origin: str = "") -> None:
    """Raises RightsMissing when a permission does not cover training in this way on this base today, and GateClosed
    when the words of the training name somebody who has not agreed to that. `origin` is the digest of another tool's
    tensors that the training goes on from."""
    from handstyle.collection import permission
    from handstyle.publication import naming

    act = _training(family, recipe, origin)
    permission.require(collection, act, f"training by {recipe.method} on {family.card.name or family.kind}")
    naming.checked(naming.words_trained_with(recipe, collection), collection)


def _training(family: ModelFamily, recipe: Recipe, origin: str = "") -> Act:
    from handstyle.finetuning.trained_style import stands_on

    return Act("train", date.today(), recipe.method, family.kind, stands_on(family.digest, origin))


def require_base(trained_on: BaseIdentity, family: ModelFamily) -> None:
    """Raises UsageMistake when `family` is not the base that was trained on, to the bit."""
    if trained_on.sha256 != family.digest:
        raise UsageMistake(
            f"the style was trained on {trained_on.name} ({trained_on.sha256[:12]}), and the base given is "
            f"{family.card.name} ({family.digest[:12]})",
            hint="Give the base it was trained on with --base.",
        )


def require_generating(workspace: Workspace, style: TrainedStyle | ForeignStyle, family: ModelFamily) -> str:
    """Whose works it was trained on and who was asked, in words. Raises Withdrawn or RightsMissing when the permission
    under which a style was trained does not hold today, or not on the base that draws: a low-rank update can be worn by
    another one than it was trained on. Of a file of another tool, that nothing is known; raises GateClosed where the
    policy refuses that."""
    from handstyle.collection import permission
    from handstyle.finetuning.foreign_style import ForeignStyle, goes_on_from
    from handstyle.finetuning.trained_style import stands_on

    if isinstance(style, ForeignStyle):
        require_unknown_to_be_welcome(workspace, style.name)
        require_own_styles_in(workspace, style.tensors, style.merged_from, family)
        return style.involvement
    if style.origin:
        require_unknown_to_be_welcome(workspace, f"what the style `{style.name}` goes on from")
    found: list[Collection] = []
    for digest in filter(None, (style.collection, style.class_images)):
        try:
            collection, _ = collection_named(workspace, digest)
        except StageMissing as missing:
            raise RightsMissing(
                f"whether the style `{style.name}` may still be used cannot be seen: its collection is not here",
                hint="Name the workspace in which it was trained with --workspace.",
            ) from missing
        require_standing(workspace, collection, None, f"pictures by the style {style.name}")
        bases = ((style.base.family, style.base.sha256), (family.kind, family.digest))
        for kind, base in dict.fromkeys((kind, stands_on(sha256, style.origin)) for kind, sha256 in bases):
            act = Act("train", date.today(), style.recipe.method, kind, base)
            permission.require(collection, act, f"pictures by the style {style.name} on this base")
        found.append(collection)
    said = involvement(found[0], found[1] if style.class_images else None)
    return f"{said} {goes_on_from(style.origin)}" if style.origin else said


def require_own_styles_in(workspace: Workspace, tensors: str, merged_from: str, family: ModelFamily) -> None:
    """A style does not lose its permission by being converted: a file that holds the tensors of one trained here, or
    says that it was merged from it, is asked for as that style is. Raises Withdrawn or RightsMissing."""
    from handstyle.finetuning.trained_style import RECORD, TrainedStyle

    for place in dict.fromkeys([workspace, *map(Workspace, House.here().workspaces())]):
        for run in place.runs():
            try:
                style = TrainedStyle.load(place.run(run) / "style" / RECORD)
            except RecordDamaged:  # unfinished: nobody can have converted it
                continue
            if style.tensors == tensors or style.tensors[:SHOWN] in merged_from:
                require_generating(place, style, family)


def further_drawings(
    workspace: Workspace, collection: Collection, folder: Path, family: ModelFamily, recipe: Recipe
) -> HeldOut:
    """Further drawings, for which the same is asked as for the works. Raises RightsMissing."""
    from handstyle.collection import permission
    from handstyle.inspection import material

    consents = permission.kept(collection, workspace.collection(collection.digest))
    found = material.further_drawings(collection, folder, tuple(consents.values()))
    require_standing(workspace, found.collection, consents.values(), "comparing a style with them")
    permission.require(found.collection, _training(family, recipe), "comparing a style with them")
    return found
