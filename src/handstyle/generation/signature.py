"""How does a picture's file say what it was made with, and who says so?

PNG text: `parameters` as other tools read it, and our own `handstyle` key with the whole record in a signed envelope
(`envelopes.py`). The record names the pixels by digest, so that it cannot be moved to another picture.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image, PngImagePlugin
from pydantic import Field

from handstyle import __version__, digests, envelopes
from handstyle.collection.pixels import LARGEST_FILE, MOST_PIXELS
from handstyle.collection.plain_text import unwelcome_in
from handstyle.errors import RecordDamaged
from handstyle.generation.request import GenerationRequest
from handstyle.records import Record, later, read_whole

KEY = "handstyle"
PAYLOAD_TYPE = "application/vnd.handstyle.picture+json; version=1"
LARGEST_ENVELOPE = 1 << 20  # bytes
SAMPLER_NAMES = {"dpm++": "DPM++ 2M", "ddim": "DDIM", "euler": "Euler", "unipc": "UniPC"}

DIGEST = r"^[0-9a-f]{64}$"
# IPTC NewsCodes, digital source type: what a model drew, and what it painted into another picture.
SourceType = Literal[
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
]
DRAWN: SourceType = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PAINTED_INTO: SourceType = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class MadeFrom:
    """What a picture was made from. Without a request it is a sheet of several, or shown where prompts may not be."""

    base_name: str
    base: str  # digest
    styles: tuple[str, ...] = ()  # digests of their tensors
    collections: tuple[str, ...] = ()  # digests
    of_other_tools: tuple[str, ...] = ()  # those styles of which there is no record and no permission
    base_made_from: str = ""  # consented, open-licensed, own or unknown; empty where nobody was asked
    base_provenance: str = ""  # the same in words
    involvement: str = ""  # of those whose works the styles learnt from
    request: GenerationRequest | None = None
    is_sheet: bool = False
    source: str = ""  # the pixels of the picture it began as, by digest
    painted: Image.Image | None = None  # where a model painted into that; nothing else may be changed

    @property
    def is_composite(self) -> bool:
        return self.painted is not None

    @property
    def digital_source_type(self) -> SourceType:
        return PAINTED_INTO if self.is_composite else DRAWN

    def drawn_for(self, request: GenerationRequest) -> MadeFrom:
        return replace(self, request=request)

    @property
    def as_sheet(self) -> MadeFrom:
        return replace(self, request=None, is_sheet=True)


# What a picture goes through before it may be written: the bytes of its file.
Marking = Callable[[Image.Image, MadeFrom], bytes]


class Watermark(Record):
    """The mark that is in the pixels, besides."""

    method: str
    payload: str = Field(pattern=r"^[0-9a-f]{12}$")


class PictureRecord(Record):
    """What the signer says of a picture."""

    format: Literal["handstyle/picture/1"] = "handstyle/picture/1"
    kind: Literal["picture", "sheet"]
    pixels: str = Field(pattern=DIGEST)
    width: int
    height: int
    request: GenerationRequest | None
    base: str = Field(pattern=DIGEST)
    base_made_from: str
    base_provenance: str
    styles: tuple[str, ...]
    collections: tuple[str, ...]
    involvement: str
    digital_source_type: SourceType = later(DRAWN)
    watermark: Watermark | None
    version: str


@dataclass(frozen=True)
class Signed:
    """A record whose signature fits; whether the pixels do is a question of its own."""

    record: PictureRecord
    signer: str
    fits: bool


def parameters(request: GenerationRequest, base_name: str, base_digest: str) -> str:
    """The text AUTOMATIC1111 writes and everyone reads: prompt, negative prompt, one line of settings."""
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    settings: dict[str, Any] = {
        "Steps": request.num_inference_steps,
        "Sampler": SAMPLER_NAMES[request.sampler],
        "CFG scale": f"{request.guidance_scale:g}",
        "Seed": request.seed,
        "Size": f"{request.width}x{request.height}",
        "Model hash": base_digest[:10],
        "Model": base_name,
    }
    if request.clip_skip:
        settings["Clip skip"] = request.clip_skip + 1  # there the last layer counts as 1
    if request.edit:
        settings["Denoising strength"] = f"{request.edit.strength:g}"
    if request.styles:
        settings["Lora hashes"] = ", ".join(f"{style.name}: {style.tensors[:12]}" for style in request.styles)
    settings["Version"] = f"handstyle {__version__}"
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in settings.items()))
    return "\n".join(lines)


def _quoted(value: object) -> str:
    text = str(value)
    plain = not any(mark in text for mark in ",:\n") and unwelcome_in(text) is None
    return text if plain else json.dumps(text, ensure_ascii=False)


def signed_png(image: Image.Image, made: MadeFrom, key: Ed25519PrivateKey, watermark: Watermark | None = None) -> bytes:
    """The file's bytes, the same for the same picture and key."""
    text = PngImagePlugin.PngInfo()
    if made.request is not None:
        text.add_text("parameters", parameters(made.request, made.base_name, made.base))
    record = PictureRecord(
        kind="sheet" if made.is_sheet else "picture",
        pixels=digests.of_pixels(*image.size, image.convert("RGB").tobytes()),
        width=image.width,
        height=image.height,
        request=made.request,
        base=made.base,
        base_made_from=made.base_made_from,
        base_provenance=made.base_provenance,
        styles=made.styles,
        collections=made.collections,
        involvement=made.involvement,
        digital_source_type=made.digital_source_type,
        watermark=watermark,
        version=__version__,
    )
    text.add_itxt(KEY, envelopes.signed(PAYLOAD_TYPE, _payload(record), key).decode())
    return png(image, text)


def _payload(record: PictureRecord) -> bytes:
    content = record.as_json()
    if record.request is not None:
        # Canonical JSON counts no further than 2^53, seeds do: as text each keeps its digits.
        content["request"]["seed"] = str(record.request.seed)
    return digests.canonical(content)


def png(image: Image.Image, text: PngImagePlugin.PngInfo | None = None) -> bytes:
    """Without `text` for what nobody generated: a drawing by the artist that stands in a report."""
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=text)
    return file.getvalue()


def file_name(pixels: str, styles: Sequence[str] | None) -> str:
    """Of a picture in a report: by its pixels and what drew them, so that it is the same whoever signed. `styles` is
    None for what nobody generated."""
    return f"{digests.of_json([pixels, None if styles is None else list(styles)])[:24]}.png"


def file_name_in(data: bytes, where: str) -> str:
    """The same, from the file. Raises RecordDamaged."""
    text, pixels = _text_in(data, where)
    found = None if text is None else signature_in(data, where)
    return file_name(pixels, found.record.styles if found else None)


def read_signature(path: Path) -> Signed:
    """What our key says. Raises RecordDamaged for a picture that has none."""
    found = signature_in(_read(path), str(path))
    if found is None:
        raise RecordDamaged(f"{path} carries no handstyle record", hint="Any re-save may have removed it.")
    return found


def signature_in(data: bytes, where: str) -> Signed | None:
    """Of a PNG; None where our key is not there. Raises RecordDamaged."""
    text, pixels = _text_in(data, where)
    if text is None:
        return None
    try:
        content, signer = envelopes.opened(text.encode("utf-8"), PAYLOAD_TYPE, largest=LARGEST_ENVELOPE)
        record = PictureRecord.read(_with_seed(content), where=f"the record in {where}")
        return Signed(record, signer, record.pixels == pixels)
    except InvalidSignature:
        raise RecordDamaged(f"the signature of {where} does not fit what it signs") from None
    except (ValueError, RecursionError, TypeError) as error:
        raise RecordDamaged(f"the handstyle record of {where} is damaged: {error}", hint="Draw it again.") from error


def _with_seed(content: Any) -> Any:
    request = content.get("request") if isinstance(content, dict) else None
    if not isinstance(request, dict):
        return content
    seed = request.get("seed")
    if not isinstance(seed, str) or not seed.isdecimal() or str(int(seed[:20])) != seed:
        raise ValueError("its seed is not a number written as text")
    return {**content, "request": {**request, "seed": int(seed)}}


def _read(path: Path) -> bytes:
    try:
        return read_whole(path, LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise RecordDamaged(f"{path} is not a readable picture: {error}", hint="Check the path.") from error


def _text_in(data: bytes, where: str) -> tuple[str | None, str]:
    """Our text, and the digest of the pixels."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > MOST_PIXELS:
                raise ValueError("it has too many pixels")
            text = getattr(image, "text", {}).get(KEY)  # decodes: texts may stand behind the pixels
            return None if text is None else str(text), digests.of_pixels(*image.size, image.convert("RGB").tobytes())
    except Exception as error:  # on damaged bytes Pillow raises almost anything
        raise RecordDamaged(f"{where} is not a readable picture: {error}", hint="Check the path.") from error
