"""Can somebody pass a picture off as another's, as unmade, or as untouched?"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.attacks.case import (
    ANOTHER,
    KEY,
    MADE,
    certificate,
    chunks,
    drawing,
    moved,
    needs_the_extra,
    picture,
    png_of,
    resaved,
    saved,
    without,
)

from handstyle import digests, envelopes, keys
from handstyle.__main__ import main
from handstyle.errors import HandstyleError
from handstyle.generation import signature
from handstyle.generation.signature import Watermark, signed_png
from handstyle.publication import credential_judgement, credentials, watermark, work_credentials
from handstyle.publication.certificates import certificates_in
from handstyle.publication.detection import Detected, detect
from handstyle.publication.marking import marked, payload_of

OURS = keys.fingerprint(KEY.public_key())
THEIRS = keys.fingerprint(ANOTHER.public_key())
TEXT, STORE = b"iTXt", b"caBX"


def found(path: Path, data: bytes, *, trusted: str | None = None, certificates: Path | None = None) -> Detected:
    named = certificates_in(certificates) if certificates else ()
    return detect(saved(path, data), frozenset({trusted}) if trusted else None, named)


@pytest.fixture
def at(tmp_path: Path) -> Path:
    return tmp_path / "picture.png"


# Nobody attacks


def test_a_picture_as_it_was_written_holds(at: Path) -> None:
    whole = found(at, picture())
    assert (whole.status, whole.signer, whole.findings) == ("signed", OURS, ())
    assert whole.watermark is not None and whole.record is not None
    assert found(at, picture(), trusted=OURS).status == "trusted"
    assert found(at, picture(64)).status == "signed", "and below 256 pixels, by its record alone"


def test_what_the_signer_says_of_works_and_base_is_told_as_theirs(at: Path) -> None:
    said = "The 2 works are by Ada Example, whose own work they are, as Ada Example states."
    made = replace(MADE, involvement=said, base_provenance="made from its maker's own works")
    notes = found(at, signed_png(drawing(64), made, KEY)).notes
    assert f"the signer says: {said}" in notes
    assert "the signer says: the base was made from its maker's own works." in notes


@needs_the_extra
def test_a_credential_counts_only_by_a_certificate_that_was_named(at: Path, tmp_path: Path) -> None:
    data = picture(credential=True)
    own, other = certificate(tmp_path / "own.pem"), certificate(tmp_path / "other.pem", ANOTHER)
    unasked = found(at, data)
    assert unasked.status == "signed" and unasked.credential is not None
    assert unasked.credential.state == "by a stranger" and "nobody vouched for" in unasked.credential.words
    trusted = found(at, data, certificates=own)
    assert trusted.status == "trusted" and trusted.credential and trusted.credential.state == "trusted"
    assert trusted.credential.generated, "it says that a model made it"
    strange = found(at, data, certificates=other)
    assert strange.status == "unknown" and len(strange.findings) == 2


# Stripped


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_without_its_metadata_is_told_by_its_mark(kind: str, at: Path) -> None:
    stripped = found(at, resaved(picture(512), kind))
    assert stripped.status == "marked" and stripped.signer is None and stripped.record is None
    assert stripped.watermark is not None
    assert stripped.watermark.key + stripped.watermark.model == payload_of(OURS, MADE).hex()
    assert any("anybody can put one there" in note for note in stripped.notes), "a mark is a claim"
    assert found(at, resaved(picture(512), kind), trusted=OURS).watermark.fits == OURS  # type: ignore[union-attr]


def test_a_small_picture_without_its_metadata_is_told_to_have_had_nothing_else(at: Path) -> None:
    stripped = found(at, resaved(picture(128)))
    assert stripped.status == "nothing" and "does not show" in stripped.words
    assert any("below 256 pixels" in note for note in stripped.notes)


def test_a_screenshot_is_told_by_its_mark(at: Path) -> None:
    with Image.open(io.BytesIO(picture(512))) as image:
        shown = image.convert("RGB").resize((410, 410), Image.Resampling.BICUBIC)
    screen = Image.new("RGB", (460, 470), "#202020")
    screen.paste(shown, (25, 40))
    file = io.BytesIO()
    screen.save(file, "PNG")
    assert found(at, file.getvalue()).status == "marked"


@needs_the_extra
def test_taking_only_the_credential_out_leaves_the_record(at: Path) -> None:
    assert found(at, without(picture(credential=True), STORE)).status == "signed"


# Moved and altered


@pytest.mark.parametrize("size", [64, 256])
def test_a_signature_moved_to_another_picture_does_not_hold(size: int, at: Path) -> None:
    stolen = moved(picture(size), resaved_png(drawing(size, seed=5)), TEXT)
    forged = found(at, stolen, trusted=OURS)
    assert forged.status == "broken" and forged.record is None
    assert "other pixels" in forged.findings[0]


@needs_the_extra
def test_a_credential_moved_to_another_picture_does_not_hold(at: Path, tmp_path: Path) -> None:
    own = certificate(tmp_path / "own.pem")
    stolen = moved(picture(credential=True), resaved_png(drawing(seed=5)), STORE)
    forged = found(at, stolen, certificates=own)
    assert forged.status == "broken" and forged.credential and forged.credential.state == "broken"
    assert "assertion.dataHash.mismatch" in forged.credential.faults


def resaved_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def edited(data: bytes) -> bytes:
    """One pixel by one level, and every chunk kept."""
    with Image.open(io.BytesIO(data)) as image:
        levels = np.array(image)
    levels[0, 0, 0] ^= 1
    return moved(data, resaved_png(Image.fromarray(levels)), TEXT, b"tEXt", STORE)


@pytest.mark.parametrize("size", [64, 256])
def test_one_edited_pixel_under_a_kept_signature_is_seen(size: int, at: Path) -> None:
    assert found(at, edited(picture(size))).status == "broken"


@needs_the_extra
def test_one_edited_pixel_under_a_kept_credential_is_seen(at: Path, tmp_path: Path) -> None:
    own = certificate(tmp_path / "own.pem")
    altered = found(at, edited(picture(credential=True)), certificates=own)
    assert altered.status == "broken" and len(altered.findings) == 2


def altered_record(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """What the record says, changed, under the signature that was there."""
    with Image.open(io.BytesIO(data)) as image:
        envelope = json.loads(image.text["handstyle"])
    content = json.loads(envelopes.decoded(envelope["payload"]))
    change(content)
    envelope["payload"] = envelopes.encoded(digests.canonical(content))
    body = b"handstyle\0\0\0\0\0" + digests.canonical(envelope)
    return png_of([(name, body if name == TEXT else old) for name, old in chunks(data)])


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(base="0" * 64),
        lambda record: record.update(styles=[]),
        lambda record: record.update(kind="sheet"),
        lambda record: record.update(watermark=None),
        lambda record: record["watermark"].update(payload="000000000000"),
    ],
    ids=["base", "styles", "kind", "no watermark", "another watermark"],
)
def test_a_record_that_was_changed_does_not_hold(change: Callable[[dict[str, Any]], None], at: Path) -> None:
    assert "does not fit" in found(at, altered_record(picture(), change)).findings[0]


# By somebody else


def test_a_picture_signed_again_by_another_key_is_by_nobody_you_named(at: Path) -> None:
    image = Image.open(io.BytesIO(picture())).convert("RGB")
    note = Watermark(method=watermark.METHOD, payload=payload_of(OURS, MADE).hex())
    for claimed in (None, note):  # with our mark denied, and with our mark as theirs
        taken = found(at, signed_png(image, MADE, ANOTHER, claimed))
        assert taken.status == "broken", "the pixels hold a mark that their record cannot explain"
    plain = found(at, signed_png(drawing(), MADE, ANOTHER), trusted=OURS)
    assert plain.status == "unknown" and THEIRS in plain.findings[0]


@needs_the_extra
def test_a_manifest_by_another_certificate_is_by_nobody_you_named(at: Path, tmp_path: Path) -> None:
    own = certificate(tmp_path / "own.pem")
    theirs = without(picture(key=ANOTHER, credential=True), TEXT)
    framed = found(at, theirs, certificates=own)
    assert framed.status in ("unknown", "broken") and framed.credential and framed.credential.state != "trusted"


def test_a_mark_in_anothers_name_is_a_claim_and_never_trusted(at: Path) -> None:
    """Code and pattern are public: to frame somebody takes a line. So nothing rests on the mark alone."""
    forged, _ = marked(drawing(seed=9), payload_of(OURS, MADE))
    alone = found(at, resaved_png(forged), trusted=OURS)
    assert alone.status == "marked" and "a watermark only" in alone.words
    assert found(at, resaved_png(forged), trusted=THEIRS).status == "unknown"
    under_their_signature = found(at, signed_png(forged, MADE, ANOTHER), trusted=THEIRS)
    assert under_their_signature.status == "broken"


def test_a_key_that_fits_every_signature_signs_nothing(at: Path) -> None:
    def weak(data: bytes) -> bytes:
        with Image.open(io.BytesIO(data)) as image:
            envelope = json.loads(image.text["handstyle"])
        envelope["signatures"][0]["publicKey"] = envelopes.encoded(bytes(32))
        body = b"handstyle\0\0\0\0\0" + digests.canonical(envelope)
        return png_of([(name, body if name == TEXT else old) for name, old in chunks(data)])

    assert found(at, weak(picture())).status == "broken"


# What is no picture, or too much of one


@pytest.mark.parametrize(
    "store", [b"", b"\0" * 8, b"jumb" * 500, b"\0\0\0\x18jumb\0\0\0\x10jumd" + b"c2pa" * 9, bytes(range(256)) * 40]
)
def test_garbage_in_the_place_of_a_credential_is_told(store: bytes, at: Path) -> None:
    head, *rest = chunks(picture())
    answer = found(at, png_of([head, (STORE, store), *rest]))
    if not store:
        assert answer.status == "signed"
    elif credentials.is_installed():
        assert answer.status == "broken" and answer.credential and answer.credential.state == "unreadable"


def test_a_credential_that_is_too_large_is_not_opened(at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "LARGEST_STORE", 100)
    monkeypatch.setattr(credentials, "is_installed", lambda: True)
    head, *rest = chunks(picture())
    answer = found(at, png_of([head, (STORE, b"x" * 101), *rest]))
    assert answer.status == "broken" and "larger than" in answer.findings[0]


@needs_the_extra
def test_no_changed_byte_of_a_credential_leaves_it_trusted(at: Path, tmp_path: Path) -> None:
    """A sample: the whole store is signed, or hashed by what is signed, or it is not read."""
    own = certificates_in(certificate(tmp_path / "own.pem"))
    data = without(picture(64, credential=True), TEXT, b"tEXt")
    begin = data.index(STORE) + 4
    length = work_credentials.size_of_store(data)
    chance = np.random.default_rng(0)
    for place in chance.integers(0, length, 60):
        changed = bytearray(data)
        changed[begin + place] ^= 1 << int(chance.integers(8))
        repaired = png_of(chunks(bytes(changed)))
        judged = credential_judgement.judged(repaired, "PNG", own)
        same = credential_judgement.judged(data, "PNG", own)
        assert judged is None or judged.state != "trusted" or judged == same


@pytest.mark.parametrize("text", [b"", b"{}", b"null", b"[" * 5000, b'{"payload":"","payloadType":"","signatures":[]}'])
def test_garbage_in_the_place_of_a_record_is_told(text: bytes, at: Path) -> None:
    head, *rest = chunks(resaved(picture(64)))
    answer = found(at, png_of([head, (TEXT, b"handstyle\0\0\0\0\0" + text), *rest]))
    assert answer.status == "broken" and answer.record is None


def test_a_record_that_is_too_large_is_told(at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "LARGEST_ENVELOPE", 64)
    assert found(at, picture(64)).status == "broken"


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", picture(64)[:-40]])
def test_what_is_no_whole_picture_is_an_error(data: bytes, at: Path) -> None:
    with pytest.raises(HandstyleError):
        found(at, data)


# At the command line


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [(picture(64), "signed", 0), (resaved(picture(64)), "nothing", 0), (edited(picture(64)), "broken", 1)],
    ids=["signed", "nothing", "broken"],
)
def test_the_exit_code_says_whether_it_holds(
    data: bytes, status: str, code: int, at: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", str(saved(at, data)), "--json"]) == code
    assert json.loads(capsys.readouterr().out)["status"] == status


def test_a_file_that_is_not_there_is_an_error(at: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", str(at), "--json"]) == 1
    assert "cannot be opened" in json.loads(capsys.readouterr().out)["error"]
