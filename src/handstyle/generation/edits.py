"""What is a picture painted on that begins with another picture?

Three kinds. A *variation* is drawn from a picture that is half covered with noise (Meng et al. 2022, SDEdit). In
*inpainting* and *outpainting* a part is painted, and the rest is laid over it at each step, with as much noise as that
step has (blended latents, Avrahami et al. 2022; what diffusers does with a base that was not made for it). In the end
every pixel that was not painted is, to the bit, what it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageChops, ImageOps
from torch import Tensor, nn

from handstyle import digests
from handstyle.collection.pixels import Unfit, page_colour, read_picture
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.painting import Begun
from handstyle.errors import UsageMistake
from handstyle.generation.request import Margins

STRENGTH = {"variation": 0.8, "inpainting": 1.0, "outpainting": 1.0}  # as diffusers' pipelines take it
RESAMPLES = {"variation": 1, "inpainting": 5, "outpainting": 5}


@dataclass(frozen=True)
class Canvas:
    """A picture in the size it is drawn in. `painted` says how far each pixel is meant; without it, all of them are."""

    picture: Image.Image
    painted: Image.Image | None
    frame: tuple[int, int, int, int]  # what is kept of it: the rest was added to reach a size that can be drawn
    begun: Begun

    def finished(self, drawn: Image.Image) -> Image.Image:
        """What was not painted is what it was, and where a mask is soft both are mixed."""
        if self.painted is not None:
            drawn = Image.composite(drawn, self.picture, self.painted)
        return drawn.crop(self.frame)

    @property
    def mark_here(self) -> Image.Image | None:
        """Where a watermark may lie: nowhere else is a pixel another than it was."""
        return None if self.painted is None else self.painted.crop(self.frame).point(lambda level: 255 if level else 0)


class Prepared(NamedTuple):
    picture: Image.Image
    painted: Image.Image | None
    frame: tuple[int, int, int, int]


def variation(source: Image.Image, family: ModelFamily, width: int | None, height: int | None) -> Prepared:
    """The whole picture in the size asked for, else as large as the base draws: what overhangs is cut off."""
    multiple = family.pixel_multiple
    if width is None and height is None:
        share = family.resolution / math.sqrt(source.width * source.height)
        size = (_rounded(source.width * share, multiple), _rounded(source.height * share, multiple))
    else:
        size = (width or family.resolution, height or family.resolution)
    picture = ImageOps.fit(source, size, Image.Resampling.LANCZOS) if size != source.size else source
    return Prepared(picture, None, (0, 0, *size))


def inpainting(source: Image.Image, mask: Image.Image, family: ModelFamily) -> Prepared:
    """White is painted, black is kept. Raises UsageMistake."""
    if mask.size != source.size:
        raise UsageMistake(
            f"the mask is {mask.width}x{mask.height} and the picture {source.width}x{source.height}",
            hint="Make the mask on a copy of the picture, in its size.",
        )
    if mask.getextrema()[1] == 0:
        raise UsageMistake("nothing is white in the mask, so nothing would be painted",
                           hint="Paint white what is to be painted anew, or make it transparent.")  # fmt: skip
    return _on_a_size_that_can_be_drawn(source, mask, family)


def outpainting(source: Image.Image, margins: Margins, family: ModelFamily) -> Prepared:
    """What is beyond the border is painted, and begins as the border's own pixels."""
    picture = _widened(source, margins)
    painted = Image.new("L", picture.size, 255)
    painted.paste(0, (margins.left, margins.top, margins.left + source.width, margins.top + source.height))
    return _on_a_size_that_can_be_drawn(picture, painted, family)


def _on_a_size_that_can_be_drawn(picture: Image.Image, painted: Image.Image, family: ModelFamily) -> Prepared:
    """Nothing is scaled: to the right and below, as much is added as lacks, and cut off in the end."""
    multiple = family.pixel_multiple
    right, bottom = -picture.width % multiple, -picture.height % multiple
    frame, more = (0, 0, *picture.size), Margins(right=right, bottom=bottom)
    wider = Image.new("L", (picture.width + right, picture.height + bottom), 0)
    wider.paste(painted, (0, 0))
    return Prepared(_widened(picture, more), wider, frame)


def _widened(picture: Image.Image, margins: Margins) -> Image.Image:
    levels_HWC = np.asarray(picture.convert("RGB"))
    around = ((margins.top, margins.bottom), (margins.left, margins.right), (0, 0))
    return Image.fromarray(np.pad(levels_HWC, around, mode="edge"))


def canvas(prepared: Prepared, family: ModelFamily, strength: float, resamples: int = 1) -> Canvas:
    """In latents: the middle of what the autoencoder says of the picture, so that the seed alone decides."""
    levels_HWC = torch.from_numpy(np.array(prepared.picture.convert("RGB")))
    pixels_BCHW = levels_HWC.permute(2, 0, 1)[None].float() / 127.5 - 1
    latents_BCHW = family.encode_pixels(pixels_BCHW).mean_BCHW
    mask = None if prepared.painted is None else latent_mask(prepared.painted, latents_BCHW)
    return Canvas(*prepared, begun=Begun(latents_BCHW, strength, mask, resamples))


def latent_mask(painted: Image.Image, latents_BCHW: Tensor) -> Tensor:
    """1 where any pixel of a latent is painted: a line thinner than a latent is painted, too."""
    levels_HW = torch.from_numpy(np.array(painted)).float()
    return (nn.functional.adaptive_max_pool2d(levels_HW[None, None], latents_BCHW.shape[2:]) > 0).float()


def _rounded(side: float, multiple: int) -> int:
    return max(multiple, round(side / multiple) * multiple)


def read_source(path: Path) -> tuple[Image.Image, str, tuple[str, ...]]:
    """Its pixels, their digest, and what the file itself reserves. Raises UsageMistake."""
    try:
        found = read_picture(path, page_colour("white"))
    except Unfit as unfit:
        raise UsageMistake(f"{path} {unfit}", hint="Name a picture: PNG, JPEG, WebP or TIFF.") from unfit
    reserved = tuple(f"{one.where}: {one.value}" for one in found.reservations if one.objects)
    return found.image, found.pixels_sha256, reserved


def read_mask(path: Path) -> Image.Image:
    """White, or what is transparent where anything is, is painted. Raises UsageMistake."""
    try:
        image = read_picture(path, page_colour("black")).image  # refuses what is damaged or too large
        with Image.open(path) as file:
            upright = ImageOps.exif_transpose(file)
            if upright.has_transparency_data:
                transparent = ImageChops.invert(upright.convert("RGBA").getchannel("A"))
                if transparent.getbbox():
                    return transparent
    except (Unfit, OSError) as unfit:
        raise UsageMistake(f"the mask {path} {unfit}", hint="Save it as PNG: white is painted.") from unfit
    return image.convert("L")


def digest_of(mask: Image.Image) -> str:
    return digests.of_pixels(*mask.size, mask.convert("RGB").tobytes())
