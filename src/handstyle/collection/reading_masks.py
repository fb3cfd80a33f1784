"""Is what lies beside a work a mask of it?"""

from __future__ import annotations

from handstyle.collection.layout import Layout
from handstyle.collection.pixels import Unfit, read_picture
from handstyle.collection.reading import Shown
from handstyle.collection.works import Mask

BLACK = (0, 0, 0)  # where a mask is transparent, nothing counts


def read_mask(laid: Layout, name: str, shown: Shown) -> Mask | Unfit | None:
    """The mask of a work, or why it cannot be one; None where there is none."""
    place = laid.masks.get(name)
    if place is None:
        return None
    try:
        picture = read_picture(laid.folder / place, BLACK)
    except Unfit as unfit:
        return unfit
    if picture.image.size != (shown.width, shown.height):
        width, height = picture.image.size
        return Unfit(
            f"is {width} x {height} pixels, and its picture {shown.width} x {shown.height}: make them the same"
        )
    return Mask(name=place, pixels_sha256=picture.pixels_sha256)
