"""What was a base model made from, and who says so?

A folder can say anything of itself, so nothing it says counts. A base is known by its digest, or by a statement that
names this digest and is signed by somebody whom whoever asks has named. All else is unknown, with what it claims.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from handstyle import digests, envelopes
from handstyle.collection.one_line import Line
from handstyle.errors import GateClosed, RecordDamaged
from handstyle.records import Record, read_whole

MadeFrom = Literal["consented", "open-licensed", "own", "unknown"]
Policy = Literal["warn", "refuse"]

FILE = "base.json"  # beside model_index.json, and in a release
PAYLOAD_TYPE = "application/vnd.handstyle.base+json; version=1"
LARGEST = 1 << 20  # bytes
DIGEST = r"^[0-9a-f]{64}$"

WORDS: dict[MadeFrom, str] = {
    "consented": "made from works whose holders consented",
    "open-licensed": "made from openly licensed works; their authors were not asked",
    "own": "made from its maker's own works",
    "unknown": "made from works that are not known, so nobody knows who was asked",
}


class BaseStatement(Record):
    """What somebody signs of a base."""

    format: Literal["handstyle/base/1"] = "handstyle/base/1"
    base: str = Field(pattern=DIGEST)  # of tensors, configurations and vocabulary
    made_from: Literal["consented", "open-licensed", "own"]
    because: Line  # whose works, under which permission, and where that can be seen


class BaseProvenance(Record):
    """What is known of a base, and how."""

    base: str = Field(pattern=DIGEST)
    made_from: MadeFrom
    because: Line
    signer: str | None = None  # whose word it is; nobody's where the digest is known

    @property
    def words(self) -> str:
        return f"{WORDS[self.made_from]} ({self.because})"


TEN_SETS: tuple[MadeFrom, str] = (
    "open-licensed",
    "known by its digest; ten sets of icons under CC BY 4.0, Apache-2.0 and MIT, credited work by work beside it",
)
# Bases whose making is documented with what ships them. By digest: whatever else carries their name is another base.
KNOWN: dict[str, tuple[MadeFrom, str]] = {
    # The first, of 64 pixels: styles on it are still about. Its sets stood in NOTICE while it was shipped.
    "da8fadd24a059e9d3604c25846ecbbba5be58f540397d96b600ef1ede4c1e902": (
        "open-licensed",
        "known by its digest; icons under CC BY 4.0, Apache-2.0 and MIT, credited in the NOTICE of what shipped it",
    ),
    # The second: the third went on from it, and learnt from the same works.
    "647b4883ac68d45d6bad56fba403b5d4660e9cc2f6abc5be4088a59f805878fb": TEN_SETS,
    "2d3c052814b9a3786d9938f2ed453875f9bf3b0e55c2e20407d5aa1e539681bc": TEN_SETS,
    # The same weights; its text encoder says of which class it is.
    "7e5bcee6bc8bded2f7899860bc181d28601478dfe12a1725b36e8095d17ee85e": TEN_SETS,
    # The fourth went on from these.
    "1173162c881cc8f6532c07a681e90fa04c9fff654eea84e14a471ed75756e1a1": TEN_SETS,
}


def provenance_of(base: str, envelope: bytes | None, claim: str, trusted: Set[str]) -> BaseProvenance:
    """Of the base with this digest; `envelope` is what lies in its folder, `claim` what its card says, `trusted` are
    fingerprints. Never raises: what does not hold makes a base unknown."""
    if base in KNOWN:
        made_from, because = KNOWN[base]
        return BaseProvenance(base=base, made_from=made_from, because=because)
    if envelope is None:
        silent = claim in ("", "unknown")
        says = "nothing is said of it" if silent else f"it says of itself `{_short(claim)}`, which nobody signed"
        return BaseProvenance(base=base, made_from="unknown", because=says)
    try:
        statement, signer = opened(envelope)
    except RecordDamaged as damage:
        return BaseProvenance(base=base, made_from="unknown", because=f"{FILE} does not hold: {_short(damage.what)}")
    if statement.base != base:
        return BaseProvenance(base=base, made_from="unknown", because=f"{FILE} speaks of another base")
    if signer not in trusted:
        says = f"`{statement.made_from}` on the word of {signer}, who is nobody you named: {_short(statement.because)}"
        return BaseProvenance(base=base, made_from="unknown", because=says, signer=signer)
    because = f"on the word of {signer}: {statement.because}"
    return BaseProvenance(base=base, made_from=statement.made_from, because=because, signer=signer)


def changed_by_another_tool(found: BaseProvenance, origin: str) -> BaseProvenance:
    """Of a base and a file of another tool, from which a training went on: whatever is known of the base, whose works
    are in the file nobody knows. `origin` is the digest of its tensors."""
    because = (
        f"the training went on from a file of another tool, sha256 {origin[:16]}, of which nobody knows the works; the "
        f"base itself was {found.words}"
    )
    return BaseProvenance(base=found.base, made_from="unknown", because=because, signer=found.signer)


def envelope_in(folder: Path) -> bytes | None:
    """The statement that lies in a base's folder; an unreadable one is none that holds."""
    if not (folder / FILE).exists():
        return None
    try:
        return read_whole(folder / FILE, LARGEST)
    except (OSError, ValueError):
        return b""


def require_known(found: BaseProvenance, policy: Policy) -> None:
    """Raises GateClosed where the policy refuses a base of which nobody knows what it was made from."""
    if policy == "refuse" and found.made_from == "unknown":
        raise GateClosed(
            "The base model is refused: it is not known what it was made from",
            faults=[found.because],
            hint="Use the base that is shipped, one with a statement by somebody you trust, or write "
            '`unknown_base = "warn"` in the policy.toml of the workspace.',
        )


def sign(statement: BaseStatement, key: Ed25519PrivateKey) -> bytes:
    """The envelope, in its one spelling."""
    return envelopes.signed(PAYLOAD_TYPE, digests.canonical(statement.as_json()), key)


def opened(envelope: bytes) -> tuple[BaseStatement, str]:
    """The statement and its signer's fingerprint. Raises RecordDamaged for any spelling but ours."""
    return envelopes.statement(envelope, PAYLOAD_TYPE, BaseStatement, file=FILE, largest=LARGEST)


def _short(words: str) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in " ".join(words.split()))
    return shown if len(shown) <= 160 else f"{shown[:160]}…"
