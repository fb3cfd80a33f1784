"""Are the notes that lie beside pictures found, read and applied to the pictures they are for?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported one by one, so what they share needs a place

from reserved_files import plus

from handstyle.collection.listing import list_folder
from handstyle.collection.notes_beside import Notes
from handstyle.collection.reservation_values import Reading


def of(folder: Path, name: str = "cat.png", **notes: str) -> tuple[Reading, ...]:
    """The readings of a picture beside which these notes lie; an underscore in a name stands for the dot."""
    for note, text in notes.items():
        write(folder / note.replace("_", "."), text)
    return Notes(folder).of(name, "PNG")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def only(found: tuple[Reading, ...]) -> tuple[str, str]:
    (one,) = found
    return one.signal, one.says


def rsl(licence: str, url: str = "/", more: str = "") -> str:
    inside = f'<content url="{url}" {more}><license>{licence}</license></content>'
    return f'<rsl xmlns="https://rslstandard.org/rsl">{inside}</rsl>'


def test_a_folder_without_notes_says_nothing(tmp_path: Path) -> None:
    assert of(tmp_path) == ()


# TDMRep


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"location": "/", "tdm-reservation": 1}]', "reserved"),
        ('[{"location": "*.png", "tdm-reservation": 1}]', "reserved"),
        ('[{"location": "/", "tdm-reservation": "1"}]', "reserved"),
        ('{"location": "/", "tdm-reservation": 1}', "reserved"),
        ('[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://ada.example/p.json"}]', "on conditions"),
        ('[{"location": "/", "tdm-reservation": 0}]', "open"),
        ('[{"location": "/"}]', "open"),
        ('[{"location": "/", "tdm-reservation": 2}]', "not readable"),
        ('[{"location": "/", "tdm-reservation": true}]', "not readable"),
        ("[]", "not readable"),
        ("{", "not readable"),
        ("1", "not readable"),
        ('[{"location": "/", "tdm-reservation": 0, "tdm-reservation": 1}]', "not readable"),
        ("[" * 10_000, "not readable"),
    ],
)
@pytest.mark.parametrize("place", ["tdmrep.json", ".well-known/tdmrep.json"])
def test_tdmrep_beside_the_pictures(tmp_path: Path, place: str, text: str, says: str) -> None:
    write(tmp_path / place, text)
    (found,) = Notes(tmp_path).of("cat.png", "PNG")
    assert (found.signal, found.says) == ("tdmrep", says) and found.where.startswith(place)


def test_a_rule_for_other_pictures_does_not_count_where_one_names_the_picture(tmp_path: Path) -> None:
    rules = '[{"location": "/free/", "tdm-reservation": 0}, {"location": "/shop/", "tdm-reservation": 1}]'
    write(tmp_path / "tdmrep.json", rules)
    notes = Notes(tmp_path)
    assert only(notes.of("free/cat.png", "PNG")) == ("tdmrep", "open")
    assert only(notes.of("shop/cat.png", "PNG")) == ("tdmrep", "reserved")
    assert {one.says for one in notes.of("cat.png", "PNG")} == {"open", "reserved"}  # it lay somewhere else there


def test_notes_of_every_folder_up_to_the_root_count_and_none_above_it(tmp_path: Path) -> None:
    root = tmp_path / "works"
    write(tmp_path / "noai", "")
    write(root / "tdmrep.json", '[{"location": "/", "tdm-reservation": 1}]')
    write(root / "a" / "robots.txt", "Content-Usage: train-ai=n")
    notes = Notes(root)
    assert [one.signal for one in notes.of("a/b/cat.png", "PNG")] == ["aipref", "tdmrep"]
    assert [one.signal for one in notes.of("cat.png", "PNG")] == ["tdmrep"]


# RSL


@pytest.mark.parametrize(
    ("licence", "says"),
    [
        ('<prohibits type="usage">ai-train</prohibits>', "reserved"),
        ('<prohibits type="usage">ai-all</prohibits>', "reserved"),
        ('<prohibits type="usage">all</prohibits>', "reserved"),
        ('<prohibits type="usage">train-ai</prohibits>', "reserved"),
        ('<permits type="usage">ai-train</permits>', "open"),
        ('<permits type="usage">all</permits>', "open"),
        ('<permits type="usage">train-ai</permits><payment type="free"/>', "open"),
        ('<permits type="usage">search ai-index</permits>', "reserved"),
        ('<permits type="usage">ai-input</permits>', "reserved"),
        ('<prohibits type="usage">search</prohibits>', "open"),
        *((f'<permits type="usage">all</permits><payment type="{kind}"/>', "on conditions")
          for kind in ("purchase", "subscription", "training", "crawl", "use", "contribution", "attribution")),
        ('<permits type="usage">all</permits><permits type="user">non-commercial</permits>', "on conditions"),
        ('<permits type="usage">all</permits><permits type="geo">DE</permits>', "on conditions"),
        ('<permits type="usage">all</permits><prohibits type="geo">US</prohibits>', "on conditions"),
        ('<permits type="usage">ai-dream</permits>', "not readable"),
        ("", "on conditions"),
    ],
)  # fmt: skip
def test_a_licence_of_rsl(tmp_path: Path, licence: str, says: str) -> None:
    assert only(of(tmp_path, license_xml=rsl(licence))) == ("rsl", says)


def test_a_licence_that_a_server_gives_out_is_a_condition(tmp_path: Path) -> None:
    text = rsl('<permits type="usage">all</permits>', more='server="https://licences.example"')
    assert "on conditions" in {one.says for one in of(tmp_path, license_xml=text)}


@pytest.mark.parametrize(
    "text",
    ["", "<rsl/>", "<licence/>", '<rsl xmlns="https://rslstandard.org/rsl"/>', 
     "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
     '<rsl xmlns="https://rslstandard.org/rsl"><content url="/"/></rsl>'],
)  # fmt: skip
def test_a_licence_that_is_no_rsl_is_refused(tmp_path: Path, text: str) -> None:
    assert only(of(tmp_path, license_xml=text)) == ("rsl", "not readable")


def test_an_rsl_address_counts_by_its_path(tmp_path: Path) -> None:
    text = (
        '<rsl xmlns="https://rslstandard.org/rsl"><content url="https://ada.example/cat.png"><license>'
        '<permits type="usage">all</permits></license></content><content url="https://ada.example/dog.png"><license>'
        '<prohibits type="usage">all</prohibits></license></content></rsl>'
    )
    assert only(of(tmp_path, "cat.png", rsl_xml=text)) == ("rsl", "open")
    assert only(of(tmp_path, "dog.png")) == ("rsl", "reserved")


# robots.txt: AIPREF, Content-Signal, licences, crawlers


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("Content-Usage: train-ai=n", ["reserved"]),
        ("Content-Usage: train-ai=y", ["open"]),
        ("Content-Usage: train-genai=n", ["reserved"]),
        ("Content-Usage: bots=n", ["reserved"]),
        ("Content-Usage: search=n", []),
        ("Content-Usage: search=y, train-ai=n", ["reserved"]),
        ("content-usage: TRAIN-AI=N", ["reserved"]),
        ("Content-Usage: /cat train-ai=n", ["reserved"]),
        ("Content-Usage: train-ai=maybe", ["not readable"]),
        ("Content-Usage: train-ai", ["not readable"]),
        ("Content-Usage: dreams=n", ["reserved"]),
        ("Content-Signal: search=yes, ai-train=no", ["reserved"]),
        ("Content-Signal: ai-train=yes", ["open"]),
        ("License: https://ada.example/license.xml", ["not readable"]),
        ("User-agent: GPTBot\nDisallow: /", ["reserved"]),
        ("User-agent: Googlebot\nUser-agent: CCBot\nDisallow: /", ["reserved"]),
        ("User-agent: GPTBot\nDisallow:", []),
        ("User-agent: GPTBot\nDisallow: /x\n\nUser-agent: *\nDisallow: /", ["reserved"]),
        ("User-agent: *\nDisallow: /", []),
        ("# Content-Usage: train-ai=n", []),
    ],
)
def test_lines_of_robots(tmp_path: Path, line: str, says: list[str]) -> None:
    assert [one.says for one in of(tmp_path, robots_txt=line + "\n")] == says


def test_any_no_wins_over_a_yes(tmp_path: Path) -> None:
    found = of(tmp_path, robots_txt="Content-Usage: train-ai=y\nContent-Usage: /cat.png train-ai=n\n")
    assert {one.says for one in found} == {"open", "reserved"}


# ai.txt, noai, and words of the holder


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("User-Agent: *\nDisallow: *.png\n", ["reserved"]),
        ("User-Agent: *\nDisallow: /\n", ["reserved"]),
        ("User-Agent: *\nDisallow: *.jpg\nAllow: *.png\n", []),
        ("User-Agent: *\nAllow: /\n", []),
        ("please do not", ["not readable"]),
    ],
)
def test_ai_txt(tmp_path: Path, text: str, says: list[str]) -> None:
    assert [one.says for one in of(tmp_path, ai_txt=text)] == says


@pytest.mark.parametrize("name", ["noai", ".noai", "noai.txt", "NOAI.TXT"])
def test_a_file_called_noai_reserves_what_lies_beside_and_below(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "Ask me: ada@ada.example")
    (found,) = Notes(tmp_path).of("a/cat.png", "PNG")
    assert (found.signal, found.says, found.value) == ("noai", "reserved", "Ask me: ada@ada.example")


@pytest.mark.parametrize("signal", ["noai", "cloak"])
def test_a_holder_can_declare_a_cloak_or_a_note(tmp_path: Path, signal: str) -> None:
    text = f'[[reserved]]\nworks = ["c*"]\nsignal = "{signal}"\nsays = "ask me for clean files"\n'
    (found,) = of(tmp_path, reservations_toml=text)
    assert (found.signal, found.says, found.value) == (signal, "reserved", "ask me for clean files")
    assert of(tmp_path, "dog.png") == ()


@pytest.mark.parametrize(
    "text", ["", "works = 1", '[[reserved]]\nworks = []\nsignal = "noai"\nsays = "x"\n', "[[reserved]"]
)
def test_a_declaration_with_a_fault_is_refused(tmp_path: Path, text: str) -> None:
    assert only(of(tmp_path, reservations_toml=text)) == ("noai", "not readable")


# Beside one picture


@pytest.mark.parametrize("name", ["cat.xmp", "cat.png.xmp"])
def test_xmp_beside_a_picture_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(plus("DMI-PROHIBITED"))
    assert only(Notes(tmp_path).of("cat.png", "PNG")) == ("plus", "reserved")
    assert Notes(tmp_path).of("dog.png", "PNG") == ()


def test_credentials_beside_a_picture_need_their_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    (tmp_path / "cat.c2pa").write_bytes(b"a manifest")
    (tmp_path / "cat.png").write_bytes(b"a picture")
    assert only(Notes(tmp_path).of("cat.png", "PNG")) == ("c2pa", "not readable")


def test_a_note_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tdmrep.json").mkdir()
    assert only(Notes(tmp_path).of("cat.png", "PNG")) == ("tdmrep", "not readable")


# Notes are no captions, and captions no notes


def test_robots_txt_is_no_caption_unless_there_is_a_picture_of_robots(tmp_path: Path) -> None:
    write(tmp_path / "robots.txt", "two robots")
    assert list_folder(tmp_path).texts == ()
    (tmp_path / "robots.png").write_bytes(b"")
    assert list_folder(tmp_path).texts == ("robots.txt",)
    assert Notes(tmp_path).of("robots.png", "PNG") == ()


def test_orders_to_robots_count_also_beside_a_picture_of_robots(tmp_path: Path) -> None:
    write(tmp_path / "robots.txt", "User-agent: *\nContent-Usage: train-ai=n\n")
    (tmp_path / "robots.png").write_bytes(b"")
    assert only(Notes(tmp_path).of("robots.png", "PNG")) == ("aipref", "reserved")


NAMES = st.sampled_from(["tdmrep.json", "license.xml", "robots.txt", "ai.txt", "noai", "reservations.toml", "cat.xmp"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, st.binary(max_size=300))
def test_any_note_is_read_without_another_error(tmp_path: Path, name: str, content: bytes) -> None:
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / name).write_bytes(content)
    found = Notes(tmp_path).of("cat.png", "PNG")
    if name in ("tdmrep.json", "license.xml", "noai", "reservations.toml"):
        assert found, "a note that is there says something"
