"""How fast are very many small pictures collected, in how much memory, and what does a kill cost?

    python -m benchmarks.speed.collecting --number 100000

The pictures are drawn by chance, 64 pixels a side; one in a thousand comes a second time, mirrored or smaller.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image, ImageOps

SIDE, PATCHES, SMALLER = 64, 8, 51  # pixels, colours a side, pixels of a smaller copy
A_COPY_IN = 1000
FEW = 10_000  # pictures; memory at this number and at the full one shows what grows
IN_A_FOLDER = 1000
RIGHTS = '[[rights]]\nworks = ["*.png"]\nauthor = "Ada Example"\nbasis = "own-work"\n'
CHILD = """
import json, resource, sys, time
from pathlib import Path
from handstyle import stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.workspace import Workspace
folder, workspace = map(Path, sys.argv[1:])
began = time.perf_counter()
made = stages.collect(Workspace(workspace), folder, read_rights_toml(folder / "rights.toml"))
peak = {"peak_memory": resource.RUSAGE_SELF, "peak_memory_of_a_reader": resource.RUSAGE_CHILDREN}
facts = {name: resource.getrusage(who).ru_maxrss * 1024 for name, who in peak.items()}
record = Path(made.record)
print(json.dumps({"seconds": time.perf_counter() - began, "record": record.stat().st_size, "digest": made.collection,
                  "works": made.works, "notes": made.notes, **facts}))
"""


def measure(number: int, folder: Path) -> dict[str, float | int | str]:
    """Collects a few, then all, then all again killed in the middle and resumed. Bytes and seconds."""
    began = time.perf_counter()
    few, planted_in_few = _draw(folder / "few", min(FEW, number))
    all_of_them, planted = _draw(folder / "all", number)
    drawn = time.perf_counter() - began
    small = _collect(few, folder / "workspace-few")
    whole = _collect(all_of_them, folder / "workspace-all")
    noted, left = _killed(all_of_them, folder / "workspace-killed", number // 2)
    resumed = _collect(all_of_them, folder / "workspace-killed")
    if resumed["digest"] != whole["digest"]:
        raise SystemExit("the resumed run made another collection than the uninterrupted one")
    return {
        "pictures": int(whole["works"]),
        "seconds": round(whole["seconds"], 1),
        "pictures_per_second": round(whole["works"] / whole["seconds"], 1),
        "seconds_to_draw_them": round(drawn, 1),
        "pictures_of_the_few": int(small["works"]),
        "peak_memory_at_few": int(small["peak_memory"]),
        "peak_memory": int(whole["peak_memory"]),
        "peak_memory_of_a_reader_at_few": int(small["peak_memory_of_a_reader"]),
        "peak_memory_of_a_reader": int(whole["peak_memory_of_a_reader"]),
        "record_bytes": int(whole["record"]),
        "readings_noted_before_the_kill": noted,
        "readers_left_after_the_kill": left,
        "seconds_of_the_resumed_run": round(resumed["seconds"], 1),
        "near_duplicates_planted": planted,
        "works_found_nearly_the_same": _told(whole["notes"]),
        "near_duplicates_planted_in_few": planted_in_few,
        "works_found_nearly_the_same_in_few": _told(small["notes"]),
        "digest": str(whole["digest"]),
    }


def _draw(folder: Path, number: int) -> tuple[Path, int]:
    """`number` pictures, and how many of them are copies of another."""
    chance = np.random.default_rng(0)
    planted = 0
    for index in range(number):
        place = folder / f"{index // IN_A_FOLDER:04}"
        if index % IN_A_FOLDER == 0:
            place.mkdir(parents=True)
        if index % A_COPY_IN == A_COPY_IN - 1:
            copy = ImageOps.mirror(image) if planted % 2 else image.resize((SMALLER, SMALLER))
            planted += 1
            copy.save(place / f"plate_{index:06}.png", compress_level=1)
            continue
        patches = Image.fromarray(chance.integers(0, 256, (PATCHES, PATCHES, 3), dtype=np.uint8))
        image = patches.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        image.save(place / f"plate_{index:06}.png", compress_level=1)
    (folder / "rights.toml").write_text(RIGHTS, encoding="utf-8")
    return folder, planted


def _command(folder: Path, workspace: Path) -> list[str]:
    return [sys.executable, "-c", CHILD, str(folder), str(workspace)]


def _collect(folder: Path, workspace: Path) -> dict[str, Any]:
    done = subprocess.run(_command(folder, workspace), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _killed(folder: Path, workspace: Path, when: int) -> tuple[int, int]:
    """SIGKILL once so many readings are noted -> how many were, and how many of its processes outlived it."""
    child = subprocess.Popen(_command(folder, workspace), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while (noted := _noted(workspace)) < when and child.poll() is None:
        time.sleep(0.2)
    readers = psutil.Process(child.pid).children(recursive=True)
    child.kill()
    child.wait()
    return noted, len(psutil.wait_procs(readers, timeout=60)[1])


def _noted(workspace: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (workspace / "readings").glob("*.jsonl"))


def _told(notes: list[str]) -> int:
    """How many works the note on near-duplicates counts."""
    return next((int(note.split()[0]) for note in notes if "look nearly the same" in note), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--number", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print(json.dumps(measure(options.number, Path(temporary)), indent=2))


if __name__ == "__main__":
    main()
