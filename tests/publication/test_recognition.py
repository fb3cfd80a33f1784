"""Is a name found however it is written, and are ordinary words left in peace?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from handstyle.publication.recognition import is_named_in, sighting

# Names of people and houses, among them many that are words.
NAMES = """
Hollie Mengert; Ana Ruiz; Ada Example; Example Press; The Mozilla Foundation; Noto Emoji; Penguin Press; Rose; Ink; Li;
Jack Stone; Lily Green; Sam Allen; Mark Young; Grace Hopper; Will Smith; Bill Brown; Frank Baker; Art Page; May Rivers;
Dean Bush; Ray Winter; Amber Fox; Violet Sky; Robin Wood; Wolf King; Max Field; Olive Hill; Pat Marsh; Rob Banks; Ng;
Ella Ann Lee; Theo Ellis; Ian Martin; Eva Angel; Tom Rain; Iris Line; Ida West; Ron Ito; Nora Lane; Cy Dot; Ed Art
""".replace("\n", " ").split(";")

TITLES = """
Soft outline; Rose-garden pictures; Drinking songs; Ink on paper; Pen-and-ink drawings; Stone walls in the rain;
Lily ponds; Green hills; Young animals; Graceful lines; Brown bears; Bakery windows; Page borders; River views; Thorn
bushes; Winter light; Amber lamps; Foxes and hares; Violet shadows; Sky studies; Robins in winter; Woodcuts; King of the
forest; Fields in May; Olive trees; Marshland birds; Banks of the river; Lanes and hedges; Western skies; Angels and
demons; Rainy streets; Line drawings; Challenging angles; Trellis patterns; Prose and poetry; Primroses; Pink flamingos;
Thinking caps; Alien landscapes; Valley of shadows; Marking time; Dotted patterns; Cartoon animals; Flat icons; Polite
penguins; Examples of shading; Pressed flowers; Pixel cats; Emoji faces; Watercolour skies; Bold silhouettes; Ledgers;
Geometric foxes; Hand-drawn maps; Sketchbook pages; Charcoal portraits; City lights; Quiet interiors; Marine life; Toy
trains; Space stations; Kitchen still lifes; Folk ornaments; Botanical plates; Comic strips; Wolves at night; Train
stations; Lithographs; Limestone cliffs; Paper lanterns; Marble statues; Small boats; Old bridges; Summer orchards;
Autumn leaves; Hopping rabbits; Willow trees; Smithies and forges; Billboards; Frankly funny faces; Maybe cats; Deans of
the college; X-ray fish; Maximal patterns; Patterns; Robes and crowns; Elastic shapes; Theories of colour; Martial arts;
Evening trains; Tomatoes; Iridescent shells; Idle hours; Iron gates; Normal maps; Cycles; Edges; Eastern tales; Lights;
Hollow logs; Holly wreaths; Megaliths; Banana ruins; An arid zone; Analogue clocks; hndst drawing; sks style
""".replace("\n", " ").split(";")


@pytest.mark.parametrize("title", [title.strip() for title in TITLES])
def test_an_ordinary_title_names_nobody(title: str) -> None:
    named = [name.strip() for name in NAMES if is_named_in(name.strip(), title)]
    assert not named


def test_a_word_that_is_a_name_too_is_told_and_not_refused() -> None:
    found = sighting("Rose", "rose-garden pictures")
    assert found is not None and (found.words, found.is_certain) == ("rose", False)
    assert sighting("Rose", "primrose path") is None
    assert sighting("Ink", "drinking") is None


@pytest.mark.parametrize(
    "title",
    [
        *("Rose", "ROSES", "Rose style", "rosestyle", "in the style of Rose", "by Rose", "Rose's lines"),
        *("r0se garden", "ro$e garden", "Rоse garden", "r o s e garden", "r-o-s-e"),  # the third has a Cyrillic letter
    ],
)
def test_a_name_that_is_a_word_is_found_where_it_is_meant_or_disguised(title: str) -> None:
    assert is_named_in("Rose", title)


@pytest.mark.parametrize(
    "title", ["Jack Stone", "stone, jack", "J. Stone", "jstone", "Stone", "stone style", "st0ne walls"]
)
def test_of_a_longer_name_a_word_is_found_beside_the_rest_of_it_alone_or_disguised(title: str) -> None:
    assert is_named_in("Jack Stone", title)


@pytest.mark.parametrize("title", ["Stone walls", "Jack-in-the-box", "cobblestone roads", "a stone's throw"])
def test_of_a_longer_name_a_word_alone_in_a_sentence_is_a_word(title: str) -> None:
    assert not is_named_in("Jack Stone", title)


@pytest.mark.parametrize(
    "title",
    [
        *("Hollie Mengert", "mengert hollie", "HOLLIE-STYLE", "holliemengert", "mengerthollie", "hollie2024"),
        *("h mengert", "H.Mengert", "hmengert", "mengert, h.", "Hollie's pencil", "myholliev2", "mengertesque"),
        *("ho llie", "hol lie", "h-o-l-l-i-e", "h.o.l.l.i.e", "men gert", "ho lliestyle", "m_e_n_g_e_r_t"),
        *("h0ll1e", "m3ng3rt", "h0!l|e", "НОLLΙЕ", "ⓗⓞⓛⓛⓘⓔ", "🅗🅞🅛🅛🅘🅔", "ℋ𝑜𝓁𝓁𝒾ℯ", "ʜᴏʟʟɪᴇ", "ＨＯＬＬＩＥ", "Ħǿłłïé"),
        *("hol\u200blie", "h\u0336o\u0336l\u0336l\u0336i\u0336e\u0336", "\u202etregnem", "𝕸𝖊𝖓𝖌𝖊𝖗𝖙"),
    ],
)
def test_a_name_is_found_in_disguise(title: str) -> None:
    assert is_named_in("Hollie Mengert", title)


def test_spellings_of_the_same_name_are_the_same_name() -> None:
    for name, title in [("Müller", "Mueller lines"), ("Mueller", "müller"), ("Bjørn", "bjorn"), ("Þóra", "thora")]:
        assert is_named_in(name, title), title


def test_a_name_in_a_script_without_spaces_is_found_inside() -> None:
    assert is_named_in("漢字太郎", "漢字太郎風 style")


def test_what_looks_alike_to_a_program_only_is_no_name() -> None:
    assert not is_named_in("Sam Allen", "alien landscapes")
    assert is_named_in("Sam Allen", "aIIen landscapes")


@pytest.mark.parametrize(
    ("name", "title"), [("Ana Ruiz", "An A"), ("Ana Ruiz", "an-a style"), ("Ana Ruiz", "the an-a lora")]
)
def test_a_short_name_in_pieces_is_the_name_where_nothing_else_is_said(name: str, title: str) -> None:
    assert is_named_in(name, title)


@pytest.mark.parametrize("title", ["an a for effort", "Soft lines", "an apple"])
def test_elsewhere_its_pieces_are_words(title: str) -> None:
    assert not is_named_in("Ana Ruiz", title)


@pytest.mark.parametrize("before", ["", "0x", "sha256:", "pictures/"])
@pytest.mark.parametrize("written", [str.lower, str.upper])
def test_a_digest_names_nobody_whatever_letters_fall_together(before: str, written: Callable[[str], str]) -> None:
    digest = before + written("64b7ada95db5487b1fec69e9fcdbd2299351f70b3186c4af3f4d5927aeeb9192")
    assert not is_named_in("Ada Example", f"{digest}.png")
    assert is_named_in("Ada Example", f"{digest}, ada5 lines")
    assert is_named_in("Ada Example", "64b7ada95db"), "too short for a digest"


def test_the_fingerprint_of_a_key_names_nobody_either() -> None:
    fingerprint = "SHA256:q7ada9XyLkWz0Rt5Vb2Nm8Qp4Hs6Jd1Fg3Kc7Tw9Ye5"
    assert not is_named_in("Ada Example", f"The signer's key is `{fingerprint}`.")
    assert is_named_in("Ada Example", f"The signer's key is `{fingerprint}`, ada9's.")
    assert is_named_in("Ada Example", fingerprint[:-1]), "too short for a fingerprint"
    assert is_named_in("Ada Example", f"{fingerprint}x"), "too long for one"
