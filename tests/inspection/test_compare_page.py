"""Is a comparison one page that anybody can open, and that runs no script but its own?"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.inspection.test_page import Document, opened

from handstyle.errors import RecordDamaged
from handstyle.finetuning.gain import gain_of
from handstyle.inspection.compare_page import page
from handstyle.inspection.comparison import (
    Cell,
    Compared,
    Comparison,
    OnDrawing,
    PairedGain,
    RecipeChange,
    Row,
    WorkChange,
)
from handstyle.inspection.report import Shown

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def found(painted: Callable[..., Shown]) -> Comparison:
    chance = np.random.default_rng(1)
    base = 0.5 + 0.1 * chance.random((16, 5))
    before, after = base - 0.01, base - 0.03
    steps = list(range(16))
    gain = PairedGain(
        number_of_drawings=5, further=2, base_prompt="{caption}, drawing", base_error=float(base.mean()),
        before=gain_of(base, before, steps), after=gain_of(base, after, steps),
        difference=gain_of(before, after, steps),
        on_drawings=tuple(OnDrawing(caption=f"drawing {n}", before=0.02, after=0.06 - n / 40) for n in range(5)),
    )  # fmt: skip
    runs = {which: Compared(run=which * 2, style=letter * 64, style_name=f"style-{letter}", collection="c" * 64,
            works=26, steps=60) for which, letter in (("before", "a"), ("after", "b"))}  # fmt: skip
    rows = tuple(
        Row(
            caption=caption,
            base=painted(f"{caption} base", caption),
            cells=tuple(
                Cell(which=which, steps=step, weight=weight,
                     picture=painted(f"{caption}{which}{step}{weight}", caption))
                for which in ("before", "after") for step in (30, 60) for weight in (0.5, 1.0)
            ),
            real=painted(f"{caption} real", caption) if caption != HOSTILE else None,
        )
        for caption in ("boat", HOSTILE)
    )  # fmt: skip
    works = (
        WorkChange(fate="re-captioned", name="kite.png", caption_before="thing", caption_after=HOSTILE,
                   picture=painted("kite", "kite"), show=True),
        WorkChange(fate="removed", name="gone.png", caption_before="gone", caption_after="",
                   picture=Shown(file="", caption=""), show=False),
    )  # fmt: skip
    return Comparison(
        before=runs["before"], after=runs["after"], base="d" * 64, base_name="tiny",
        recipe=(RecipeChange(name="rank", before="4", after="8"),), works=works, unchanged=24, gain=gain,
        weights=(0.5, 1.0), steps_before=(30, 60), steps_after=(30, 60), rows=rows, verdict=("It is so.", "By 4 %."),
    )  # fmt: skip


def test_the_page_says_what_the_comparison_found(found: Comparison, pictures: Path) -> None:
    document = Document(page(found, pictures))
    assert document.faults == []
    words = " ".join(" ".join(document.words).split())
    wanted = ("It is so.", "24 works were learnt from by both", "rank 4 8", "removed", "a trace of noise", "not here",
              "paired over 5 drawings, 2 of them further ones", "drawing 4")  # fmt: skip
    for said in wanted:
        assert said in words, said
    assert words.index("drawing 0") < words.index("drawing 4"), "the greatest improvement stands first"


def test_only_the_script_of_the_page_runs(found: Comparison, pictures: Path) -> None:
    html = page(found, pictures)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert HOSTILE not in html
    assert not re.search(r'(?:src|href)="(?!data:|#)', html), "nothing is loaded from anywhere"


def test_a_picture_that_is_gone_is_named(found: Comparison, pictures: Path) -> None:
    (pictures / found.rows[0].base.file).unlink()
    with pytest.raises(RecordDamaged) as error:
        page(found, pictures)
    assert found.rows[0].base.file in error.value.faults[0]


def test_without_a_common_drawing_the_page_says_that_it_cannot_tell(found: Comparison, pictures: Path) -> None:
    assert "no drawing that neither run learnt from" in page(found.model_copy(update={"gain": None}), pictures)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 820, 1440])
def test_a_browser_shows_all_of_it_and_asks_for_nothing(
    chromium: Path, found: Comparison, pictures: Path, tmp_path: Path, width: int
) -> None:
    html = page(found, pictures)
    seen, console = opened(chromium, re.sub("; script-src 'sha256-[^']*'", "", html), tmp_path, width)
    assert console == [] and seen["errors"] == [] and seen["requests"] == []
    assert seen["images"] == html.count("<img ") and seen["needed"] <= width


@pytest.mark.browser
def test_the_slider_starts_under_the_policy_of_the_page(
    chromium: Path, found: Comparison, pictures: Path, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(page(found, pictures), encoding="utf-8")
    answer = subprocess.run(
        [str(chromium), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", path.as_uri()],
        capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert answer.stdout.count('class="slider on"') == 2
