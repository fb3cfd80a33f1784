"""What does a log show everybody of a permission, a run, a release, and what does it keep to itself?

Everybody sees a kind, a day and a digest. The digest is that of a random salt and a record; both lie beside the log
and can be erased, and what is left then tells nothing. A withdrawal also names what it ends: by digests which nobody
can connect with works or people who has not the salt of the permission.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from handstyle import digests, envelopes, keys
from handstyle.collection.works import Digest
from handstyle.publication import merkle
from handstyle.publication.disclosure import PublishedRights
from handstyle.records import Record, write

Kind = Literal["permission", "run", "release", "renaming", "withdrawal"]
MOST_ENDED = 4096
LONGEST_LINE = 1 << 19  # bytes
BEFORE, BETWEEN, BEHIND = b'{"record":', b',"salt":"', b'"}\n'  # how the file of a record is spelled


def _key_line(text: str) -> str:
    return keys.public_line(keys.key_in(text))


KeyLine = Annotated[str, AfterValidator(_key_line)]  # ssh-ed25519 …


class Entry(Record):
    """A leaf of the tree."""

    kind: Kind
    on: date  # the day it was logged, in UTC
    salted: Digest  # of salt and record
    ends: tuple[Digest, ...] = Field(
        default=(), max_length=MOST_ENDED
    )  # of a withdrawal: `mark_of`, or `salted` of an entry

    @model_validator(mode="after")
    def _ends_something(self) -> Self:
        if self.ends and self.kind != "withdrawal":
            raise ValueError("only a withdrawal ends something")
        if self.ends != tuple(sorted(set(self.ends))):
            raise ValueError("what it ends is not in order, or stands there twice")
        return self

    @property
    def data(self) -> bytes:
        return digests.canonical(self.as_json())

    @property
    def leaf(self) -> bytes:
        return merkle.leaf_hash(self.data)

    @classmethod
    @lru_cache(maxsize=1 << 18)
    def of_line(cls, line: bytes) -> Self:
        """Raises ValueError for any spelling but ours. A line is read once, however often a command asks."""
        if len(line) > LONGEST_LINE:
            raise ValueError("an entry is longer than any of ours")
        try:
            found = cls.model_validate(envelopes.strict_json(line))
        except RecursionError as error:
            raise ValueError("an entry is nested too deeply") from error
        if found.data != line:
            raise ValueError("an entry is not spelled as it must be")
        return found


class LoggedWork(Record):
    file: Digest
    pixels: Digest


class PermissionRecord(Record):
    """A permission, signed or stated, for these works. What a release shows of it, and no more."""

    kind: Literal["permission"] = "permission"
    permission: Digest  # of the rights record
    says: PublishedRights
    works: tuple[LoggedWork, ...] = Field(min_length=1)

    @property
    def found_by(self) -> str:
        return self.permission


class RunRecord(Record):
    """A training, when it was done."""

    kind: Literal["run"] = "run"
    collection: Digest
    base: str
    tensors: Digest
    replaces: str = ""  # the tensors that were trained with works since withdrawn

    @property
    def found_by(self) -> str:
        return self.tensors


class ReleaseRecord(Record):
    """A release, before it was signed."""

    kind: Literal["release"] = "release"
    statement: Digest  # of its signed list, without the proof that it was logged
    name: str
    tensors: Digest

    @property
    def found_by(self) -> str:
        return self.statement


class RenamingRecord(Record):
    """A release that got another name. The tensors stay."""

    kind: Literal["renaming"] = "renaming"
    before: str
    after: str
    tensors: Digest

    @property
    def found_by(self) -> str:
        return self.tensors


class WithdrawalRecord(Record):
    """Who took what back. The statement itself lies with the keeper."""

    kind: Literal["withdrawal"] = "withdrawal"
    statement: Digest
    holder: str
    since: date
    works: tuple[Digest, ...]  # pixels

    @property
    def found_by(self) -> str:
        return self.statement


LogRecord = Annotated[
    PermissionRecord | RunRecord | ReleaseRecord | RenamingRecord | WithdrawalRecord, Field(discriminator="kind")
]


class Kept(Record):
    """What lies beside the log for one entry, until somebody erases it."""

    salt: str = Field(pattern="^[0-9a-f]{64}$")
    record: LogRecord

    def save(self, path: Path) -> Path:
        """In one spelling, so that it can be checked without being read."""
        return write(path, digests.canonical(self.as_json()) + b"\n")

    @property
    def salted(self) -> str:
        return salted_digest(self.salt, self.record.as_json())

    def mark_of(self, pixels: str) -> str:
        """By what a withdrawal names one work of this permission."""
        return hashlib.sha256(b"handstyle work\n" + bytes.fromhex(self.salt) + bytes.fromhex(pixels)).hexdigest()

    def ended_by(self, ends: Iterable[str]) -> list[LoggedWork]:
        """For which of its works a withdrawal ends this permission."""
        works = list(self.record.works) if isinstance(self.record, PermissionRecord) else []
        marks = frozenset(ends)
        return works if self.salted in marks else [work for work in works if self.mark_of(work.pixels) in marks]

    def is_ended_by(self, ends: Iterable[str]) -> bool:
        return bool(self.ended_by(ends))


def kept(record: LogRecord) -> Kept:
    """With a salt that nobody has seen before: 256 bits of the system's randomness."""
    return Kept(salt=secrets.token_hex(32), record=record)


def salted_digest(salt: str, record: Any) -> str:
    return _salted(salt, digests.canonical(record))


def is_as_logged(data: bytes, salted: str) -> bool:
    """Does a file in our spelling hold what this entry speaks of? Found out without opening it: a log has thousands."""
    record, between, rest = data.rpartition(BETWEEN)
    if not between or not record.startswith(BEFORE) or len(rest) != 64 + len(BEHIND) or not rest.endswith(BEHIND):
        return False
    try:
        return _salted(rest[:64].decode("ascii"), record[len(BEFORE) :]) == salted
    except ValueError:
        return False


def _salted(salt: str, record: bytes) -> str:
    return hashlib.sha256(b"handstyle log\n" + bytes.fromhex(salt) + record).hexdigest()
