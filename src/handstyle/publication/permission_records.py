"""Do the permissions in a release cover the release?

A consent travels with it as it was signed. Here it is opened again, and held against the works, the base, the method,
the day and the circle of people that the release names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from handstyle.collection import consent
from handstyle.collection.consent import Consent
from handstyle.collection.permission import CONSENTS, file_of
from handstyle.collection.rights import from_consent
from handstyle.collection.scope import Act
from handstyle.errors import HandstyleError
from handstyle.publication.disclosure import PublishedCollection, PublishedRights, PublishedWork, published_rights
from handstyle.publication.provenance import Statement

Fault = tuple[str, str]  # where, words


class Standing(NamedTuple):
    """What a release says of its permission, after it was found to hold."""

    lines: tuple[str, ...]
    ended: tuple[str, ...]  # in what way it has ended since


def faults(
    folder: Path, statement: Statement, collection: PublishedCollection, style: Mapping[str, Any]
) -> Iterator[Fault]:
    listed = {file.path for file in statement.files}
    act = Act(
        "publish-model",
        date.fromisoformat(statement.published),
        style["recipe"]["method"],
        style["base"]["family"],
        style["base"]["sha256"],
        statement.distribution,
    )
    used = set()
    for digest, rights in collection.rights.items():
        works = [work for work in collection.works if work.rights == digest]
        yield from (("collection.json", words) for words in _unsigned_faults(rights, works, act.on))
        if rights.consent is None:
            continue
        path = file_of(rights.consent, Path()).as_posix()
        used.add(path)
        if path not in listed:
            yield path, "is named as the permission and is not part of the release"
            continue
        try:
            opened = consent.read(folder / path)
        except HandstyleError as broken:
            yield path, "; ".join([broken.what, *broken.faults])
            continue
        yield from ((path, words) for words in _consent_faults(opened, rights, works, act, statement.recipients))
    for path in sorted(name for name in listed if name.startswith(f"{CONSENTS}/") and name not in used):
        yield path, "is a consent to which no work refers"


def _unsigned_faults(rights: PublishedRights, works: list[PublishedWork], on: date) -> Iterator[str]:
    if "publish-model" not in rights.permits:
        yield f"{len(works)} works are not permitted to be published in a model"
    if (rights.valid_from and on < rights.valid_from) or (rights.valid_until and on > rights.valid_until):
        yield f"{len(works)} works were not permitted on the day it was published"
    if (rights.basis == "consent") != rights.is_signed or (rights.is_signed and rights.consent is None):
        yield "a permission claims a signature that is not there"
    if "show-works" not in rights.permits and any(work.name or work.caption for work in works):
        yield "it shows names or captions of works that may not be shown"


def _consent_faults(
    opened: Consent, rights: PublishedRights, works: list[PublishedWork], act: Act, recipients: tuple[str, ...]
) -> Iterator[str]:
    if opened.digest != rights.consent:
        yield "is another consent than the collection names"
        return
    if rights.is_signed:
        yield from (f"lacks the signature of {holder.name}" for holder in opened.missing)
    record = from_consent(opened, on_paper=True) if not rights.is_signed else from_consent(opened)
    if published_rights(record).without_evidence() != rights.without_evidence():
        yield "says something else than the collection says of it"
    strangers = [work for work in works if not opened.statement.names(work.file_sha256, work.pixels_sha256)]
    if strangers:
        yield f"does not name {len(strangers)} of the {len(works)} works for which it is claimed"
    for refusal in record.refusals(act):
        yield f"does not cover this release: {refusal.words} (clause: {refusal.clause})"
    scope = opened.statement.predicate.scope
    if act.distribution == "named" and scope.distribution == "named" and not set(recipients) <= set(scope.recipients):
        yield "does not name the people this release is for"


def standing(collection: PublishedCollection, on: date) -> Standing:
    lines, ended = [], []
    for digest, rights in sorted(collection.rights.items(), key=lambda item: item[1].standing):
        number = sum(work.rights == digest for work in collection.works)
        whose = f"{number} {'work' if number == 1 else 'works'} by {rights.author}"
        until = f", until {rights.valid_until}" if rights.valid_until else ""
        lines.append(f"{whose}: {rights.standing}{until}")
        if rights.valid_until and on > rights.valid_until:
            ended.append(f"the permission for {whose} ended on {rights.valid_until}")
    return Standing(tuple(lines), tuple(ended))
