"""How fast is it, how much memory does it take, and what does it reach, on this machine?

    python benchmarks/bench.py --to bench.json [--audit]

Runs the demo, then the same recipe on 32 works of another artist, inspected on the same 64 drawings, and the start-up
times; with --audit also how long it takes to inspect the example, without an audit and with one, beside what they may
take. Everything is measured in processes of their own; nothing else should be running.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from handstyle.demonstration import EXAMPLE
from handstyle.diffusion.hardware import processor_name, usable_cores

REPEATS = 5
INSPECTION, AUDIT = 90, 20 * 60  # seconds that they may take on the example
BUSY = 25  # per cent of the processors; above it, times would be worthless


def run(*arguments: str) -> dict[str, Any]:
    """One handstyle command, its JSON. Stops the bench when the command fails."""
    done = subprocess.run(
        [sys.executable, "-m", "handstyle", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"handstyle {' '.join(arguments)} ended with {done.returncode}: {done.stdout}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def seconds_of(*arguments: str) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "handstyle", *arguments], capture_output=True, check=True)
        times.append(time.perf_counter() - began)
    return round(statistics.median(times), 3)


def another_artist(folder: Path) -> dict[str, Any]:
    """The same recipe on another artist's drawings of the same concepts, measured on the first artist's."""
    works, workspace = EXAMPLE / "another_artist", str(folder / "another")
    common = ("--workspace", workspace)
    run("collect", str(works), "--rights", str(works / "rights.toml"), "--leave-out", "none", *common)
    run("finetune", *common)
    return run("inspect", "--further", str(EXAMPLE / "held_out"), *common)


def inspections(folder: Path) -> dict[str, Any]:
    """Of a style that learnt the example's 32 works by the default recipe, on its 64 further drawings."""
    works, common = EXAMPLE / "works", ("--workspace", str(folder / "inspected"))
    run("collect", str(works), "--rights", str(works / "rights.toml"), "--leave-out", "none", *common)
    run("finetune", "--stop", "max_train", *common)
    found: dict[str, Any] = {}
    for name, most, options in (("inspect", INSPECTION, ()), ("inspect --audit", AUDIT, ("--audit",))):
        began = time.perf_counter()
        told = run("inspect", "--further", str(EXAMPLE / "held_out"), *options, *common)
        took = round(time.perf_counter() - began, 1)
        found[name] = {"seconds": took, "at most": most, "holds": took < most, "verdict": told["verdict"]}
    return found


def bench(folder: Path, *, audit: bool = False) -> dict[str, Any]:
    demo = run("demo", "--to", str(folder / "demo"))
    other = another_artist(folder)
    return {
        "machine": {
            "processor": processor_name(),
            "cores": usable_cores(),
            "memory_bytes": psutil.virtual_memory().total,
            "system": platform.platform(),
        },
        "demo": {key: value for key, value in demo.items() if key not in ("folder", "report", "release")},
        "another_artist": {key: other[key] for key in ("held_out_gain", "held_out_gain_interval")},
        "gain_ratio": demo["held_out_gain"] / other["held_out_gain"] if other["held_out_gain"] > 0 else None,
        "seconds": {
            "handstyle --help": seconds_of("--help"),
            "handstyle verify": seconds_of("verify", str(folder / "demo" / "release")),
        },
        **({"inspections": inspections(folder)} if audit else {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--to", type=Path, default=Path("bench.json"))
    parser.add_argument("--audit", action="store_true", help="measure inspections, too; takes up to half an hour")
    parser.add_argument("--busy", action="store_true", help="measure although the machine is not idle")
    options = parser.parse_args()
    if psutil.cpu_percent(interval=2) > BUSY and not options.busy:
        raise SystemExit("the machine is busy, so times would mean nothing; wait, or pass --busy")
    with tempfile.TemporaryDirectory() as temporary:
        result = bench(Path(temporary), audit=options.audit)
    options.to.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
