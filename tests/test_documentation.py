"""Does the documentation say what the program does?"""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
VERBS = ["collect", "encode", "finetune", "generate", "inspect", "publish"]
COMMANDS = [
    *VERBS,
    "consent",
    "log",
    "compare",
    "doctor",
    "influence",
    "captions",
    "blind-test",
    "shares",
    "verify",
    "detect",
    "withdraw",
    "retrain-without",
    "rename",
    "base",
    "originate",
    "convert",
    "recipe",
    "demo",
]
BEHIND = {  # what can stand behind a command
    "consent": ["draft", "show", "sign", "check", "list", "key"],
    "log": ["start", "show", "refresh", "erase", "witness", "accept"],
    "originate": ["draw", "base"],
    "blind-test": ["make", "read"],
}
NOT_OURS = {".venv", ".git", "demo-output", "handstyle-workspace", "node_modules"}

PAGES = sorted(path for path in ROOT.rglob("*.md") if not NOT_OURS & set(path.relative_to(ROOT).parts))
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)|(?:src|href|srcset)=\"([^\"]+)\"")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> Iterator[str]:
    return (body for _, kind, body in BLOCK.findall(text(path)) if kind == language)


def shell_lines(path: Path) -> list[str]:
    """What a reader would type: the lines of console blocks that start with a prompt, continued lines joined."""
    joined = (body.replace("\\\n", " ") for body in blocks(path, "console"))
    return [line.strip()[2:] for body in joined for line in body.splitlines() if line.strip().startswith("$ ")]


def commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line, as a shell separates them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for between, words in itertools.groupby(lexer, lambda word: set(word) <= set("|&;")):
        if not between:
            yield list(words)


def handstyle_lines(path: Path) -> list[list[str]]:
    """The arguments of each `handstyle ...` or `python -m handstyle ...` in a page's console blocks."""
    found = []
    for words in itertools.chain.from_iterable(map(commands, shell_lines(path))):
        if words[1:3] == ["-m", "handstyle"]:
            found.append(words[3:])
        elif words[0].split("/")[-1] == "handstyle":
            found.append(words[1:])
    return found


def headings(path: Path) -> set[str]:
    """The anchors a page offers, as code hosts derive them from its headings."""
    titles = re.findall(r"^#+ +(.+?) *$", BLOCK.sub("", text(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@functools.cache
def options_of(command: str) -> frozenset[str]:
    """Every --option that `handstyle COMMAND --help` names."""
    answer = subprocess.run(
        [sys.executable, "-m", "handstyle", *command.split(), "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
    )
    assert answer.returncode == 0, f"handstyle {command} --help: {answer.stderr}"
    return frozenset(re.findall(r"--[a-z][a-z-]*", answer.stdout))


def targets() -> set[str]:
    """What can be made: the names after .PHONY."""
    found = re.search(r"^\.PHONY: (.+)$", text(ROOT / "Makefile"), re.MULTILINE)
    return set(found[1].split()) if found else set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_and_a_place_in_the_readme(command: str) -> None:
    page = ROOT / "docs" / f"{command}.md"
    assert page.exists(), f"write {name(page)}"
    assert any(line[:1] == [command] for line in handstyle_lines(page)), f"{name(page)} shows no example"
    assert f"docs/{command}.md" in text(README), f"README.md does not link to {name(page)}"


@pytest.mark.parametrize("verb", VERBS)
def test_the_readme_shows_how_each_verb_is_typed(verb: str) -> None:
    assert verb in [line[0] for line in handstyle_lines(README) if line]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    dead = []
    for link in filter(None, (either for pair in LINK.findall(BLOCK.sub("", text(page))) for either in pair)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in headings(target)):
            dead.append(link)
    assert not dead, f"{name(page)}: {', '.join(dead)}"


@pytest.mark.parametrize("page", [page for page in PAGES if handstyle_lines(page)], ids=name)
def test_every_shown_command_exists_with_its_options(page: Path) -> None:
    wrong = []
    for line in handstyle_lines(page):
        command, arguments = ("", line) if line[0].startswith("--") else (line[0], line[1:])
        if command in BEHIND:
            command, arguments = f"{command} {line[1]}", line[2:]
        if command not in ["", *COMMANDS, *(f"{first} {word}" for first, words in BEHIND.items() for word in words)]:
            wrong.append(f"there is no `handstyle {command}`")
            continue
        used = {word.split("=")[0] for word in arguments if word.startswith("--")}
        wrong += [f"`handstyle {command}` has no {option}" for option in sorted(used - options_of(command))]
    assert not wrong, f"{name(page)}: {'; '.join(wrong)}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_example_can_be_read_by_what_it_is_written_for(page: Path) -> None:
    for body in blocks(page, "python"):
        compile(body, name(page), "exec")
    for body in blocks(page, "toml"):
        tomllib.loads(body)
    for body in blocks(page, "json"):
        json.loads(body)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_a_page_tells_to_make_can_be_made(page: Path) -> None:
    told = {word for line in shell_lines(page) for word in re.findall(r"\bmake ([a-z][a-z-]*)", line)}
    told |= set(re.findall(r"`make ([a-z][a-z-]*)", text(page)))
    assert told <= targets(), f"{name(page)}: the Makefile has no {sorted(told - targets())}"


def test_the_readme_shows_the_two_commands_that_matter() -> None:
    lines = shell_lines(README)
    assert "make demo" in lines
    assert "make test" in lines
