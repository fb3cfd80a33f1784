"""Do the pictures made from works show what they are described as?"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from handstyle.origination import pictures
from handstyle.origination.pictures import Picture, further
from handstyle.origination.recipe import PicturesRecipe
from handstyle.origination.words import ink, main_colour, said


def work(name: str, colour: str, phrase: str = "flat style") -> Picture:
    page = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(page).rectangle((12, 12, 52, 52), fill=colour)
    pixels = np.asarray(page)
    return pixels, said(f"{name}; toy", phrase, pixels)


def test_a_recoloured_work_has_another_colour_and_says_it() -> None:
    for seed in range(10):
        made = pictures.recoloured(work("red heart", "#dd2e44"), np.random.default_rng(seed))
        if made:
            pixels, words = made
            assert words.name == "heart" and words.colour == main_colour(pixels) != "red"
            assert (ink(pixels) == ink(work("heart", "#dd2e44")[0])).all()


def test_what_has_no_colour_to_turn_is_not_recoloured() -> None:
    assert pictures.recoloured(work("coal", "#222222"), np.random.default_rng(0)) is None
    assert pictures.recoloured(work("red", "#dd2e44"), np.random.default_rng(0)) is None  # nothing but a colour's name


def test_on_a_colour_the_work_itself_stays() -> None:
    before, _ = work("ball", "#dd2e44")
    pixels, words = pictures.on_colour(work("ball", "#dd2e44"), np.random.default_rng(3))
    assert " on a " in words.name and words.name.endswith("background")
    assert (pixels[16:48, 16:48] == before[16:48, 16:48]).all()
    assert not (pixels[0, 0] == 255).all()


def test_white_inside_a_work_stays_white() -> None:
    pixels, words = work("ring", "#dd2e44")
    pixels = pixels.copy()
    pixels[28:36, 28:36] = 255
    laid, _ = pictures.on_colour((pixels, words), np.random.default_rng(3))
    assert (laid[30:34, 30:34] == 255).all()


def test_two_in_company_both_show_and_are_both_named() -> None:
    for seed in range(8):
        one, other = work("cat", "#dd2e44"), work("dog", "#3b88c3")
        pixels, words = pictures.in_company(one, other, np.random.default_rng(seed))
        assert words.name.startswith("cat") and words.name.endswith("dog")
        drawn = pixels[ink(pixels)].astype(int)
        red, blue = (drawn[:, 0] > drawn[:, 2]).mean(), (drawn[:, 2] > drawn[:, 0]).mean()
        assert red > 0.15 and blue > 0.15


def test_company_is_of_one_hand_and_the_numbers_are_the_recipes() -> None:
    works = [work(f"a{n}", "#dd2e44", "one") for n in range(10)] + [work(f"b{n}", "#222222", "two") for n in range(10)]
    recipe = PicturesRecipe(recoloured=0, in_company=0.5, on_colour=0.2)
    made = list(further(works, recipe, np.random.default_rng(0)))
    assert len(made) == 10 + 4
    together = [words.name for _, words in made if "background" not in words.name]
    assert len(together) == 10
    assert all(("a" in name.split()[0]) == ("a" in name.split()[-1]) for name in together)


def test_the_same_chance_makes_the_same_pictures() -> None:
    works = [work(f"a{n}", "#dd2e44") for n in range(6)]
    one, other = (list(further(works, PicturesRecipe(), np.random.default_rng(5))) for _ in range(2))
    assert [words for _, words in one] == [words for _, words in other]
    assert all((a == b).all() for (a, _), (b, _) in zip(one, other, strict=True))
