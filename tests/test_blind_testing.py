"""Is a blind test made under permission, read against what was sealed, and signed into a release?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import copy_six_works

from handstyle import blind_testing, planning, stages
from handstyle.checking import verify
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.errors import RecordDamaged, RightsMissing, StageMissing, UsageMistake
from handstyle.generation import ledger
from handstyle.inspection import drawing
from handstyle.inspection.blind_test import Answers, BlindTest
from handstyle.inspection.report import InspectionReport
from handstyle.loading import collection_named, open_style
from handstyle.workspace import Workspace

QUICK = {"max_train": "2 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no", "resolution": 16}


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Pictures take two steps."""
    request = drawing.GenerationRequest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "GenerationRequest", lambda **named: request(**{**named, "num_inference_steps": 2}))
        yield


def space_of(root: Path, base: Path, validation: int | None) -> Workspace:
    space, works = Workspace(root / "space"), copy_six_works(root / "works")
    stages.collect(space, works, read_rights_toml(works / "rights.toml"), validation=validation)
    stages.finetune(planning.plan(space, base, settings=QUICK), stop="max_train", sample_every=0)
    return space


@pytest.fixture(scope="module")
def space(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return space_of(tmp_path_factory.mktemp("blind"), tiny_base, 4)


@pytest.fixture(scope="module")
def made(space: Workspace, tiny_base: Path, quick: None) -> blind_testing.Made:
    return blind_testing.make(space, base=tiny_base, progress=lambda *told: None)


def guesses(made: blind_testing.Made, path: Path, *, right: int = 8, **more: Any) -> Path:
    """`right` of them, from the first on."""
    hands = Answers.load(Path(made.answers)).hands
    other = {"artist": "model", "model": "artist"}
    told = [hand if place < right else other[hand] for place, hand in enumerate(hands)]
    content = {"format": "handstyle/guesses/1", "test": made.commitment, "sheet": "0" * 32,
               "judge": "somebody else", "name": "Zoë",
               "saw_works_before": False, "seconds": 61, "guesses": told, **more}  # fmt: skip
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_answers_stay_at_home_and_the_page_holds_their_seal(made: blind_testing.Made, space: Workspace) -> None:
    answers = Answers.load(Path(made.answers))
    assert (
        answers.commitment == made.commitment and answers.style == open_style(space, str(space.current().run)).tensors
    )
    html = Path(made.page).read_text(encoding="utf-8")
    assert made.commitment in html and answers.nonce not in html
    assert (made.drawings, len(answers.places("artist")), len(answers.places("model"))) == (8, 4, 4)
    assert ledger.count(space.ledger, answers.style).made == 4, "what is shown to others is counted"


def test_only_what_may_be_shown_is_shown(space: Workspace) -> None:
    from handstyle.inspection.material import held_out

    collection, folder = collection_named(space, str(space.current().collection))
    real = held_out(collection, folder, None)
    assert real is not None
    assert len(blind_testing.shown_to_others(real)) == 4

    class Mute:
        def why_not(self, use: str, on: date) -> str | None:
            return f"it may not be used for {use}"

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(name)

    class Closed:
        def rights_of(self, work: Any) -> Mute:
            return Mute()

    with pytest.raises(RightsMissing, match="0 drawings") as refused:
        blind_testing.shown_to_others(replace(real, collection=Closed()))  # type: ignore[arg-type]
    assert len(refused.value.faults) == 4 and "show-works" in refused.value.faults[0]


def test_without_a_drawing_it_did_not_learn_from_there_is_no_test(tiny_base: Path, tmp_path: Path) -> None:
    space = space_of(tmp_path, tiny_base, None)
    with pytest.raises(StageMissing, match="did not learn from"):
        blind_testing.make(space, base=tiny_base, progress=lambda *told: None)


def test_guesses_are_held_against_the_seal(made: blind_testing.Made, space: Workspace, tmp_path: Path) -> None:
    one = guesses(made, tmp_path / "1.json")
    twice = guesses(made, tmp_path / "2.json")
    own = guesses(made, tmp_path / "3.json", judge="the artist", sheet="1" * 32, right=0)
    read = blind_testing.read(space, [one, twice, own])
    assert (read.found.judges, read.found.not_counted, read.found.fooled.count) == (1, 1, 0)
    assert "same filled page" in read.passed_over[0]
    assert BlindTest.load(Path(read.result)) == read.found
    with pytest.raises(UsageMistake, match="none of these"):
        blind_testing.read(space, [own])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"test": "e" * 64}, "not in this workspace"),
        ({"guesses": ["artist"] * 3}, "another number of guesses"),
        ({"judge": "a robot"}, "not a valid Guesses"),
        ({"judge": "somebody else", "score": 1}, "not a valid Guesses"),
    ],
)
def test_what_is_no_answer_to_this_test_is_refused(
    made: blind_testing.Made, space: Workspace, tmp_path: Path, change: dict[str, Any], error: str
) -> None:
    with pytest.raises((UsageMistake, RecordDamaged), match=error):
        blind_testing.read(space, [guesses(made, tmp_path / "1.json", **change)])


def test_answers_that_were_edited_are_not_those_that_were_sealed(
    made: blind_testing.Made, space: Workspace, tmp_path: Path
) -> None:
    path = Path(made.answers)
    sealed, one = path.read_bytes(), guesses(made, tmp_path / "1.json")
    answers = Answers.load(path)
    answers.model_copy(update={"hands": (*answers.hands[1:], answers.hands[0])}).save(path)
    try:
        with pytest.raises(UsageMistake, match="not in this workspace"):
            blind_testing.read(space, [one])
    finally:
        path.write_bytes(sealed)


def test_a_result_is_signed_into_the_release_of_the_very_weights(
    made: blind_testing.Made, space: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    stages.inspect(space, base=tiny_base, quick=True)
    blind_testing.read(space, [guesses(made, tmp_path / f"{n}.json", sheet=f"{n:032x}", right=6) for n in range(3)])
    released = Path(stages.publish(space, "quiet-ink", base=tiny_base, to=tmp_path / "release").release)
    assert verify(released).holds
    report = InspectionReport.load(released / "report.json")
    assert report.blind_test is not None and report.blind_test.judges == 3
    assert report.blind_test.answers.commitment == made.commitment, "whoever has the page can compare"
    assert "3 other people looked at drawings" in " ".join((released / "README.md").read_text("utf-8").split())
    assert "Could people tell?" in (released / "report.html").read_text("utf-8")
    assert "Zoë" not in (released / "report.json").read_text("utf-8")
    assert blind_testing.newest(space, "f" * 64) is None, "other weights have no result"
