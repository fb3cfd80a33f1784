"""May this style be published?

Yes, if every work is permitted to be published in a model today, an inspection report speaks of exactly these
tensors, nobody's name is used without a yes, and a licence fits. A work that was withheld from training counts
too: it helped to decide what is published.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Literal

from handstyle.collection import permission
from handstyle.collection.scope import EVERYWHERE, Act, Distribution, common_territory, in_words
from handstyle.collection.works import Collection
from handstyle.diffusion.base_provenance import BaseProvenance, provenance_of
from handstyle.errors import GateClosed, RightsMissing, UsageMistake
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection.audit_report import Proposal
from handstyle.inspection.report import InspectionReport
from handstyle.publication import naming
from handstyle.publication.disclosure import PublishedCollection, published
from handstyle.publication.neutral_names import neutral_names
from handstyle.publication.style_licence import RESERVED, StyleLicence, licence_of_style, permits_commerce
from handstyle.records import Record

CLASS_IMAGE = "class image"


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
    base: BaseProvenance
    distribution: Distribution
    recipients: tuple[str, ...]  # of a release for particular people
    territory: tuple[str, ...] = (EVERYWHERE,)  # where every consent holds
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
    distribution: Distribution = "public",
    class_images: Collection | None = None,
    folder: str = "",
    base: BaseProvenance | None = None,
) -> Clearance:
    """Raises RightsMissing or GateClosed with what is lacking and how to get it. `folder` is the release's, if it is
    called otherwise than the release; without `base`, what is known of the base is what its digest shows."""
    inspected = _inspected(collection, class_images, style, report)
    everything = _together(collection, class_images)
    _permitted(everything, style, on, distribution)
    base = base or provenance_of(style.base.sha256, None, "", frozenset())
    name = naming.slug(title)
    texts = {"name": title, "file name": name, "folder": folder}
    notes = _nobody_is_named(texts | naming.words_trained_with(style.recipe, collection), everything, style, inspected)
    territory = _territory(everything)
    licence = _licence(everything, style, model_licence)
    _keeps_to_its_circle(everything, licence, distribution)
    return Clearance(
        title=title,
        name=name,
        on=on.isoformat(),
        style=style.tensors,
        collection=style.collection,
        report=inspected.digest,
        licence=licence,
        base=base,
        distribution=distribution,
        recipients=_recipients(everything) if distribution == "named" else (),
        territory=territory,
        attributions=(*attributions(collection), *(attributions(class_images, CLASS_IMAGE) if class_images else ())),
        reasons=(
            f"All {len(everything.works)} pictures are permitted to be published in this model on {on.isoformat()}.",
            *(f"{line}." for line in permission.standing(collection)),
            *(f"{line}." for line in (permission.standing(class_images, CLASS_IMAGE) if class_images else ())),
            "The inspection report speaks of exactly these tensors and this collection.",
            "Nobody on record is named in the name, the file names or the words of the training without having agreed.",
            *notes,
            *_only_in(territory),
            f"The base was {base.words}.",
            *(
                ["The licence of that file is not known either: whoever publishes answers for it."]
                if style.origin
                else []
            ),
            f"The style's licence is {licence.name}. {licence.why}",
        ),
    )


def _together(collection: Collection, class_images: Collection | None) -> Collection:
    """As one, to be asked about: a style is made from its class images, too."""
    if class_images is None:
        return collection
    beside = [work.model_copy(update={"name": f"{CLASS_IMAGE}: {work.name}"}) for work in class_images.works]
    return Collection(
        works=tuple(sorted((*collection.works, *beside), key=lambda work: work.name)),
        rights={**collection.rights, **class_images.rights},
    )


def _inspected(
    collection: Collection, class_images: Collection | None, style: TrainedStyle, report: InspectionReport | None
) -> InspectionReport:
    if report is None:
        raise GateClosed(
            f"The style `{style.name}` has not been inspected",
            hint="Run `handstyle inspect` and look at the report, then publish.",
        )
    faults = []
    if collection.digest != style.collection:
        faults.append("the style was trained on another collection than this one")
    if (class_images.digest if class_images else "") != style.class_images:
        faults.append("the style was trained with other class images than these")
    if report.collection != style.collection:
        faults.append("the report speaks of another collection than the style was trained on")
    if report.style != style.tensors:
        faults.append("the report speaks of other weights: the style has changed since it was inspected")
    if report.audit is not None and report.audit.finding == "copies" and report.style == style.tensors:
        raise GateClosed(
            f"The audit found that the style `{style.name}` copies",
            faults=[report.audit.words],
            hint=what_may_pass(report.audit.proposal),
        )
    if faults:
        raise GateClosed(
            f"Collection, style `{style.name}` and report do not belong together",
            faults=faults,
            hint="Run `handstyle inspect` again for this style.",
        )
    return report


def what_may_pass(proposal: Proposal | None) -> str:
    """Only a length can be published: whoever has a release chooses the weight."""
    if proposal is not None and proposal.steps is not None:
        return f'Train that long (`--set "max_train={proposal.steps} steps"`), then `handstyle inspect --audit` again.'
    if proposal is not None and proposal.weight is not None:
        return (
            "A release can be worn at any weight, so a weaker one does not help: train for fewer steps, then "
            "`handstyle inspect --audit` again."
        )
    return (
        "The audit proposes nothing: train for fewer steps still, or without the works that the report shows beside "
        "the pictures nearest to them, then `handstyle inspect --audit` again."
    )


def _permitted(collection: Collection, style: TrainedStyle, on: date, distribution: Distribution) -> None:
    act = Act("publish-model", on, style.recipe.method, style.base.family, style.stands_on, distribution)
    if faults := permission.refusals(collection, act):
        raise RightsMissing(
            "Some works may not be published in this model",
            faults=faults,
            hint="Ask the holders named for what is lacking and collect again with their answer; or collect without "
            "those works and finetune again.",
        )


def _nobody_is_named(
    texts: Mapping[str, str], everything: Collection, style: TrainedStyle, report: InspectionReport
) -> tuple[str, ...]:
    own = {"style's own name": style.name, "name of the base": style.base.name}
    people = naming.everybody(everything.rights.values())
    return naming.checked({**texts, **own}, everything, neutral=neutral_names(style, report, people))


def _licence(collection: Collection, style: TrainedStyle, chosen: str | None) -> StyleLicence:
    every = collection.rights.values()
    return licence_of_style(
        {name for rights in every if rights.terms and rights.basis == "open-licence" for name in rights.terms.licences},
        style.base.licence,
        permitted=any(rights.basis != "open-licence" for rights in every),
        commercial=all("commercial" in rights.permits for rights in every),
        chosen=chosen,
    )


def _keeps_to_its_circle(collection: Collection, licence: StyleLicence, distribution: Distribution) -> None:
    """A licence gives everybody the right to pass on, to derive and mostly to sell; so all must have been permitted."""
    if licence.name == RESERVED:
        return
    without = [
        f"{permission.some(works)}: {rights.source_of_permission} permits no commercial use (clause: commercial), and "
        f"{licence.name} lets everybody"
        for works, rights in permission.by_permission(collection)
        if permits_commerce(licence.name) and "commercial" not in rights.permits
    ]
    without += [
        f"{permission.some(works)}: {rights.source_of_permission} permits no further models (clause: derivatives)"
        for works, rights in permission.by_permission(collection)
        if rights.consent and not rights.consent.scope.derivatives
    ]
    without += [
        f"{permission.some(works)}: {rights.source_of_permission} holds in {in_words(rights.consent.scope.territory)} "
        f"alone (clause: territory), and {licence.name} in every country"
        for works, rights in permission.by_permission(collection)
        if rights.consent and rights.consent.scope.territory != (EVERYWHERE,)
    ]
    if distribution != "public":
        without.append(f"the release is for particular people, and {licence.name} lets anybody pass it on")
    if without:
        raise GateClosed(
            f"The style cannot be given under {licence.name}",
            faults=without,
            hint="Reserve all rights with `--model-licence other`, if the base's licence need not be passed on; else "
            "ask for what is lacking, or train on another base.",
        )


def _territory(collection: Collection) -> tuple[str, ...]:
    """Where every consent holds: nowhere else may the model be given to anybody."""
    found = common_territory(rights.consent.scope for rights in collection.rights.values() if rights.consent)
    if not found:
        raise RightsMissing(
            "There is no country in which all works may be published",
            faults=[f"{permission.some(works)}: {rights.source_of_permission} holds in "
                    f"{in_words(rights.consent.scope.territory)} (clause: territory)"
                    for works, rights in permission.by_permission(collection) if rights.consent],
            hint="Ask the holders for a country in common, or leave works out.",
        )  # fmt: skip
    return found


def _only_in(territory: tuple[str, ...]) -> tuple[str, ...]:
    return (
        () if territory == (EVERYWHERE,) else (f"It may be used only in {in_words(territory)}: so it was permitted.",)
    )


def _recipients(collection: Collection) -> tuple[str, ...]:
    """Whom every consent that names people names: nobody else may receive the model."""
    named = [
        set(rights.consent.scope.recipients)
        for rights in collection.rights.values()
        if rights.consent and rights.consent.scope.distribution == "named"
    ]
    everybody = set.intersection(*named) if named else set()
    if named and not everybody:
        raise GateClosed(
            "The consents name different people, so there is nobody to whom the model may be given",
            hint="Ask the holders to name the same people, or leave works out.",
        )
    if not named:
        raise UsageMistake(
            "no consent names particular people, so there is nobody to publish for",
            hint="Leave `--distribution named` out: these works may be published for everybody.",
        )
    return tuple(sorted(everybody))


def attributions(collection: Collection | PublishedCollection, what: str = "work") -> tuple[str, ...]:
    """One line for each author, basis and source."""
    numbers: dict[str, int] = defaultdict(int)
    terms = {
        "own-work": "own work (stated, not signed)",
        "written-permission": "used by written permission (stated, not signed)",
        "consent": "used with signed consent",
    }
    for works, rights in published(collection).by_permission():
        parts = [rights.author, terms.get(rights.basis, rights.licence_words), rights.source]
        numbers[", ".join(filter(None, parts))] += len(works)
    return tuple(f"{number} {what if number == 1 else f'{what}s'} by {by}" for by, number in sorted(numbers.items()))
