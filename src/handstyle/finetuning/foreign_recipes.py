"""How do the settings of another tool, in its TOML or its command line, become a recipe?

A command line is read as text: nothing in it is executed, and no variable is asked for that it does not set itself.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from handstyle.errors import RecipeInvalid
from handstyle.finetuning import diffusers_recipes, kohya_recipes
from handstyle.finetuning.translation import Translated
from handstyle.records import TooLarge, read_named, toml_in

LARGEST, LONGEST_COMMAND = 1 << 20, 64 << 10  # bytes; a command line is taken apart letter by letter
SCRIPT = re.compile(r"(?:.*[/\\])?([\w.-]+\.py)")
KOHYA_LOW_RANK = ("train_network.py", "sdxl_train_network.py", *kohya_recipes.FLOW_SCRIPTS)
KOHYA_FULL = ("train_db.py", "fine_tune.py", "sdxl_train.py")
KNOWN = (*diffusers_recipes.SCRIPTS, *KOHYA_LOW_RANK, *KOHYA_FULL)
BETWEEN = ("&&", ";", "|", "||", "&")
ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
VARIABLE = re.compile(r"\$(?:{(\w+)}|(\w+))")


def translated(path: Path) -> Translated:
    """Raises RecipeInvalid for what cannot be read, or says what a recipe cannot have."""
    try:
        is_toml = path.suffix.lower() == ".toml"
        text = read_named(path, LARGEST if is_toml else LONGEST_COMMAND).decode("utf-8-sig")
        if is_toml:
            return _from_toml(toml_in(text), path.name)
        return _from_command_line(text, path.name)
    except TooLarge as error:
        raise RecipeInvalid(f"{path} is longer than settings are", hint="Give the settings alone.") from error
    except ValueError as error:
        raise RecipeInvalid(
            f"{path} cannot be read as settings of another tool: {error}",
            hint="Give a TOML of kohya's, or a text file with the command line of a training script.",
        ) from error


def _from_toml(content: Mapping[str, Any], where: str) -> Translated:
    """Sections only put it in order, as sd-scripts reads it; `[[datasets]]` make it the description of a data set."""
    if "datasets" in content:
        said, differing = _of_data_set(content)
        found = kohya_recipes.from_settings(said, where, has_defaults=False)
        lost = [f"{key}: differs between data sets and subsets; the first one's is used" for key in differing]
        return found.model_copy(update={"without_counterpart": (*found.without_counterpart, *lost)})
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= value if isinstance(value, dict) else {key: value}
    low_rank = any(key.startswith("network_") for key in flat)
    if not flat.keys() & {"pretrained_model_name_or_path", "learning_rate", "unet_lr", "max_train_steps"}:
        raise ValueError("it has none of the settings that kohya's scripts are given")
    return kohya_recipes.from_settings(flat, where, is_full=not low_rank, base=kohya_recipes.flow_base(flat))


def _of_data_set(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What its first subset is to be trained with, and in what others differ."""
    rows = []
    for dataset in _tables(content["datasets"]):
        for subset in _tables(dataset.get("subsets")) or [{}]:
            said = {**_table(content.get("general")), **dataset, **subset}
            rows.append({key: value for key, value in said.items() if key not in kohya_recipes.OF_COLLECTING})
    first, *others = rows or [{}]
    keys = {key for row in rows for key in row}
    return first, sorted(key for key in keys if any(row.get(key) != first.get(key) for row in others))


def _tables(value: object) -> list[dict[str, Any]]:
    return [table for table in value if isinstance(table, dict)] if isinstance(value, list) else []


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _from_command_line(text: str, where: str) -> Translated:
    words = list(_words(text))
    for place, word in enumerate(words):
        match = SCRIPT.fullmatch(word)
        name = match[1] if match else ""
        if name not in KNOWN:
            continue
        arguments = _arguments(words[place + 1 :])
        before = words[:place][::-1]
        launch = _arguments(before[: next((n for n, one in enumerate(before) if one in BETWEEN), None)][::-1])
        if "mixed_precision" in launch:  # of accelerate, which hands it to the script
            arguments.setdefault("mixed_precision", launch["mixed_precision"])
        if script := diffusers_recipes.SCRIPTS.get(name):
            return diffusers_recipes.from_arguments(arguments, where, script=script)
        if name in ("fine_tune.py", "sdxl_train.py"):  # these leave the text encoder alone unless they are told
            arguments.setdefault("train_text_encoder", False)
        base = kohya_recipes.FLOW_SCRIPTS.get(name)
        return kohya_recipes.from_settings(arguments, where, is_full=name in KOHYA_FULL, base=base)
    raise ValueError(f"it calls none of the scripts that are known: {', '.join(KNOWN)}")


def _words(text: str) -> Iterator[str]:
    """As a shell would separate them, with the variables put in that the text sets. Others stay as they are spelled."""
    joined = re.sub(r"[\\^`][ \t]*\r?\n", " ", text)  # of sh, of cmd, of PowerShell
    known: dict[str, str] = {}

    def put_in(match: re.Match[str]) -> str:
        return known.get(match[1] or match[2], match[0])

    for line in joined.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        for word in lexer:
            full = VARIABLE.sub(put_in, word)
            if match := ASSIGNED.fullmatch(full):
                known[match[1]] = match[2]
            yield full
        yield ";"


def _arguments(words: list[str]) -> dict[str, Any]:
    """`--key value`, `--key=value`, `--key one two` (a list), `--key` (true)."""
    found: dict[str, Any] = {}
    key = ""
    for word in words:
        if word in BETWEEN:
            break
        if word.startswith("--"):
            key, separator, value = word[2:].partition("=")
            key = key.replace("-", "_")
            found[key] = value if separator else True
        elif key:
            before = found[key]
            found[key] = word if before is True else [*(before if isinstance(before, list) else [before]), word]
    return found


def as_file(found: Translated, name: str) -> str:
    """The recipe in TOML, with what it could not say above it."""
    lines = [f"From {PurePath(name).name}."]
    for heading, items in (("No counterpart:", found.without_counterpart), ("Note:", found.notes)):
        lines += [heading, *(f"  {item}" for item in items)] if items else []
    return "".join(f"# {_one_line(line)}\n" for line in lines) + found.recipe.as_toml()


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
