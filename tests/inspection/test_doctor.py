"""Does the doctor see what is wrong with a work, and nothing where nothing is?"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from tests.inspection.test_page import Document

from handstyle.collection.works import Work
from handstyle.errors import RecordDamaged
from handstyle.finetuning.validation import Drawings
from handstyle.inspection import caption_fit, doctor, doctor_page
from handstyle.inspection.doctor import Checked, Finding, Looked, Seen, findings, ill_described, ink_lost, outliers
from handstyle.inspection.report import Shown

SIDE = 64


def drawn(seed: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """A few flat shapes on white, the same kind for every seed."""
    chance, image = np.random.default_rng(seed), Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    for _ in range(4):
        x, y = (int(value) for value in chance.integers(8, 40, 2))
        pen.rectangle((x, y, x + 14, y + 10), fill=tuple(int(value) for value in chance.integers(0, 200, 3)))
    return image


def looked(name: str, image: Image.Image, caption: str = "", **more: Any) -> Looked:
    facts = {"name": f"{name}.png", "file_format": "PNG", "file_sha256": "a" * 64, "pixels_sha256": "b" * 64,
             "width": image.width, "height": image.height, "caption": caption or name, "caption_from": "sidecar",
             "rights": "c" * 64, **more}  # fmt: skip
    return Looked(Work(**facts), image, ImageOps.fit(image, (SIDE, SIDE)))


SET = [looked(f"plain {letter}", drawn(seed)) for seed, letter in enumerate("abcdefghij")]


def told(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.kind, finding.work) for finding in found]


def test_a_set_with_nothing_wrong_is_left_alone() -> None:
    assert findings(SET, {}, SIDE) == []


def test_a_pair_that_looks_alike_and_a_mirrored_copy_are_told_with_the_other() -> None:
    turned = looked("turned", ImageOps.mirror(SET[3].whole))
    found = findings([*SET, turned], {"plain c.png": "plain a.png"}, SIDE)
    assert told(found) == [("near-duplicate", "plain c.png"), ("mirrored copy", "turned.png")]
    assert [finding.other for finding in found] == ["plain a.png", "plain d.png"]
    assert all(finding.suggests_without for finding in found)


def test_what_is_its_own_mirror_image_is_no_copy() -> None:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    ImageDraw.Draw(image).ellipse((16, 10, 48, 50), fill="navy")
    assert findings([*SET, looked("ball", image)], {}, SIDE) == []


@pytest.mark.parametrize(("side", "small"), [(63, True), (64, False)])
def test_a_work_below_the_size_of_the_training_is_told(side: int, small: bool) -> None:
    one = looked("small", drawn(30).resize((side, side)))
    assert (("too small", "small.png") in told(findings([*SET, one], {}, SIDE))) is small


def test_a_crop_is_bad_by_what_is_drawn_and_not_by_paper() -> None:
    margins = Image.new("RGB", (3 * SIDE, SIDE), "white")
    margins.paste(drawn(1), (SIDE, 0))
    across = Image.new("RGB", (3 * SIDE, SIDE), "white")
    for place in range(3):
        across.paste(drawn(place), (SIDE * place, 0))
    assert ink_lost(margins) == 0
    assert ink_lost(across) > 0.5
    assert ink_lost(Image.new("RGB", (20, 10), "white")) == 0
    found = findings([*SET, looked("margins", margins), looked("across", across)], {}, SIDE)
    assert ("cropped", "across.png") in told(found) and ("cropped", "margins.png") not in told(found)


def test_a_work_in_another_technique_stands_out_and_says_how() -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    soft = (120 + 90 * np.sin(x / 9 + y / 13))[..., None].repeat(3, 2).astype(np.uint8)
    found = findings([*SET, looked("photo", Image.fromarray(soft))], {}, SIDE)
    assert ("unlike the others", "photo.png") in told(found)
    assert any("more soft shading than all others" in finding.words for finding in found)
    assert not any(finding.suggests_without for finding in found)
    few = findings([*SET[:6], looked("photo", Image.fromarray(soft))], {}, SIDE)
    assert "unlike the others" not in {finding.kind for finding in few}, "of seven works nobody knows what is usual"


def test_an_outlier_is_beyond_all_others_and_far() -> None:
    usual = np.random.default_rng(0).normal(10, 1, 30)
    assert outliers(usual) == []
    assert outliers(np.append(usual, 30.0)) == [30]
    assert outliers(np.append(usual, [30.0, 30.0])) == [], "two of a kind are no slip"
    assert outliers(np.full(10, 0.5)) == []


def test_chance_accuses_few_works() -> None:
    """Over many sets of thirty normal values, about one set in fifty has an outlier."""
    alarms = sum(bool(outliers(np.random.default_rng(seed).normal(0.5, 0.1, 30))) for seed in range(300))
    assert alarms <= 12


def test_captions_that_cannot_be_right_are_told() -> None:
    works = [
        looked("one", drawn(1), "cat"),
        looked("two", drawn(2), "Cat"),
        looked("three", drawn(3), "ink drawing of a dog"),
        looked("0042", drawn(4), "0042", caption_from="file name"),
        looked("copy", drawn(5), "cat"),
    ]
    found = findings(works, {"copy.png": "one.png"}, SIDE)
    captions = {finding.work: finding.words for finding in found if finding.kind == "caption"}
    assert "so do 1 others that look different" in captions["one.png"] and "two.png" in captions
    assert "how it is drawn (“drawing”)" in captions["three.png"]
    assert "says nothing" in captions["0042.png"]
    assert "copy.png" not in captions, "a copy may say the same"


def test_the_base_is_asked_with_the_same_noise_and_only_a_clear_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base that knows what each work shows, but for the one whose caption is wrong."""
    import torch

    truth = [f"thing {number}" for number in range(12)]
    captions = ["thing 5" if number == 2 else words for number, words in enumerate(truth)]

    def errors(family: Any, drawings: Any, prompts: Any, precision: str) -> np.ndarray[Any, Any]:
        return np.array([0.1 if prompt == truth[place] else 0.2 if prompt != "thing 5" else 0.3
                         for place, prompt in enumerate(prompts)])  # fmt: skip

    family = SimpleNamespace(networks={"unet": torch.nn.Identity()})
    monkeypatch.setattr(caption_fit, "mean_errors", errors)
    names = [f"{number}.png" for number in range(12)]
    drawings = Drawings(tuple(captions), tuple(torch.zeros(1) for _ in captions))
    fits = caption_fit.beaten(family, drawings, names, "no", lambda done, of: None)  # type: ignore[arg-type]
    found = ill_described(names, captions, fits)
    assert [finding.work for finding in found] == ["2.png"]
    assert "better by each of 8 other captions" in found[0].words or "of 7 other" in found[0].words


@pytest.fixture
def checked(painted: Any) -> Checked:
    kinds = [Finding(kind=kind, work="it's one.png", words="is so", other="two.png" if "cop" in kind else "",
             suggests_without=kind in doctor.SUGGESTED) for kind in doctor.KINDS]  # fmt: skip
    crops = {"it's one.png": (0.25, 0.0, 0.5, 1.0), "two.png": (0.0, 0.0, 1.0, 1.0)}
    seen = tuple(
        Seen(name=name, caption="<b>cat", picture=painted(name, name), crop=crop) for name, crop in crops.items()
    )
    return Checked(
        collection="c" * 64, works=9, resolution=64, captions_were_asked=False, findings=tuple(kinds), seen=seen
    )


def test_the_page_shows_each_finding_with_the_line_that_leaves_it_out(checked: Checked, pictures: Path) -> None:
    html = doctor_page.page(checked, pictures)
    document = Document(html)
    assert document.faults == []
    words = " ".join(" ".join(document.words).split())
    assert "6 things to look at" in words
    assert words.count("""--without 'it'"'"'s one.png'""") == 7, "each finding, and the summary once"
    assert "<b>cat" not in html
    assert "left: 25.0%; top: 0.0%; width: 50.0%; height: 100.0%" in html
    assert "script" not in html.replace("script-src", "")
    assert "Nothing stands out" in doctor_page.page(checked.model_copy(update={"findings": ()}), pictures)


def test_a_picture_that_is_gone_is_named(checked: Checked, pictures: Path) -> None:
    gone = checked.model_copy(
        update={"seen": (checked.seen[0].model_copy(update={"picture": Shown(file="no.png", caption="")}),)}
    )
    with pytest.raises(RecordDamaged) as error:
        doctor_page.page(gone, pictures)
    assert "no.png" in error.value.faults[0]
