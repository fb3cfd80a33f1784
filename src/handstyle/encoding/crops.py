"""Which crop of a picture, at which size, goes into training?"""

from __future__ import annotations

from dataclasses import dataclass

from handstyle.errors import CollectionFaulty

Size = tuple[int, int, int, int]  # height and width of a picture, top and left of the crop, in pixels
Extent = tuple[int, int]  # width and height, in pixels


@dataclass(frozen=True)
class Crop:
    """A rectangle of the original, in its pixels, resized to `size`."""

    left: int
    top: int
    width: int
    height: int
    size: Extent
    mirrored: bool = False

    @property
    def box(self) -> tuple[int, int, int, int]:
        return (self.left, self.top, self.left + self.width, self.top + self.height)

    @property
    def is_square(self) -> bool:
        return self.width == self.height and self.size[0] == self.size[1]

    def as_json(self) -> list[int]:
        """A square says its side and its size once: caches were filled under these keys before there were others."""
        where = [self.width, self.size[0]] if self.is_square else [self.width, self.height, *self.size]
        return [self.left, self.top, *where, int(self.mirrored)]

    def share_of(self, width: int, height: int) -> float:
        """How much of a picture's area it keeps."""
        return self.width * self.height / (width * height)


def crop_to(width: int, height: int, size: Extent, *, mirrored: bool = False) -> Crop:
    """The largest rectangle around the middle that has the proportions of `size`, to the nearest pixel."""
    across, down = width, height
    if width * size[1] > height * size[0]:
        across = max(1, round(height * size[0] / size[1]))
    else:
        down = max(1, round(width * size[1] / size[0]))
    return Crop((width - across) // 2, (height - down) // 2, across, down, size, mirrored)


def centre_crop(width: int, height: int, size: int, *, mirrored: bool = False) -> Crop:
    """The largest square around the middle."""
    return crop_to(width, height, (size, size), mirrored=mirrored)


def size_of(width: int, height: int, crop: Crop) -> Size:
    """How large the original is, and where the crop lies when the picture is shrunk so that the crop has its size: what
    SDXL is told of each picture (Podell et al. 2023, section 2.2)."""
    left = width - crop.width - crop.left if crop.mirrored else crop.left
    return (height, width, round(crop.top * crop.size[1] / crop.height), round(left * crop.size[0] / crop.width))


def check_resolution(resolution: int, pixel_multiple: int) -> None:
    """Raises CollectionFaulty for a size the base cannot work at."""
    if resolution % pixel_multiple:
        nearest = max(pixel_multiple, round(resolution / pixel_multiple) * pixel_multiple)
        raise CollectionFaulty(
            f"this base works at multiples of {pixel_multiple} pixels, not at {resolution}",
            hint=f"Set `resolution = {nearest}` in the recipe.",
        )
