"""What does the whole journey look like, on works that are shipped?"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from handstyle.checking import verify
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.errors import StageMissing, UsageMistake
from handstyle.planning import plan
from handstyle.progress import Progress, silent
from handstyle.records import Record
from handstyle.stages import collect, finetune, inspect, publish
from handstyle.workspace import Workspace, next_name

EXAMPLE = Path(__file__).parent / "collection" / "example"


class Demonstrated(Record):
    """What `demo` leaves behind; `demo.json` is this record. Times in seconds, memory in bytes."""

    folder: str
    report: str
    release: str
    release_status: str
    finetune_seconds: float
    total_seconds: float
    peak_memory_bytes: int
    held_out_gain: float
    held_out_gain_interval: tuple[float, float]
    nearer_to_truth: int
    prompts: int


def demo(
    to: Path, *, short: bool = False, announce: Callable[[str], None] = lambda words: None, progress: Progress = silent
) -> Demonstrated:
    """All stages on the example: 32 Firefox OS emoji to learn from, 64 more as the truth; short, it learns nothing."""
    from handstyle.diffusion.hardware import peak_memory

    began = time.perf_counter()
    to = _room_for(to, announce)
    workspace = Workspace(to / "workspace")
    rights = read_rights_toml(EXAMPLE / "works" / "rights.toml")
    collect(workspace, EXAMPLE / "works", rights, validation=None, progress=progress)
    run = finetune(
        plan(workspace, settings={"max_train": "3 steps"} if short else None),
        stop="max_train",
        further=EXAMPLE / "held_out",
        announce=announce,
        progress=progress,
    )
    inspected = inspect(workspace, further=EXAMPLE / "held_out", quick=short, progress=progress)
    published = publish(workspace, "Soft flat icons", to=to / "release", progress=progress)
    for name in ("report.html", "report.json"):
        shutil.copyfile(Path(inspected.report).with_name(name), to / name)
    gain, interval = inspected.held_out_gain, inspected.held_out_gain_interval
    if gain is None or interval is None or inspected.nearer_to_truth is None or inspected.prompts is None:
        raise StageMissing("the example's 64 further drawings were not measured", hint="Reinstall handstyle.")
    result = Demonstrated(
        folder=str(to),
        report=str(to / "report.html"),
        release=published.release,
        release_status=verify(to / "release").status,
        finetune_seconds=run.seconds,
        total_seconds=round(time.perf_counter() - began, 1),
        peak_memory_bytes=peak_memory(),
        held_out_gain=gain,
        held_out_gain_interval=interval,
        nearer_to_truth=inspected.nearer_to_truth,
        prompts=inspected.prompts,
    )
    result.save(to / "demo.json")
    return result


def _room_for(to: Path, announce: Callable[[str], None]) -> Path:
    """An earlier demo is moved aside, never overwritten; anything else that stands there is refused."""
    if to.exists() and any(to.iterdir()):
        if not (to / "workspace").is_dir():
            raise UsageMistake(f"{to} exists and is no earlier demo", hint="Name another folder with --to.")
        aside = to.with_name(next_name(to.parent, f"{to.name}-earlier"))
        to.rename(aside)
        announce(f"the earlier demo is now in {aside}")
    return to
