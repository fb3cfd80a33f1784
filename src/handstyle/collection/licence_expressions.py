"""What does an SPDX expression permit, where several licences are joined in it?

AND asks for all of them, so the strictest counts. OR leaves a choice, which a person makes and which goes on record.
WITH adds an exception, which can only permit more: it is kept, and read as if it were not there.

https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/
"""

from __future__ import annotations

import difflib
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from license_expression import ExpressionError, LicenseSymbol, Licensing

from handstyle.collection.licences import EXCEPTIONS, LICENCES, USES, Use

LONGEST = 500  # characters


class LicenceTerms(NamedTuple):
    """What an expression permits and asks for, after a choice."""

    expression: str  # what counts: the expression, or the alternative that was chosen
    licences: frozenset[str]  # SPDX ids of the table, all of which hold
    permits: tuple[Use, ...]
    attribution: bool
    share_alike: bool


def spelled(expression: str) -> str:
    """As SPDX writes it. Raises ValueError with the nearest names for what is not in the table."""
    return str(_parsed(expression).render())


def terms_of(expression: str, choice: str | None = None) -> LicenceTerms:
    """Raises ValueError where OR leaves a choice that was not made, or where there is none."""
    alternatives = _alternatives(_parsed(expression))
    if choice is None:
        if len(alternatives) > 1:
            names = ", or ".join(f"`{_joined(leaves)}`" for leaves in alternatives)
            text = spelled(expression)
            raise ValueError(f"`{text}` leaves a choice: say which counts with `licence_choice`: {names}")
        leaves = alternatives[0]
    else:
        chosen = _alternatives(_parsed(choice))
        if len(chosen) != 1 or chosen[0] not in alternatives:
            raise ValueError(f"`{choice}` is not one of the alternatives of `{spelled(expression)}`")
        leaves = chosen[0]
    rows = [LICENCES[leaf.split(" WITH ")[0]] for leaf in leaves]
    return LicenceTerms(
        expression=_joined(leaves),
        licences=frozenset(row.spdx for row in rows),
        permits=tuple(use for use in USES if all(use in row.permits for row in rows)),
        attribution=any(row.attribution for row in rows),
        share_alike=any(row.share_alike for row in rows),
    )


def _joined(leaves: frozenset[str]) -> str:
    return " AND ".join(sorted(leaves))


@cache
def _licensing() -> Any:
    names = [LicenseSymbol(spdx) for spdx in LICENCES]
    return Licensing([*names, *(LicenseSymbol(name, is_exception=True) for name in EXCEPTIONS)])


def _parsed(expression: str) -> Any:
    text = expression.strip()
    try:
        if not text or len(text) > LONGEST:
            raise ValueError(f"an SPDX expression has between 1 and {LONGEST} characters")
        loose = _licensing().parse(text)
        if unknown := sorted(set(map(str, _licensing().unknown_license_keys(loose)))):
            raise ValueError("; ".join(map(_not_known, unknown)))
        return _licensing().parse(text, validate=True, strict=True)
    except ExpressionError as error:
        raise ValueError(f"`{text}` is not an SPDX expression: {error}") from error
    except (RecursionError, AttributeError, TypeError, IndexError) as error:
        raise ValueError(f"`{text}` is not an SPDX expression") from error


def _not_known(name: str) -> str:
    known = {spdx.lower(): spdx for spdx in (*LICENCES, *EXCEPTIONS)}
    nearest = difflib.get_close_matches(name.strip().lower(), known, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(f'`{known[near]}`' for near in nearest)}?" if nearest else ""
    return f"`{name}` is not the SPDX id of a licence handstyle knows{meant}"


def _alternatives(parsed: Any) -> list[frozenset[str]]:
    """The sets of licences, one of which is enough."""
    operator = getattr(parsed, "operator", "").strip()
    if operator == "OR":
        sets = [leaves for part in parsed.args for leaves in _alternatives(part)]
    elif operator == "AND":
        sets = [frozenset().union(*parts) for parts in product(*map(_alternatives, parsed.args))]
    else:
        sets = [frozenset({str(parsed.render())})]
    return list(dict.fromkeys(sets))
