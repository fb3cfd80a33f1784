"""What of the private records may everybody see?

A work's name and caption only with `show-works`; of a permission everything but the letters that prove it, and a
consent as it was signed, for it names works by digest alone; of the machine nothing. Digests are always there, so
that whoever holds the originals can check that they are meant.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from handstyle.collection.licences import Use
from handstyle.collection.reservation_values import Says, Signal, stands_against
from handstyle.collection.rights import Basis, Day, RightsRecord
from handstyle.collection.works import Collection, Digest, Work
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.records import Record

COLLECTION, CLASS_IMAGES = "collection.json", "class-images.json"


class PublishedReading(Record):
    """A reservation that was read with a work, and whether it stands against training by itself."""

    signal: Signal
    says: Says
    value: str | None  # a word of a fixed vocabulary, or what may be shown with the work
    reading: Digest  # of the whole reading

    @property
    def objects(self) -> bool:
        return stands_against(self.says)


class PublishedWork(Record):
    name: str | None
    caption: str | None
    file_sha256: Digest
    pixels_sha256: Digest
    width: int
    height: int
    trained_on: bool
    rights: str
    reservations: tuple[PublishedReading, ...] = ()


class PublishedEvidence(Record):
    sha256: Digest
    seen: Day | None


class PublishedRights(Record):
    """A permission in public. Nothing in it counts by itself: `permission_records` holds it against its rules."""

    author: str
    holders: tuple[str, ...]
    basis: Basis
    licence: str | None
    licence_choice: str | None
    source: str | None
    permits: tuple[Use, ...]
    valid_from: Day | None
    valid_until: Day | None
    evidence: tuple[PublishedEvidence, ...]
    is_signed: bool  # by the holders' own keys; else it is what somebody states
    standing: str  # the same in words, and by whom
    consent: Digest | None  # of the statement, which lies in `consents/`


class PublishedCollection(Record):
    """A collection as its release shows it, bound to the whole one by digest."""

    format: Literal["handstyle/published-collection/1"] = "handstyle/published-collection/1"
    collection: str
    works: tuple[PublishedWork, ...] = Field(min_length=1)
    rights: dict[Digest, PublishedRights]

    @model_validator(mode="after")
    def _every_work_has_its_permission(self) -> Self:
        if bare := [work.pixels_sha256 for work in self.works if work.rights not in self.rights]:
            raise ValueError(f"{len(bare)} works refer to a permission that is not here, the first is {bare[0]}")
        if idle := set(self.rights) - {work.rights for work in self.works}:
            raise ValueError(f"the permission {min(idle)} covers no work")
        if len({work.pixels_sha256 for work in self.works}) != len(self.works):
            raise ValueError("a work stands in it twice")
        return self


def published_collection(collection: Collection) -> PublishedCollection:
    works = [_published_work(work, collection) for work in collection.works]
    return PublishedCollection(
        collection=collection.digest,
        works=tuple(sorted(works, key=lambda work: work.pixels_sha256)),  # the order of names would tell names
        rights={digest: published_rights(rights) for digest, rights in collection.rights.items()},
    )


def _published_work(work: Work, collection: Collection) -> PublishedWork:
    shown = "show-works" in collection.rights_of(work).permits
    return PublishedWork(
        name=work.name if shown else None,
        caption=work.caption if shown else None,
        file_sha256=work.file_sha256,
        pixels_sha256=work.pixels_sha256,
        width=work.width,
        height=work.height,
        trained_on=work.name not in collection.validation,
        rights=work.rights,
        reservations=tuple(
            PublishedReading(
                signal=reading.signal,
                says=reading.says,
                value=reading.value if shown or reading.signal == "plus" else None,
                reading=reading.digest,
            )
            for reading in work.reservations
        ),
    )


def published_rights(rights: RightsRecord) -> PublishedRights:
    return PublishedRights(
        author=rights.author,
        holders=rights.holders,
        basis=rights.basis,
        licence=rights.licence,
        licence_choice=rights.licence_choice,
        source=rights.source,
        permits=rights.permits,
        valid_from=rights.valid_from,
        valid_until=rights.valid_until,
        evidence=tuple(PublishedEvidence(sha256=one.sha256, seen=one.seen) for one in rights.evidence),
        is_signed=rights.is_signed,
        standing=rights.standing,
        consent=rights.consent.statement if rights.consent else None,
    )


def published_style(style: TrainedStyle) -> TrainedStyle:
    """Where the base lay on somebody's disk is nobody else's concern."""
    public = style.base.source.startswith(("https://", "http://"))
    return style if public else style.model_copy(update={"base": style.base.model_copy(update={"source": ""})})
