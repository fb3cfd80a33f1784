"""How does a collection become a base model, and a set of packages a collection?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle import gates, picture_marks
from handstyle.errors import GateClosed, RecordDamaged, UsageMistake
from handstyle.loading import current_collection
from handstyle.origination.figures import Measured
from handstyle.progress import Progress, silent
from handstyle.records import Record, write
from handstyle.workspace import Workspace

if TYPE_CHECKING:
    from handstyle.collection.licences import Licence, Use
    from handstyle.collection.works import Collection
    from handstyle.origination.artwork import Drawn
    from handstyle.origination.recipe import BaseRecipe

SHIPPED = "embedded"
SHIPPED_NAME = "handstyle embedded base"  # and a number
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

    Raises RightsMissing when a work may not be trained on and shared today, GateClosed when the base would promise more
    than its works or carry somebody's name, GateMissed when a stage is not good enough for the next.
    """
    from handstyle.origination import credits

    collection, folder = current_collection(workspace)
    for use in BOTH:
        gates.require_permission(workspace, collection, use)
    credits.require_free(collection, share_alike=share_alike)
    recipe = settled(recipe_file, collection, to, teacher)
    require_nobody_named(collection, recipe)
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


def settled(recipe_file: Path | None, collection: Collection, to: Path, teacher: Path) -> BaseRecipe:
    """The recipe, with what it leaves open. Without a file it is that of the shipped base, whose name, licence and
    hands are for its own works alone. Raises UsageMistake where other works would carry that name, and GateClosed."""
    from handstyle.origination.recipe import BaseRecipe, named
    from handstyle.origination.sets import are_the_ten

    taught_by, are_its_works = teacher.resolve().name, are_the_ten(collection)
    recipe = named(SHIPPED) if recipe_file is None else BaseRecipe.from_toml(recipe_file)
    if recipe_file is None and not are_its_works:
        recipe = recipe.model_copy(update={"name": to.resolve().name, "licence": "", "hands": ()})
    if recipe.name.startswith(SHIPPED_NAME) and not are_its_works:
        raise UsageMistake(
            f"{recipe_file or to} gives the base a name of the shipped one, `{recipe.name}`, and its works are others",
            hint="Give it another `name` in the recipe, or without a recipe another folder.",
        )
    if recipe_file is None and not recipe.teacher_name.startswith(taught_by):
        recipe = recipe.model_copy(update={"teacher_name": ""})
    licence = licence_of_base(collection, recipe.licence)
    return recipe.model_copy(update={"licence": licence, "teacher_name": recipe.teacher_name or taught_by})


def licence_of_base(collection: Collection, chosen: str) -> str:
    """The licence that was chosen, or without a choice what the works ask for, as of a style that stands on nothing
    else. Raises GateClosed where the choice would give away what the works do not give."""
    from handstyle.publication.style_licence import RESERVED, licence_of_style, permits_commerce

    every = list(collection.rights.values())
    terms = [rights.terms for rights in every if rights.terms and rights.basis == "open-licence"]
    not_for_sale = [rights for rights in every if "commercial" not in rights.permits]
    asked_for = licence_of_style(
        {name for one in terms for name in one.licences},
        "CC0-1.0",
        permitted=any(rights.basis != "open-licence" for rights in every),
        commercial=not not_for_sale,
    ).name
    row = _row(chosen or asked_for)
    licence, faults = row.spdx if row else chosen or asked_for, []
    if any(one.share_alike for one in terms) and licence != asked_for:
        faults.append(f"works that are to be shared alike ask for {asked_for}")
    if chosen and (licence == RESERVED or (row and not permits_commerce(row.spdx))):
        not_for_sale = []  # kept
    elif not chosen and licence == RESERVED:  # promises nothing; a licence of works asks for a choice all the same
        not_for_sale = [rights for rights in not_for_sale if rights.basis == "open-licence"]
    faults += [f"{rights.author}: {rights.source_of_permission} permits no commercial use" for rights in not_for_sale]
    if any(one.attribution for one in terms) and row and not row.attribution:
        faults.append("works whose authors have to be credited ask for a licence that keeps their credits")
    if faults:
        raise GateClosed(
            f"The works do not allow a base under {chosen}" if chosen else "The works allow no base without conditions",
            faults=faults,
            hint=f'Leave these works out, or write `licence = "{asked_for}"` into the recipe (--recipe).',
        )
    return licence


def _row(licence: str) -> Licence | None:
    from handstyle.collection.licences import licence_named

    try:
        return licence_named(licence)
    except ValueError:
        return None  # of somebody's own, such as `all-rights-reserved`


def require_nobody_named(collection: Collection, recipe: BaseRecipe) -> None:
    """Raises GateClosed where the base would be called by the name of a person, or answer to it, without a yes to that.

    The ten sets are called by what their publishers call them, which are names of products; and of captions their
    publishers are not asked about, for "one", "first" and "color" are parts of what they are called.
    """
    from handstyle.origination.recipe import folder_of
    from handstyle.origination.sets import set_of
    from handstyle.publication import naming

    hands = {(folder_of(work.name), set_of(collection.rights_of(work))) for work in collection.works}
    phrases = {
        f"prompt of the hand in {folder or 'no folder'}": recipe.phrase_of(folder)
        for folder, known in sorted(hands, key=str)
        if known is None or recipe.phrase_of(folder) != known.phrase
    }
    captions = {work.caption: f"caption of {work.name}" for work in reversed(collection.works)}
    others = [rights for rights in collection.rights.values() if set_of(rights) is None]
    found = [
        *naming.people_named({"name of the base": recipe.name, **phrases}, collection.rights.values()),
        *naming.people_named({what: caption for caption, what in captions.items()}, others),
    ]
    if faults := [fault for fault, certain in found if certain]:
        raise GateClosed(
            "The base would carry the name of a person whose permission does not include that",
            faults=faults,
            hint="Ask the person named for that use of the name; or give the base another `name` or the folder another "
            "phrase ([[hands]]) in a recipe, or the works other captions.",
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
