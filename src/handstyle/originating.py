"""How does a collection become a base model, and a set of packages a collection?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle import gates, picture_marks
from handstyle.errors import RecordDamaged, UsageMistake
from handstyle.loading import current_collection
from handstyle.origination.figures import Measured
from handstyle.progress import Progress, silent
from handstyle.records import Record, write
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.collection.licences import Use
    from handstyle.origination.artwork import Drawn

SHIPPED = "embedded"
BOTH: tuple[Use, ...] = ("train", "publish-model")  # a base is made to be given to others


class Drawing(Record):
    """What `originate draw` leaves behind."""

    folder: str
    sets: int
    works: int


class Originated(Record):
    """What `originate base` leaves behind."""

    base: str  # folder
    card: str
    works: int
    held_out: int
    measures: dict[str, str]
    measured: Measured


def draw(packages: Path, to: Path, *, pixels: int) -> Iterator[Drawn]:
    """Unpacked npm packages of the ten openly licensed sets become a folder of works, one set at a time."""
    from handstyle.origination.artwork import draw_sets

    return draw_sets(packages, to, pixels=pixels)


def base(
    workspace: Workspace,
    to: Path,
    teacher: Path,
    recipe_file: Path | None = None,
    *,
    vocabulary: Path | None = None,
    share_alike: bool = False,
    extend: Path | None = None,
    unseen_artist: Sequence[Path] = (),
    announce: Callable[[str], None] = lambda words: None,
    progress: Progress = silent,
) -> Originated:
    """A base from the current collection, stage after stage; what is finished is passed over, so it may be stopped.
    `extend` is a finished base of the same works, with whose rounds the recipe begins. `unseen_artist`: folders of
    drawings by somebody who is not in the base, that it is measured on as well.

    Raises RightsMissing when a work may not be trained on and shared today, GateMissed when a stage is not good enough
    for the next.
    """
    from handstyle.origination import credits
    from handstyle.origination.recipe import BaseRecipe, named

    recipe = named(SHIPPED) if recipe_file is None else BaseRecipe.from_toml(recipe_file)
    collection, folder = current_collection(workspace)
    for use in BOTH:
        gates.require_permission(workspace, collection, use)
    credits.require_free(collection, share_alike=share_alike)
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.generation.signature import MadeFrom
    from handstyle.origination.evaluation import Evaluation
    from handstyle.origination.extending import Earlier
    from handstyle.origination.material import Material
    from handstyle.origination.originate import Origination
    from handstyle.origination.unseen_artist import read

    use_all_cores()
    earlier = None if extend is None else Earlier(extend).checked(recipe, collection)
    learnt = frozenset(work.pixels_sha256 for work in collection.works)
    artist = read(unseen_artist, recipe.resolution, learnt) if unseen_artist else None
    made = Origination(Material(to, folder, collection, recipe, progress), teacher, words_in(vocabulary), earlier)
    made.material.claim()
    measures: dict[str, str] = {}
    for stage in made.stages():
        measures |= stage.measures
        announce(f"{stage.name}: {', '.join(f'{name} {value}' for name, value in stage.measures.items()) or 'done'}")
    made.finish(measures, None)  # drawing asks its card how strongly to guide
    measured, sheet = Evaluation(made).measured(made.family(), progress, artist)
    made.finish(measures, measured)
    family = made.family()
    drawn_by = MadeFrom(family.card.name, family.digest).as_sheet
    write(made.base / "sheet.png", picture_marks.own_mark()(sheet, drawn_by))
    return Originated(
        base=str(made.base),
        card=str(made.base / "ORIGIN.md"),
        works=len(made.material.learnt),
        held_out=len(made.material.unseen),
        measures=measures,
        measured=measured,
    )


def words_in(vocabulary: Path | None) -> tuple[str, ...]:
    """A JSON list of words and phrases. Raises RecordDamaged."""
    if vocabulary is None:
        return ()
    try:
        words = json.loads(vocabulary.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise UsageMistake(
            f"there is no {vocabulary}", hint="Name a JSON list of words with --vocabulary."
        ) from missing
    except (OSError, ValueError) as fault:
        raise RecordDamaged(f"{vocabulary} cannot be read: {fault}", hint="It must be a JSON list of words.") from fault
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise RecordDamaged(f"{vocabulary} is not a list of words", hint='Write it as ["cat", "fire engine"].')
    return tuple(words)
