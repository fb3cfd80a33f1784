"""Does a release name somebody who has not agreed to it, or say less than the records about who was asked?

Asked of every release by whoever verifies it, so a card that was edited by the keeper and signed again does not pass.
Credit stands where it is made from the records: in the licence, and in the sentences that say whose works they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from handstyle.collection.involvement import involvement
from handstyle.collection.permission import CONSENTS
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import card, naming
from handstyle.publication.clearance import CLASS_IMAGE, attributions
from handstyle.publication.disclosure import CLASS_IMAGES, COLLECTION, PublishedCollection
from handstyle.publication.provenance import Statement
from handstyle.tensor_files import metadata_of

CARDS = ("README.md", "LICENSE.md")
LARGEST_CARD = 4 << 20  # bytes
# Of the header of a file of weights: which key says what a title says, and which what a prompt says.
SAYS = {"modelspec.title": "name", "ss_output_name": "name", "modelspec.trigger_phrase": "template"}

Fault = tuple[str, str]  # where, words


class Claims(NamedTuple):
    """What a release says, where it is to be compared with itself."""

    folder: Path
    statement: Statement
    collections: Mapping[str, PublishedCollection]  # by the names of their files
    style: TrainedStyle
    report: Mapping[str, Any]


def faults(claims: Claims) -> Iterator[Fault]:
    folder, statement, collections, _, _ = claims
    works, beside = collections[COLLECTION], collections.get(CLASS_IMAGES)
    rights = [record for found in collections.values() for record in found.rights.values()]
    said = re.sub(r"; this was withdrawn on \d{4}-\d\d-\d\d", "", statement.lineage.involvement)
    if said != involvement(works, beside):
        yield "handstyle.json", "says something else about who was asked than the permissions do"
    if card.plain(statement.lineage.involvement) not in _card(folder / "README.md"):
        yield "README.md", "does not say who was asked in the words that follow from the permissions"
    for where, texts in _texts(claims):
        for words, certain in naming.people_named(texts, rights):
            if certain:
                yield where, words


def _texts(claims: Claims) -> Iterator[tuple[str, dict[str, str]]]:
    """Where -> what it is -> its words."""
    folder, statement, collections, style, report = claims
    recipe = style.recipe
    title = {"name": statement.title, "file name": statement.name}
    trained = naming.words_of(recipe)
    yield "handstyle.json", title
    own = {"style's own name": style.name, "name of the base": style.base.name}
    yield "style.json", own | trained
    shown = {"style's own name": str(report["style_name"]), "template": str(report["prompt_template"])}
    yield "report.json", shown | {"name of the base": str(report["base_name"])}
    for work in collections[COLLECTION].works:
        yield COLLECTION, {f"caption of {work.name}": work.caption or ""}
    for file in statement.files:
        if not file.path.startswith(f"{CONSENTS}/"):
            yield file.path, {"file name": file.path}
        if file.path.endswith(".safetensors"):
            for key, value in metadata_of(folder / file.path).items():
                yield file.path, {SAYS.get(key, "header"): value, "header's key": key}
    known = [*title.values(), *own.values(), *trained.values(), recipe.words(card.EXAMPLE), recipe.words("{caption}")]
    for name in CARDS:
        yield name, {"card": without_credit(_card(folder / name), statement, collections, known)}


def without_credit(
    text: str, statement: Statement, collections: Mapping[str, PublishedCollection], known: list[str]
) -> str:
    """A card without the sentences that follow from the records, and without what is asked about elsewhere."""
    works, beside = collections[COLLECTION], collections.get(CLASS_IMAGES)
    credit = [statement.lineage.involvement, statement.lineage.base_provenance.words]
    credit += [*attributions(works), *(attributions(beside, CLASS_IMAGE) if beside else ())]
    credit += card.permission_lines(works, beside)
    credit.append(f"This release is for {' and '.join(statement.recipients)} alone")
    whole = [spelling for line in credit for spelling in (card.plain(line), line)]
    parts = [spelling for words in known for spelling in (card.plain(words), words) if len(words) > 2]
    for spelling in [*sorted(whole, key=len, reverse=True), *sorted(parts, key=len, reverse=True)]:
        text = text.replace(spelling, " ")
    return text


def _card(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LARGEST_CARD).decode("utf-8", "replace")
