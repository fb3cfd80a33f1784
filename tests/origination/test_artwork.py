"""Do the ten sets, and no other, become a folder of works with words and rights?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handstyle.collection.intake import collect
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.errors import RightsMissing, StageMissing, UsageMistake
from handstyle.origination.artwork import draw_sets, rendered
from handstyle.origination.sets import SETS

ALLOWED = set(
    "twemoji noto noto-v1 emojione fluent-emoji-flat fluent-emoji streamline-emojis meteocons icon-park "
    "streamline-ultimate-color".split()
)
CLDR = {"annotations": {"annotations": {"🐱": {"default": ["pet"], "tts": ["cat face"]}}}}


def icons(number: int) -> dict[str, object]:
    def square(colour: str) -> dict[str, str]:
        return {"body": f'<path fill="{colour}" d="M2 2h12v12H2z"/>'}

    return {
        "width": 16,
        "height": 16,
        "icons": {
            "cat-face": square(f"#{number + 1:02x}4060"),
            "cat-face-2": square(f"#{number + 1:02x}4060"),  # the same under another name
            "flag-france": square("#00f"),
            "hidden-cat": {**square("#0f0"), "hidden": True},
            "blank-cat": {"body": ""},
        },
    }


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    for number, artists in enumerate(SETS):
        place = tmp_path / "packages" / f"iconify-json-{artists.name}-1.2.3" / "package"
        write(place, {"package.json": {}, "icons.json": icons(number), "info.json": licence(artists.licence)})
    place = tmp_path / "packages" / "cldr-annotations-full" / "package"
    write(place / "annotations" / "en", {"annotations.json": CLDR})
    write(place, {"package.json": {}})
    return tmp_path / "packages"


def licence(spdx: str) -> dict[str, object]:
    return {"license": {"spdx": spdx}}


def write(folder: Path, files: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")


def test_exactly_these_sets_may_enter() -> None:
    assert {artists.name for artists in SETS} == ALLOWED
    assert len({artists.phrase for artists in SETS}) == len(SETS)


def test_what_is_drawn_can_be_collected_as_it_is(packages: Path, tmp_path: Path) -> None:
    drawn = list(draw_sets(packages, tmp_path / "works", pixels=32))
    assert [one.works for one in drawn] == [1] * len(SETS)
    works = tmp_path / "works"
    collection = collect(works, rights=read_rights_toml(works / "rights.toml"), validation=0, processes=1)
    assert {work.name for work in collection.works} == {f"{name}/cat-face.png" for name in ALLOWED}
    assert {work.caption for work in collection.works} == {"cat face; pet"}
    rights = {collection.rights_of(work).author: collection.rights_of(work) for work in collection.works}
    assert len(rights) == len(SETS)
    assert all(one.basis == "open-licence" and one.evidence for one in rights.values())
    assert {"cat face", "pet"} <= set(json.loads((works / "vocabulary.json").read_text(encoding="utf-8")))


def test_a_drawing_stands_in_the_middle_of_white() -> None:
    wide = {"icons": {"bar": {"body": '<path fill="#f00" d="M0 0h32v16H0z"/>', "width": 32, "height": 16}}}
    pixels = rendered(wide, "bar", 32)
    assert (pixels[:8] == 255).all() and (pixels[-8:] == 255).all()
    assert (pixels[9:23] == (255, 0, 0)).all()


def test_edges_are_soft(packages: Path, tmp_path: Path) -> None:
    list(draw_sets(packages, tmp_path / "works", pixels=30))
    pixels = np.asarray(Image.open(tmp_path / "works" / "noto" / "cat-face.png"))
    assert len(np.unique(pixels[..., 0])) > 2


def test_another_licence_than_before_is_refused(packages: Path, tmp_path: Path) -> None:
    write(packages / "iconify-json-noto-1.2.3" / "package", {"info.json": licence("CC-BY-NC-4.0")})
    with pytest.raises(RightsMissing, match="is under CC-BY-NC"):
        list(draw_sets(packages, tmp_path / "works", pixels=32))
    assert not (tmp_path / "works").exists()


def test_a_missing_package_is_named_with_how_to_get_it(packages: Path, tmp_path: Path) -> None:
    (packages / "iconify-json-noto-1.2.3").rename(packages / "elsewhere")
    with pytest.raises(StageMissing, match="@iconify-json/noto") as missing:
        list(draw_sets(packages, tmp_path / "works", pixels=32))
    assert "npm pack @iconify-json/noto" in missing.value.hint


def test_nothing_is_drawn_over(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "works").mkdir()
    with pytest.raises(UsageMistake, match="there already"):
        list(draw_sets(packages, tmp_path / "works", pixels=32))
