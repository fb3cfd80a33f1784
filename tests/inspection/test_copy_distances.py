"""Is a copy found that was cropped, mirrored or put on other paper, and is a collage seen for what it is?"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from handstyle.demonstration import EXAMPLE
from handstyle.inspection.collage import Pieces
from handstyle.inspection.copy_distances import Looked
from handstyle.inspection.memorisation import reduced, tiled_distance


@pytest.fixture(scope="module")
def works() -> list[Image.Image]:
    found = []
    for path in sorted((EXAMPLE / "works").glob("*.png"))[:8]:
        with Image.open(path) as image:
            page = Image.new("RGB", image.size, "white")
            page.paste(image, mask=image.convert("RGBA").getchannel("A"))
            found.append(page)
    return found


def test_the_same_work_is_no_distance_away_and_nothing_else_is(works: list[Image.Image]) -> None:
    looked = Looked(works)
    for place, work in enumerate(works):
        distances = looked.distances(work)
        for kind in (distances.tiled, distances.whole, distances.drawn):
            assert kind[place] == 0 and (np.delete(kind, place) > 0.02).all()


def test_a_copy_is_found_cropped_and_mirrored(works: list[Image.Image]) -> None:
    looked, width = Looked(works), works[3].width
    cropped = works[3].crop((0, 0, round(0.75 * width), round(0.75 * works[3].height)))
    for copy in (works[3].transpose(Image.Transpose.FLIP_LEFT_RIGHT), cropped):
        assert looked.distances(copy).tiled.argmin() == 3
        assert looked.distances(copy).tiled[3] < 0.02


def test_what_is_drawn_counts_and_not_the_paper(works: list[Image.Image]) -> None:
    pixels = np.asarray(works[2]).copy()
    pixels[(pixels > 250).all(axis=-1)] = (200, 220, 255)
    distances = Looked(works).distances(Image.fromarray(pixels))
    assert distances.drawn[2] < distances.whole[2]


def test_the_tiled_distance_is_the_one_of_the_report(works: list[Image.Image]) -> None:
    here = Looked(works[:1]).distances(works[1]).tiled[0]
    plain = reduced(works[0])
    one = min(tiled_distance(reduced(works[1]), form) for form in (plain, plain[:, ::-1]))
    assert here <= one + 1e-12


def test_a_collage_of_the_works_is_covered_by_them_and_another_drawing_is_not(works: list[Image.Image]) -> None:
    pieces = Pieces(works[:6])
    squares = [np.asarray(work.resize((64, 64), Image.Resampling.BOX)) for work in works]
    mixed = np.concatenate([squares[0][:32], squares[4][32:]])
    collage, other = pieces.cover(Image.fromarray(mixed)), pieces.cover(works[7])
    assert collage.distance < 1e-6 < 0.02 < other.distance
    assert np.asarray(collage.picture).tolist() == mixed.tolist()
    assert other.picture.size == (64, 64)
