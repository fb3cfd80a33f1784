"""Who may be shown which drawings in a blind test, and what do the guesses that come back say?"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from handstyle import digests
from handstyle.errors import RightsMissing, StageMissing, UsageMistake
from handstyle.gates import further_drawings, require_base, require_generating
from handstyle.inspection.blind_test import BlindTest
from handstyle.loading import collection_named, load_base
from handstyle.picture_marks import own_mark
from handstyle.progress import Progress
from handstyle.records import Record, write
from handstyle.vouching import require_known_base
from handstyle.workspace import Workspace, next_name, unfinished

if TYPE_CHECKING:
    from PIL import Image

    from handstyle.collection.works import Work
    from handstyle.inspection.blind_test import Answers, Guesses
    from handstyle.inspection.material import HeldOut
    from handstyle.inspection.report import InspectionReport
    from handstyle.inspection.subject import Subject

PAGE, ANSWERS, RESULT = "blind-test.html", "answers.json", "result"
MOST = 20  # drawings of each kind: a few minutes for whoever guesses
SEED = 3  # none of those that inspecting draws with


class Made(Record):
    """What `blind-test make` leaves behind."""

    page: str  # to give to people
    answers: str  # to keep
    commitment: str
    drawings: int


class Read(Record):
    """What `blind-test read` leaves behind."""

    result: str  # path
    found: BlindTest
    passed_over: tuple[str, ...]  # files that were not counted, and why


def make(
    workspace: Workspace,
    run: str | None = None,
    *,
    base: Path | None = None,
    further: Path | None = None,
    drawings: int = MOST,
    progress: Progress,
) -> Made:
    """A page with as many drawings by the artist as by the style. Raises RightsMissing where too few may be shown."""
    from handstyle.diffusion.hardware import use_all_cores
    from handstyle.generation import ledger
    from handstyle.inspection import blind_page
    from handstyle.inspection.drawing import draw
    from handstyle.inspection.subject import style_template

    use_all_cores()
    subject, real, said = _subject(workspace, run or workspace.needs("run", "finetune"), base, further)
    works = shown_to_others(real)[:drawings]
    captions = tuple(work.caption for work in works)
    drawn = draw(subject, style_template(subject), captions, [subject.worn], progress, (SEED,))
    tensors = subject.worn.style.tensors
    answers = blind_page.order(len(works), secrets.token_hex(32), tensors)
    paper = blind_page.sheet(answers, _seen(works, real, subject.resolution), drawn.first)
    data = subject.mark(paper, replace(drawn.made, involvement=said).as_sheet)
    root = workspace.root / "blind-tests"
    place = root / next_name(root, subject.run.name)
    with unfinished(place, busy=f"another handstyle process makes {place}") as beside:
        answers.save(beside / ANSWERS)
        write(beside / PAGE, blind_page.page(data, len(answers.hands), answers.commitment).encode())
        ledger.add(workspace.ledger, "made", [tensors], len(works), digests.of_bytes(data))
    return Made(
        page=str(place / PAGE), answers=str(place / ANSWERS), commitment=answers.commitment, drawings=len(answers.hands)
    )


def _subject(workspace: Workspace, run: str, base: Path | None, further: Path | None) -> tuple[Subject, HeldOut, str]:
    """What draws, what the artist drew, and the sentence on who was asked."""
    from handstyle.encoding.cache import Cache
    from handstyle.generation import wardrobe
    from handstyle.inspection.material import held_out
    from handstyle.inspection.subject import Subject

    family = load_base(base)
    require_known_base(workspace, family)
    worn = wardrobe.worn(workspace, [run])[0]
    require_base(worn.trained.base, family)
    said = require_generating(workspace, worn.trained, family)
    collection, folder = collection_named(workspace, worn.style.collection)
    more = further_drawings(workspace, collection, further, family, worn.trained.recipe) if further else None
    real = held_out(collection, folder, more)
    if real is None:
        raise StageMissing(
            "there is no drawing by the artist that the style did not learn from",
            hint="Collect with --leave-out and finetune again, or give more drawings with --further.",
        )
    return Subject(collection, folder, family, worn, workspace.run(run), Cache(workspace.cache), own_mark()), real, said


def shown_to_others(real: HeldOut) -> tuple[Work, ...]:
    """Those whose permission includes showing, today, in the order of their digests. Raises RightsMissing."""
    from handstyle.inspection.blind_test import FEWEST

    rights = real.collection.rights_of
    why = {work.name: rights(work).why_not("show-works", date.today()) for work in real.works}
    found = sorted((work for work in real.works if why[work.name] is None), key=lambda work: work.pixels_sha256)
    if len(found) < FEWEST:
        raise RightsMissing(
            f"{len(found)} drawings that the style did not learn from may be shown to others, and {FEWEST} are needed",
            faults=[f"{name}: {words}" for name, words in why.items() if words],
            hint="Give drawings that may be shown with --further, or keep more works back with --leave-out.",
        )
    return tuple(found)


def _seen(works: Sequence[Work], real: HeldOut, resolution: int) -> list[Image.Image]:
    from handstyle.inspection.material import as_seen

    return [as_seen(work, real.folder, real.collection.background, resolution) for work in works]


def read(workspace: Workspace, files: Sequence[Path]) -> Read:
    """Guesses that came back, held against the sealed answers. Only other people's count."""
    from handstyle.inspection.blind_test import judged

    guesses, passed_over = _read_files(files)
    tests = {one.test for one in guesses.values()}
    if len(tests) != 1:
        raise UsageMistake(
            f"these files answer {len(tests)} blind tests", hint="Read the guesses of one test at a time."
        )
    place, answers = _answers(workspace, tests.pop())
    short = [path.name for path, one in guesses.items() if len(one.guesses) != len(answers.hands)]
    if short:
        raise UsageMistake("files hold another number of guesses than the test has drawings", faults=short)
    found = judged(answers, list(guesses.values()))
    if found is None:
        raise UsageMistake(
            "none of these guesses is by somebody else than the artist and those who trained the style",
            hint="Only other people's guesses count: give the page to others.",
        )
    result = found.save(place / next_name(place, RESULT, ".json"))
    return Read(result=str(result), found=found, passed_over=tuple(passed_over))


def _read_files(files: Sequence[Path]) -> tuple[dict[Path, Guesses], list[str]]:
    """Each filled page once."""
    from handstyle.inspection.blind_test import Guesses

    found: dict[Path, Guesses] = {}
    passed_over: list[str] = []
    seen: dict[str, Path] = {}
    for path in files:
        one = Guesses.load(path)
        if one.sheet in seen:
            passed_over.append(f"{path} is the same filled page as {seen[one.sheet]}")
            continue
        seen[one.sheet] = path
        found[path] = one
    return found, passed_over


def _answers(workspace: Workspace, commitment: str) -> tuple[Path, Answers]:
    from handstyle.inspection.blind_test import Answers

    for path in sorted((workspace.root / "blind-tests").glob(f"*/{ANSWERS}")):
        answers = Answers.load(path)
        if answers.commitment == commitment:
            return path.parent, answers
    raise UsageMistake(
        f"the answers to the test {commitment[:12]} are not in this workspace",
        hint="Name the workspace in which the page was made with --workspace. Edited answers are not those sealed.",
    )


def newest(workspace: Workspace, tensors: str) -> BlindTest | None:
    """The result with the most judges for these very weights; among equals the one read last."""
    paths = (workspace.root / "blind-tests").glob(f"*/{RESULT}*.json")
    found = [(path.stat().st_mtime_ns, BlindTest.load(path)) for path in paths]
    own = [(one.judges, when, one) for when, one in found if one.answers.style == tensors]
    return max(own, key=lambda entry: entry[:2])[2] if own else None


def with_blind_test(workspace: Workspace, report: InspectionReport | None) -> InspectionReport | None:
    """The report as it is published, with what other people guessed of these weights."""
    found = newest(workspace, report.style) if report else None
    return report.model_copy(update={"blind_test": found}) if report and found else report
