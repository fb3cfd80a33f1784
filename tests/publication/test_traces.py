"""Is an old name found in whatever coding a file holds it, and nothing found where it is not?"""

from __future__ import annotations

import base64
import html
import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from ingredients import signature_with
from PIL import Image, PngImagePlugin

from handstyle.publication.traces import Sought, in_bytes, traces
from handstyle.tensor_files import Tensor, write_tensors

NAME = "Hollie Mengert"
SOUGHT = Sought((NAME, "hollie-mengert-lines"))


def picture(chunk: str) -> bytes:
    text, file = PngImagePlugin.PngInfo(), io.BytesIO()
    if chunk == "itxt":
        text.add_itxt("parameters", f"a fox by {NAME}", zip=True)
    elif chunk == "ztxt":
        text.add_text("parameters", f"a fox by {NAME}", zip=True)
    elif chunk == "text":
        text.add_text("parameters", f"a fox by {NAME}")
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=text)
    return file.getvalue()


CODED: dict[str, Callable[[], bytes]] = {
    "plain": lambda: f"by {NAME}.".encode(),
    "small letters and hyphens": lambda: b"see hollie-mengert-lines.safetensors",
    "other letters that look alike": lambda: "НОLLΙЕ МЕNGERT".encode(),
    "taken apart": lambda: b"h.o.l.l.i.e m.e.n.g.e.r.t",
    "JSON escapes": lambda: json.dumps({"title": "H\u00f3llie Mengert"}).encode(),
    "JSON escapes of plain letters": lambda: b'{"a": "Holli\\u0065 \\u004dengert"}',
    "HTML escapes": lambda: "".join(f"&#{ord(letter)};" for letter in NAME).encode(),
    "an address": lambda: b"https://example.org/Hollie%20Mengert",
    "Markdown": lambda: b"Hollie\\_Mengert",
    "16 bits": lambda: NAME.encode("utf-16"),
    "16 bits the other way round": lambda: NAME.encode("utf-16-be"),
    "base64": lambda: b"payload: " + base64.b64encode(json.dumps({"name": NAME}).encode()),
    "base64 for addresses, without an end": lambda: base64.urlsafe_b64encode(f"??>{NAME}".encode()).rstrip(b"="),
    "base64 in base64": lambda: base64.b64encode(base64.b64encode(NAME.encode() * 2)),
    "hexadecimal": lambda: NAME.encode().hex().encode(),
    "a picture's text": lambda: picture("text"),
    "a picture's compressed text": lambda: picture("ztxt"),
    "a picture's international text": lambda: picture("itxt"),
    "a picture in a page": lambda: b'<img src="data:image/png;base64,' + base64.b64encode(picture("itxt")) + b'">',
    "behind a picture": lambda: picture("") + NAME.encode(),
    "what is no text": lambda: bytes(range(256)) * 9 + NAME.encode() + bytes(range(256)),
}


@pytest.mark.parametrize("coding", CODED)
def test_a_name_is_found_in_every_coding(coding: str) -> None:
    assert in_bytes(CODED[coding](), SOUGHT)


def test_where_it_is_not_nothing_is_found() -> None:
    text = f"{html.escape('<p>')} hole in the hollow men, gert's holly {'ab' * 900} {base64.b64encode(bytes(900))!r}"
    assert in_bytes(text.encode(), SOUGHT) is None
    assert in_bytes(picture(""), SOUGHT) is None
    assert in_bytes(zlib.compress(bytes(5000)), SOUGHT) is None


def test_the_header_of_a_file_of_weights_is_read_and_so_are_its_tensors(tmp_path: Path) -> None:
    numbers = Tensor("F32", (4,), struct.pack("<4f", 1, 2, 3, 4))
    write_tensors(tmp_path / "a.safetensors", {"a": numbers}, {"ss_tag_frequency": json.dumps({NAME: 32})})
    write_tensors(tmp_path / "b.safetensors", {"a": Tensor("U8", (14,), NAME.encode())}, {})
    write_tensors(tmp_path / "c.safetensors", {"a": numbers}, {"modelspec.title": "Soft outline"})
    assert [where for where, _ in traces(tmp_path, SOUGHT)] == ["a.safetensors", "b.safetensors"]


def test_names_of_files_and_folders_count(tmp_path: Path) -> None:
    (tmp_path / "holliemengert").mkdir()
    (tmp_path / "holliemengert" / "x.txt").write_text("nothing")
    assert traces(tmp_path, SOUGHT)[0][0] == "holliemengert/x.txt"


def test_a_short_name_is_found_as_a_word_and_not_inside_words_or_numbers() -> None:
    short = Sought(("Ruiz",))
    assert in_bytes(b"the ruiz lines", short) and in_bytes(b"R.u.i.z", short)
    assert in_bytes(b"thru izba", short) is None
    assert in_bytes(bytes(range(256)) + b"ruiz", short) is None  # by chance, in what is no text


def test_a_short_name_that_stands_in_a_digest_or_a_signature_by_chance_is_no_trace() -> None:
    short, digest = Sought(("hks", "Ada")), "04a2d560200fcaa624ac6cda"
    said = json.dumps({"signature": signature_with("hks"), "sha256": f"{digest}1ada2{digest}"})
    assert in_bytes(said.encode(), short) is None
    assert in_bytes(f"<img src='pictures/{digest[:10]}0ada{digest[:10]}.png'>".encode(), short) is None
    assert in_bytes(said.replace("sha256", "hks").encode(), short) == "hks"


def test_a_short_name_in_a_long_path_or_a_long_word_is_a_trace() -> None:
    short = Sought(("hks", "Ada"))
    for told in ("Users/Someone/Pictures/Handstyle2/runs/hks/snapshots/000120",
                 "soft-flat-shapes-in-the-hand-of-ada-on-a-white-background",
                 f"runs/hks/{'04a2d560200fcaa6' * 4}"):  # fmt: skip
        assert len(told) > 40 and in_bytes(told.encode(), short)


def test_a_name_of_six_letters_in_a_signature_is_a_trace() -> None:
    assert in_bytes(signature_with("Mengert").encode(), Sought(("mengert",)))


def test_credit_may_stand_and_the_same_name_elsewhere_may_not() -> None:
    credited = Sought((NAME,), credit=(f"The work is by {NAME}, own work.",))
    assert in_bytes(f"The work is by {NAME}, own work.".encode(), credited) is None
    assert in_bytes(f"The work is by {NAME}, own work. In the style of {NAME}!".encode(), credited)


def test_credit_that_holds_a_fingerprint_may_stand() -> None:
    line = f"signed by {NAME} (SHA256:{signature_with('hks')[:43]})"
    assert in_bytes(f"Permission: {line}.".encode(), Sought((NAME,), credit=(line,))) is None
