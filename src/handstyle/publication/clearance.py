"""May this style be published?

Yes, if every work is permitted to be published in a model today, an inspection report speaks of exactly these
tensors, nobody's name is used without a yes, and a licence fits. A work that was withheld from training counts
too: it helped to decide what is published.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Literal

from handstyle.collection.rights import RightsRecord
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, RightsMissing
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection.report import InspectionReport
from handstyle.publication import naming
from handstyle.publication.style_licence import StyleLicence, licence_of_style
from handstyle.records import Record


class Clearance(Record):
    """A yes, with what it rests on. A no is an error."""

    format: Literal["handstyle/clearance/1"] = "handstyle/clearance/1"
    title: str
    name: str  # the title as a file name
    on: str  # the day, ISO 8601
    style: str  # digest of the tensors
    collection: str
    report: str
    licence: StyleLicence
    attributions: tuple[str, ...]
    reasons: tuple[str, ...]


def clearance(
    collection: Collection,
    style: TrainedStyle,
    report: InspectionReport | None,
    title: str,
    *,
    on: date,
    model_licence: str | None = None,
) -> Clearance:
    """Raises RightsMissing or GateClosed with what is lacking and how to get it."""
    inspected = _inspected(collection, style, report)
    _permitted(collection, on)
    recipe = style.recipe
    words = {"name": title, "identifier": recipe.identifier, "class words": recipe.class_words}
    naming.checked(words | {"template": recipe.template, "style's own name": style.name}, collection)
    licence = _licence(collection, style, model_licence)
    return Clearance(
        title=title,
        name=naming.slug(title),
        on=on.isoformat(),
        style=style.tensors,
        collection=style.collection,
        report=inspected.digest,
        licence=licence,
        attributions=attributions(collection),
        reasons=(
            f"All {len(collection.works)} works are permitted to be published in a model on {on.isoformat()}.",
            "The inspection report speaks of exactly these tensors and this collection.",
            "No recorded person is named in the name, identifier or template without having agreed to it.",
            f"The style's licence is {licence.name}. {licence.why}",
        ),
    )


def _inspected(collection: Collection, style: TrainedStyle, report: InspectionReport | None) -> InspectionReport:
    if report is None:
        raise GateClosed(
            f"The style `{style.name}` has not been inspected",
            hint="Run `handstyle inspect` and look at the report, then publish.",
        )
    faults = []
    if collection.digest != style.collection:
        faults.append("the style was trained on another collection than this one")
    if report.collection != style.collection:
        faults.append("the report speaks of another collection than the style was trained on")
    if report.style != style.tensors:
        faults.append("the report speaks of other weights: the style has changed since it was inspected")
    if faults:
        raise GateClosed(
            f"Collection, style `{style.name}` and report do not belong together",
            faults=faults,
            hint="Run `handstyle inspect` again for this style.",
        )
    return report


def _permitted(collection: Collection, on: date) -> None:
    faults = [
        f"{_some(works)} by {rights.author}: {reason}"
        for works, rights in by_permission(collection)
        if (reason := rights.why_not("publish-model", on))
    ]
    if faults:
        raise RightsMissing(
            "Some works may not be published in a model",
            faults=faults,
            hint="Ask the holders named, write their answer into rights.toml (`permits`, `valid_from`, `valid_until`) "
            "and collect again; or collect without those works and finetune again.",
        )


def _licence(collection: Collection, style: TrainedStyle, chosen: str | None) -> StyleLicence:
    every = collection.rights.values()
    return licence_of_style(
        {rights.licence for rights in every if rights.basis == "open-licence" and rights.licence},
        style.base.licence,
        permitted=any(rights.basis != "open-licence" for rights in every),
        commercial=all("commercial" in rights.permits for rights in every),
        chosen=chosen,
    )


def attributions(collection: Collection) -> tuple[str, ...]:
    """One line for each author, basis and source."""
    numbers: dict[str, int] = defaultdict(int)
    for works, rights in by_permission(collection):
        terms = {"own-work": "own work", "written-permission": "used by written permission"}
        parts = [rights.author, terms.get(rights.basis, str(rights.licence)), rights.source]
        numbers[", ".join(filter(None, parts))] += len(works)
    return tuple(f"{number} {'work' if number == 1 else 'works'} by {by}" for by, number in sorted(numbers.items()))


def by_permission(collection: Collection) -> list[tuple[list[str], RightsRecord]]:
    """Each permission with the names of the works it covers."""
    names: dict[str, list[str]] = defaultdict(list)
    for work in collection.works:
        names[work.rights].append(work.name)
    return [(works, collection.rights[digest]) for digest, works in names.items()]


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
