"""Does a blind test's page give nothing away, and does it write what is read?"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections import Counter
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from tests.inspection.test_page import Document, opened

from handstyle.generation.signature import MadeFrom, signature_in
from handstyle.inspection.blind_page import COLUMNS, order, page, sheet
from handstyle.inspection.blind_test import Answers, Guesses
from handstyle.publication.marking import Marking

MARK = Marking(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
MADE = MadeFrom("base", "b" * 64, ("a" * 64,), ("c" * 64,)).as_sheet
NUMBER = 6


def drawings(shade: int) -> list[Image.Image]:
    return [Image.new("RGB", (16, 16), (shade, 10 * place, 0)) for place in range(NUMBER)]


@pytest.fixture
def answers() -> Answers:
    return order(NUMBER, "5" * 64, "a" * 64)


@pytest.fixture
def paper(answers: Answers) -> Image.Image:
    return sheet(answers, drawings(200), drawings(100))


@pytest.fixture
def html(answers: Answers, paper: Image.Image) -> str:
    return page(MARK(paper, MADE), len(answers.hands), answers.commitment)


def test_each_drawing_stands_where_the_answers_say(answers: Answers, paper: Image.Image) -> None:
    seen = []
    for place in range(len(answers.hands)):
        row, column = divmod(place, COLUMNS)
        red, green, _ = paper.getpixel((column * 16 + 8, row * 16 + 8))  # type: ignore[misc]
        seen.append((("artist" if red == 200 else "model"), green))
    assert [hand for hand, _ in seen] == list(answers.hands)
    assert Counter(seen) == Counter((hand, 10 * place) for hand in ("artist", "model") for place in range(NUMBER))


def test_the_two_drawings_of_one_thing_do_not_stand_in_the_same_order() -> None:
    """Else the third of one and the third of the other would be of one thing, and one of them real."""
    apart = 0
    for nonce in range(20):
        answers = order(NUMBER, f"{nonce:064x}", "a" * 64)
        paper = np.asarray(sheet(answers, drawings(200), drawings(100)))
        greens: dict[str, list[int]] = {"artist": [], "model": []}
        for place, hand in enumerate(answers.hands):
            row, column = divmod(place, COLUMNS)
            greens[hand].append(int(paper[row * 16 + 8, column * 16 + 8, 1]))
        apart += greens["artist"] != greens["model"]
    assert apart >= 19


def test_chance_makes_the_order() -> None:
    firsts = [order(NUMBER, f"{nonce:064x}", "a" * 64).hands[0] for nonce in range(400)]
    assert 150 < firsts.count("artist") < 250
    assert Counter(order(NUMBER, "1" * 64, "a" * 64).hands) == {"artist": NUMBER, "model": NUMBER}


def test_nothing_in_the_page_says_which_is_whose(answers: Answers, html: str) -> None:
    """One picture, one record over all of it: no name, no size, no signature of a single drawing."""
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", html)
    assert len(pictures) == 1
    found = signature_in(base64.b64decode(pictures[0]), "the sheet")
    assert found is not None and found.fits
    assert found.record.kind == "sheet" and found.record.request is None
    assert answers.nonce not in html and answers.commitment in html
    assert json.dumps(list(answers.hands)) not in html
    stripped = html.replace(pictures[0], "")
    other = page(base64.b64decode(pictures[0]), len(answers.hands), answers.commitment)
    assert stripped == other.replace(pictures[0], ""), "the page depends on the picture and the seal alone"


def test_the_page_is_whole_and_runs_no_other_script(html: str) -> None:
    assert Document(html).faults == []
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in html
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    assert "fetch(" not in script and "XMLHttpRequest" not in script


# Answers the questions, guesses, and leaves what would be saved in the document.
CLICKS = """<script>
document.querySelector('input[value="somebody else"]').click();
document.querySelector('input[name=before][value=yes]').click();
document.getElementById("name").value = '</script> "Zoë"';
document.getElementById("begin").click();
const answer = hand => document.querySelector(`[data-guess=${hand}]`).click();
answer("model"); answer("model");
document.getElementById("back").click();
answer("artist");
while (!document.getElementById("looking").hidden) answer("model");
document.body.setAttribute("data-saved", document.getElementById("text").value);
</script></body>""".replace('</script> "', '<\\/script> "')


@pytest.mark.browser
def test_what_a_browser_saves_is_what_is_read(chromium: Path, answers: Answers, html: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    clicked = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", html).replace("</body>", CLICKS)
    path.write_text(clicked, encoding="utf-8")
    answer = subprocess.run(
        [str(chromium), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", path.as_uri()],
        capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    saved = re.search(r'data-saved="([^"]*)"', answer.stdout)
    assert saved, answer.stderr[-1000:]
    found = Guesses.read(json.loads(unescape(saved[1])), where="the page")
    assert (found.judge, found.saw_works_before, found.name) == ("somebody else", True, '</script> "Zoë"')
    assert found.guesses == ("model", "artist", *["model"] * (2 * NUMBER - 2)), "the second was taken back"
    assert found.test == answers.commitment


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 820, 1440])
def test_a_browser_shows_the_page_and_asks_for_nothing(chromium: Path, html: str, tmp_path: Path, width: int) -> None:
    seen, console = opened(chromium, re.sub("; script-src 'sha256-[^']*'", "", html), tmp_path, width)
    assert console == [] and seen["errors"] == [] and seen["requests"] == [] and seen["needed"] <= width
