"""Does any input, out of very many that nobody thought of, get more out of a parser than a value or a clear error?

    python -m tests.hostile.fuzzing --minutes 10 --seed 1
    python -m tests.hostile.fuzzing --only png --minutes 1
    python -m tests.hostile.fuzzing --replay fuzzing-findings/png-0a1b2c3d

Each parser starts from what the corpus has of its kind. An input that is refused at a place in the code where none
was refused before is kept, and changed further. Each parser runs in a process of its own, for one may die.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.bench import Bench
from tests.hostile.case import LONGEST, at_most, in_memory_of, nothing_past_us, state
from tests.hostile.parsers import PARSERS

from handstyle import digests
from handstyle.errors import HandstyleError
from handstyle.terminal import command_line

MOST_MEMORY = 3 << 29  # bytes of address space on top of what the process has
MOST_KEPT = 400  # inputs to go on from
MOST_FINDINGS = 20  # of one parser; more of them say nothing new
SHARES = {"bases": 4}  # of the time, where one input takes as long as a hundred others
READ = "read"  # how an input ends that is no fault
Where = tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """How one input ended: `READ`, one of our own errors, or something that must not be."""

    kind: str
    where: Where = ()  # places in the code; the same for inputs that are alike
    trouble: str = ""


@dataclass
class Tally:
    """What became of all inputs of a parser."""

    parser: str
    tried: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    places: set[Where] = field(default_factory=set)
    findings: dict[Where, tuple[bytes, str]] = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {number}" for kind, number in self.by_kind.most_common())
        return (
            f"{self.parser:14} {self.tried:7} inputs in {self.seconds:5.1f} s, ended in {len(self.places):3} ways: "
            f"{kinds}" + (f"; {len(self.findings)} FINDINGS" if self.findings else "")
        )


def outcome(bench: Bench, data: bytes) -> Outcome:
    """What one input comes to, within limits of time and memory."""
    bench.put(data)
    given = state(bench.given)
    try:
        with at_most(LONGEST), in_memory_of(MOST_MEMORY), nothing_past_us():
            result = _read(bench)
    except AssertionError as unlike:  # a value of another kind is told by `_read`
        return Outcome("Unlike", (_skeleton(str(unlike)),), str(unlike))
    if not result.trouble and state(bench.given) != given:
        return Outcome("Changed", ("changed",), "a file that was given is not as it was")
    bench.put_back()
    return result


def _read(bench: Bench) -> Outcome:
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # which the command line shows
            kind, _, words = str(bench.read() or READ).partition(": ")
        return Outcome(kind, (kind, _skeleton(words)))
    except HandstyleError as error:
        trouble = "" if error.what.strip() and str(error) else "it says nothing"
        return Outcome(type(error).__name__, _places(error), trouble)
    except Exception as error:
        return Outcome(type(error).__name__, _places(error), "".join(traceback.format_exception(error)))


def _places(error: BaseException) -> Where:
    """Where it was raised, and where each error was raised that it came from; what libraries in C say stands for a
    place in them."""
    found: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(found) < 10:
        if frames := traceback.extract_tb(seen.__traceback__):
            found.append(f"{type(seen).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}")
        last, seen = seen, seen.__cause__ or seen.__context__
    told = (error.what, *error.faults[:3]) if isinstance(error, HandstyleError) else ()
    return (*found, *map(_skeleton, (*told, str(last))))


def _skeleton(words: str) -> str:
    """Without what comes from the input: what is quoted, and numbers."""
    return re.sub(r"""'[^']*'|"[^"]*"|`[^`]*`|\d+|\(.*""", "", words[:400], flags=re.DOTALL)[:40]


def fuzz(name: str, bench: Bench, *, seed: int, seconds: float = 1e9, inputs: int = 10**9, last: Path) -> Tally:
    """`last` always holds the input under way: a process that dies leaves it behind."""
    chance, tally, kept = random.Random(f"{name} {seed}"), Tally(name), list(bench.examples)
    began = time.monotonic()
    while tally.tried < inputs and time.monotonic() - began < seconds and len(tally.findings) < MOST_FINDINGS:
        whole = tally.tried < len(bench.examples)  # all that is in the corpus, before anything is changed
        data = kept[tally.tried] if whole else bench.mutate(chance.choice(kept), chance, kept)
        last.write_bytes(data)
        found = outcome(bench, data)
        tally.tried += 1
        tally.by_kind[found.kind] += 1
        if found.trouble:
            tally.findings.setdefault(found.where, (data, found.trouble))
            bench.put_back()
        elif found.where not in tally.places:
            tally.places.add(found.where)
            if len(kept) < MOST_KEPT + len(bench.examples):
                kept.append(data)
    tally.seconds = time.monotonic() - began
    return tally


def saved(tally: Tally, to: Path) -> list[str]:
    """Each finding as a file, and in words how to see it again."""
    words = []
    for where, (data, trouble) in tally.findings.items():
        path = save(tally.parser, data, to)
        what = f"{trouble.rstrip().splitlines()[-1][:300]} ({where[0]})"
        words.append(f"  {what}\n    again: python -m tests.hostile.fuzzing --replay {path}")
    return words


def save(parser: str, data: bytes, to: Path) -> Path:
    to.mkdir(parents=True, exist_ok=True)
    path = to / f"{parser}-{digests.of_bytes(data)[:8]}"
    path.write_bytes(data)
    return path


def alone(name: str, *, seed: int, seconds: float, to: Path) -> int:
    """One parser, in this process."""
    command_line.prepare()  # libraries keep their remarks to themselves, as they do behind the command
    with tempfile.TemporaryDirectory(prefix="handstyle-fuzzing-") as folder:
        tally = fuzz(name, PARSERS[name](Path(folder)), seed=seed, seconds=seconds, last=to / f"{name}-last")
    print(tally, flush=True)
    for words in saved(tally, to):
        print(words, flush=True)
    (to / f"{name}-last").unlink()
    return 1 if tally.findings else 0


def each(names: Sequence[str], *, seed: int, minutes: float, to: Path) -> int:
    """Every parser in a process of its own. A process that dies is a finding too."""
    to.mkdir(parents=True, exist_ok=True)
    failed, shares = [], {name: SHARES.get(name, 1) for name in names}
    for name in names:
        share = str(minutes * shares[name] / sum(shares.values()))
        words = ["--only", name, "--here", "--minutes", share, "--seed", str(seed), "--to", str(to)]
        code = subprocess.run([sys.executable, "-m", "tests.hostile.fuzzing", *words]).returncode
        if code:
            failed.append(name)
        if (last := to / f"{name}-last").exists():
            path = save(name, last.read_bytes(), to)
            last.unlink()
            print(f"{name}: the process died ({code})\n  again: python -m tests.hostile.fuzzing --replay {path}")
    print(f"seed {seed}: {len(names) - len(failed)} of {len(names)} parsers without a finding", flush=True)
    with contextlib.suppress(OSError):  # findings are in it
        to.rmdir()
    return 1 if failed else 0


def replay(path: Path) -> int:
    command_line.prepare()
    name = path.name.rpartition("-")[0]
    with tempfile.TemporaryDirectory(prefix="handstyle-fuzzing-") as folder:
        began = time.monotonic()
        found = outcome(PARSERS[name](Path(folder)), path.read_bytes())
    print(found.trouble or f"{found.kind}: {' <- '.join(found.where)}", f"({time.monotonic() - began:.1f} s)")
    return 1 if found.trouble else 0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=10, help="of all parsers together")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", choices=PARSERS, action="append", metavar="PARSER", help=", ".join(PARSERS))
    options.add_argument("--to", type=Path, default=Path("fuzzing-findings"), help="where findings are kept")
    options.add_argument("--replay", type=Path, metavar="FILE", help="read a finding again")
    options.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.replay:
        return replay(given.replay)
    names = given.only or list(PARSERS)
    if given.here:
        return alone(names[0], seed=given.seed, seconds=given.minutes * 60, to=given.to)
    return each(names, seed=given.seed, minutes=given.minutes, to=given.to)


if __name__ == "__main__":
    sys.exit(main())
