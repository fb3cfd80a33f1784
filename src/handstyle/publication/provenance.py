"""What was this release made from, and who says so?

A statement lists every file of a release with its digest and size, and the chain collection -> recipe -> base ->
tensors -> report. It is signed in an envelope (`envelopes.py`).
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import PurePosixPath
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import AfterValidator, Field

from handstyle import digests, envelopes
from handstyle.collection.scope import EVERYWHERE, Distribution
from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.publication.style_licence import StyleLicence
from handstyle.records import Record

ENVELOPE = "handstyle.json"
PAYLOAD_TYPE = "application/vnd.handstyle.release+json; version=1"
LARGEST_ENVELOPE = 4 << 20  # bytes

DIGEST = r"^[0-9a-f]{64}$"
# Letters, digits, dots, hyphens and underscores between single slashes. What else a path can say, such as `..`,
# a drive, a backslash, NUL, a hidden file or a trailing dot, no release needs.
PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
PATH = rf"^{PART}(?:/{PART})*$"
# Names that Windows gives to devices, whatever their ending.
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


Format = Literal[
    "diffusers-lora",
    "kohya-lora",
    "lycoris",
    "peft",
    "embedding",
    "diffusers-unet",
    "diffusers-transformer",
    "original-transformer",
    "transformers-text-encoder",
]


class ListedFile(Record):
    path: str
    sha256: str = Field(pattern=DIGEST)
    size: int = Field(ge=0)


class Weights(Record):
    """A file of weights; its tensors are the style's under the names of another tool."""

    path: str  # below the folder of weights, with forward slashes
    format: Format
    tensors: str = Field(pattern=DIGEST)
    largest_difference: float  # between outputs of the trained and the reloaded network, relative to the largest


class Lineage(Record):
    """Each link by digest. What was withheld from publication (captions, pictures) is bound by it all the same."""

    collection: str
    number_of_works: int
    recipe: str
    base: str
    tensors: str  # of the style as it was trained
    report: str  # of the whole report, before anything private was left out
    base_provenance: BaseProvenance  # what the base was made from, as its digest or somebody's signed word shows
    involvement: str  # whose the works are, and whether anybody was asked


def _a_day(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("a day is written as 2026-11-25")
    return text


class Statement(Record):
    format: Literal["handstyle/release/1"] = "handstyle/release/1"
    name: str
    title: str
    licence: StyleLicence
    distribution: Distribution = "public"
    recipients: tuple[str, ...] = ()  # for whom it is, where it is for particular people
    territory: tuple[str, ...] = Field(default=(EVERYWHERE,), min_length=1)  # where it may be used
    published: Annotated[str, AfterValidator(_a_day)]  # the day the signer says it was; nothing proves it
    lineage: Lineage
    weights: tuple[Weights, ...]
    files: tuple[ListedFile, ...]


def sign(statement: Statement, key: Ed25519PrivateKey) -> bytes:
    """The envelope, in its one spelling."""
    return envelopes.signed(PAYLOAD_TYPE, digests.canonical(statement.as_json()), key)


def opened(envelope: bytes) -> tuple[Statement, str]:
    """The statement and its signer's fingerprint. Raises RecordDamaged for any spelling but ours."""
    return envelopes.statement(envelope, PAYLOAD_TYPE, Statement, file=ENVELOPE, largest=LARGEST_ENVELOPE)


def is_plain(path: str) -> bool:
    """Does it name a file inside a folder, and nothing else, on every system?"""
    return bool(re.fullmatch(PATH, path)) and not any(
        part.split(".")[0].lower() in DEVICES for part in PurePosixPath(path).parts
    )
