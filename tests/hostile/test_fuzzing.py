"""Does fuzzing notice all that must not be, and find nothing of that in our parsers? The long form: `make soak`."""

from __future__ import annotations

import io
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.hostile import fuzzing, jpeg, mutations, picture_parts, png, webp
from tests.hostile.bench import Bench
from tests.hostile.fuzzing import Tally, fuzz
from tests.hostile.parsers import PARSERS

from handstyle.errors import RecordDamaged
from handstyle.terminal.command_line import ENVIRONMENT

INPUTS = {"bases": 20}  # one of which takes as long as a hundred others
FEW, MANY = 60, 500


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    from handstyle.diffusion import hardware

    monkeypatch.setattr(hardware, "use_all_cores", lambda: None)
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, ENVIRONMENT[name])


@pytest.mark.slow
@pytest.mark.parametrize("parser", PARSERS)
def test_what_a_stranger_sends_is_a_value_or_a_clear_error(parser: str, tmp_path: Path, quiet: None) -> None:
    tally = fuzz(parser, PARSERS[parser](tmp_path), seed=1, inputs=INPUTS.get(parser, MANY), last=tmp_path / "last")
    assert not tally.findings, "\n".join(fuzzing.saved(tally, Path("fuzzing-findings")))
    assert tally.tried == INPUTS.get(parser, MANY) and len(tally.places) > 1


# What is planted is found


def planted(folder: Path, read: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch) -> Tally:
    monkeypatch.setattr(fuzzing, "LONGEST", 0.3)
    path = folder / "given" / "input"
    path.parent.mkdir()
    bench = Bench([b"a boat"], path.write_bytes, lambda: read(path), path.parent)
    return fuzz("planted", bench, seed=1, inputs=FEW, last=folder / "last")


def lets_an_error_through(path: Path) -> None:
    path.read_bytes().decode()


def never_ends(path: Path) -> None:
    while path.read_bytes() != b"a boat":
        pass


def waits_for_a_pipe(path: Path) -> None:
    if path.read_bytes() != b"a boat":
        os.read(os.pipe()[0], 1)


def takes_all_memory(path: Path) -> None:
    bytearray(len(path.read_bytes()) << 40)


def writes_to_what_was_given(path: Path) -> None:
    path.write_bytes(b"mended")


def leaves_something_beside_it(path: Path) -> None:
    path.with_name("notes").touch()


def speaks_past_us(path: Path) -> None:
    if path.read_bytes() != b"a boat":
        os.write(2, b"Unknown code\n")


def says_nothing(path: Path) -> None:
    raise RecordDamaged(" ")


FAULTS = {
    lets_an_error_through: "UnicodeDecodeError",
    never_ends: "was not done after",
    waits_for_a_pipe: "was not done after",
    writes_to_what_was_given: "is not as it was",
    leaves_something_beside_it: "is not as it was",
    speaks_past_us: "Unknown code",
    says_nothing: "says nothing",
}
if sys.platform == "linux":
    FAULTS[takes_all_memory] = "MemoryError"


@pytest.mark.parametrize("read", FAULTS, ids=lambda read: read.__name__)
def test_a_parser_that_does_what_it_must_not_is_found(
    read: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzzing, "MOST_FINDINGS", 1)
    tally = planted(tmp_path, read, monkeypatch)
    ((_, (data, trouble)),) = tally.findings.items()
    assert FAULTS[read] in trouble
    (words,) = fuzzing.saved(tally, tmp_path / "findings")
    (path,) = (tmp_path / "findings").iterdir()
    assert path.read_bytes() == data and f"--replay {path}" in words


def test_a_parser_that_keeps_its_promise_has_no_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careful(path: Path) -> None:
        if path.read_bytes() != b"a boat":
            raise RecordDamaged(f"{path} is not a boat", hint="Draw one.")

    tally = planted(tmp_path, careful, monkeypatch)
    assert not tally.findings
    assert tally.by_kind["RecordDamaged"] + tally.by_kind["read"] == tally.tried == FEW


@pytest.mark.slow
def test_a_process_that_dies_leaves_its_input_behind(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """As `make soak` runs it: a parser in a process of its own, which has no memory even to begin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        patch.chdir(Path(__file__).parents[2])
        assert fuzzing.each(["licences"], seed=1, minutes=0.01, to=tmp_path / "found") == 0
        assert "1 of 1 parsers without a finding" in capfd.readouterr().out
        patch.setattr(fuzzing.subprocess, "run", lambda words: _died(tmp_path / "found" / "licences-last"))
        assert fuzzing.each(["licences"], seed=1, minutes=0.01, to=tmp_path / "found") == 1
    assert "the process died (-11)" in capfd.readouterr().out
    assert [path.read_bytes() for path in (tmp_path / "found").iterdir()] == [b"its last"]


def _died(last: Path) -> fuzzing.subprocess.CompletedProcess[bytes]:
    last.write_bytes(b"its last")
    return fuzzing.subprocess.CompletedProcess([], -11)


# What is taken apart can be put together


@pytest.mark.parametrize(
    ("data", "apart", "together"),
    [
        (png.GOOD, picture_parts.png_parts, picture_parts.png_of),
        (jpeg.GOOD, picture_parts.jpeg_parts, picture_parts.jpeg_of),
        (jpeg.jpeg(progressive=True), picture_parts.jpeg_parts, picture_parts.jpeg_of),
        (webp.GOOD, picture_parts.webp_parts, picture_parts.webp_of),
    ],
    ids=["PNG", "JPEG", "JPEG in several scans", "WebP"],
)
def test_a_picture_taken_apart_and_put_together_shows_the_same(
    data: bytes, apart: Callable[[bytes], list[bytes]], together: Callable[[list[bytes]], bytes]
) -> None:
    assert len(apart(data)) > 0
    pictures = [Image.open(io.BytesIO(written)).convert("RGB").tobytes() for written in (data, together(apart(data)))]
    assert pictures[0] == pictures[1]


def test_the_same_seed_tries_the_same_inputs() -> None:
    assert tried(seed=1) == tried(seed=1) != tried(seed=2)


def tried(seed: int) -> list[bytes]:
    chance, examples = random.Random(seed), [b'rank = 8\nmax_train = "4 steps"\n', b"a = [1, 2]\n"]
    return [mutations.tomlwise(examples[0], chance, examples) for _ in range(50)]
