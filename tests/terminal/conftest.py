"""How do tests type a command?"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from handstyle import blind_testing, checking, comparing, demonstration, planning, sharing, stages
from handstyle.__main__ import main
from handstyle.terminal.command_line import ENVIRONMENT


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


Typed = Callable[..., Answer]


@pytest.fixture
def typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Typed]:
    """`handstyle` with these words after it, in an empty folder. What it sets for its own process is set back."""
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "")

    def type_in(*words: object) -> Answer:
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    ctrl_c = signal.getsignal(signal.SIGINT)
    yield type_in
    signal.signal(signal.SIGINT, ctrl_c)


OWNER = {
    "make": blind_testing,
    "compare": comparing,
    "demo": demonstration,
    "plan": planning,
    "verify": checking,
    "detect": checking,
    "shares": sharing,
}


class Call:
    """What a stage was called with."""

    positional: tuple[Any, ...]
    named: dict[str, Any]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], Call]:
    """In place of a stage, something that remembers its call and returns `answer`, or raises it."""

    def replace(name: str, answer: Any) -> Call:
        call = Call()

        def pretend(*positional: Any, **named: Any) -> Any:
            call.positional, call.named = positional, named
            if isinstance(answer, BaseException):
                raise answer
            return answer

        monkeypatch.setattr(OWNER.get(name, stages), name, pretend)
        return call

    return replace
