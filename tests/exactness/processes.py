"""How is the real command line run in a process that may die?

Loading torch takes ten times as long as a tiny run. So a process is usually a fork of one that has loaded the
libraries and done nothing else; a fresh one is started as a person starts it, `python -m handstyle`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from tests.exactness.faults import Fault, Watch, install

ROOT = Path(__file__).resolve().parents[2]
LOADED = [
    "handstyle.stages",
    "handstyle.terminal.commands",
    "handstyle.diffusion.stable_diffusion_1",
    "handstyle.diffusion.latent_diffusion",
    "handstyle.generation.previews",
    "handstyle.inspection.inspecting",
    "handstyle.publication.reloads",
    "diffusers.loaders.lora_pipeline",
    "diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion",
    "scipy.stats",
]
LONGEST = 300  # seconds; a process that hangs is a fault
NUMBERS = itertools.count(1)
# Threads that wait give their core away: on a busy machine these tiny runs took fifteen times as long without.
PATIENT = {"OMP_WAIT_POLICY": "passive"}


@dataclass(frozen=True)
class Desk:
    """A folder in which one person works: the workspace, the home and the place for temporary files lie in it."""

    folder: Path

    @property
    def notes(self) -> Path:
        """What we write down about the processes, beside the folder they work in."""
        return self.folder.with_name(f"{self.folder.name}.notes")

    def environment(self) -> dict[str, str]:
        own = {"HOME": "home", "TMPDIR": "tmp", "XDG_CONFIG_HOME": "home/config", "XDG_CACHE_HOME": "home/cache"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "HANDSTYLE_"))}
        return kept | {name: str(self.folder / value) for name, value in own.items()} | PATIENT

    def make(self) -> Desk:
        for folder in (self.folder / "home", self.folder / "tmp", self.notes):
            folder.mkdir(parents=True, exist_ok=True)
        return self


@dataclass(frozen=True)
class Ended:
    """How a process came to its end."""

    code: int  # of the exit; negative for a signal
    out: str
    err: str
    touches: tuple[str, ...]
    seconds: float  # since its first touch, where it was watched

    @property
    def told(self) -> str:
        """What a person read, on one line however it was broken."""
        return " ".join(self.err.split())

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


@dataclass(frozen=True)
class Job:
    """What a process is to do. Everything in it is text, so that it can be handed to a fresh one."""

    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str]
    notes: str  # paths of stdout, stderr and the touches, but for their endings
    fault: Fault | None


def carry_out(job: Job) -> None:
    """In the process that may die: the command line, watched."""
    os.environ.clear()
    os.environ.update(job.environment)
    os.chdir(job.folder)
    tempfile.tempdir = None  # a library may have asked already, before there was this environment
    for number, ending in ((1, "out"), (2, "err")):
        descriptor = os.open(f"{job.notes}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, number)
        os.close(descriptor)
    if job.fault:
        install(Watch(Path(job.folder), job.fault, Path(f"{job.notes}.touches")))
    from handstyle.__main__ import main

    sys.exit(main(list(job.arguments)))


@dataclass
class Running:
    """A process under way."""

    job: Job
    process: Any  # of multiprocessing or of subprocess
    began: float

    def wait(self, kill_after: float | None = None) -> Ended:
        """To its end, or to its violent end so many seconds after its first touch: loading touches nothing."""
        while self.job.fault and not self.touches() and not self._ends_within(0.01):
            self.began = time.perf_counter()
        if not self._ends_within(LONGEST if kill_after is None else kill_after):
            self.process.kill()
            assert self._ends_within(LONGEST), "a killed process does not go"
            assert kill_after is not None, f"{self.job.arguments} hangs"
        seconds = time.perf_counter() - self.began
        code = self.process.exitcode if hasattr(self.process, "exitcode") else self.process.returncode
        return Ended(code, self._noted("out"), self._noted("err"), tuple(self.touches()), seconds)

    def wait_until_it_waits(self) -> None:
        for _ in range(LONGEST * 50):
            if "waiting" in self.touches():
                return
            assert not self._ends_within(0.02), f"it ended without waiting: {self._noted('err')}"
        raise AssertionError("it never waited")

    def go_on(self) -> None:
        Path(f"{self.job.notes}.go").touch()

    def touches(self) -> list[str]:
        return self._noted("touches").splitlines()

    def _noted(self, ending: str) -> str:
        path = Path(f"{self.job.notes}.{ending}")
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _ends_within(self, seconds: float) -> bool:
        if isinstance(self.process, subprocess.Popen):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            return self.process.returncode is not None
        self.process.join(seconds)
        return self.process.exitcode is not None


def start(
    desk: Desk,
    arguments: Sequence[str],
    *,
    fault: Fault | None = None,
    fresh: bool = False,
    environment: Callable[[dict[str, str]], dict[str, str]] = lambda own: own,
) -> Running:
    """`handstyle ARGUMENTS` at this desk. `environment` may change the variables the process gets."""
    notes = desk.notes / f"{next(NUMBERS):05d}-{arguments[0]}"
    job = Job(tuple(arguments), str(desk.folder), environment(desk.environment()), str(notes), fault)
    began = time.perf_counter()
    if not fresh:
        process: Any = _forks().Process(target=carry_out, args=(job,))
        process.start()
    elif fault:
        text = json.dumps(dataclasses.asdict(job))
        process = subprocess.Popen([sys.executable, "-m", "tests.exactness.processes", text], cwd=ROOT)
    else:
        with Path(f"{notes}.out").open("wb") as out, Path(f"{notes}.err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-m", "handstyle", *arguments],
                cwd=job.folder, env=job.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            )  # fmt: skip
    return Running(job, process, began)


def run(desk: Desk, arguments: Sequence[str], *, kill_after: float | None = None, **how: Any) -> Ended:
    return start(desk, arguments, **how).wait(kill_after)


@cache
def _forks() -> Any:
    """Processes that begin with the libraries loaded. Their common ancestor never computes anything."""
    from handstyle.terminal.command_line import ENVIRONMENT

    forks, before = multiprocessing.get_context("forkserver"), dict(os.environ)
    forks.set_forkserver_preload(LOADED)
    # Read when libraries are loaded; a second thread in the ancestor would be lost in its forks.
    os.environ.update({**ENVIRONMENT, **PATIENT, "OPENBLAS_NUM_THREADS": "1"})
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return forks


if __name__ == "__main__":
    read = json.loads(sys.argv[1])
    carry_out(Job(**{**read, "fault": Fault(**read["fault"])}))
