"""Where does everything lie on disk? Every path, named once.

<workspace>/
|-- reading/<digest>.jsonl                               what was read of a folder, so that it is not decoded twice
|-- collections/<digest>/collection.json, folder.json    what was collected, and where the originals are
|-- cache/                                               encoded works and texts, by content
|-- runs/<id>/                                           one finetuning: run.json, steps.jsonl, samples/,
|   |                                                    snapshots/, style/
|-- folds/<id>/                                          which length the works left out in turn chose for a run
|-- pictures/<id>/                                       what was drawn
|-- credentials/                                         of models, for the pictures they draw
|-- inspections/<id>/                                    report.json, report.html, pictures/
|-- comparisons/<run>-<run>/                            comparison.json, comparison.html, pictures/
|-- doctor/<collection>/                                 doctor.json, doctor.html, pictures/
|-- influence/<run>-<picture>/                           influence.json, influence.html, pictures/
|-- blind-tests/<run>/                                   blind-test.html, answers.json, result.json
|-- releases/<name>/                                     what may leave the house
|-- withdrawals/                                         what was taken back of works that were used here
|-- ledger.jsonl                                         which pictures were made and released, with which styles
|-- current.json                                         which collection and run the next verb means

<house>/, the person's own folder for settings          what holds for all workspaces
|-- signing-key, log-key/signing-key                     see `keys.py`
|-- keeper-log.json                                      where the keeper's log lies
|-- withdrawals/                                         everything that was taken back
|-- workspaces.json                                      where something was collected
|-- seen-logs/                                           the newest checkpoint seen of each log
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import platformdirs
from filelock import FileLock, Timeout
from pydantic import Field

from handstyle import digests
from handstyle.errors import StageMissing, WorkspaceBusy, WriteFailed
from handstyle.records import LONGEST_WRITE, PART, Record, cannot_write, remove_abandoned

DEFAULT = Path("handstyle-workspace")
LONGEST_POINTING = 60  # seconds; it takes a moment, unless the disk is very slow


PlainName = Annotated[
    str, Field(pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$")
]  # of a folder in the workspace, and of no other


class Current(Record):
    """What the next verb means when it is not told otherwise."""

    collection: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None  # digest
    run: PlainName | None = None
    inspection: PlainName | None = None


class OriginalFolder(Record):
    """Where the originals are on this machine; never part of what is published."""

    folder: str


@dataclass(frozen=True)
class House:
    """What one person keeps on this computer besides their workspaces."""

    root: Path

    @classmethod
    def here(cls) -> House:
        return cls(platformdirs.user_config_path("handstyle"))

    @property
    def keeper_log(self) -> Path:
        return self.root / "keeper-log.json"

    @property
    def log_key(self) -> Path:
        return self.root / "log-key"

    @property
    def withdrawals(self) -> Path:
        return self.root / "withdrawals"

    @property
    def seen_logs(self) -> Path:
        return self.root / "seen-logs"

    def workspaces(self) -> list[Path]:
        """Those of which it is known that something was collected in them, as far as they are still there."""
        path = self.root / "workspaces.json"
        known = Workspaces.load(path).folders if path.is_file() else ()
        return [Path(folder) for folder in known if Path(folder).is_dir()]

    def knows(self, workspace: Workspace) -> None:
        """From now on. A house in which nothing can be written is no reason not to work."""
        folder = str(workspace.root.resolve())
        with suppress(WriteFailed, WorkspaceBusy), locked(self.root / ".lock", busy="", patience=LONGEST_POINTING):
            known = {str(path) for path in self.workspaces()}
            if folder not in known:
                Workspaces(folders=tuple(sorted({*known, folder}))).save(self.root / "workspaces.json")


class Workspaces(Record):
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Workspace:
    root: Path

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    def reading(self, folder: Path) -> Path:
        """The journal of a folder of originals, by where it is."""
        return self.root / "reading" / f"{digests.of_bytes(os.fsencode(folder.resolve()))[:16]}.jsonl"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.jsonl"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials"

    def collection(self, digest: str) -> Path:
        return self.root / "collections" / digest[:16]

    def run(self, run: str) -> Path:
        return self.root / "runs" / run

    def folds(self, run: str) -> Path:
        return self.root / "folds" / run

    def pictures(self, identifier: str) -> Path:
        return self.root / "pictures" / identifier

    def inspection(self, identifier: str) -> Path:
        return self.root / "inspections" / identifier

    @property
    def withdrawals(self) -> Path:
        return self.root / "withdrawals"

    def release(self, name: str) -> Path:
        return self.root / "releases" / name

    def runs(self) -> list[str]:
        return _folders_in(self.root / "runs")

    def collections(self) -> list[Path]:
        return [self.root / "collections" / name for name in _folders_in(self.root / "collections")]

    def current(self) -> Current:
        path = self.root / "current.json"
        return Current.load(path) if path.is_file() else Current()

    def point_to(self, **changes: str) -> None:
        """The other pointers stay, also when another process sets one of them at this moment."""
        busy = f"another handstyle process keeps {self.root / 'current.json'} to itself"
        with locked(self.root / ".lock", busy=busy, patience=LONGEST_POINTING):
            remove_abandoned(self.root, f".current.json.*{PART}")
            self.current().model_copy(update=changes).save(self.root / "current.json")

    def needs(self, what: str, verb: str) -> str:
        """The current collection, run or inspection. Raises StageMissing naming the verb that makes one."""
        value = getattr(self.current(), what)
        if value is None:
            raise StageMissing(
                f"there is no {what} in the workspace {self.root} yet",
                hint=f"Run `handstyle {verb}` first, or name another folder with --workspace.",
            )
        return str(value)

    def new_pictures(self, prompt: str) -> Path:
        folder = self.root / "pictures"
        remove_abandoned(folder, f"*/.*{PART}", older_than=LONGEST_WRITE)
        return _new_folder(folder, slug(prompt)[:40])

    def new_inspection(self, run: str) -> Path:
        """Where the next inspection of a run goes. It is not there yet: see `unfinished`."""
        folder = self.root / "inspections"
        return folder / next_name(folder, run)

    def comparison(self, before: str, after: str) -> Path:
        """Where the next comparison of two runs goes. It is not there yet: see `unfinished`."""
        folder = self.root / "comparisons"
        return folder / next_name(folder, f"{before}-{after}")

    @contextmanager
    def held(self, folder: Path) -> Iterator[None]:
        """Nobody else writes in `folder` meanwhile, and what a killed process left half-written in it is gone."""
        with locked(folder / ".lock", busy=f"another handstyle process works in {folder}"):
            remove_abandoned(folder)
            yield


@contextmanager
def locked(path: Path, *, busy: str, patience: float = 0) -> Iterator[None]:
    """One process at a time; the operating system lets go when it dies. `patience` in seconds.

    Raises WorkspaceBusy, saying `busy`, or WriteFailed.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=patience)
    except Timeout:
        raise WorkspaceBusy(busy, hint="Wait for it, or stop it, and try again.") from None
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def unfinished(target: Path, *, busy: str) -> Iterator[Path]:
    """A folder beside `target` that is moved there once all of it is done. Nobody else makes it meanwhile, and what a
    killed process left of it is gone. Raises WorkspaceBusy, saying `busy`, or WriteFailed.
    """
    lock = target.with_name(f".{target.name}.lock")
    with locked(lock, busy=busy):
        folder: Path | None = None
        try:
            with _writing(target):
                remove_abandoned(target.parent, f".{glob.escape(target.name)}.*{PART}")
                folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent))
                folder.chmod(0o755)  # mkdtemp gives 0700, which a web server could not read
            yield folder
            with _writing(target):
                folder.rename(target)
        finally:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                lock.unlink()  # while it is held: whoever waits for it notices, and makes a new one


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def _folders_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _new_folder(parent: Path, stem: str) -> Path:
    """`stem`, or the next name that is free: two processes never get the same. Raises WriteFailed."""
    while True:
        folder = parent / next_name(parent, stem)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder


def next_name(folder: Path, stem: str, suffix: str = "") -> str:
    """`stem`, or `stem-2`, `stem-3`…: nothing that stands is ever overwritten."""
    taken = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    number, name = 1, f"{stem}{suffix}"
    while name in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    return name


def slug(text: str) -> str:
    """Letters, digits and hyphens; never empty."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60] or "untitled"
