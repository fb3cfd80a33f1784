"""Was a permission taken back: by whom, since when, for which works?

A withdrawal is a statement like a consent, in an envelope of its own: signed by the holder, or by the keeper on the
holder's written word, with the digest of the letter. It ends every permission for these works that is older than
itself. What permits anew is a consent drafted on a later day, with the same holder among those who agreed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self

from cryptography.exceptions import InvalidSignature
from pydantic import Field, model_validator

from handstyle import digests, envelopes, keys
from handstyle.collection.consent import PAYLOAD_TYPE, Consent, Subject
from handstyle.collection.holders import PersonName
from handstyle.collection.look_alikes import skeleton
from handstyle.collection.works import Digest
from handstyle.errors import GateClosed, HandstyleError, UsageMistake
from handstyle.keys import Signer
from handstyle.publication.log_entries import KeyLine, WithdrawalRecord
from handstyle.records import Record, TooLarge, read_named

ENDING = ".withdrawal.json"
LARGEST_WITHDRAWAL = 4 << 20  # bytes


class Predicate(Record):
    holder: PersonName  # who takes it back
    word: Literal["signed", "written"]
    signer: KeyLine  # of the holder, or of the keeper who has the holder's letter
    evidence: Digest | None = None  # of the letter
    consents: tuple[Digest, ...] = ()  # the statements it takes back by name
    since: date
    language: Literal["en"] = "en"
    words: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_its_evidence(self) -> Self:
        if (self.evidence is not None) != (self.word == "written"):
            raise ValueError("a withdrawal on written word has the digest of the letter, and no other has")
        return self


class Statement(Record):
    type: Literal["https://in-toto.io/Statement/v1"] = Field(default="https://in-toto.io/Statement/v1", alias="_type")
    subject: tuple[Subject, ...] = Field(min_length=1)
    predicate_type: Literal["urn:handstyle:withdrawal:1"] = Field(
        default="urn:handstyle:withdrawal:1", alias="predicateType"
    )
    predicate: Predicate

    @model_validator(mode="after")
    def _says_in_words_what_it_says_in_fields(self) -> Self:
        if [subject.name for subject in self.subject] != [f"work-{n + 1}" for n in range(len(self.subject))]:
            raise ValueError("the works are not numbered one after the other")
        if self.predicate.words != _words(self.predicate, len(self.subject)):
            raise ValueError("its words are not those of its fields")
        return self

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


@dataclass(frozen=True)
class Withdrawal:
    """A statement, and the signature of whom it names."""

    statement: Statement
    data: bytes  # the envelope

    @property
    def predicate(self) -> Predicate:
        return self.statement.predicate

    @property
    def digest(self) -> str:
        return digests.of_bytes(digests.canonical(self.statement.as_json()))

    def names(self, file_sha256: str, pixels_sha256: str) -> bool:
        return any(one.of.file == file_sha256 or one.of.pixels == pixels_sha256 for one in self.statement.subject)

    def is_by(self, holders: Iterable[tuple[str, str | None]]) -> bool:
        """Is whoever takes it back one of these (name, key)?"""
        who = self.predicate
        return any(
            skeleton(name) == skeleton(who.holder) and (who.word == "written" or key == who.signer)
            for name, key in holders
        )

    def ends(self, consent: Consent | None, *, is_signed: bool) -> bool:
        """Is this permission one of those it takes back? All are, but for a consent that was drafted on a later day,
        to which the same holder agreed: by signature where the withdrawal was signed."""
        if consent is None or consent.digest in self.predicate.consents:
            return True
        if consent.statement.predicate.drafted <= self.predicate.since:
            return True  # of the same day nobody can say which was first
        if self.predicate.word == "signed" and not is_signed:
            return True
        return not self.is_by((holder.name, holder.key) for holder in consent.statement.holders)

    @property
    def record(self) -> WithdrawalRecord:
        """What the log keeps of it."""
        works = tuple(one.of.pixels for one in self.statement.subject)
        who = self.predicate
        return WithdrawalRecord(statement=self.digest, holder=who.holder, since=who.since, works=works)


def made(
    works: Iterable[tuple[str, str]],
    *,
    holder: str,
    signer: Signer,
    since: date,
    consents: Sequence[str] = (),
    evidence: str | None = None,
) -> Withdrawal:
    """`works` are (file, pixels) digests; with the digest of a letter as `evidence`, `signer` is the keeper's."""
    subject = [
        {"name": f"work-{number}", "digest": {"sha256": file, "rgb8-sha256": pixels}}
        for number, (file, pixels) in enumerate(sorted(set(works), key=lambda pair: pair[1]), start=1)
    ]
    said: dict[str, Any] = {
        "holder": holder,
        "word": "signed" if evidence is None else "written",
        "signer": signer.public,
        "evidence": evidence,
        "consents": sorted(set(consents)),
        "since": since.isoformat(),
    }
    predicate = Predicate.read(said, where="the withdrawal", error=UsageMistake)
    words = list(_words(predicate, len(subject)))
    content = {"subject": subject, "predicate": {**said, "words": words}}
    payload = digests.canonical(Statement.read(content, where="the withdrawal", error=UsageMistake).as_json())
    signature = {
        "keyid": keys.fingerprint(keys.key_in(signer.public)),
        "sig": envelopes.encoded(signer.sign(envelopes.pre_authentication(PAYLOAD_TYPE, payload))),
    }
    return opened(envelopes.sealed(PAYLOAD_TYPE, payload, [signature]), "the withdrawal")


def opened(data: bytes, where: str) -> Withdrawal:
    """Raises GateClosed for another spelling, another kind of statement, or a signature that does not fit."""
    try:
        envelope = envelopes.unsealed(data, PAYLOAD_TYPE, fields={"keyid", "sig"}, largest=LARGEST_WITHDRAWAL)
        statement = Statement.read(envelope.content, where="the statement in it")
        if digests.canonical(statement.as_json()) != envelope.payload:
            raise ValueError("its statement is not spelled as it must be")
        (signature,) = envelope.signatures
        key = keys.key_in(statement.predicate.signer)
        if signature["keyid"] != keys.fingerprint(key):
            raise ValueError("another key signed it than it names")
        key.verify(envelopes.decoded(signature["sig"]), envelopes.pre_authentication(PAYLOAD_TYPE, envelope.payload))
    except InvalidSignature:
        raise _broken(where, "its signature does not fit what it signs") from None
    except HandstyleError as damaged:
        raise _broken(where, "; ".join([damaged.what, *damaged.faults])) from damaged
    except ValueError as error:
        raise _broken(where, str(error)) from error
    return Withdrawal(statement, data)


def read(path: Path) -> Withdrawal:
    try:
        return opened(read_named(path, LARGEST_WITHDRAWAL), str(path))
    except TooLarge as error:
        raise _broken(str(path), str(error)) from error


def _words(who: Predicate, number: int) -> tuple[str, ...]:
    these = "this work" if number == 1 else f"these {number} works"
    on_word = f" The letter that says so has the digest {who.evidence}." if who.evidence else ""
    said = "" if who.word == "signed" else f"On the written word of {who.holder}:"
    return tuple(
        filter(
            None,
            (
                said,
                f"{who.holder} takes back, from {who.since} on, every permission given before to train models on "
                f"{these}, to use what was trained on {'it' if number == 1 else 'them'}, and to publish it.{on_word}",
                "From then on the keeper trains nothing on them and draws and publishes nothing with what was trained "
                "on them. What others hold already, the keeper cannot call back.",
            ),
        )
    )


def _broken(where: str, reason: str) -> GateClosed:
    return GateClosed(
        f"{where} is no withdrawal that holds: {reason}",
        hint="Ask for the file again, as it was sent. While it lies where withdrawals are kept, nothing is trained.",
    )
