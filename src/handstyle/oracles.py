"""Which style says how much could be gained at most?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handstyle.errors import UsageMistake
from handstyle.gates import require_base, require_generating
from handstyle.loading import collection_named
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.generation.generate import Worn
    from handstyle.inspection.material import HeldOut


def oracle(workspace: Workspace, name: str, family: ModelFamily, real: HeldOut | None) -> tuple[Worn, HeldOut | None]:
    """And those of the drawings that it can be the measure for: they look like none of its own works. Raises
    UsageMistake where it was trained on one of them, or none is left."""
    from handstyle.generation import wardrobe
    from handstyle.inspection.material import apart

    worn = wardrobe.worn(workspace, [name])[0]
    require_base(worn.style.base, family)
    require_generating(workspace, worn.style, family)
    trained, folder = collection_named(workspace, worn.style.collection)
    known = {work.pixels_sha256 for work in trained.training}
    both = [work.name for work in real.works if work.pixels_sha256 in known] if real else []
    if both:
        raise UsageMistake(
            f"the oracle `{name}` was trained on {len(both)} of the drawings it is to be measured on, first: {both[0]}",
            hint="Train it on all works of the artist but these, or leave --oracle out.",
        )
    left = apart(real, (trained, folder)) if real else None
    if left and not left.works:
        raise UsageMistake(
            f"the oracle `{name}` was trained on what looks nearly like each of the drawings it is to be measured on, "
            f"first: {left.too_near[0]}",
            hint="Train it on all works of the artist but these and their copies, or leave --oracle out.",
        )
    return worn, left
