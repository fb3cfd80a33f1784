"""What do the holders sign, and did all of them sign exactly this?

An in-toto Statement: the works by digest, the holders, the scope and, in full, the words that were read. It is the
payload of an envelope that each holder signs (`envelopes.py`). This file alone decides whether a consent holds.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from cryptography.exceptions import InvalidSignature
from pydantic import Field, StringConstraints, model_validator

from handstyle import digests, envelopes, keys
from handstyle.collection.consent_words import Passage, words_of
from handstyle.collection.holders import Holder, PersonName, check_together
from handstyle.collection.one_line import Line
from handstyle.collection.scope import Scope
from handstyle.errors import ConsentBroken, HandstyleError, RecordDamaged, UsageMistake
from handstyle.keys import Signer
from handstyle.records import Record, TooLarge, later, read_named

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LARGEST_CONSENT = 4 << 20  # bytes
ENDING = ".consent.json"

Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class WorkDigest(Record):
    file: Digest = Field(alias="sha256")
    pixels: Digest = Field(alias="rgb8-sha256")  # digests.of_pixels of the decoded picture


class Subject(Record):
    name: str = Field(pattern=r"^work-[1-9]\d*$")  # a number: file names can tell what a work shows
    of: WorkDigest = Field(alias="digest")


class Decoder(Record):
    """What the digests of pixels depend on."""

    # Both stand in the words that are signed, so neither may hold words of its own.
    pillow: str = Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){1,3}((a|b|rc|\.post|\.dev)[0-9]{1,4})?$")
    background: str = Field(pattern="^#[0-9a-f]{6}$")  # what is transparent shows this colour


class Document(Record):
    """Something the holders refer to, such as a contract; it stays with them."""

    says: Line
    sha256: Digest


class Predicate(Record):
    keeper: PersonName  # who asks, keeps the works and answers for what is done with them
    contact: Line
    author: PersonName  # who made the works
    also_named: tuple[PersonName, ...] = ()  # other names the author is known by
    holders: tuple[Holder, ...] = Field(min_length=1, max_length=64)
    scope: Scope
    documents: tuple[Document, ...] = ()
    decoder: Decoder
    drafted: date
    language: Literal["en"] = "en"
    words: tuple[Passage, ...] = ()
    nonce: Digest | None = later(None)  # drawn by chance when it was drafted; consents of before have none

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        name = self.scope.name
        check_together(
            self.holders, author=self.author, uses_name=name.in_title or name.as_trigger or name.in_marketing
        )
        return self


class Statement(Record):
    type: Literal["https://in-toto.io/Statement/v1"] = Field(default="https://in-toto.io/Statement/v1", alias="_type")
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: Literal["urn:handstyle:training-consent:1"] = Field(
        default="urn:handstyle:training-consent:1", alias="predicateType"
    )
    predicate: Predicate

    @model_validator(mode="after")
    def _says_in_words_what_it_says_in_fields(self) -> Self:
        if [subject.name for subject in self.subject] != [f"work-{n + 1}" for n in range(len(self.subject))]:
            raise ValueError("the works are not numbered one after the other")
        if len({subject.of.pixels for subject in self.subject}) != len(self.subject):
            raise ValueError("a work stands in it twice")
        if self.predicate.words != worded(self.subject, self.predicate):
            raise ValueError("its words are not those of its fields")
        return self

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    @property
    def holders(self) -> tuple[Holder, ...]:
        return self.predicate.holders

    @cached_property
    def _digests(self) -> frozenset[tuple[str, str]]:
        return frozenset(
            pair for subject in self.subject
            for pair in (("file", subject.of.file), ("pixels", subject.of.pixels))
        )  # fmt: skip

    def names(self, file_sha256: str, pixels_sha256: str) -> bool:
        """Is this work meant? The same file is, and so are the same pixels in another file."""
        return ("file", file_sha256) in self._digests or ("pixels", pixels_sha256) in self._digests


def worded(subject: Sequence[Subject], predicate: Predicate) -> tuple[Passage, ...]:
    return words_of(
        works=[(entry.of.file, entry.of.pixels) for entry in subject],
        keeper=predicate.keeper,
        contact=predicate.contact,
        author=predicate.author,
        also_named=predicate.also_named,
        holders=predicate.holders,
        scope=predicate.scope,
        documents=[(document.says, document.sha256) for document in predicate.documents],
        decoder=(predicate.decoder.pillow, predicate.decoder.background),
        drafted=predicate.drafted,
        nonce=predicate.nonce,
    )


@dataclass(frozen=True)
class Consent:
    """A statement with the signatures it carries so far, each of them verified."""

    statement: Statement
    data: bytes  # the envelope
    signatures: tuple[dict[str, str], ...]

    @property
    def digest(self) -> str:
        """Of the statement: what is printed on the page and signed."""
        return digests.of_bytes(digests.canonical(self.statement.as_json()))

    @property
    def signed(self) -> tuple[Holder, ...]:
        by = {signature["keyid"] for signature in self.signatures}
        return tuple(holder for holder in self.statement.holders if holder.fingerprint in by)

    @property
    def missing(self) -> tuple[Holder, ...]:
        return tuple(holder for holder in self.statement.holders if holder not in self.signed)

    def require_everybody(self, where: str) -> Self:
        """Raises ConsentBroken while a signature is missing."""
        if self.missing:
            raise ConsentBroken(
                f"{where} is not signed by everybody whose permission is needed",
                faults=[f"the signature of {holder.name} is missing" for holder in self.missing],
                hint="Nothing is permitted until all of them have signed: `handstyle consent sign FILE`.",
            )
        return self


def require_everybody(consents: Mapping[str, Consent]) -> None:
    """Raises ConsentBroken while one of these, each by where it lies, lacks a signature: with all that are missing."""
    lacking = {where: found for where, found in consents.items() if found.missing}
    if len(lacking) == 1:
        for where, found in lacking.items():
            found.require_everybody(where)
    elif lacking:
        raise ConsentBroken(
            f"{len(lacking)} consents are not signed by everybody whose permission is needed",
            faults=[f"{where}: the signature of {holder.name} is missing"
                    for where, found in lacking.items() for holder in found.missing],
            hint="Nothing is permitted until all of them have signed: `handstyle consent sign FILE`.",
        )  # fmt: skip


def drafted(statement: Statement) -> Consent:
    return Consent(statement, _sealed(statement, ()), ())


def opened(data: bytes, where: str) -> Consent:
    """Raises ConsentBroken for another spelling than ours, another kind of envelope, or a signature that does not fit.

    Signatures may still be missing: `require_everybody` asks for all of them.
    """
    try:
        envelope = envelopes.unsealed(data, PAYLOAD_TYPE, fields={"keyid", "sig"}, largest=LARGEST_CONSENT)
        statement = Statement.read(envelope.content, where="the statement in it")
        if digests.canonical(statement.as_json()) != envelope.payload:
            raise ValueError("its statement is not spelled as it must be")
        _verified(statement, envelope)
    except RecordDamaged as damaged:
        raise _broken(where, damaged.what, damaged.faults) from damaged
    except ValueError as error:
        raise _broken(where, str(error)) from error
    return Consent(statement, data, envelope.signatures)


def read(path: Path) -> Consent:
    try:
        return opened(read_named(path, LARGEST_CONSENT), str(path))
    except TooLarge as error:
        raise _broken(str(path), str(error)) from error


def signed(consent: Consent, signer: Signer) -> Consent:
    """With one more signature. Raises UsageMistake for a key that is no holder's."""
    key = keys.fingerprint(keys.key_in(signer.public))
    holders = {holder.fingerprint: holder for holder in consent.statement.holders}
    if unknown := [holder.name for holder in consent.statement.holders if holder.key is None]:
        raise UsageMistake(
            f"the key of {' and '.join(unknown)} is not known yet, and it stands in what everybody signs",
            hint="Ask for the line that `handstyle consent key` prints, write it into the terms, and draft again.",
        )
    if key not in holders:
        raise UsageMistake(
            f"{key} is the key of none of the holders",
            faults=[f"{holder.name}: {name}" for name, holder in holders.items()],
            hint="Name the right key with --key.",
        )
    payload = digests.canonical(consent.statement.as_json())
    made = signer.sign(envelopes.pre_authentication(PAYLOAD_TYPE, payload))
    return with_signatures(consent, [{"keyid": key, "sig": envelopes.encoded(made)}])


def with_signatures(consent: Consent, further: Sequence[dict[str, str]]) -> Consent:
    """Every signature once, in the order of the holders."""
    by = {signature["keyid"]: signature for signature in (*further, *consent.signatures)}
    ordered = [by[holder.fingerprint] for holder in consent.statement.holders if holder.fingerprint in by]
    return opened(_sealed(consent.statement, ordered), "the signed consent")


def _sealed(statement: Statement, signatures: Sequence[dict[str, str]]) -> bytes:
    return envelopes.sealed(PAYLOAD_TYPE, digests.canonical(statement.as_json()), signatures)


def _verified(statement: Statement, envelope: envelopes.Envelope) -> None:
    """Every signature is a holder's, each once and in their order, and fits. Raises ValueError."""
    order = {holder.fingerprint: place for place, holder in enumerate(statement.holders) if holder.key}
    places = []
    for signature in envelope.signatures:
        if signature["keyid"] not in order:
            raise ValueError(f"it carries a signature by {signature['keyid']!r:.80}, who is none of the holders")
        holder = statement.holders[order[signature["keyid"]]]
        places.append(order[signature["keyid"]])
        message = envelopes.pre_authentication(PAYLOAD_TYPE, envelope.payload)
        try:
            keys.key_in(holder.key or "").verify(envelopes.decoded(signature["sig"]), message)
        except InvalidSignature:
            raise ValueError(f"the signature of {holder.name} does not fit what it signs") from None
    if places != sorted(set(places)):
        raise ValueError("its signatures are not in the order of its holders, or one stands there twice")


def _broken(where: str, reason: str, faults: Sequence[str] = ()) -> HandstyleError:
    return ConsentBroken(
        f"{where} is no consent that holds: {reason}",
        faults=faults,
        hint="Ask for the file again, as it was sent, or draft a new one.",
    )
