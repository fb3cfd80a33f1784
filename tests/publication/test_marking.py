"""Does everything that is drawn leave marked and signed?"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

import handstyle
from handstyle import keys
from handstyle.generation.signature import MadeFrom, signature_in
from handstyle.publication import watermark
from handstyle.publication.marking import Marking, model_of, payload_of

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
MADE = MadeFrom("a base", "b" * 64, ("a" * 64,), ("c" * 64,))
PACKAGE = Path(handstyle.__file__).parent

# Where pictures become bytes, and why that is all.
ENCODERS = {
    "generation/signature.py": "png(), called where a picture is signed, and for drawings that nobody generated",
    "origination/artwork.py": "works of openly licensed sets, drawn by their artists",
    "collection/consent_page.py": "small pictures of the works on the page that their holders sign",
}
WITHOUT_SIGNATURE = {"generation/signature.py", "inspection/drawing.py"}  # where png() is called


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


def test_no_other_file_turns_a_picture_into_a_file() -> None:
    """Whatever encodes names a format, or is one of the libraries' ways to write pictures."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for call in calls(path):
            function = ast.unparse(call.func).rpartition(".")[2]
            formats = {word.value for word in call.args if isinstance(word, ast.Constant)}
            if function == "save" and formats & {"PNG", "JPEG", "WEBP", "WebP", "TIFF", "GIF", "BMP", "PDF"}:
                found.add(path.relative_to(PACKAGE).as_posix())
            assert function not in {"imwrite", "imsave", "savefig", "save_image", "write_png"}, path
            if function == "save" and any(word.arg == "format" for word in call.keywords):
                found.add(path.relative_to(PACKAGE).as_posix())
    assert found == set(ENCODERS)


def test_only_drawings_by_artists_are_written_without_a_signature() -> None:
    callers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for call in calls(path)
        if ast.unparse(call.func) in ("png", "signature.png")
    }
    assert callers == WITHOUT_SIGNATURE
    (album,) = (call for call in calls(PACKAGE / "inspection" / "drawing.py") if ast.unparse(call.func) == "png")
    line = (PACKAGE / "inspection" / "drawing.py").read_text(encoding="utf-8").splitlines()[album.lineno - 1]
    assert "if made is None else self.mark(image, made)" in line


@pytest.mark.parametrize(("side", "marked"), [(255, False), (256, True)])
def test_from_256_pixels_up_there_is_a_mark_and_below_the_signature_alone(side: int, marked: bool) -> None:
    data = Marking(KEY)(Image.new("RGB", (side, 300), "#406080"), MADE)
    signed = signature_in(data, "it")
    assert signed is not None and signed.fits
    assert (signed.record.watermark is not None) is marked


def test_the_mark_is_that_of_the_key_and_the_model(tmp_path: Path) -> None:
    fingerprint = keys.fingerprint(KEY.public_key())
    path = tmp_path / "x.png"
    path.write_bytes(Marking(KEY)(Image.new("RGB", (256, 256), "#406080"), MADE))
    with Image.open(path) as image:
        found = watermark.find(image)
    assert found is not None and found.payload == payload_of(fingerprint, MADE)
    assert found.payload[3:].hex() == "a" * 6


def test_the_same_picture_is_the_same_file() -> None:
    image = Image.new("RGB", (256, 256), "#406080")
    assert Marking(KEY)(image, MADE) == Marking(KEY)(image, MADE)


def test_a_model_is_its_style_its_base_or_all_of_several() -> None:
    assert model_of("b" * 64, []) == "b" * 64
    assert model_of("b" * 64, ["a" * 64]) == "a" * 64
    assert model_of("b" * 64, ["a" * 64, "c" * 64]) == model_of("b" * 64, ["c" * 64, "a" * 64])


def test_a_mark_that_does_not_hold_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watermark, "find", lambda image: None)
    data = Marking(KEY)(Image.new("RGB", (256, 256), "#406080"), MADE)
    signed = signature_in(data, "it")
    assert signed is not None and signed.record.watermark is None
    assert signed.fits, "and the pixels are as they were drawn"
