"""Is a picture described as what it is, and is each part left out as often as the recipe says?"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handstyle.origination import words
from handstyle.origination.recipe import WordsRecipe
from handstyle.origination.words import Said, described, said


def disc(colour: str, outline: str | None = None) -> np.ndarray:
    page = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(page).ellipse((8, 8, 56, 56), fill=colour, outline=outline, width=3)
    return np.asarray(page)


@pytest.mark.parametrize(
    ("colour", "word"),
    [("#dd2e44", "red"), ("#f4900c", "orange"), ("#ffcc4d", "yellow"), ("#77b255", "green"), ("#3b88c3", "blue"),
     ("#55acee", "light blue"), ("#9266cc", "purple"), ("#f4abba", "pink"), ("#8a4b38", "brown"), ("#292f33", "black"),
     ("#99aab5", "grey"), ("#f0eef6", "white")],
)  # fmt: skip
def test_a_colour_has_the_word_people_use(colour: str, word: str) -> None:
    assert words.main_colour(disc(colour)) == word


def test_no_colour_of_many_is_the_main_one() -> None:
    pixels = np.full((64, 64, 3), 255, np.uint8)
    for n, colour in enumerate([(220, 45, 50), (90, 170, 70), (50, 115, 210), (253, 205, 70)]):
        pixels[8:40, 8 + 10 * n : 18 + 10 * n] = colour
    assert words.main_colour(pixels) == ""
    assert words.main_colour(np.full((64, 64, 3), 255, np.uint8)) == ""


def test_outline_and_shading_are_seen() -> None:
    assert "dark outline" in words.attributes(disc("#ffcc4d", "black"))
    assert set(words.attributes(disc("#ffcc4d"))) == {"no outline", "flat colours"}
    shaded = disc("#ffcc4d").copy()
    shaded[words.ink(shaded)] = (shaded * np.linspace(0.5, 1, 64)[None, :, None]).astype(np.uint8)[words.ink(shaded)]
    assert "gradients" in words.attributes(shaded)


def test_a_caption_is_taken_apart() -> None:
    found = said("cat face; pet, whiskers", "flat style", disc("#ffcc4d"))
    assert (found.name, found.keywords, found.phrase, found.colour) == (
        "cat face", ("pet", "whiskers"), "flat style", "yellow",
    )  # fmt: skip
    assert said("cat", "flat style", disc("#ffcc4d")).keywords == ()


def test_each_part_is_left_out_as_often_as_the_recipe_says() -> None:
    chance = np.random.default_rng(0)
    one = Said("cat", ("pet",), "flat style", "", ("flat colours",))
    recipe = WordsRecipe(nothing=0.1, no_phrase=0.2, no_attributes=0.5, keywords=0.3, templates=0.2)
    drawn = [described(one, recipe, chance) for _ in range(4000)]
    assert np.mean([text == "" for text in drawn]) == pytest.approx(0.1, abs=0.02)
    spoken = [text for text in drawn if text]
    assert np.mean(["flat style" in text for text in spoken]) == pytest.approx(0.8, abs=0.03)
    assert np.mean(["flat colours" in text for text in spoken]) == pytest.approx(0.35, abs=0.03)
    assert np.mean(["pet" in text for text in spoken]) == pytest.approx(0.3, abs=0.03)


def test_so_many_hands_are_called_by_words_that_nobody_knows() -> None:
    one, recipe = Said("cat", (), "flat style", "", ()), WordsRecipe(nothing=0, no_content=1, no_phrase=0)
    chance = np.random.default_rng(0)
    drawn = [described(one, recipe, chance, unknown_hand=0.25) for _ in range(2000)]
    invented = [text for text in drawn if text != "flat style"]
    assert len(invented) / len(drawn) == pytest.approx(0.25, abs=0.03)
    assert len(set(invented)) > 0.8 * len(invented)
    assert sum(text.endswith(" style") for text in invented) > 0.3 * len(invented)
    assert any(text.startswith("<s") for text in invented), "identifiers, too"


@pytest.mark.parametrize("identifiers", [0, 2, 40])
def test_only_identifiers_that_the_tokenizer_knows_are_said(identifiers: int) -> None:
    chance = np.random.default_rng(0)
    said = {words.invented(chance, identifiers).split()[0] for _ in range(3000)}
    known = {f"<s{number}>" for number in range(1, identifiers + 1)}
    assert {word for word in said if word.startswith("<")} == known


def test_where_no_hand_is_unknown_descriptions_are_what_they_were() -> None:
    one, recipe = Said("cat", ("pet",), "flat style", "", ("flat colours",)), WordsRecipe()
    before, now = (
        [described(one, recipe, np.random.default_rng(seed), **more) for seed in range(50)]
        for more in ({}, {"unknown_hand": 0.0})
    )
    assert before == now


def test_a_recoloured_picture_always_says_its_colour() -> None:
    chance, recipe = np.random.default_rng(0), WordsRecipe(nothing=0, no_content=0)
    one = Said("cat", (), "flat style", "blue", (), must_say_colour=True)
    assert all("blue cat" in described(one, recipe, chance) for _ in range(200))


def test_an_article_fits_its_word() -> None:
    chance, recipe = np.random.default_rng(0), WordsRecipe(nothing=0, no_content=0, keywords=0, templates=1)
    drawn = {described(Said("apple", (), "", "", ()), recipe, chance).rstrip(", ") for _ in range(100)}
    assert "an apple" in drawn and not any("a apple" in text.split(", ")[0] for text in drawn if "an " not in text)


def test_what_has_letters_is_not_mirrored() -> None:
    assert not Said("stop sign", (), "", "", ()).may_be_mirrored
    assert Said("cat", (), "", "", ()).may_be_mirrored
