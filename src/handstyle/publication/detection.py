"""What does a picture say of where it came from, and how sure is that?

Three things may be there. A signed record and a credential stand in the file, are certain as far as they go, and are
gone after any re-save; where one is there and does not fit, that is the answer. A watermark stands in the pixels,
survives much, and is a claim: it can be forged. That none is found shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from cryptography import x509
from PIL import Image

from handstyle.collection.pixels import LARGEST_FILE, Unfit, page_colour, read_picture
from handstyle.errors import RecordDamaged
from handstyle.generation.signature import PAINTED_INTO, PictureRecord, Signed, signature_in
from handstyle.publication import credential_judgement, marking
from handstyle.publication.certificates import keepers_of
from handstyle.publication.credential_judgement import Credential
from handstyle.records import Record, read_whole

# What benchmarks/watermark.py found: unmarked pictures, and how many of them were taken for marked.
UNMARKED, TAKEN_FOR_MARKED = 10_000, 0

Status = Literal["trusted", "signed", "unknown", "broken", "marked", "nothing"]


class Mark(Record):
    """A watermark. Its bytes are the first of longer digests: they name whom to ask, and prove nothing."""

    key: str  # three bytes of the fingerprint's, as hex
    model: str  # three bytes of the digest of the style's tensors
    fits: str | None  # the fingerprint among those you named that it belongs to
    score: float  # deviations beyond chance; 10.5 is the least that counts, 39 the most there can be
    bits_mended: int  # of 96
    scale: float  # 1: the whole picture; less: cropped; more: it has margins


class Detected(Record):
    """`trusted`: signed, and holds, by one you named. `signed`: signed, and holds; by whom is for you to judge.
    `unknown`: it holds or is marked, but by none of those you named. `broken`: something signed does not fit this file.
    `marked`: only a watermark. `nothing`: no trace, which shows nothing."""

    format: Literal["handstyle/detection/1"] = "handstyle/detection/1"
    status: Status
    words: str
    signer: str | None
    record: PictureRecord | None  # what the signer says; only where it fits
    credential: Credential | None
    watermark: Mark | None
    findings: tuple[str, ...]  # what does not hold
    notes: tuple[str, ...]  # how sure what was found is

    @property
    def holds(self) -> bool:
        return self.status not in ("unknown", "broken")


def detect(
    path: Path, trusted: frozenset[str] | None = None, certificates: Sequence[x509.Certificate] = ()
) -> Detected:
    """`trusted` are fingerprints of keys, `certificates` those whose credentials count. Raises RecordDamaged."""
    try:
        picture = read_picture(path, page_colour("white"))
        data = read_whole(path, LARGEST_FILE)
    except (Unfit, OSError, ValueError) as error:
        raise RecordDamaged(f"{path} {error}", hint="Name a picture: PNG, JPEG, WebP or TIFF.") from error
    named = frozenset(keepers_of(certificates)) | (trusted or frozenset())
    findings: list[str] = []
    signature = _signature(data, picture.file_format, findings)
    credential = credential_judgement.judged(data, picture.file_format, certificates)
    if credential and credential.state in ("broken", "unreadable"):
        findings.append(credential.words + "".join(f"; {fault}" for fault in credential.faults))
    mark = _mark(picture.image, named)
    if signature and not findings:
        findings += _disagreements(signature.record, signature.signer, mark)
    strangers = _strangers(signature, credential, mark, named, certificates)
    status = _status(signature, credential, mark, findings, strangers, named)
    return Detected(
        status=status,
        words=_words(status, signature, credential, mark),
        signer=signature.signer if signature else None,
        record=signature.record if signature and not findings else None,
        credential=credential,
        watermark=mark,
        findings=(*findings, *strangers),
        notes=tuple(_notes(signature, credential, mark, picture.image.size)),
    )


def _signature(data: bytes, kind: str, findings: list[str]) -> Signed | None:
    """The signed record, if it fits the pixels."""
    if kind != "PNG":
        return None
    try:
        found = signature_in(data, "the picture")
    except RecordDamaged as damaged:
        findings.append(damaged.what)
        return None
    if found and not found.fits:
        findings.append(
            f"the record that {found.signer} signed is of other pixels: they were changed since, or it was moved here"
        )
        return None
    return found


def _mark(image: Image.Image, named: Iterable[str]) -> Mark | None:
    from handstyle.publication import watermark

    found = watermark.find(image)
    if found is None:
        return None
    return Mark(
        key=found.payload[: marking.ID].hex(),
        model=found.payload[marking.ID :].hex(),
        fits=next((one for one in sorted(named) if marking.is_id_of(found.payload, one)), None),
        score=round(found.score, 1),
        bits_mended=found.bits_mended,
        scale=round(found.scale, 2),
    )


def _disagreements(record: PictureRecord, signer: str, mark: Mark | None) -> list[str]:
    """Between what is signed and what is in the pixels."""
    faults = []
    signed = record.watermark.payload if record.watermark else None
    seen = mark.key + mark.model if mark else None
    if signed != seen:
        faults.append(
            f"the signed record says the watermark is {signed or 'none'}, and the pixels hold {seen or 'none'}"
        )
    if signed and not marking.is_id_of(bytes.fromhex(signed), signer):
        faults.append(f"the watermark is of another key than {signer}, who signed")
    return faults


def _strangers(
    signature: Signed | None,
    credential: Credential | None,
    mark: Mark | None,
    named: frozenset[str],
    certificates: Sequence[x509.Certificate],
) -> list[str]:
    """What holds, and is by nobody the verifier named, where somebody was named."""
    found = []
    if signature and named and signature.signer not in named:
        found.append(f"it is signed by {signature.signer}, whom you did not name")
    if credential and credential.state == "by a stranger" and certificates:
        found.append("its credential does not lead to a certificate you named")
    if mark and named and not signature and mark.fits is None:
        found.append(f"its watermark names the key {mark.key}…, which is none of those you named")
    return found


def _status(
    signature: Signed | None,
    credential: Credential | None,
    mark: Mark | None,
    findings: Sequence[str],
    strangers: Sequence[str],
    named: frozenset[str],
) -> Status:
    if findings:
        return "broken"
    if strangers:
        return "unknown"
    if (signature and signature.signer in named) or (credential and credential.state == "trusted"):
        return "trusted"
    if signature or (credential and credential.state == "by a stranger"):
        return "signed"
    return "marked" if mark else "nothing"


def _words(status: Status, signature: Signed | None, credential: Credential | None, mark: Mark | None) -> str:
    if status == "broken":
        return "something that was signed does not fit this file"
    if status == "unknown":
        return "there are signs of a model's picture, by nobody you named"
    if status in ("trusted", "signed"):
        if signature is None and credential and not credential.generated:
            return "signed in its credential, which does not say that a model drew it"
        whom = f"by {signature.signer}" if signature else "in its credential"
        return f"signed {whom}{', whom you trust' if status == 'trusted' and signature else ''}: a model drew it"
    if status == "marked":
        assert mark is not None, "that is what the status says"
        whose = f"the key {mark.fits}" if mark.fits else f"a key that begins with the bytes {mark.key}"
        return f"a watermark only: it names {whose} and the model {mark.model}…"
    return "nothing found, which does not show that no model drew it"


def _notes(
    signature: Signed | None, credential: Credential | None, mark: Mark | None, size: tuple[int, int]
) -> Iterable[str]:
    from handstyle.publication import watermark

    if signature:
        yield "signature: certain. Whoever holds that key signed a record of exactly these pixels."
        yield from _said(signature.record)
    else:
        yield "signature: none that fits. A record stands in PNG files, and any re-save removes it."
    if credential:
        yield f"credential: {credential.words}" + (f" ({credential.issuer})" if credential.issuer else "")
    if credential and credential.works:
        signed = f"; {credential.works_with_credentials} of them are signed themselves"
        yield f"credential: it names {credential.works} works that the model learnt from, by digest" + (
            signed if credential.works_with_credentials else ""
        )
    if mark:
        how = f"{mark.score:g} deviations beyond chance, {mark.bits_mended} of 96 bits mended"
        yield (
            f"watermark: {how}. Of {UNMARKED:,} pictures without one, {TAKEN_FOR_MARKED} were taken for marked, so it "
            f"is there by chance in less than {rate_bound():.2%}; but anybody can put one there."
        )
    elif min(size) < watermark.SMALLEST_SIDE:
        yield f"watermark: none. Pictures below {watermark.SMALLEST_SIDE} pixels get none; there is the record alone."
    else:
        yield "watermark: none. It may never have been there, or not have survived."


def _said(record: PictureRecord) -> Iterable[str]:
    """What the signer says: it is theirs, and no proof."""
    if record.digital_source_type == PAINTED_INTO:
        yield "the signer says: a model painted into another picture; what it did not paint is what it was."
    if record.involvement:
        yield f"the signer says: {record.involvement}"
    if record.base_provenance:
        yield f"the signer says: the base was {record.base_provenance}."


def rate_bound() -> float:
    """Upper end of the 95 % interval when none of n was found: 1 - 0.05^(1/n)."""
    assert TAKEN_FOR_MARKED == 0, "another formula is needed then (Clopper and Pearson 1934)"
    return float(1 - 0.05 ** (1 / UNMARKED))
