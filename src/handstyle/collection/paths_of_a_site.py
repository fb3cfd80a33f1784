"""Which rules of a web site are meant for a picture?

A note written for a site names pictures by their path there. Here the folder in which it lies stands for the site. If
none of its rules names the picture, the picture lay elsewhere on that site, nobody knows where, and all of them count.

RFC 9309, section 2.2.3: `*` is anything, `$` the end of the path; without it, whatever begins so is meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

Content = TypeVar("Content")


class Rule(NamedTuple, Generic[Content]):
    path: str  # a pattern
    content: Content


def applicable(rules: Sequence[Rule[Content]], path: str) -> list[Rule[Content]]:
    named = [rule for rule in rules if names(rule.path, path)]
    return named or list(rules)


def names(pattern: str, path: str) -> bool:
    """Is the picture at this path, which begins with a slash, meant?"""
    parts = [re.escape(unquote(part)) for part in re.sub(r"\*+", "*", pattern.removesuffix("$")).split("*")]
    end = "" if not pattern.endswith("$") else r"\Z"
    begin = "" if pattern.startswith(("/", "*")) or not pattern else "/"
    return re.match(begin + ".*?".join(parts) + end, path, re.DOTALL) is not None
