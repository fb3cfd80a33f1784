"""What is a hostile case, and when has it ended as it should?

A case makes a few files, types one command, and states the end: refused with a code and words, or accepted with
exactly these pixels or words. Whatever the end, nobody sees a traceback or waits for ever, and every file that was
given is there afterwards, byte for byte.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import io
import json
import os
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

LONGEST = 5.0  # seconds a case may take
MOST_MEMORY = 2 << 30  # bytes of address space on top of what the process has
WAY_TOO_LONG = 60  # seconds after which code that no signal reaches is stopped with the whole process
LARGEST_HASHED = 64 << 20  # bytes; of larger files size and time of change are compared

UNWANTED = ["this is our fault", "Traceback", "the system refused"]  # what no case may end with


class TookTooLong(BaseException):
    """Not an Exception, so that nothing on the way mistakes it for a fault of the input."""


@dataclass
class Place:
    """Where a case happens: `given` is the person's own, in `workspace` handstyle may write.

    `shelf` makes what is dear to make (a base, a run, a release), once for all cases.
    """

    given: Path
    workspace: Path
    shelf: Any

    def write(self, name: str, data: bytes | str) -> Path:
        path = self.given / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path


@dataclass(frozen=True)
class Ended:
    """What a command said and did."""

    place: Place
    code: int
    told: dict[str, Any]  # the JSON on stdout
    words: str  # what stood on stderr

    def collection(self) -> dict[str, Any]:
        assert self.code == 0, self.words
        return dict(json.loads(Path(self.told["record"]).read_bytes()))


Words = Sequence[object]  # of the command line
End = Callable[[Ended], None]


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[Place], Words]
    ends: End
    may_change: tuple[str, ...] = field(default=())  # in the workspace, by pattern


def refused(words: str, code: int = 1) -> End:
    """It ends with this code, says these words, and says what to do next."""

    def check(ended: Ended) -> None:
        everything = json.dumps(ended.told, ensure_ascii=False)
        assert ended.code == code, f"exit code {ended.code}: {ended.words}"
        assert words and (words in ended.words or words in everything), f"`{words}` is not in: {ended.words}"
        assert ended.told["hint"], f"it does not say what to do next: {ended.words}"

    return check


def shows(expected: np.ndarray[Any, Any], within: int = 0) -> End:
    """The one picture became a work with exactly these pixels, or with none further off than `within`."""

    def check(ended: Ended) -> None:
        (work,) = ended.collection()["works"]
        height, width, _ = expected.shape
        assert (work["width"], work["height"]) == (width, height)
        pixels = expected.astype(np.uint8)
        if within:
            pixels = _decoded(ended.place.given / work["name"])
            assert np.abs(pixels.astype(int) - expected).max() <= within
        assert work["pixels_sha256"] == _digest(pixels)

    return check


def _decoded(path: Path) -> np.ndarray[Any, Any]:
    from handstyle.collection.pixels import decode

    return np.asarray(decode(path))


def _digest(pixels: np.ndarray[Any, Any]) -> str:
    """As docs/collect.md has it: of the size, then of the RGB bytes row by row."""
    height, width, _ = pixels.shape
    return hashlib.sha256(f"rgb8 {width}x{height}\n".encode() + pixels.tobytes()).hexdigest()


def says(**captions: str) -> End:
    """Each picture, named without its `.png`, became a work with these words."""

    def check(ended: Ended) -> None:
        works = {work["name"].removesuffix(".png"): work["caption"] for work in ended.collection()["works"]}
        assert works == captions

    return check


def state(folder: Path) -> dict[str, tuple[Any, ...]]:
    """What lies in a folder: kinds, sizes, content and the targets of links. Pipes and devices are not opened."""
    found: dict[str, tuple[Any, ...]] = {}
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *files)):
            try:
                status = path.lstat()
            except OSError as error:  # a path may be longer than a path may be
                found[str(path.relative_to(folder))] = (error.errno,)
                continue
            content: Any = None
            if stat.S_ISLNK(status.st_mode):
                content = path.readlink()
            elif stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST_HASHED:
                content = hashlib.sha256(path.read_bytes()).digest()
            elif stat.S_ISREG(status.st_mode):
                content = status.st_mtime_ns
            size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
            found[str(path.relative_to(folder))] = (status.st_mode, size, content)
    return found


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """An AssertionError for what takes longer, also where it waits for a pipe."""

    def late(number: int, frame: FrameType | None) -> None:
        where = f" but in {frame.f_code.co_filename}:{frame.f_lineno}" if frame else ""
        raise TookTooLong(f"it was not done after {seconds} seconds{where}")

    faulthandler.dump_traceback_later(WAY_TOO_LONG, exit=True)
    before = signal.signal(signal.SIGALRM, late) if hasattr(signal, "SIGALRM") else None
    began = time.monotonic()
    try:
        if before is not None:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
        if time.monotonic() - began > seconds:
            late(0, None)
    except TookTooLong as too_long:
        raise AssertionError(str(too_long)) from None  # its frames were left in the middle of a line
    finally:
        if before is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def in_memory_of(size: int) -> Iterator[None]:
    """A bomb that goes off raises MemoryError, where the system can set such a limit."""
    if sys.platform != "linux":
        yield
        return
    import resource

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def nothing_past_us() -> Iterator[None]:
    """An AssertionError for what a library writes straight to the screen, past Python."""
    sys.stderr.flush()
    screen = os.dup(2)
    with tempfile.TemporaryFile() as paper:
        os.dup2(paper.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(screen, 2)
            os.close(screen)
            paper.seek(0)
            written = paper.read().decode(errors="replace")
            if written and sys.exc_info()[0] is not None:
                print(written, file=sys.stderr)
        assert not written, f"something wrote past handstyle: {written}"


def typed(words: Words) -> tuple[int, str, str]:
    """`handstyle` with these words after it: exit code, stdout, stderr."""
    from handstyle.__main__ import main

    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = main([str(word) for word in words])
    return code, out.getvalue(), error.getvalue()


def check(case: Case, place: Place) -> None:
    """Runs a case and holds its end against what it promises."""
    words = [*case.make(place), "--json"]
    given, kept = state(place.given), state(place.workspace)
    with at_most(LONGEST), in_memory_of(MOST_MEMORY), nothing_past_us():
        code, out, error = typed(words)
    assert not any(unwanted in error for unwanted in UNWANTED), error
    case.ends(Ended(place, code, json.loads(out), error))
    assert state(place.given) == given, "a file that was given is not as it was"
    after = state(place.workspace)
    changed = {name for name in kept if after.get(name) != kept[name]}
    assert not {name for name in changed if not any(fnmatch(name, pattern) for pattern in case.may_change)}
