"""Does the distance behave like one, and say no to what draws nothing?"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from handstyle.inspection.likeness import SIDE, Seen, distance, mean_distances, nearer_to_truth, strokes


def drawing(seed: int = 0) -> Image.Image:
    """Outlined shapes on white, as an icon has them."""
    chance, page = np.random.default_rng(seed), Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(page)
    for _ in range(5):
        left, top, *colour = (int(value) for value in chance.integers((5, 5, 0, 0, 0), (40, 40, 256, 256, 256)))
        pen.ellipse((left, top, left + 18, top + 14), fill=tuple(colour), outline="black", width=2)
    return page


def apart(one: Image.Image, other: Image.Image) -> float:
    return distance(strokes(one), strokes(other))


def test_a_picture_is_at_no_distance_from_itself() -> None:
    assert apart(drawing(), drawing()) == 0
    assert apart(drawing(), drawing(1)) > 0.001


def test_it_does_not_matter_from_which_end_one_measures() -> None:
    assert apart(drawing(1), drawing(2)) == apart(drawing(2), drawing(1))


def test_a_detour_is_never_shorter() -> None:
    for a, b, c in ((0, 1, 2), (3, 4, 5), (2, 0, 4)):
        assert apart(drawing(a), drawing(c)) <= apart(drawing(a), drawing(b)) + apart(drawing(b), drawing(c)) + 1e-12


def test_where_things_stand_does_not_matter_only_what_they_look_like() -> None:
    """Strokes moved whole are the same strokes; those of a mirrored picture run the other way: near, not the same."""
    page, moved = Image.new("RGB", (SIDE, SIDE), "white"), Image.new("RGB", (SIDE, SIDE), "white")
    blot = drawing().crop((8, 8, 32, 32))
    page.paste(blot, (8, 8))
    moved.paste(blot, (32, 24))  # by multiples of the coarsest scale
    assert apart(page, moved) == pytest.approx(0, abs=1e-12)
    mirrored = apart(drawing(), ImageOps.mirror(drawing()))
    assert 0 < mirrored < min(apart(drawing(), drawing(n)) for n in range(1, 6))


def test_it_grows_with_blur() -> None:
    far = [apart(drawing(), drawing().filter(ImageFilter.GaussianBlur(radius))) for radius in (0.5, 1, 2, 4)]
    assert far == sorted(far) and far[0] > 0


def test_it_grows_with_a_change_of_colour() -> None:
    def tinted(share: float) -> Image.Image:
        return Image.blend(drawing(), Image.new("RGB", (SIDE, SIDE), "red"), share)

    far = [apart(drawing(), tinted(share)) for share in (0.1, 0.2, 0.4, 0.8)]
    assert far == sorted(far) and far[0] > 0


def test_pictures_of_any_size_can_be_compared() -> None:
    large = drawing().resize((256, 256), Image.Resampling.NEAREST)
    assert apart(drawing(), large) == pytest.approx(0, abs=1e-12)
    assert apart(drawing(), drawing().resize((16, 16)).convert("L")) > 0


def test_the_distance_of_a_prompt_is_the_mean_over_its_seeds() -> None:
    truth = [strokes(drawing(0)), strokes(drawing(1))]
    found = mean_distances([[drawing(0), drawing(2)], [drawing(1), drawing(1)]], truth)
    assert found.tolist() == pytest.approx([apart(drawing(0), drawing(2)) / 2, 0])


def test_a_picture_is_looked_at_once_in_each_way() -> None:
    looked: list[Image.Image] = []

    def look(image: Image.Image) -> int:
        looked.append(image)
        return len(looked)

    seen, one, other = Seen(), drawing(0), drawing(0)
    assert [seen.of(look, image) for image in (one, one, other, one)] == [1, 1, 2, 1], "alike is not the same"
    assert seen.of(strokes, one) is seen.of(strokes, one) and len(looked) == 2
    for left in range(50):  # made and let go: none of them may be taken for one before it
        assert seen.of(look, drawing(left % 3)) == 3 + left


def nearer(base: list[float], style: list[float], white: list[float]) -> tuple[int, bool, int]:
    found = nearer_to_truth(
        np.array(base), np.array(style), {"a white picture": np.array(white)}, seeds=(1, 2), base_prompt="{caption}"
    )
    return found.nearer, found.admissible, found.competitors[0].beats_base


def test_prompts_are_counted_and_a_draw_is_no_win() -> None:
    assert nearer([1, 1, 1, 1], [0.5, 1, 2, 0.9], [2, 2, 2, 2]) == (2, True, 0)


def test_a_draw_is_no_defeat_either() -> None:
    far = np.array([1.0, 1.0, 1.0, 1.0])
    found = nearer_to_truth(far, np.array([0.5, 1.0, 2.0, 0.9]), {}, seeds=(1,), base_prompt="{caption}")
    assert (found.nearer, found.ties, found.further) == (2, 1, 1)


@pytest.mark.parametrize(("beaten", "admissible"), [(2, True), (3, False)])
def test_a_distance_under_which_nothing_often_beats_the_base_is_not_admissible(beaten: int, admissible: bool) -> None:
    white = [0.5] * beaten + [2.0] * (4 - beaten)
    assert nearer([1] * 4, [0.5] * 4, white) == (4, admissible, beaten)
