"""How does a command with many options take them in groups?

A group is a frozen dataclass whose fields are options. The command is shown, and typed, as if each were its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

import typer


def in_groups(*groups: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`command(context, group, …)` becomes a command with all their options, in this order."""
    parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)]
    for group in groups:
        hints = get_type_hints(group, include_extras=True)
        for field in fields(group):
            assert field.default is not MISSING, f"{group.__name__}.{field.name}: an option can be left out"
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(inspect.Parameter(field.name, kind, default=field.default, annotation=hints[field.name]))

    def taking(command: Callable[..., None]) -> Callable[..., None]:
        def run(context: typer.Context, **typed: Any) -> None:
            made = [group(**{field.name: typed[field.name] for field in fields(group)}) for group in groups]
            command(context, *made)

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {}
        return run

    return taking
