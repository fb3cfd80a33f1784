"""How do several processes read the pictures of one folder?

Each is a Python of its own that is asked on its stdin and answers on its stdout, in lines of JSON. When whoever asks is
gone, however that came about, stdin ends and so does the process: nothing is left behind. A question is a few pictures,
and few questions are open at a time, so memory does not grow with the folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from handstyle.collection.pixels import Unfit
from handstyle.collection.reading import Shown, look_at

# Of a picture that is read here; larger ones are read by whoever asks, one after the other.
MOST_PIXELS_BESIDE, MOST_BYTES_BESIDE = 16 << 20, 64 << 20
A_QUESTION = 32  # pictures
OPEN_QUESTIONS = 3  # a process: one that it answers, and two that wait for their turn or for those before them
READY = b"ready\n"
ALONE = (
    "alone"  # the answer to a picture that whoever asks should look at, with nobody reading beside it but small ones
)
LONGEST_END = 5  # seconds that a process may take to end when there is nobody to answer
# The same modules as here, wherever they were found; -P keeps the current folder out until then.
START = "import sys; sys.path[:] = sys.argv[1:]; from handstyle.collection.reading_processes import answer; answer()"

Asked = tuple[str, Shown | None]  # a name, and what is known of it
Answer = Shown | Unfit | None  # None: to be looked at by whoever asks


def readings(folder: Path, asked: Iterable[Asked], page: tuple[int, int, int], number: int) -> Generator[Answer]:
    """One answer for each that is asked, in their order, by `number` processes."""
    readers = _Readers(folder, page, number)
    questions, waiting = iter(asked), deque[Future[list[Answer]]]()
    with closing(readers), ThreadPoolExecutor(number) as threads:
        try:
            while question := list(islice(questions, A_QUESTION)):
                waiting.append(threads.submit(readers.ask, question))
                if len(waiting) >= OPEN_QUESTIONS * number:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            readers.stop()  # or a thread would wait for an answer that nobody needs
            for future in waiting:
                future.cancel()


class _Readers:
    """The processes. Whoever asks takes one that is idle."""

    def __init__(self, folder: Path, page: tuple[int, int, int], number: int) -> None:
        self._folder, self._page = folder, page
        self._all: list[_Reader] = []
        self._idle: SimpleQueue[_Reader | None] = SimpleQueue()
        self._none_starts = False
        for _ in range(number):
            self._idle.put(None)  # started by whoever needs it

    def ask(self, question: Sequence[Asked]) -> list[Answer]:
        """A picture over which two processes end is not asked a third time."""
        answers: list[Answer] = []
        suspected = -1
        reader = self._idle.get()
        try:
            while len(answers) < len(question):
                reader = reader or self._started()
                if reader is None:
                    return [*answers, *[None] * (len(question) - len(answers))]
                answers += reader.ask(question[len(answers) :])
                if len(answers) < len(question):
                    how, reader = reader.end(), None
                    if len(answers) == suspected:
                        answers.append(Unfit(f"ends the process that reads it ({how}): save or copy it again"))
                    suspected = len(answers)
        finally:
            self._idle.put(reader)
        return answers

    def _started(self) -> _Reader | None:
        """None where processes cannot be had here, and at the end."""
        if self._none_starts:
            return None
        try:
            reader = _Reader(self._folder, self._page)
        except OSError:
            self._none_starts = True
            return None
        self._all.append(reader)
        if not self._none_starts and reader.is_ready():
            return reader
        self._none_starts = True
        reader.end()
        return None

    def stop(self) -> None:
        self._none_starts = True
        for reader in self._all:
            reader.kill()

    def close(self) -> None:
        for reader in self._all:
            reader.end()


class _Reader:
    """One process, from the side of whoever asks."""

    def __init__(self, folder: Path, page: tuple[int, int, int]) -> None:
        # In a session of its own it does not hear Ctrl-C, which is for whoever asks.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        assert self._process.stdin and self._process.stdout
        self._questions, self._answers = self._process.stdin, self._process.stdout
        self._setting = {"folder": str(folder), "page": page}

    def is_ready(self) -> bool:
        ready = self._answers.readline() == READY
        self._say(self._setting)
        return ready

    def ask(self, question: Sequence[Asked]) -> list[Answer]:
        """One answer for each, or fewer: then the process has ended."""
        self._say([[name, known and known.as_json()] for name, known in question])
        answers: list[Answer] = []
        while len(answers) < len(question) and (line := self._answers.readline()).endswith(b"\n"):
            answers.append(_understood(json.loads(line)))
        return answers

    def _say(self, value: object) -> None:
        with suppress(OSError):  # it has ended: its answer will be missing
            self._questions.write(json.dumps(value).encode() + b"\n")
            self._questions.flush()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> str:
        """How it ended."""
        try:
            code = self._process.wait(LONGEST_END)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        with suppress(OSError):  # of what could not be said any more
            self._questions.close()
        self._answers.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"


def _understood(answer: Any) -> Answer:
    if answer == ALONE:
        return None
    return Unfit(answer["unfit"]) if isinstance(answer, dict) else Shown.from_json(answer)


# From the side of the process that answers


def answer() -> None:
    """Questions from stdin, one a line, until it ends; an answer a line for each picture."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _say(READY)
        setting = _heard()
        while question := _heard():
            for name, known in question:
                _say(json.dumps(_answer(setting, name, known)).encode() + b"\n")
    except BrokenPipeError:
        os._exit(1)  # nobody listens, also not to a complaint about it


def _heard() -> Any:
    line = sys.stdin.buffer.readline()
    return json.loads(line) if line.endswith(b"\n") else None


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _answer(setting: Any, name: str, known: Any) -> Any:
    red, green, blue = setting["page"]
    path = Path(setting["folder"]) / name
    try:
        if path.stat().st_size > MOST_BYTES_BESIDE:
            return ALONE
        before = Shown.from_json(known) if known else None
        return look_at(path, (red, green, blue), before, MOST_PIXELS_BESIDE).as_json()
    except Unfit as unfit:
        return ALONE if isinstance(unfit.__cause__, MemoryError) else {"unfit": str(unfit)}
    except Exception:  # TooHeavy; and whatever it is, whoever asks will meet it and can tell
        return ALONE
