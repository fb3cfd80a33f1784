"""Do the permissions in a release cover the release?

A consent travels with it as it was signed. Here it is opened again, and held against the works, the base, the method,
the day and the circle of people that the release names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from handstyle.collection import consent, overrides
from handstyle.collection.consent import Consent
from handstyle.collection.permission import CONSENTS, file_of
from handstyle.collection.rights import Evidence, RightsRecord, from_consent
from handstyle.collection.scope import Act
from handstyle.errors import HandstyleError
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication.disclosure import (
    COLLECTION,
    PublishedCollection,
    PublishedRights,
    PublishedWork,
    published_rights,
)
from handstyle.publication.provenance import ENVELOPE, Statement

Fault = tuple[str, str]  # where, words

AHEAD = timedelta(days=1)  # in the earliest time zone it is tomorrow already
AT_HOME = "kept by the keeper"  # a release has the digests of letters, and not their names


class Standing(NamedTuple):
    """What a release says of its permission, after it was found to hold."""

    lines: tuple[str, ...]
    ended: tuple[str, ...]  # in what way it has ended since


def faults(
    folder: Path, statement: Statement, collections: Mapping[str, PublishedCollection], style: TrainedStyle, on: date
) -> Iterator[Fault]:
    """`collections` by the names of their files."""
    listed = {file.path for file in statement.files}
    published, base = date.fromisoformat(statement.published), style.base
    if published > on + AHEAD:
        yield ENVELOPE, f"says that it was published on {published}, a day that has not come"
    act = Act(
        "publish-model",
        published,
        style.recipe.method,
        base.family,
        style.stands_on,
        statement.distribution,
        statement.territory,
    )
    used = set()
    for claim in _claims(collections):
        opened, where = None, claim.file
        if claim.rights.consent is not None:
            where = file_of(claim.rights.consent, Path()).as_posix()
            used.add(where)
            if where not in listed:
                yield where, "is named as the permission and is not part of the release"
                continue
            try:
                opened = consent.read(folder / where)
            except HandstyleError as broken:
                yield where, "; ".join([broken.what, *broken.faults])
                continue
            yield from ((where, words) for words in _consent_faults(opened, claim, act, statement.recipients))
        yield from _faults_of(claim, opened, act, where)
    for path in sorted(name for name in listed if name.startswith(f"{CONSENTS}/") and name not in used):
        yield path, "is a consent to which no work refers"


class _Claim(NamedTuple):
    """A permission, and the works for which a file of the release claims it."""

    file: str
    works: tuple[PublishedWork, ...]
    rights: PublishedRights


def _claims(collections: Mapping[str, PublishedCollection]) -> Iterator[_Claim]:
    for file, collection in collections.items():
        for digest, rights in sorted(collection.rights.items(), key=lambda item: item[1].standing):
            yield _Claim(file, tuple(work for work in collection.works if work.rights == digest), rights)


def _faults_of(claim: _Claim, opened: Consent | None, act: Act, where: str) -> Iterator[Fault]:
    """What a release may say of a permission is what follows from its basis, and not what somebody wrote there."""
    try:
        record = _recorded(claim.rights, opened)
    except ValueError as invalid:
        yield claim.file, f"names a permission that nobody can have given: {_in_words(invalid)}"
        return
    if published_rights(record) != claim.rights:
        yield claim.file, "says something else of a permission than follows from its basis"
    acts = (replace(act, use="train"), act)
    for refusal in dict.fromkeys(refusal for one in acts for refusal in record.refusals(one)):
        yield (
            where,
            f"does not cover {len(claim.works)} works of this release: {refusal}",
        )
    reserved = sum(any(reading.objects for reading in work.reservations) for work in claim.works)
    if reserved and not overrides.sets_aside(record):
        yield where, f"does not set aside what the files of {reserved} works say (clause: {overrides.CLAUSE})"
    if "show-works" not in record.permits and any(work.name or work.caption for work in claim.works):
        yield claim.file, "shows names or captions of works that may not be shown"


def _recorded(rights: PublishedRights, opened: Consent | None) -> RightsRecord:
    """The permission as a collection would hold it, by the same rules. Raises ValueError for one that none can hold."""
    evidence = tuple(Evidence(file=AT_HOME, sha256=one.sha256, seen=one.seen) for one in rights.evidence)
    if opened is not None:
        return from_consent(opened, evidence, on_paper=rights.basis == "written-permission")
    return RightsRecord(
        author=rights.author,
        holders=rights.holders,
        basis=rights.basis,
        licence=rights.licence,
        licence_choice=rights.licence_choice,
        source=rights.source,
        evidence=evidence,
        permits=rights.permits,
        valid_from=rights.valid_from,
        valid_until=rights.valid_until,
    )


def _in_words(invalid: ValueError) -> str:
    if isinstance(invalid, ValidationError):
        return "; ".join(entry["msg"].removeprefix("Value error, ") for entry in invalid.errors())
    return str(invalid)


def _consent_faults(opened: Consent, claim: _Claim, act: Act, recipients: tuple[str, ...]) -> Iterator[str]:
    if opened.digest != claim.rights.consent:
        yield "is another consent than the collection names"
        return
    if claim.rights.basis != "written-permission":
        yield from (f"lacks the signature of {holder.name}" for holder in opened.missing)
    strangers = [work for work in claim.works if not opened.statement.names(work.file_sha256, work.pixels_sha256)]
    if strangers:
        yield f"does not name {len(strangers)} of the {len(claim.works)} works for which it is claimed"
    scope = opened.statement.predicate.scope
    if act.distribution == "named" and scope.distribution == "named" and not set(recipients) <= set(scope.recipients):
        yield "does not name the people this release is for"


def standing(collections: Mapping[str, PublishedCollection], on: date) -> Standing:
    lines, ended = [], []
    for claim in _claims(collections):
        number, rights = len(claim.works), claim.rights
        what = "work" if claim.file == COLLECTION else "class image"
        whose = f"{number} {what if number == 1 else f'{what}s'} by {rights.author}"
        until = f", until {rights.valid_until}" if rights.valid_until else ""
        lines.append(f"{whose}: {rights.standing}{until}")
        if rights.valid_until and on > rights.valid_until:
            ended.append(f"the permission for {whose} ended on {rights.valid_until}")
    return Standing(tuple(lines), tuple(ended))
