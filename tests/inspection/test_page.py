"""Is the report one page that anybody can open, read and publish?"""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterator
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from handstyle.errors import RecordDamaged
from handstyle.finetuning.measured import Interval
from handstyle.inspection.audit_report import Audit, Collage, Judged
from handstyle.inspection.page import page
from handstyle.inspection.report import Closeness, FeatureLikeness, InspectionReport, PicturesAsSeen, Shown

VOID = {"meta", "link", "img", "br", "hr", "input"}
BLOCKS = {"div", "p", "ul", "ol", "dl", "table", "figure", "section", "header", "h1", "h2", "h3", "article", "details"}


class Document(HTMLParser):
    """Every element with its attributes, and what is wrong with their nesting."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        # A browser ends a paragraph where a block begins, and the rest falls out of it.
        if tag in BLOCKS and "p" in self.open:
            self.faults.append(f"<{tag}> in a <p> at {self.getpos()}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]} at {self.getpos()}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


def embedded(folder: Path, shown: Shown) -> str:
    return base64.b64encode((folder / shown.file).read_bytes()).decode()


@pytest.mark.parametrize("public", [False, True])
def test_the_page_is_well_formed(report: InspectionReport, pictures: Path, public: bool) -> None:
    document = Document(page(report, pictures, public=public))
    assert document.faults == []
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {str(link["href"])[1:] for link in document.all("a")} <= set(ids)


def test_the_page_can_be_found_through_without_seeing_it(report: InspectionReport, pictures: Path) -> None:
    document = Document(page(report, pictures, public=False))
    assert [len(list(document.all(tag))) for tag in ("main", "h1", "nav")] == [1, 1, 1]
    assert next(document.all("html"))["lang"] == "en"
    assert all(image.get("alt") for image in document.all("img"))
    assert all(plot.get("aria-label") for plot in document.all("svg") if "role" in plot)
    assert all(section.get("aria-labelledby") for section in document.all("section"))


def test_the_page_holds_all_it_needs(report: InspectionReport, pictures: Path) -> None:
    html = page(report, pictures, public=False)
    document = Document(html)
    assert "http://" not in html and "https://" not in html
    assert "url(" not in html and "@import" not in html
    assert not list(document.all("script"))
    sources = [str(value) for _, attributes in document.elements for key, value in attributes.items() if key == "src"]
    assert sources and all(source.startswith("data:image/png;base64,") for source in sources)
    for shown in [report.comparisons[0].base, report.works[3].picture, report.copying.outputs[0].picture]:
        assert embedded(pictures, shown) in html


def test_the_verdict_comes_first_and_whole(report: InspectionReport, pictures: Path) -> None:
    text = Document(page(report, pictures, public=False)).text
    places = [text.index(sentence) for sentence in (*report.verdict, "Before, after, and the truth")]
    assert places == sorted(places)


def test_no_number_has_more_digits_than_it_means(report: InspectionReport, pictures: Path) -> None:
    text = Document(page(report, pictures, public=False)).text
    assert "15%" in text and "0.312" in text
    assert not re.findall(r"\d\.\d{5,}", text)
    assert not re.findall(r"\d(?:e-|e\+)\d|\bnan\b|\bNone\b", text)


def test_a_gain_that_may_be_chance_is_called_that(report: InspectionReport, pictures: Path) -> None:
    assert report.held_out_gain
    weak = report.held_out_gain.model_copy(update={"gain": 0.001, "interval": Interval(low=-0.002, high=0.004)})
    text = Document(page(report.model_copy(update={"held_out_gain": weak}), pictures, public=False)).text
    assert "not clear of chance" in text and "That may be chance" in text
    assert "The style is wrong" in text and "Having learnt this hand" not in text
    clear = Document(page(report, pictures, public=False)).text
    assert "That may be chance" not in clear and "Having learnt this hand, the style is wrong" in clear


def test_a_style_that_got_worse_is_said_to_be_worse(report: InspectionReport, pictures: Path) -> None:
    assert report.held_out_gain
    worse = report.held_out_gain.model_copy(update={"gain": -0.02, "interval": Interval(low=-0.03, high=-0.01)})
    text = Document(page(report.model_copy(update={"held_out_gain": worse}), pictures, public=False)).text
    assert "wrong 10% more than the base" in text


def test_a_measure_that_a_white_page_wins_is_said_to_prove_nothing(report: InspectionReport, pictures: Path) -> None:
    assert report.nearer_to_truth
    hollow = report.nearer_to_truth.model_copy(update={"admissible": False})
    text = Document(page(report.model_copy(update={"nearer_to_truth": hollow}), pictures, public=False)).text
    assert "a measure that does not hold here" in text and "proves nothing" in text


def test_each_output_says_where_its_distance_lies(report: InspectionReport, pictures: Path) -> None:
    text = Document(page(report, pictures, public=False)).text
    assert "0.123 unusually near: nearer than all 5 real drawings" in text
    assert "0.312 nearer than 3 of 5 real drawings" in text


def test_each_output_says_by_which_measure_and_among_how_many(report: InspectionReport, pictures: Path) -> None:
    told = ((1 / 6, "as a whole"), (1.0, "tile by tile"), (3 / 6, "in what is drawn"), (2 / 6, "tile by tile"))
    outputs = tuple(
        output.model_copy(update={"chance": chance, "measure": measure})
        for output, (chance, measure) in zip(report.copying.outputs, told, strict=True)
    )
    check = report.copying.model_copy(update={"outputs": outputs, "threshold": None, "quantile": 0.2})
    text = Document(page(report.model_copy(update={"copying": check}), pictures, public=False)).text
    assert "0.312 unusually near: as a whole; none of 5 real drawings as near" in text
    assert "0.123 in what is drawn; 2 of 5 real drawings as near" in text
    assert "0.512 tile by tile; 1 of 5 real drawings as near" in text
    assert text.index("0.312 unusually") < text.index("0.123 in what"), "the most telling first"
    assert "whichever of three measures tells most" in text


def test_a_report_without_further_drawings_says_what_it_cannot_say(report: InspectionReport, pictures: Path) -> None:
    check = report.copying.model_copy(update={"distances_of_real": (), "threshold": None, "unusually_near": None})
    nothing = {"held_out_gain": None, "nearer_to_truth": None, "comparisons": (), "losses": (), "surfaces": ()}
    bare = report.model_copy(update={**nothing, "copying": check})
    document = Document(page(bare, pictures, public=False))
    assert document.faults == []
    assert "cannot say whether the style has learnt the hand" in document.text
    assert "There are no further drawings by the artist to compare with." in document.text


def test_without_a_real_drawing_the_page_does_not_speak_of_one(report: InspectionReport, pictures: Path) -> None:
    sides = tuple(side.model_copy(update={"real": None}) for side in report.comparisons)
    text = Document(page(report.model_copy(update={"comparisons": sides}), pictures, public=False)).text
    assert "The same words, twice" in text
    assert "really drew" not in text


def test_prompts_that_are_counted_but_not_shown_are_mentioned(report: InspectionReport, pictures: Path) -> None:
    assert "3 of 12 prompts are shown." in Document(page(report, pictures, public=False)).text
    assert "2 of 12 prompts are shown." in Document(page(report, pictures, public=True)).text


def test_words_stay_words(report: InspectionReport, pictures: Path) -> None:
    rude = '</h3><script>alert("1")</script>'
    side = report.comparisons[0].model_copy(update={"caption": rude})
    html = page(report.model_copy(update={"comparisons": (side,), "style_name": rude}), pictures, public=False)
    document = Document(html)
    assert document.faults == [] and not list(document.all("script"))
    assert rude in unescape(html)


def test_missing_pictures_are_all_named(report: InspectionReport, pictures: Path) -> None:
    gone = [report.works[0].picture.file, report.works[3].picture.file]
    for name in gone:
        (pictures / name).unlink()
    with pytest.raises(RecordDamaged) as raised:
        page(report, pictures, public=False)
    assert len(raised.value.faults) == 2 and all(name in str(raised.value) for name in gone)


@pytest.mark.parametrize("name", ["../secret.png", "a/b.png", "..\\secret.png", ".."])
def test_a_picture_is_only_ever_taken_from_beside_the_report(
    report: InspectionReport, pictures: Path, name: str
) -> None:
    (pictures.parent / "secret.png").write_bytes((pictures / report.works[0].picture.file).read_bytes())
    work = report.works[0].model_copy(update={"picture": Shown(file=name, caption="")})
    with pytest.raises(RecordDamaged):
        page(report.model_copy(update={"works": (work,)}), pictures, public=False)


def test_a_file_that_is_no_png_is_refused(report: InspectionReport, pictures: Path) -> None:
    (pictures / report.works[0].picture.file).write_bytes(b"<svg onload='alert(1)'/>")
    with pytest.raises(RecordDamaged, match="is not a PNG"):
        page(report, pictures, public=False)


def test_the_public_page_shows_nothing_of_a_work_that_may_not_be_shown(
    report: InspectionReport, pictures: Path
) -> None:
    html = page(report, pictures, public=True)
    for work in report.works:
        parts = [work.name, work.caption, work.picture.file, embedded(pictures, work.picture)]
        if not work.show:
            assert [part for part in parts if part in html] == []
    assert embedded(pictures, report.works[0].picture) in html
    assert (
        "For 2 of them the permission covers training but not showing; here they are numbers only."
        in Document(html).text
    )


def test_the_public_page_needs_no_picture_it_does_not_show(report: InspectionReport, pictures: Path) -> None:
    for work in report.works:
        if not work.show:
            (pictures / work.picture.file).unlink()
    page(report, pictures, public=True)


def test_the_private_page_shows_every_work_and_says_which_stay_private(
    report: InspectionReport, pictures: Path
) -> None:
    html = page(report, pictures, public=False)
    assert all(embedded(pictures, work.picture) in html for work in report.works)
    assert Document(html).text.count("kept private") == 2


def test_the_same_report_gives_the_same_page(report: InspectionReport, pictures: Path) -> None:
    assert page(report, pictures, public=True) == page(report, pictures, public=True)


# Goes into the page, which goes into a frame: no browser window is as narrow as a phone. What the probe finds is
# written to the outer page, and read from the document that Chromium hands back.
PROBE = """<script>
const errors = [];
addEventListener("error", event => errors.push(String(event.message)));
addEventListener("securitypolicyviolation", event => errors.push(event.violatedDirective + " " + event.blockedURI));
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const isDecoded = image => {
  if (!image.complete || !image.naturalWidth) return false;
  canvas.clearRect(0, 0, 1, 1);
  canvas.drawImage(image, 0, 0);
  return canvas.getImageData(0, 0, 1, 1).data[3] === 255;
};
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(details => { details.open = true; });
  const found = {
    errors,
    undecoded: [...document.images].filter(image => !isDecoded(image)).map(image => image.alt),
    images: document.images.length,
    width: innerWidth,
    needed: document.documentElement.scrollWidth,
    requests: performance.getEntriesByType("resource").map(entry => entry.name.slice(0, 80)),
  };
  parent.document.documentElement.setAttribute("data-found", JSON.stringify(found));
});
</script></head>"""
POLICY = "style-src 'unsafe-inline'"


def opened(chromium: Path, html: str, folder: Path, width: int) -> tuple[dict[str, Any], list[str]]:
    """What the probe found, and what Chromium wrote to its console."""
    probed = html.replace(POLICY, f"{POLICY}; script-src 'unsafe-inline'", 1).replace("</head>", PROBE, 1)
    outer = folder / "frame.html"
    frame = f'<iframe width="{width}" height="844" srcdoc="{escape(probed)}"></iframe>'
    outer.write_text(f"<!doctype html><meta charset=utf-8>{frame}", encoding="utf-8")
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    answer = subprocess.run(
        [str(chromium), "--headless", "--no-sandbox", "--disable-gpu", *quiet, f"--user-data-dir={folder / 'profile'}",
         "--hide-scrollbars", "--virtual-time-budget=20000", "--enable-logging=stderr", "--dump-dom", outer.as_uri()],
        capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=120,
    )  # fmt: skip
    found = re.search(r'data-found="([^"]*)"', answer.stdout)
    assert found, f"the page was not read to its end: {answer.stderr[-2000:]}"
    return json.loads(unescape(found[1])), [line for line in answer.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 820, 1440])
def test_a_browser_shows_the_whole_page_and_asks_for_nothing(
    chromium: Path, report: InspectionReport, pictures: Path, tmp_path: Path, width: int
) -> None:
    long = "x" * 200
    side = report.comparisons[0].model_copy(update={"caption": long})
    report = report.model_copy(
        update={"style_name": long, "base_name": long, "comparisons": (side, *report.comparisons) * 5}
    )
    html = page(report, pictures, public=False)
    found, console = opened(chromium, html, tmp_path, width)
    assert console == [] and found["errors"] == []
    assert found["images"] == html.count("<img ") and found["undecoded"] == []
    assert found["requests"] == []
    assert found["width"] == width
    assert found["needed"] <= width, "the page is wider than the screen"


def test_the_page_accounts_for_every_picture_in_the_folder(report: InspectionReport, pictures: Path) -> None:
    words = " ".join(page(report, pictures, public=False).split())
    number = len(report.works)
    assert (
        f"Of {number + 3} pictures in the folder, {number} were trained on, 2 kept back to check with, 1 left out"
        in words
    )


def test_the_gain_is_told_band_by_band_and_step_by_step(report: InspectionReport, pictures: Path) -> None:
    shown = page(report, pictures, public=True)
    assert "a trace of noise" in shown and "31%" in shown and "20% to 40%" in shown
    assert "Of that, the style reaches <b>61%</b>" in shown
    assert "highest at step 80 with 8%" in shown


def test_how_the_length_was_found_is_told_without_naming_who_may_not_be_named(
    report: InspectionReport, pictures: Path
) -> None:
    shown = page(report, pictures, public=True)
    assert "Keep snapshot 20" in shown and "step 20 was chosen" in shown
    assert "3 moved towards work 2" in " ".join(shown.split()).replace("\n", " ")
    assert "lighthouse" not in shown
    assert "1 moved towards pear.png" in " ".join(shown.split())


def test_what_a_network_sees_is_shown_or_the_reason_why_it_is_not(report: InspectionReport, pictures: Path) -> None:
    rows = tuple(
        PicturesAsSeen(
            of=of, number=8, given_to_the_artist=given, most_often_else="round style",
            real_drawing_first=None, mean_place=None,
        )
        for of, given in (("base", 0.13), ("style", 0.63), ("given back", 0.88), ("artist", 0.94))
    )  # fmt: skip
    features = FeatureLikeness(
        extractor="residual", drawings=32, known_hands=10, hand_right=0.94, others_taken=0.02, thing_right=0.6,
        things_asked=353, hand_not_shown="", thing_not_shown="it was right for 60.0%", pictures=rows,
    )  # fmt: skip
    words = Document(page(report.model_copy(update={"features": features}), pictures, public=True))
    assert words.faults == []
    assert "Not shown, because it was right for 60.0%" in words.text and "Own real drawing first" not in words.text
    assert "Given to the artist" in words.text and "round style" in words.text
    assert all(share in words.text for share in ("13%", "63%", "88%"))
    unseen = features.model_copy(update={"hand_not_shown": "it gives 70% to the artist", "pictures": ()})
    text = Document(page(report.model_copy(update={"features": unseen}), pictures, public=True)).text
    assert "Not shown, because it gives 70% to the artist" in text and "Given to the artist" not in text
    assert "Things and hands" not in Document(page(report, pictures, public=True)).text


def test_models_of_the_users_own_stand_apart_and_are_not_vouched_for(report: InspectionReport, pictures: Path) -> None:
    row = Closeness(
        part="vision models", measure="dinov2-small", base=0.9, style=0.5, given_back=0.1,
        nearer=Interval(low=0.3, high=0.5), share=None,
    )  # fmt: skip
    document = Document(page(report.model_copy(update={"closeness": (row,)}), pictures, public=True))
    assert document.faults == [] and "Dinov2-small" in document.text and "was not measured here" in document.text


def test_an_audit_is_told_with_its_controls_and_its_collage_stays_private(
    report: InspectionReport, pictures: Path
) -> None:
    one = Judged(model="the style’s twin", steps=60, outputs_p=0.3, extraction_p=0.2)
    audit = Audit(
        works=32, learnt=16, held_out=16, units=32, chosen_by="chance", smallest_p=1e-4, outputs=64,
        style=one, positive=one.model_copy(update={"model": "by heart", "outputs_p": 0.0001}),
        negative=Judged(model="the base", steps=0, outputs_p=0.6),
        collage=Collage(picture=report.works[0].picture.file, nearest_output=0.05, nearest_held_out=0.04,
                        outputs_nearer=0),
    )  # fmt: skip
    audited = report.model_copy(update={"audit": audit})
    own, public = (page(audited, pictures, public=public) for public in (False, True))
    for shown in (own, public):
        assert "No copying was found" in shown and "by heart" in shown and "0 of" in shown
    assert "beside the picture that pieces" in own and "beside the picture that pieces" not in public


def test_drawings_nothing_was_measured_on_are_named_at_home_and_in_no_public_page(
    report: InspectionReport, pictures: Path
) -> None:
    text = Document(page(report, pictures, public=False)).text
    assert "nothing was measured on" not in text
    near = report.model_copy(update={"too_near": ("sketch-7.png looks nearly like boat.png",)})
    document = Document(page(near, pictures, public=False))
    assert document.faults == [] and "sketch-7.png looks nearly like boat.png" in document.text
    assert "sketch-7" not in page(near, pictures, public=True)
