"""What goes wrong in a process, and at which of its touches of the disk?

A touch is one thing done to a watched folder: a folder or file made, bytes written, flushed, renamed, removed. At the
one that is asked for the process is killed, or waits, or the disk is full or read-only from then on. Python's own
audit events hold that no touch goes unseen.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

What = Literal["kill", "wait", "full", "read-only", "nothing"]
When = Literal["before", "half", "after"]

# What a disk refuses. A full one still makes empty files, renames and removes.
REFUSED = {"full": ("write", "mkdir"), "read-only": ("open", "write", "mkdir", "rename", "remove", "chmod")}
ERRORS = {"full": errno.ENOSPC, "read-only": errno.EROFS}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
LONGEST_WAIT = 60  # seconds


@dataclass(frozen=True)
class Fault:
    """`what` happens at the `at`-th touch in which `where`, a regular expression, is found."""

    what: What = "nothing"
    at: int = 1
    where: str = ""
    when: When = "before"  # "half": a write has written half of its bytes, anything else has not happened


class Watch:
    """Sees every touch of `folder` and writes it down in `log`, which lies elsewhere."""

    def __init__(self, folder: Path, fault: Fault, log: Path) -> None:
        self.folder, self.fault, self.log = folder.resolve(), fault, log
        self.seen, self.inside, self.broken = 0, False, False
        self.names: dict[int, str] = {}  # of files by their descriptors
        self.to_log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def name(self, path: Any) -> str | None:
        """Relative to the folder, or None where nobody watches."""
        if isinstance(path, int):
            return self.names.get(path)
        whole = Path(path).parent.resolve() / Path(path).name
        return whole.relative_to(self.folder).as_posix() if whole.is_relative_to(self.folder) else None

    def note(self, words: str) -> None:
        os.write(self.to_log, f"{words}\n".encode(errors="backslashreplace"))

    def touch(self, kind: str, path: Any, act: Callable[[], Any], half: Callable[[], Any] = lambda: None) -> Any:
        name = self.name(path)
        if name is None or self.inside:
            return act()
        self.inside = True
        try:
            return self._touch(kind, name, act, half)
        finally:
            self.inside = False

    def _touch(self, kind: str, name: str, act: Callable[[], Any], half: Callable[[], Any]) -> Any:
        fault, touch = self.fault, f"{kind} {name}"
        self.note(touch)
        self.seen += bool(re.search(fault.where, touch))
        struck = self.seen == fault.at and bool(re.search(fault.where, touch))
        if fault.what in REFUSED:
            self.broken = self.broken or struck
            if self.broken and kind in REFUSED[fault.what]:
                if struck and fault.when == "half":
                    half()
                raise OSError(ERRORS[fault.what], os.strerror(ERRORS[fault.what]), name)
        if struck and fault.when != "after":
            if fault.when == "half":
                half()
            self._strike()
        try:
            return act()
        finally:
            if struck and fault.when == "after":
                self._strike()

    def _strike(self) -> None:
        if self.fault.what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault.what == "wait":
            self.note("waiting")
            for _ in range(LONGEST_WAIT * 50):
                if self.log.with_suffix(".go").exists():
                    return
                time.sleep(0.02)
            raise TimeoutError("nobody said to go on")

    def unseen(self, event: str, given: tuple[Any, ...]) -> None:
        """An audit hook: what Python is about to do to the folder without us."""
        writes = (event == "open" and given[2] & WRITING) or event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir")
        if writes and not self.inside and isinstance(given[0], str | os.PathLike) and self.name(given[0]):
            self.note(f"unseen {event} {os.fspath(given[0])}")


def install(watch: Watch) -> None:
    """From here on, until the process ends."""
    _watch_calls(watch)
    _watch_files(watch)
    sys.addaudithook(watch.unseen)


def _watch_calls(watch: Watch) -> None:
    def watched(kind: str, call: Callable[..., Any], which: int = 0) -> Callable[..., Any]:
        def touch(*given: Any, **named: Any) -> Any:
            path = given[which]
            if named.get("dir_fd") is not None:
                path = Path(f"/proc/self/fd/{named['dir_fd']}").resolve() / path
            return watch.touch(kind, path, lambda: call(*given, **named))

        return touch

    for name, kind, which in (
        ("mkdir", "mkdir", 0), ("rmdir", "remove", 0), ("unlink", "remove", 0), ("remove", "remove", 0),
        ("rename", "rename", 1), ("replace", "rename", 1), ("chmod", "chmod", 0), ("fsync", "flush", 0),
    ):  # fmt: skip
        setattr(os, name, watched(kind, getattr(os, name), which))
    open_descriptor = os.open

    def watched_open(path: Any, flags: int, *given: Any, **named: Any) -> int:
        if not flags & WRITING or named.get("dir_fd") is not None:
            return open_descriptor(path, flags, *given, **named)
        descriptor: int = watch.touch("open", path, lambda: open_descriptor(path, flags, *given, **named))
        if name := watch.name(path):
            watch.names[descriptor] = name
        return descriptor

    os.open = watched_open


def _watch_files(watch: Watch) -> None:
    open_file = io.open

    class WatchedFile(io.FileIO):
        def write(self, data: Any) -> int:
            whole, written, write = memoryview(data), 0, super().write

            def up_to(end: int) -> int:
                nonlocal written
                written += write(whole[written:end])
                return written

            half = len(whole) // 2
            count: int = watch.touch("write", self.fileno(), lambda: up_to(len(whole)), lambda: up_to(half))
            return count

    def watched_open(
        file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
        newline: Any = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        name = watch.name(file)
        if not set(mode) & set("wax+") or name is None:
            return open_file(file, mode, buffering, encoding, errors, newline, closefd, opener)
        plain = mode.replace("b", "").replace("t", "")
        raw = watch.touch("open", file, lambda: WatchedFile(file, plain, closefd, opener))
        watch.names[raw.fileno()] = name
        buffer = io.BufferedRandom(raw) if "+" in plain else io.BufferedWriter(raw)
        return buffer if "b" in mode else io.TextIOWrapper(buffer, encoding, errors, newline)

    io.open = builtins.open = watched_open
    shutil._USE_CP_SENDFILE = False  # type: ignore[attr-defined]  # it would copy inside the kernel, where nobody watches
