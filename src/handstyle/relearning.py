"""What did a style learn from, and may somebody learn from it once more today?

For trainings that are asked questions and thrown away: without some of the works, to see what they did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.collection.works import Collection
from handstyle.errors import UsageMistake
from handstyle.gates import require_base, require_permission, require_training
from handstyle.loading import collection_named, load_base, open_style
from handstyle.planning import class_images_again
from handstyle.progress import Progress
from handstyle.vouching import require_known_base
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.diffusion.family import ModelFamily
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning.material import Material
    from handstyle.finetuning.recipe import Recipe
    from handstyle.finetuning.trained_style import TrainedStyle


@dataclass(frozen=True)
class Learnt:
    """A style with what it learnt from, once more in hand, and whether that may still be trained on."""

    style: TrainedStyle
    family: ModelFamily
    material: Material
    collection: Collection
    folder: Path
    recipe: Recipe
    cache: Cache
    environment: dict[str, str]
    still_permitted: Callable[[], None]


def learnt(workspace: Workspace, run: str, base: Path | None, progress: Progress) -> Learnt:
    """Raises UsageMistake for another base, and for a style that went on from a file of another tool."""
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.encoding.cache import Cache
    from handstyle.finetuning.manifest import RunManifest
    from handstyle.finetuning.material import material_of
    from handstyle.finetuning.suiting import suit

    use_all_cores()
    style, family = open_style(workspace, run), load_base(base)
    require_known_base(workspace, family)
    require_base(style.base, family)
    if style.origin:
        raise UsageMistake(
            f"{run} began at a file of another tool, which has learnt from nobody knows what",
            hint="Ask for the influence of works on a style that was trained here from its base.",
        )
    collection, folder = collection_named(workspace, style.collection)
    recipe, cache = style.recipe.changed(resolution=style.resolution), Cache(workspace.cache)

    def still_permitted() -> None:
        require_permission(workspace, collection, "train")
        require_training(collection, family, recipe)

    still_permitted()
    suit(family, recipe)
    own = class_images_again(workspace, style.class_images, None, recipe, family)
    material = material_of(collection, family, recipe, cache, own, progress)
    known = RunManifest.load(workspace.run(run) / "run.json").environment
    return Learnt(style, family, material, collection, folder, recipe, cache, known, still_permitted)
