"""Which crop of a picture, at which size, goes into training?"""

from __future__ import annotations

from dataclasses import dataclass

from handstyle.errors import CollectionFaulty

Size = tuple[int, int, int, int]  # height and width of a picture, top and left of the crop, in pixels


@dataclass(frozen=True)
class Crop:
    """A square of the original, in its pixels, resized to `size` x `size`."""

    left: int
    top: int
    side: int
    size: int
    mirrored: bool = False

    @property
    def box(self) -> tuple[int, int, int, int]:
        return (self.left, self.top, self.left + self.side, self.top + self.side)

    def as_json(self) -> list[int]:
        return [self.left, self.top, self.side, self.size, int(self.mirrored)]


def centre_crop(width: int, height: int, size: int, *, mirrored: bool = False) -> Crop:
    """The largest square around the middle."""
    side = min(width, height)
    return Crop((width - side) // 2, (height - side) // 2, side, size, mirrored)


def size_of(width: int, height: int, crop: Crop) -> Size:
    """How large the original is, and where the crop lies when the picture is shrunk so that the crop has its size: what
    SDXL is told of each picture (Podell et al. 2023, section 2.2)."""
    shrunk = crop.size / crop.side
    left = width - crop.side - crop.left if crop.mirrored else crop.left
    return (height, width, round(crop.top * shrunk), round(left * shrunk))


def share_kept(width: int, height: int) -> float:
    """How much of a picture's area its crop keeps."""
    return min(width, height) / max(width, height)


def check_resolution(resolution: int, pixel_multiple: int) -> None:
    """Raises CollectionFaulty for a size the base cannot work at."""
    if resolution % pixel_multiple:
        nearest = max(pixel_multiple, round(resolution / pixel_multiple) * pixel_multiple)
        raise CollectionFaulty(
            f"this base works at multiples of {pixel_multiple} pixels, not at {resolution}",
            hint=f"Set `resolution = {nearest}` in the recipe.",
        )
