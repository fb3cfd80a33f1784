"""Which pixels does a file show: upright, eight-bit sRGB, on a plain page?"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageChops, ImageColor, ImageFile, UnidentifiedImageError

from handstyle import digests
from handstyle.collection.completeness import fault_in, refuse_many_scans
from handstyle.collection.embedded_reservations import readings_in
from handstyle.collection.formats import CAMERA_RAW, HEAD, READABLE, FileFormat, advice_for, kind_of
from handstyle.collection.png_chunks import depth_of_png
from handstyle.collection.reservation_values import Reading
from handstyle.errors import CollectionFaulty, UsageMistake
from handstyle.records import TooLarge, read_whole

LARGEST_FILE = 1 << 30  # bytes
MOST_PIXELS = 178_956_970  # half a gigabyte of RGB; Pillow stops there too
SMALLEST_SIDE = 8  # pixels
SCREEN = 2  # what C programs call stderr

GREY = ("1", "L", "LA")
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
PHOTOMETRIC, ORIENTATION, COLOUR_MAP, SAMPLE_FORMAT = 262, 274, 320, 339  # tags of a TIFF
WHITE_IS_ZERO, SIGNED = 0, 2
TURNS = dict(zip(range(2, 9), (
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90,
), strict=True))  # fmt: skip


class Picture(NamedTuple):
    image: Image.Image
    file_format: FileFormat
    file_sha256: str
    pixels_sha256: str
    reservations: tuple[Reading, ...]  # what stands in the same bytes
    alpha: Image.Image | None = None  # where it hides the page, and how much; None where it does everywhere


class Unfit(Exception):
    """Why a file cannot become a work, to be said after its name."""


class TooHeavy(Exception):
    """A picture is larger than was asked to be decoded here; nothing is wrong with it."""


def decode(path: Path, background: str = "white") -> Image.Image:
    """The RGB image in a file; what is transparent shows the background. Raises CollectionFaulty."""
    try:
        return read_picture(path, page_colour(background)).image
    except Unfit as unfit:
        raise CollectionFaulty(f"{path} {unfit}", hint="Mend the file, or take it out of the folder.") from unfit


def read_picture(path: Path, page: tuple[int, int, int]) -> Picture:
    """The image in a file, with its digests; all of the same bytes, read once. Raises Unfit."""
    data, kind = read_file(path)
    return picture_in(data, kind, page, digests.of_bytes(data))


def read_file(path: Path) -> tuple[bytes, FileFormat]:
    """The bytes of a file, and as what they are read. Raises Unfit."""
    try:
        data = read_whole(path, LARGEST_FILE)
    except TooLarge as error:
        raise Unfit(f"is larger than {LARGEST_FILE >> 30} GB: save a smaller version") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unfit(f"cannot be opened ({reason}): make it readable") from error
    return data, _readable_kind(path, data)


def picture_in(
    data: bytes, kind: FileFormat, page: tuple[int, int, int], file_sha256: str, most_pixels: int = MOST_PIXELS
) -> Picture:
    """The image in the bytes of a file. Raises Unfit; TooHeavy for more pixels than `most_pixels`."""
    try:
        image, alpha = _decoded(data, kind, page, most_pixels)
        pixels = digests.of_pixels(*image.size, image.tobytes())
        return Picture(image, kind, file_sha256, pixels, readings_in(data, kind), alpha)
    except MemoryError as error:
        raise Unfit("needs more memory than there is: save a smaller version") from error


def page_colour(background: str) -> tuple[int, int, int]:
    try:
        red, green, blue, *transparency = ImageColor.getrgb(background)
        if transparency:
            raise ValueError("a page cannot be transparent")
    except ValueError as error:
        hint = "Name one, such as white, or write it as #f4ecd8."
        raise UsageMistake(f"`{background}` is not a plain colour", hint=hint) from error
    return red, green, blue


def _readable_kind(path: Path, data: bytes) -> FileFormat:
    """By content: a picture saved under another format's name loses nothing, so it is read as what it is."""
    if not data:
        raise Unfit("is empty: save or copy it again")
    kind = "camera raw" if path.suffix.lower() in CAMERA_RAW else kind_of(data[:HEAD])
    for readable in READABLE:
        if kind == readable:
            return readable
    if kind is None:
        raise Unfit("is not a picture: by its content it is neither PNG, JPEG, WebP nor TIFF")
    raise Unfit(f"is {kind}, which is not read: {advice_for(kind)}")


def _decoded(
    data: bytes, kind: FileFormat, page: tuple[int, int, int], most_pixels: int
) -> tuple[Image.Image, Image.Image | None]:
    try:
        with _strictly(), _without_remarks() if kind == "TIFF" else nullcontext():
            if kind == "PNG":
                with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                    image.verify()  # the checksums, which decoding passes over: a flipped bit can change pixels
            with Image.open(io.BytesIO(_as_on_a_page(data, kind)), formats=[kind]) as image:
                _refuse_size(image.size)
                if image.width * image.height > most_pixels:
                    raise TooHeavy
                if kind == "JPEG":
                    refuse_many_scans(data)
                _load(image)
                if fault := fault_in(data, image):
                    raise ValueError(fault)
                if kind == "PNG":
                    _widen_transparency(image, depth_of_png(data))
                return _flat(image, page)
    except Image.DecompressionBombError as error:
        raise _too_large() from error
    except UnidentifiedImageError as error:
        raise Unfit(f"is damaged: its {kind} header makes no sense. Save or copy it again") from error
    except (MemoryError, Unfit, TooHeavy):
        raise
    except Exception as error:  # on damaged bytes Pillow raises almost anything
        reason = f" ({error})" if isinstance(error, (OSError, SyntaxError, ValueError)) and str(error) else ""
        raise Unfit(f"is damaged or cut short{reason}: save or copy it again") from error


def _as_on_a_page(data: bytes, kind: FileFormat) -> bytes:
    """Where its first picture does not fill it, a moving WebP that has no transparency would show black."""
    moves = kind == "WebP" and data[12:16] == b"VP8X" and data[20] & 0x02
    return data[:20] + bytes([data[20] | 0x10]) + data[21:] if moves else data


@contextmanager
def _strictly() -> Iterator[None]:
    """No guessing at missing data, whatever another library has set, and no warnings past our own words."""
    tolerant, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant


@contextmanager
def _without_remarks() -> Iterator[None]:
    """libtiff writes what it thinks of a file straight to the screen, past Python and past our own words."""
    try:
        sys.stderr.flush()
        screen = os.dup(SCREEN)
    except (OSError, ValueError, AttributeError):  # there is none
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), SCREEN)
        yield
    finally:
        os.dup2(screen, SCREEN)
        os.close(screen)


def _too_large() -> Unfit:
    return Unfit(f"has more than {MOST_PIXELS // 10**6} million pixels: save a smaller version")


def _refuse_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise _too_large()
    if min(size) < SMALLEST_SIDE:
        raise Unfit(f"is {width} x {height} pixels: both sides need at least {SMALLEST_SIDE}")


def _load(image: Image.Image) -> None:
    """Its pixels. Where they name a colour that its palette has not, decoders show black."""
    colours = len(image.palette.palette) // 3 if image.palette else 0
    image.load()
    if image.mode == "P" and image.im.getextrema()[1] >= colours:
        raise ValueError("its palette lacks colours")


def _widen_transparency(image: Image.Image, depth: int) -> None:
    """Pillow makes samples of 2, 4 and 16 bits into 8, and leaves the shade that is transparent as it was."""
    shade = image.info.get("transparency")
    if depth == 16 and shade is not None:
        raise Unfit("has 16 bits and a transparent colour: save it as 8-bit, or without transparency")
    if depth in (2, 4) and isinstance(shade, int) and image.mode == "L":
        image.info["transparency"] = shade * 255 // (2**depth - 1)


def _flat(image: Image.Image, page: tuple[int, int, int]) -> tuple[Image.Image, Image.Image | None]:
    """Upright, in sRGB, laid on the page; and how much it hides of that."""
    profile, tags = image.info.get("icc_profile"), getattr(image, "tag_v2", {})
    image = _upright(image)
    alpha = None
    if image.mode.startswith("I;16"):
        image = _eight_bit(image)
        if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # which Pillow heeds in 8 bits only
            image = ImageChops.invert(image)
    elif image.mode not in GREY + COLOUR or SIGNED in tags.get(SAMPLE_FORMAT, ()):
        raise Unfit(f"stores its colours as {image.mode}: save it as 8- or 16-bit grey, RGB or CMYK")
    elif max(tags.get(COLOUR_MAP, (256,))) < 256:
        raise Unfit("has a palette of an older kind, which would come out black: save it as PNG")
    elif image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
    colour = image.convert("L") if image.mode in GREY else image
    if colour.mode not in ("L", "CMYK"):
        colour = colour.convert("RGBA").convert("RGB") if alpha else colour.convert("RGB")
    rgb = _in_srgb(colour, profile)
    if alpha is None:
        return rgb, None
    flat = Image.new("RGB", rgb.size, page)
    flat.paste(rgb, mask=alpha)
    return flat, alpha


def _upright(image: Image.Image) -> Image.Image:
    """As its EXIF data says, however strange the rest of that is."""
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:  # Pillow raises almost anything here too
        turn = None  # it does not say which side is up
    return image if turn is None else image.transpose(turn)


def _eight_bit(image: Image.Image) -> Image.Image:
    # 65535 becomes 255, so a step is 257; the half rounds to the nearest.
    return image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converted by its colour profile; by the plain formula where there is none, or none that can be used."""
    if profile:
        try:
            from PIL import ImageCms  # absent from some builds of Pillow

            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted
        except (ImportError, OSError, ValueError, TypeError, ImageCms.PyCMSError):
            pass
    return image.convert("RGB")
