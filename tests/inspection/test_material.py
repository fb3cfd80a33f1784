"""May a further drawing be looked at, and shown, and is it none that was trained on?"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))  # what consents are made from in tests

from consents import signed

from handstyle.collection import intake
from handstyle.collection.consent import Consent
from handstyle.collection.rights import from_consent, own_work
from handstyle.collection.rights_plan import ConsentGrant, RightsPlan, for_all
from handstyle.collection.works import Collection
from handstyle.consenting import look_at
from handstyle.demonstration import EXAMPLE
from handstyle.errors import CollectionFaulty, RightsMissing
from handstyle.inspection.material import HeldOut, apart, further_drawings, held_out, kept_back, told_of

OWN = '[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "own-work"\n'


@pytest.fixture
def works(tmp_path: Path) -> Path:
    return painted(tmp_path / "works", "red", "blue")


@pytest.fixture
def more(tmp_path: Path) -> Path:
    return painted(tmp_path / "more", "green")


def painted(folder: Path, *colours: str) -> Path:
    folder.mkdir()
    for colour in colours:
        Image.new("RGB", (16, 16), colour).save(folder / f"{colour}.png")
    return folder


def consented(*folders: Path, **scope: Any) -> Consent:
    named = [work for folder in folders for work in look_at(folder, "white", pictures=False)[0]]
    return signed(works=named, **scope)


def collected(folder: Path, given: Consent) -> Collection:
    plan = RightsPlan(consents=(ConsentGrant(given, from_consent(given)),))
    return intake.collect(folder, rights=plan, validation=None)


def test_a_consent_covers_the_further_drawings_it_names_and_no_others(works: Path, more: Path) -> None:
    given = consented(works)
    with pytest.raises(RightsMissing, match=r"green\.png: no consent names") as missing:
        further_drawings(collected(works, given), more, (given,))
    assert missing.value.exit_code == 3
    given = consented(works, more)
    assert len(further_drawings(collected(works, given), more, (given,)).works) == 1


def test_they_may_have_a_permission_of_their_own(works: Path, more: Path) -> None:
    given = consented(works)
    (more / "rights.toml").write_text(OWN)
    assert len(further_drawings(collected(works, given), more, (given,)).works) == 1


def test_what_is_stated_of_all_works_is_stated_of_further_ones(works: Path, more: Path) -> None:
    collection = intake.collect(works, rights=for_all(own_work("Ada")), validation=None)
    assert len(further_drawings(collection, more).works) == 1


@pytest.mark.parametrize("shown", [True, False])
def test_they_are_shown_only_where_their_permission_says_so(works: Path, more: Path, shown: bool) -> None:
    given = consented(works, more, show_works=shown)
    found = further_drawings(collected(works, given), more, (given,))
    assert [found.may_be_shown(work) for work in found.works] == [shown]


MINE = for_all(own_work("Ada"))


def example(folder: Path, number: int, **how: Any) -> Collection:
    folder.mkdir()
    for path in sorted((EXAMPLE / "works").glob("*.png"))[:number]:
        shutil.copy(path, folder)
    return intake.collect(folder, rights=MINE, **how)


def copied(collection: Collection, works: Path, more: Path) -> list[str]:
    """A copy of each work trained on that differs from it in one pixel, every other one mirrored."""
    more.mkdir(exist_ok=True)
    for place, work in enumerate(collection.training):
        with Image.open(works / work.name) as image:
            copy = ImageOps.mirror(image.convert("RGB")) if place % 2 else image.convert("RGB")
        copy.putpixel((0, 0), (1, 2, 3))
        copy.save(more / f"copy-{place:02}.png")
    return [f"copy-{place:02}.png" for place in range(len(collection.training))]


def test_drawings_that_look_nearly_like_a_work_are_no_yardstick_and_told(tmp_path: Path) -> None:
    collection = example(tmp_path / "works", 6, validation=None)
    copies = copied(collection, tmp_path / "works", tmp_path / "more")
    own = sorted((EXAMPLE / "held_out").glob("*.png"))[:3]
    for path in own:
        shutil.copy(path, tmp_path / "more")
    found = held_out(collection, tmp_path / "works", further_drawings(collection, tmp_path / "more"))
    assert found is not None
    assert [work.name for work in found.works] == [path.name for path in own]
    assert [words.split(" looks nearly like ")[0] for words in found.too_near] == copies
    assert all(collection.training[place].name in words for place, words in enumerate(found.too_near))
    assert [words.endswith(", mirrored") for words in found.too_near] == [False, True] * 3
    assert told_of(found.too_near) == (
        "6 drawings look nearly like works trained on, so nothing was measured on them.",
    )
    most = held_out(collection, tmp_path / "works", further_drawings(collection, tmp_path / "more"), 2)
    assert most is not None and [work.name for work in most.works] == [path.name for path in own[:2]]


def test_where_every_further_drawing_looks_like_a_work_it_is_refused(tmp_path: Path) -> None:
    collection = example(tmp_path / "works", 3, validation=None)
    copied(collection, tmp_path / "works", tmp_path / "more")
    with pytest.raises(CollectionFaulty, match=r"all 3 of the drawings in .* look nearly like works trained on"):
        held_out(collection, tmp_path / "works", further_drawings(collection, tmp_path / "more"))


def test_a_work_left_out_of_training_while_its_copy_was_trained_on_is_no_yardstick(tmp_path: Path) -> None:
    collection = example(tmp_path / "works", 6, validation=2)
    copied(collection, tmp_path / "works", tmp_path / "works")
    parted = intake.collect(tmp_path / "works", rights=MINE, validation=None)
    parted = parted.model_copy(update={"validation": (*collection.validation, "copy-00.png")})
    found = held_out(parted, tmp_path / "works", None)
    assert found is not None and tuple(work.name for work in found.works) == collection.validation
    assert [words.split()[0] for words in found.too_near] == ["copy-00.png"]
    only = parted.model_copy(update={"validation": ("copy-00.png",)})
    assert held_out(only, tmp_path / "works", None) is None
    assert told_of(kept_back(only, tmp_path / "works").too_near) == (
        "1 drawing looks nearly like a work trained on, so nothing was measured on it.",
    )


def test_the_example_has_no_copy_of_a_work_among_its_further_drawings(tmp_path: Path) -> None:
    collection = example(tmp_path / "works", 32)
    further = held_out(collection, tmp_path / "works", further_drawings(collection, EXAMPLE / "held_out"))
    assert further is not None and (len(further.works), further.too_near) == (64, ())
    own = held_out(collection, tmp_path / "works", None)
    assert own is not None and (own.works, own.too_near) == (collection.withheld, ())


def test_what_has_left_the_folder_is_compared_by_its_digest_alone(tmp_path: Path) -> None:
    collection = example(tmp_path / "works", 6, validation=2)
    held = HeldOut(collection, tmp_path / "works", collection.withheld, False)
    for work in collection.works:
        (tmp_path / "works" / work.name).unlink()
    assert apart(held, (collection, tmp_path / "works")) == held


def test_a_hundred_drawings_are_looked_at_in_about_a_second(tmp_path: Path) -> None:
    collection = example(tmp_path / "works", 32, validation=None)
    further = further_drawings(collection, EXAMPLE / "held_out")
    hundred = HeldOut(further.collection, further.folder, (*further.works, *further.works[:36]), True)
    began = time.process_time()
    apart(hundred, (collection, tmp_path / "works"))
    assert time.process_time() - began < 2, "twice what was asked for: the machine may be busy"
