"""How does what was typed become what a stage takes?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handstyle.errors import UsageMistake

if TYPE_CHECKING:
    from handstyle.publication.copyright_policy import Contact
    from handstyle.publication.hub import Push
    from handstyle.workspace import Workspace


LARGEST_PROMPTS = 16 << 20  # bytes


def given(**options: Any) -> dict[str, Any]:
    """Those that were typed; for the others the stage has its own default."""
    return {name: value for name, value in options.items() if value is not None}


def at_most_one(options: Mapping[str, object]) -> None:
    """Raises UsageMistake where options contradict each other."""
    typed = [option for option, value in options.items() if value not in (None, [])]
    if len(typed) > 1:
        raise UsageMistake(f"{' and '.join(typed)} exclude each other", hint="Leave all but one away.")


def go_together(options: Mapping[str, object]) -> None:
    """Raises UsageMistake where one is typed without the other."""
    lacking = [option for option, value in options.items() if value is None]
    if lacking and len(lacking) < len(options):
        raise UsageMistake(f"{' and '.join(options)} go together", hint=f"Add {' and '.join(lacking)}.")


def whom(typed: str | None) -> str | None:
    """Raises UsageMistake for what is no distribution that a release can have."""
    if typed not in (None, "named", "public"):
        raise UsageMistake(
            f"--distribution {typed} is not known", hint="Write public, or named: for the people a consent names."
        )
    return typed


def how_to_stop(typed: str | None) -> str | None:
    """Raises UsageMistake for what is no way to find the length of a run."""
    if typed not in (None, "auto", "cross-fitted", "max_train"):
        raise UsageMistake(f"--stop {typed} is not known", hint="Write cross-fitted, or max_train.")
    return typed


def where_to_push(repo: str | None, *, public: bool) -> Push | None:
    """Raises UsageMistake for what is no repository, and for --public without one."""
    from handstyle.publication.hub import Push

    if repo is None and public:
        raise UsageMistake(
            "--public says who sees a repository, and none is named", hint="Add --push-to-hub, or leave it out."
        )
    return Push(repo, public) if repo is not None else None


def where_to_report(typed: str | None) -> str | None:
    """Raises UsageMistake for a tool that is not known."""
    if typed not in (None, "tensorboard", "trackio", "wandb"):
        raise UsageMistake(f"--report-to {typed} is not known", hint="Write tensorboard, trackio or wandb.")
    return typed


def days(typed: str, option: str) -> timedelta:
    number = typed.removesuffix("d")
    if not number.isascii() or not number.isdigit() or len(number) > 5:
        raise UsageMistake(f"{option} {typed} is no number of days", hint=f"Write for example {option} 30d.")
    return timedelta(days=int(number))


def minutes(seconds: float) -> str:
    whole, rest = divmod(round(seconds), 60)
    return f"{whole}:{rest:02d}"


def workspace_at(folder: Path | None) -> Workspace:
    from handstyle.workspace import DEFAULT, Workspace

    return Workspace(folder or DEFAULT)


def recipe_settings(typed: Iterable[str]) -> dict[str, Any]:
    """`rank=16`: the recipe knows that this is a number. `none` is nothing, and [...] a list, as in TOML."""
    settings: dict[str, Any] = {}
    faults = []
    for text in typed:
        key, separator, value = (part.strip() for part in text.partition("="))
        try:
            if not key or not separator:
                raise ValueError("there is no KEY=VALUE in it")
            settings[key] = _value(value)
        except ValueError as error:
            faults.append(f"{text}: {error}")
    if faults:
        raise UsageMistake("--set was given something else than KEY=VALUE", faults=faults, hint="--set rank=16")
    return settings


def _value(text: str) -> Any:
    if text.startswith("["):
        from handstyle.records import toml_in

        return toml_in(f"value = {text}")["value"]
    return None if text == "none" else text


def all_prompts(typed: Sequence[str], file: Path | None) -> list[str]:
    """Those of the command line, then those of the file, alternatives written out."""
    from handstyle.generation.request import grid

    prompts = [each for prompt in [*typed, *(_lines(file) if file else ())] for each in grid(prompt)]
    if not prompts:
        raise UsageMistake(
            "there is nothing to draw", hint='Write handstyle generate "a lighthouse", or --prompts FILE.'
        )
    return prompts


def _lines(file: Path) -> list[str]:
    from handstyle.records import read_whole

    try:
        lines = read_whole(file, LARGEST_PROMPTS).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise UsageMistake(f"--prompts {file} cannot be read: {error}", hint="Give a text file in UTF-8.") from error
    return [line.strip() for line in lines if line.strip()]


def contact(keeper: str | None, address: str | None) -> Contact | None:
    """Who answers for a release. Raises UsageMistake for half of it."""
    from handstyle.publication.copyright_policy import Contact

    if keeper is None and address is None:
        return None
    if keeper is None or address is None:
        raise UsageMistake(
            "who answers for the release is half said", hint="Name both: --keeper NAME --contact ADDRESS."
        )
    return Contact.read({"name": keeper, "address": address}, where="--keeper and --contact", error=UsageMistake)
