"""Can other tools, and we, read from a picture what it was made with?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from handstyle.errors import RecordDamaged
from handstyle.generation.request import GenerationRequest, StyleWeight
from handstyle.generation.signature import parameters, read_signature, signed_png

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
    _, _, settings = as_others_read(parameters(request_for(styles=styles), "base", "d" * 64))
    assert settings["Lora hashes"] == f"my hand: {'a' * 12}, x: {'b' * 12}"


def saved(path: Path, request: GenerationRequest) -> Path:
    lineage = {"collections": "c" * 64}
    picture = Image.new("RGB", (16, 16), "red")
    path.write_bytes(signed_png(picture, request, base_name="tiny", base_digest="d" * 64, lineage=lineage))
    return path


@pytest.mark.parametrize("prompt", PROMPTS)
def test_our_own_record_gives_the_request_back(prompt: str, request_for: Any, tmp_path: Path) -> None:
    request = request_for(prompt, negative_prompt="é\n", styles=[StyleWeight(name="ü", tensors="a" * 64, weight=-1)])
    path = saved(tmp_path / "picture.png", request)
    record = read_signature(path)
    assert GenerationRequest.read(record["request"], where="the picture") == request
    assert (record["base"], record["collections"]) == ("d" * 64, "c" * 64)
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
