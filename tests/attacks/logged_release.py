"""A release that is in a log, and whoever could want it to say something else: what attacks on logs start from."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).parents[1] / "publication"))  # what releases are made from in tests

from ingredients import Ingredients, signed_again

from handstyle import digests, envelopes
from handstyle.keys import KeySigner
from handstyle.publication import log_memory, logged, transparency_log
from handstyle.publication.disclosure import published_collection
from handstyle.publication.log_copy import copy_in, text_of
from handstyle.publication.log_entries import PermissionRecord, RenamingRecord, WithdrawalRecord
from handstyle.publication.log_memory import Seen
from handstyle.publication.log_news import News
from handstyle.publication.signed_note import Checkpoint, NoteKey
from handstyle.publication.transparency_log import TransparencyLog
from handstyle.publication.verification import Verification, judged
from handstyle.workspace import House

ORIGIN = "studio.example/log"
LOG = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
WITNESS = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))
WITNESS_KEY = NoteKey("witness.example/w1", WITNESS.key.public_key())
BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass
class Case:
    """A keeper with a log and a release in it; a verifier who remembers."""

    log: TransparencyLog
    release: Path
    ingredients: Ingredients
    house: House
    at: datetime = BEGAN

    def later(self, days: int) -> Case:
        self.at += timedelta(days=days)
        self.log = TransparencyLog(self.log.folder, self.log.about, self.log.signer, lambda: self.at)
        return self

    def something_else(self, number: int = 1) -> Case:
        for one in range(number):
            self.log.append(RenamingRecord(before=f"{self.at} {one}", after="b", tensors="a" * 64))
        return self

    def withdraw(self, *works: int) -> Case:
        """Everything, or these works."""
        one = next(one for one in self.log.logged() if one.entry.kind == "permission")
        assert one.kept is not None and isinstance(one.kept.record, PermissionRecord)
        record = one.kept.record
        ends = [one.kept.mark_of(record.works[work].pixels) for work in works] or [one.entry.salted]
        self.log.append(WithdrawalRecord(statement="c" * 64, holder="Ada", since=self.at.date(), works=()), ends=ends)
        return self

    def copy(self) -> bytes:
        return (self.log.folder / "log.txt").read_bytes()

    def verify(self, *copies: bytes, remember: bool = True, on: date | None = None, **news: Any) -> Verification:
        read = tuple(copy_in(copy, f"copy {number}") for number, copy in enumerate(copies))
        asked = News(copies=read, seen=log_memory.seen_logs(self.house), **news)
        found, seen = judged(self.release, None, on or self.at.date(), asked)
        if seen is not None and remember:
            log_memory.remember(self.house, seen)
        return found

    def seen(self) -> Seen:
        (found,) = log_memory.seen_logs(self.house)
        return found

    def rewrite(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Another `log.json`, and the release signed again by its own signer."""
        path = self.release / "log.json"
        content = json.loads(path.read_bytes())
        change(content)
        path.write_bytes(digests.canonical(content))
        signed_again(self.release, self.ingredients.key)


def case_in(place: Path, ingredients: Ingredients, before: int = 0) -> Case:
    """With so many entries about something else before it."""
    log = transparency_log.start(place / "log", ORIGIN, lambda: LOG, lambda: BEGAN)
    found = Case(log, place / "soft-outline", ingredients, House(place / "house"))
    found.something_else(before)
    prove = partial(logged.release, log, ingredients.style, [published_collection(ingredients.collection)])
    ingredients.assemble(found.release, prove=prove)
    return found


def forked(copy: bytes, at: datetime, signer: KeySigner = LOG) -> bytes:
    """The last entry is another one; signed by the log's own key all the same."""
    found = copy_in(copy, "the copy")
    assert found.entries is not None
    entries = (*found.entries[:-1], found.entries[-1].model_copy(update={"salted": "d" * 64}))
    return signed_over(entries, at, signer)


def shortened(copy: bytes, number: int, at: datetime, signer: KeySigner = LOG) -> bytes:
    """Without the last entries; signed by the log's own key."""
    found = copy_in(copy, "the copy")
    assert found.entries is not None
    return signed_over(found.entries[:-number], at, signer)


def signed_over(entries: Any, at: datetime, signer: KeySigner) -> bytes:
    from handstyle.publication import merkle

    root = merkle.root([entry.leaf for entry in entries])
    return text_of(
        [entry.data for entry in entries], Checkpoint(ORIGIN, len(entries), root).with_signature(ORIGIN, signer, at)
    )


def witnessed(copy: bytes, at: datetime, signer: KeySigner = WITNESS) -> bytes:
    found = copy_in(copy, "the copy")
    return text_of(
        [entry.data for entry in found.entries or ()], found.checkpoint.with_signature(WITNESS_KEY.name, signer, at)
    )


def checkpoint_alone(copy: bytes) -> bytes:
    return copy_in(copy, "the copy").checkpoint.text.encode()


def other_base64(text: str) -> str:
    raw = bytearray(envelopes.decoded(text))
    raw[0] ^= 1
    return envelopes.encoded(bytes(raw))


def release_again(case: Case, to: Path) -> Path:
    return Path(shutil.copytree(case.release, to))
