"""How long does it take to collect a hundred thousand small pictures, and how much memory?

    python -m benchmarks.collecting --to bench.json [--pictures 100000] [--keep FOLDER]

Collects them three times, as somebody might who is interrupted: killed half way, then refused because some are there
twice, then without those. Making the pictures does not count. Memory is that of all its processes together; what they
share is counted for each of them. The section `collect` of the file is replaced; what else is in it stays.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks import small_pictures
from handstyle.collection.journal import Remembered
from handstyle.collection.near_duplicates import NearDuplicates
from handstyle.collection.pixels import page_colour
from handstyle.collection.works import Collection
from handstyle.workspace import Workspace

BUSY = 25  # per cent of the processors; above it, times would be worthless
A_LOOK = 0.1  # seconds between two looks at the memory
AIM = 600  # seconds


@dataclass
class Ran:
    """One command, from its start to its end or to its death."""

    seconds: float = 0.0
    peak_memory: int = 0  # bytes, of all processes together
    peak_of_first: int = 0  # bytes, of the one that was started
    exit_code: int | None = None
    stages: dict[str, float] = field(default_factory=dict)  # seconds
    answer: dict[str, Any] = field(default_factory=dict)
    left_over: int = 0  # processes that outlived it by a second

    def as_json(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 2),
            "peak_memory_bytes": self.peak_memory,
            "peak_memory_bytes_of_first_process": self.peak_of_first,
            "exit_code": self.exit_code,
            "seconds_by_stage": {name: round(seconds, 2) for name, seconds in self.stages.items()},
            "processes_left_over": self.left_over,
        }


def run(arguments: list[str], should_die: Callable[[], bool] = lambda: False) -> Ran:
    """`handstyle` with these; killed as soon as it should die. Its stages are timed as it names them on stderr."""
    ran, began = Ran(), time.perf_counter()
    with tempfile.TemporaryFile() as words:
        command = [sys.executable, "-m", "handstyle", *arguments, "--json"]
        child = subprocess.Popen(command, stdout=words, stderr=subprocess.PIPE, text=True)
        named: list[tuple[str, float]] = []
        listener = threading.Thread(target=_listen, args=(child, named))
        listener.start()
        family: set[psutil.Process] = set()
        while child.poll() is None:
            family |= _weigh(ran, child.pid)
            if should_die():
                child.send_signal(signal.SIGKILL)
            time.sleep(A_LOOK)
        ran.seconds, ran.exit_code = time.perf_counter() - began, child.returncode
        listener.join(1)
        words.seek(0)
        if written := words.read():
            ran.answer = json.loads(written)
    ends = [*(at for _, at in named[1:]), began + ran.seconds]
    ran.stages = {name: end - at for (name, at), end in zip(named, ends, strict=True)}
    time.sleep(1)
    ran.left_over = sum(_runs(process) for process in family)
    return ran


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)  # ended, and nobody has asked how
    except psutil.NoSuchProcess:
        return False


def _listen(child: subprocess.Popen[str], named: list[tuple[str, float]]) -> None:
    assert child.stderr is not None
    for line in child.stderr:
        if line.strip() in ("looking through the folder", "collecting", "writing the collection"):
            named.append((line.strip(), time.perf_counter()))


def _weigh(ran: Ran, pid: int) -> set[psutil.Process]:
    """Notes how much memory the process and those it started have; returns them."""
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
        sizes = [process.memory_info().rss for process in family]
    except psutil.Error:  # one of them has just ended
        return set()
    ran.peak_memory = max(ran.peak_memory, sum(sizes))
    ran.peak_of_first = max(ran.peak_of_first, sizes[0])
    return set(family)


def measure(works: Path, number: int, desk: Path) -> dict[str, Any]:
    workspace = Workspace(desk)
    remembered = workspace.reading(works)
    command = ["collect", str(works), "--mine", "Ada Example", "--workspace", str(desk)]
    killed = run(command, lambda: _lines(remembered) >= number // 2)
    half = _lines(remembered)
    refused = run(command)
    twice = [fault.split(":")[0] for fault in refused.answer["faults"] if "shows the same pixels as" in fault]
    collected = run([*command, *(word for name in twice for word in ("--without", name))])
    if collected.exit_code:
        raise SystemExit(f"collecting ended with {collected.exit_code}: {collected.answer}")
    anew = run([*command[:-1], str(desk / "anew"), *(word for name in twice for word in ("--without", name))])
    record = Path(collected.answer["record"])
    runs = {"killed": killed, "refused": refused, "collected": collected}
    return {
        "pictures": number,
        "seconds": round(sum(ran.seconds for ran in runs.values()), 2),
        "aim_seconds": AIM,
        "peak_memory_bytes": max(ran.peak_memory for ran in (*runs.values(), anew)),
        "runs": {name: ran.as_json() for name, ran in (*runs.items(), ("uninterrupted", anew))},
        "remembered_when_killed": half,
        "there_twice": {"made": len(small_pictures.twice(number)), "found": len(twice)},
        "near_duplicates": _near(record, number, twice),
        "same_collection": collected.answer["collection"] == anew.answer["collection"],
        "record": _record(record),
        "near_duplicate_search": dict(_search(works, desk, number)),
    }


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def _near(record: Path, number: int, twice: list[str]) -> dict[str, int]:
    found = json.loads((record.parent / "near-duplicates.json").read_text(encoding="utf-8"))["works"]
    made = [pair for pair in small_pictures.near(number) if not set(pair) & set(twice)]
    right = sum(found.get(max(pair), found.get(min(pair))) in pair for pair in made)
    return {"made": len(made), "found_of_them": right, "found": len(found)}


def _record(path: Path) -> dict[str, Any]:
    """What it costs each later stage to read it, in a process of its own."""
    probe = (
        "import json, psutil, sys, time, pathlib\n"
        "from handstyle.collection.works import Collection\n"
        "before, began = psutil.Process().memory_info().rss, time.perf_counter()\n"
        "collection = Collection.load(pathlib.Path(sys.argv[1]))\n"
        "read = time.perf_counter() - began\n"
        "digest = collection.digest\n"
        "took = time.perf_counter() - began - read\n"
        "import resource\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "print(json.dumps({'seconds_to_read': round(read, 2), 'seconds_for_its_digest': round(took, 2),\n"
        "    'memory_bytes': psutil.Process().memory_info().rss - before, 'peak_memory_bytes': peak - before}))\n"
    )
    done = subprocess.run([sys.executable, "-c", probe, str(path)], stdout=subprocess.PIPE, text=True, check=True)
    return {"bytes": path.stat().st_size, **json.loads(done.stdout)}


def _search(works: Path, desk: Path, number: int) -> Iterator[tuple[str, float]]:
    """Seconds for the near-duplicates alone, of the first so many pictures."""
    names = [work.name for work in Collection.load(next(desk.glob("collections/*/collection.json"))).works]
    with closing(Remembered(Workspace(desk).reading(works), page_colour("white"), names)) as memory:
        known = [(name, memory.recall(name)) for name in names]
    for some in (number // 10, number // 3, number):
        began, alike = time.perf_counter(), NearDuplicates(some)
        for name, shown in known[:some]:
            alike.see(name, shown.looks if shown else None)
        yield f"{min(some, len(known))} works", round(time.perf_counter() - began, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--to", type=Path, default=Path("bench.json"))
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=96, help="pixels of the longest side of a picture")
    parser.add_argument("--keep", type=Path, help="where the pictures are, or are to be made and to stay")
    parser.add_argument("--busy", action="store_true", help="measure although the machine is not idle")
    options = parser.parse_args()
    if psutil.cpu_percent(interval=2) > BUSY and not options.busy:
        raise SystemExit("the machine is busy, so times would mean nothing; wait, or pass --busy")
    with tempfile.TemporaryDirectory() as temporary:
        works = options.keep or Path(temporary) / "works"
        if not works.is_dir():
            small_pictures.make(works, options.pictures, options.side, psutil.cpu_count() or 1)
        result = {"longest_side": options.side, **measure(works, options.pictures, Path(temporary) / "desk")}
    before = json.loads(options.to.read_text(encoding="utf-8")) if options.to.is_file() else {}
    options.to.write_text(json.dumps({**before, "collect": result}, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
