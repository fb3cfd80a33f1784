"""How does a picture's file say what it was made with?

PNG text: `parameters` as other tools read it, and our own `handstyle` key with the whole request.
"""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from handstyle import __version__
from handstyle.collection.pixels import LARGEST_FILE, MOST_PIXELS
from handstyle.collection.plain_text import unwelcome_in
from handstyle.errors import RecordDamaged
from handstyle.generation.request import GenerationRequest
from handstyle.records import read_whole

KEY = "handstyle"
SAMPLER_NAMES = {"dpm++": "DPM++ 2M", "ddim": "DDIM", "euler": "Euler", "unipc": "UniPC"}


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
    if request.styles:
        settings["Lora hashes"] = ", ".join(f"{style.name}: {style.tensors[:12]}" for style in request.styles)
    settings["Version"] = f"handstyle {__version__}"
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in settings.items()))
    return "\n".join(lines)


def _quoted(value: object) -> str:
    text = str(value)
    plain = not any(mark in text for mark in ",:\n") and unwelcome_in(text) is None
    return text if plain else json.dumps(text, ensure_ascii=False)


def signed_png(
    image: Image.Image, request: GenerationRequest, *, base_name: str, base_digest: str, lineage: dict[str, str]
) -> bytes:
    """The file's bytes; `lineage` names the collection and whose permission the picture rests on."""
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", parameters(request, base_name, base_digest))
    own = {"request": request.as_json(), "base": base_digest, **lineage, "version": __version__}
    text.add_itxt(KEY, json.dumps(own, ensure_ascii=False, sort_keys=True))
    return png(image, text)


def png(image: Image.Image, text: PngImagePlugin.PngInfo | None = None) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=text)
    return file.getvalue()


def read_signature(path: Path) -> dict[str, Any]:
    """What our key says. Raises RecordDamaged for a picture that has none."""
    text = _text_in(path)
    if text is None:
        raise RecordDamaged(f"{path} carries no handstyle record", hint="Any re-save may have removed it.")
    try:
        record = json.loads(text)
        if not isinstance(record, dict):
            raise ValueError("it is not a table")
        return record
    except (ValueError, RecursionError) as error:
        raise RecordDamaged(f"the handstyle record of {path} is damaged: {error}", hint="Draw it again.") from error


def _text_in(path: Path) -> str | None:
    try:
        data = io.BytesIO(read_whole(path, LARGEST_FILE))
        with warnings.catch_warnings(), Image.open(data, formats=["PNG"]) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > MOST_PIXELS:
                raise ValueError("it has too many pixels")
            text = getattr(image, "text", {}).get(KEY)  # decodes: texts may stand behind the pixels
            return None if text is None else str(text)
    except Exception as error:  # on damaged bytes Pillow raises almost anything
        raise RecordDamaged(f"{path} is not a readable picture: {error}", hint="Check the path.") from error
