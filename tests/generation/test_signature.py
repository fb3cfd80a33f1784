"""Can other tools, and we, read from a picture what it was made with?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image, PngImagePlugin

from handstyle.errors import RecordDamaged
from handstyle.generation.request import GenerationRequest, StyleWeight
from handstyle.generation.signature import MadeFrom, parameters, read_signature, signed_png
from handstyle.keys import fingerprint

PROMPTS = [
    "a cat",
    "a cat, sitting: happy, 4: 5",
    'a "quoted" cat \\ and a dog',
    "a cat\non two lines\n\nand a fourth, Steps: 99",
    "猫, Zoë à l’école \U0001f98a",
    "<lora:x:1> ((cat:1.2)), [dog]",
]

# As AUTOMATIC1111's infotext_utils.py reads it.
PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def as_others_read(text: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt and settings."""
    *lines, last = text.strip().split("\n")
    assert len(PAIR.findall(last)) >= 3, "otherwise the last line would be taken for prompt"
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in map(str.strip, lines):
        if line.startswith("Negative prompt:"):
            into, line = negative, line.removeprefix("Negative prompt:").strip()
        into.append(line)
    settings = {key: json.loads(value) if value[:1] == '"' else value for key, value in PAIR.findall(last)}
    return "\n".join(prompt), "\n".join(negative), settings


@pytest.mark.parametrize("negative", ["", "blurred, ugly: very\ntwice"])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_other_tools_read_what_was_asked(
    prompt: str, negative: str, request_for: Callable[..., GenerationRequest]
) -> None:
    request = request_for(prompt, seed=2**53 + 1, negative_prompt=negative, sampler="unipc", guidance_scale=7.5)
    read = as_others_read(parameters(request, 'a base, "large": 2', "d" * 64))
    assert read[:2] == (prompt, negative)
    settings = read[2]
    assert settings["Steps"] == "3" and settings["Seed"] == str(2**53 + 1) and settings["Size"] == "16x16"
    assert settings["Sampler"] == "UniPC" and settings["CFG scale"] == "7.5"
    assert settings["Model hash"] == "d" * 10 and settings["Model"] == 'a base, "large": 2'


def test_other_tools_read_which_styles_were_worn(request_for: Callable[..., GenerationRequest]) -> None:
    styles = [
        StyleWeight(name=name, tensors=letter * 64, weight=0.5) for name, letter in (("my hand", "a"), ("x", "b"))
    ]
    _, _, settings = as_others_read(parameters(request_for(styles=styles, clip_skip=1), "base", "d" * 64))
    assert settings["Clip skip"] == "2"
    assert settings["Lora hashes"] == f"my hand: {'a' * 12}, x: {'b' * 12}"


SECRET = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def saved(path: Path, request: GenerationRequest) -> Path:
    made = MadeFrom("tiny", "d" * 64, ("a" * 64,), ("c" * 64,), request=request)
    path.write_bytes(signed_png(Image.new("RGB", (16, 16), "red"), made, SECRET))
    return path


@pytest.mark.parametrize("prompt", PROMPTS)
def test_our_own_record_gives_the_request_back(prompt: str, request_for: Any, tmp_path: Path) -> None:
    request = request_for(prompt, negative_prompt="é\n", styles=[StyleWeight(name="ü", tensors="a" * 64, weight=-1)])
    path = saved(tmp_path / "picture.png", request)
    signed = read_signature(path)
    assert signed.record.request == request
    assert (signed.record.base, signed.record.collections) == ("d" * 64, ("c" * 64,))
    assert signed.fits and signed.signer == fingerprint(SECRET.public_key())
    with Image.open(path) as image:
        assert image.text["parameters"] == parameters(request, "tiny", "d" * 64)
        assert image.convert("RGB").getpixel((3, 3)) == (255, 0, 0)


def test_the_same_picture_is_the_same_bytes(request_for: Any, tmp_path: Path) -> None:
    one, other = (saved(tmp_path / name, request_for()) for name in ("a.png", "b.png"))
    assert one.read_bytes() == other.read_bytes()


def test_a_picture_without_a_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (2, 2)).save(path)
    with pytest.raises(RecordDamaged, match="carries no handstyle record"):
        read_signature(path)
    for text in (b"", b"no picture"):
        path.write_bytes(text)
        with pytest.raises(RecordDamaged, match="not a readable picture"):
            read_signature(path)


@pytest.mark.parametrize("text", ["", "{", "3", "null"])
def test_a_record_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    note = PngImagePlugin.PngInfo()
    note.add_itxt("handstyle", text)
    Image.new("RGB", (2, 2)).save(tmp_path / "x.png", pnginfo=note)
    with pytest.raises(RecordDamaged, match=r"x\.png"):
        read_signature(tmp_path / "x.png")


@pytest.mark.parametrize("seed", [0, 2**53 + 1, 2**63 - 1])
def test_every_seed_keeps_its_digits(seed: int, request_for: Any, tmp_path: Path) -> None:
    found = read_signature(saved(tmp_path / "x.png", request_for(seed=seed))).record.request
    assert found is not None and found.seed == seed


def test_a_sheet_says_that_it_is_one_and_nothing_of_prompts(tmp_path: Path, request_for: Any) -> None:
    made = MadeFrom("tiny", "d" * 64, request=request_for("a secret")).as_sheet
    path = tmp_path / "sheet.png"
    path.write_bytes(signed_png(Image.new("RGB", (16, 16)), made, SECRET))
    assert read_signature(path).record.kind == "sheet" and b"secret" not in path.read_bytes()
