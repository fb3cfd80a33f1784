"""Does a permission come about between people as the pages say, and can a person read what is signed?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "collection"))  # what consents are made from in tests

from consents import ADA, ADA_HOLDS, PRESS, PRESS_HOLDS, STRANGER, TODAY

from handstyle import consenting, keys
from handstyle.collection import consent
from handstyle.errors import CollectionFaulty, ConsentBroken, RecordDamaged, UsageMistake

TERMS = """
keeper = "Studio Example"
contact = "rights@studio.example"
author = "Ada Example"
{holders}
[scope]
methods = ["lora"]
bases = ["stable-diffusion-1"]
territory = ["everywhere"]
valid_from = 2026-01-01
valid_until = 2026-12-31
"""


def table(holder: dict[str, Any]) -> str:
    return "[[holders]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in holder.items())


@pytest.fixture
def works(tmp_path: Path) -> Path:
    folder = tmp_path / "works"
    folder.mkdir()
    for name, colour in {"secret-lighthouse": "red", "secret-cliff": "blue"}.items():
        Image.new("RGB", (300, 200), colour).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def drafted(works: Path, tmp_path: Path) -> consenting.Drafted:
    terms = tmp_path / "terms.toml"
    terms.write_text(TERMS.format(holders=table(ADA_HOLDS) + table(PRESS_HOLDS)))
    return consenting.draft(works, terms, tmp_path / "out", on=TODAY)


def yes(words: str, number: str) -> bool:
    return True


def test_terms_to_fill_in_say_no_to_everything(works: Path, tmp_path: Path) -> None:
    made = consenting.draft(works, None, tmp_path, on=TODAY)
    again = consenting.draft(works, Path(made.terms), tmp_path / "out", on=TODAY)
    assert again.file and again.without_key == ("NAME OF THE ARTIST",)
    words = consent.read(Path(again.file)).statement.predicate.words
    assert {answer.answer for passage in words for answer in passage.answers} == {"No"}
    with pytest.raises(UsageMistake, match="there already"):
        consenting.draft(works, None, tmp_path)


def test_from_a_draft_to_the_last_signature(drafted: consenting.Drafted, works: Path) -> None:
    file = Path(drafted.file or "")
    assert consenting.check(file, works, on=TODAY).state == "requested"
    first = consenting.sign(file, lambda: ADA, agree=yes, on=TODAY)
    assert (first.state, first.missing) == ("requested", ("Example Press",))
    second = consenting.sign(file, lambda: PRESS, agree=yes, on=TODAY)
    assert (second.state, second.missing) == ("given", ())
    seen = consenting.check(file, works, on=TODAY)
    assert seen.holds and set(seen.covered) == {"secret-cliff.png", "secret-lighthouse.png"}


def test_a_picture_it_does_not_name_is_named(drafted: consenting.Drafted, works: Path) -> None:
    file = Path(drafted.file or "")
    for signer in (ADA, PRESS):
        consenting.sign(file, lambda signer=signer: signer, agree=yes, on=TODAY)  # type: ignore[misc]
    Image.new("RGB", (300, 200), "green").save(works / "new.png")
    seen = consenting.check(file, works, on=TODAY)
    assert (seen.not_covered, seen.holds) == (("new.png",), False)


def test_who_signs_is_shown_the_words_and_may_say_no(drafted: consenting.Drafted) -> None:
    shown = []

    def no(words: str, number: str) -> bool:
        shown.append((words, number))
        return False

    before = Path(drafted.file or "").read_bytes()
    with pytest.raises(UsageMistake, match="nothing was signed"):
        consenting.sign(Path(drafted.file or ""), lambda: ADA, agree=no)
    ((words, number),) = shown
    assert number == drafted.number and "Permission to train" in words
    assert Path(drafted.file or "").read_bytes() == before


def test_copies_signed_apart_come_together_and_others_do_not(drafted: consenting.Drafted, tmp_path: Path) -> None:
    file, copy = Path(drafted.file or ""), tmp_path / "copy.consent.json"
    copy.write_bytes(file.read_bytes())
    consenting.sign(copy, lambda: PRESS, agree=yes)
    consenting.sign(file, lambda: ADA, agree=yes)
    assert not consenting.sign(file, None, further=[copy], agree=yes).missing
    changed = consent.drafted(consent.read(file).statement).data
    (tmp_path / "other.consent.json").write_bytes(changed[:-1])
    with pytest.raises(ConsentBroken):
        consenting.sign(file, None, further=[tmp_path / "other.consent.json"], agree=yes)


def test_a_signed_file_is_not_drafted_over(drafted: consenting.Drafted, works: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageMistake, match="may be signed"):
        consenting.draft(works, tmp_path / "terms.toml", tmp_path / "out", on=TODAY)


def test_what_ends_soon_is_listed(drafted: consenting.Drafted, tmp_path: Path) -> None:
    (tmp_path / "out" / "broken.consent.json").write_bytes(b"{}")
    states = {Path(seen.file).name: seen.state for seen in consenting.listed(tmp_path, on=TODAY)}
    assert states == {"ada-example.consent.json": "requested", "broken.consent.json": "broken"}
    assert consenting.listed(tmp_path, expiring=timedelta(days=36), on=TODAY)
    assert not consenting.listed(tmp_path, expiring=timedelta(days=35), on=TODAY)


def test_the_states_follow_the_calendar(drafted: consenting.Drafted) -> None:
    file = Path(drafted.file or "")
    for signer in (ADA, PRESS):
        consenting.sign(file, lambda signer=signer: signer, agree=yes)  # type: ignore[misc]
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [consenting.check(file, on=day).state for day in days] == ["begins later", "given", "given", "ended"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../contract.pdf", "a\\\\b"])
def test_a_document_is_not_read_from_anywhere_else(works: Path, tmp_path: Path, name: str) -> None:
    documents = f'documents = [{{ file = "{name}", says = "a contract" }}]\n'
    (tmp_path / "contract.pdf").write_bytes(b"a contract")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "terms.toml").write_text(documents + TERMS.format(holders=table(ADA_HOLDS)))
    with pytest.raises(RecordDamaged, match="beside the terms"):
        consenting.draft(works, tmp_path / "in" / "terms.toml", tmp_path / "out")


def test_a_folder_with_faulty_pictures_is_not_drafted(works: Path, tmp_path: Path) -> None:
    (works / "empty.png").write_bytes(b"")
    Image.new("RGB", (300, 200), "red").save(works / "copy.png")
    (tmp_path / "terms.toml").write_text(TERMS.format(holders=table(ADA_HOLDS)))
    with pytest.raises(CollectionFaulty) as refused:
        consenting.draft(works, tmp_path / "terms.toml", tmp_path / "out")
    assert len(refused.value.faults) == 2


# The page


def test_the_page_shows_every_signed_word_and_the_number(drafted: consenting.Drafted) -> None:
    page = Path(drafted.page or "").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split("</main>")[0].split("<main>")[1]))
    statement = consent.read(Path(drafted.file or "")).statement
    for passage in statement.predicate.words:
        answers = [words for answer in passage.answers for words in (answer.use, answer.answer, answer.more)]
        assert all(words in text for words in (passage.heading, *passage.lines, *answers))
    assert drafted.number in page


def test_the_page_promises_no_more_than_it_can_keep(drafted: consenting.Drafted) -> None:
    page = " ".join(Path(drafted.page or "").read_text(encoding="utf-8").split())
    assert "for ever" not in page, "a signature outlives neither its key nor its mathematics"
    assert "every word, date and number in the frame" in page, "names and small pictures stand outside, and above"


def test_what_is_signed_says_that_it_travels_names_the_author_and_lets_pictures_be_made(
    drafted: consenting.Drafted,
) -> None:
    words = {passage.heading: " ".join(passage.lines)
             for passage in consent.read(Path(drafted.file or "")).statement.predicate.words}  # fmt: skip
    assert "also receives this text as it was signed" in words["What others will see"]
    assert "by Ada Example" in words["What others will see"]
    assert "can take it back at any time and without a reason" in words["Where and how long"]
    assert any("To teach it is also to let it make some" in text for text in words.values())


def test_nothing_unsigned_stands_in_the_frame(drafted: consenting.Drafted) -> None:
    page = Path(drafted.page or "").read_text(encoding="utf-8")
    frame = page.split("</main>")[0].split("<main>")[1]
    words = {line for passage in consent.read(Path(drafted.file or "")).statement.predicate.words
             for line in (passage.heading, *passage.lines, *(words for answer in passage.answers
                          for words in (answer.use, answer.answer, answer.more)))}  # fmt: skip
    assert {line.strip() for line in re.sub(r"<[^>]+>", "\n", frame).splitlines()} <= words
    assert "secret-lighthouse" not in frame


def test_the_page_needs_nothing_else_and_shows_pictures_only_where_chosen(works: Path, tmp_path: Path) -> None:
    (tmp_path / "terms.toml").write_text(TERMS.format(holders=table(ADA_HOLDS)))
    for pictures in (False, True):
        made = consenting.draft(works, tmp_path / "terms.toml", tmp_path / f"out-{pictures}", pictures=pictures)
        page = Path(made.page or "").read_text(encoding="utf-8")
        assert ("<img" in page) == pictures
        assert "secret-lighthouse.png" in page
        assert not re.findall(r"<script|(?:src|href)=\"(?!data:)|url\(|@import", page)


def test_a_name_with_signs_in_it_stays_a_name(works: Path, tmp_path: Path) -> None:
    holder = {**ADA_HOLDS, "name": "Ada <b onclick=alert(1)> & Co"}
    (tmp_path / "terms.toml").write_text(TERMS.format(holders=table(holder)))
    made = consenting.draft(works, tmp_path / "terms.toml", tmp_path / "out")
    assert "<b onclick" not in Path(made.page or "").read_text(encoding="utf-8")


@pytest.mark.browser
def test_the_page_fits_a_phone_and_a_sheet(drafted: consenting.Drafted, tmp_path: Path, chromium: Path) -> None:
    page = Path(drafted.page or "")
    measuring = tmp_path / "measuring.html"
    script = "<script>document.title=document.documentElement.scrollWidth+' '+innerWidth</script>"
    measuring.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{script}</body>"), encoding="utf-8")
    answer = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=500,900", "--dump-dom",
         measuring.as_uri()], capture_output=True, text=True, timeout=60
    )  # fmt: skip
    width, room = map(int, re.findall(r"<title>(\d+) (\d+)</title>", answer.stdout)[0])
    assert width <= room


# Keys


def test_a_new_key_lies_behind_its_passphrase_as_openssh_writes_it(tmp_path: Path) -> None:
    line = consenting.own_key(tmp_path / "ada", lambda: "open sesame")
    assert (tmp_path / "ada").read_bytes().startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    assert (tmp_path / "ada.pub").read_text().strip() == line
    with pytest.raises(UsageMistake, match="passphrase"):
        keys.read_key(tmp_path / "ada")
    assert keys.public_line(keys.read_key(tmp_path / "ada", lambda: "open sesame").public_key()) == line
    with pytest.raises(UsageMistake, match="never overwritten"):
        consenting.own_key(tmp_path / "ada", lambda: "")


def test_a_stranger_cannot_sign(drafted: consenting.Drafted) -> None:
    with pytest.raises(UsageMistake, match="none of the holders"):
        consenting.sign(Path(drafted.file or ""), lambda: STRANGER, agree=yes)
