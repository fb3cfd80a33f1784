"""How long does a command take, how much memory, and how fast does it step?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STEP = re.compile(rb"Steps:[^\r\n]*?(\d+)/(\d+) \[")  # tqdm's bar, as the reference scripts print it
WARM_UP = 3  # steps that do not count


@dataclass(frozen=True)
class Ran:
    seconds: float
    peak_memory: int  # bytes, of the largest process
    seconds_per_step: float | None


def run(command: Sequence[str], environment: Mapping[str, str] = {}, folder: Path | None = None) -> Ran:
    """Runs to the end; steps are timed as they appear on a tqdm bar. Raises SystemExit with the last words."""
    began = time.perf_counter()
    seen: dict[int, float] = {}
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=words, stderr=subprocess.PIPE, bufsize=0
        )
        assert child.stderr is not None
        tail = b""
        while piece := child.stderr.read(4096):
            tail = (tail + piece)[-8000:]
            for found in STEP.finditer(tail):
                seen.setdefault(int(found[1]), time.perf_counter())
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.stderr.write(tail.decode(errors="replace"))
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return Ran(time.perf_counter() - began, usage.ru_maxrss * 1024, _pace(seen))


def _pace(seen: dict[int, float]) -> float | None:
    counted = sorted(step for step in seen if step >= WARM_UP)
    if len(counted) < 2:
        return None
    return (seen[counted[-1]] - seen[counted[0]]) / (counted[-1] - counted[0])
