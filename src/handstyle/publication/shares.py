"""Who contributed which works to a style, and what is each one's share of a sum?

A statement, no payment: what was counted in the ledger, what was agreed to be paid for it, and how that divides. A
share by influence is refused until an inspection measures influence with intervals: a number without them is a guess,
and nobody should be paid by a guess.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from handstyle.collection.permission import by_permission
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, UsageMistake
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.generation.ledger import Count
from handstyle.publication import money
from handstyle.publication.money import Money
from handstyle.records import Record

Division = Literal["equal", "works", "influence"]
RULES: dict[Division, str] = {
    "equal": "in equal parts, one for each contributor",
    "works": "in proportion to the number of works that were trained on",
    "influence": "in proportion to measured influence",
}


@dataclass(frozen=True)
class Fee:
    """What was agreed: a sum to divide, so much for each picture, for each period, or for each contributor."""

    kind: Literal["pool", "picture made", "picture released", "period", "contributor"]
    amount: Decimal
    currency: str
    periods: int = 1

    def __str__(self) -> str:
        each = {"pool": "in all", "period": f"for each of {self.periods} periods"}.get(
            self.kind, f"for each {self.kind}"
        )
        return f"{self.amount} {self.currency} {each}"


class Contributor(Record):
    name: str
    holders: tuple[str, ...]  # whose permission it rests on, and with whom the money has to be settled
    permission: tuple[str, ...]  # signed or stated
    works: tuple[str, ...]  # names of the works that were trained on
    checked_with: int  # works that were withheld from training
    share: str  # of the sum, as an exact fraction
    amount: str


class Statement(Record):
    """Everything needed to compute it again by hand."""

    format: Literal["handstyle/shares/1"] = "handstyle/shares/1"
    style: str
    tensors: str
    collection: str
    written: date
    since: date | None
    until: date | None
    count: Count
    fee: str
    exactly: str  # the fee times what was counted, before it was rounded to what the currency has
    sum: str
    rule: str
    contributors: tuple[Contributor, ...]
    limits: tuple[str, ...]


LIMITS = (
    "Pictures are counted that this workspace made with `handstyle generate`, and those shown in its releases. What "
    "anybody makes with the weights in another program, nobody can count.",
    "Sample sheets of a training and the pictures of an inspection are not counted as made.",
    "An equal part, or a part by number of works, says nothing about whose works a picture owes more to.",
    "Whoever made pictures of the class, which keep the base as it was, is no contributor to the style.",
    "Who contributed is what the permissions say. Nothing here is paid, and nothing here is a contract.",
)


def statement(
    collection: Collection,
    style: TrainedStyle,
    count: Count,
    fee: Fee,
    division: Division,
    *,
    since: date | None,
    until: date | None,
    on: date,
) -> Statement:
    """Raises GateClosed for what cannot be measured, UsageMistake for a fee that comes to nothing that can be paid."""
    if division == "influence":
        raise GateClosed(
            "a share by influence cannot be stated: no report of this style carries influence with intervals",
            hint="Divide it `--by equal` or `--by works`. A measured share needs contributors left out one by one, "
            "and an interval around what that changes.",
        )
    people = _contributors(collection)
    exactly, pool = _sum(fee, count, len(people))
    weights = {one.name: Fraction(1 if division == "equal" else len(one.works)) for one in people}
    if not sum(weights.values()):
        raise UsageMistake("none of the contributors' works was trained on", hint="Divide it `--by equal`.")
    parts, total = money.divided(pool, weights), sum(weights.values())
    return Statement(
        style=style.name,
        tensors=style.tensors,
        collection=collection.digest,
        written=on,
        since=since,
        until=until,
        count=count,
        fee=str(fee),
        exactly=f"{exactly:f} {fee.currency}",
        sum=str(pool),
        rule=RULES[division],
        contributors=tuple(
            one.model_copy(update={"share": str(weights[one.name] / total), "amount": str(parts[one.name])})
            for one in people
        ),
        limits=LIMITS,
    )


def _sum(fee: Fee, count: Count, people: int) -> tuple[Decimal, Money]:
    match fee.kind:
        case "pool":
            return fee.amount, money.whole(fee.amount, fee.currency, "the sum")
        case "contributor":
            each = money.whole(fee.amount, fee.currency, "the fee")
            return fee.amount * people, Money(each.units * people, fee.currency)
        case "period":
            number = fee.periods
        case "picture made":
            number = count.made
        case "picture released":
            number = count.released
    pool, exactly = money.times(fee.amount, number, fee.currency)
    return exactly, pool


def _contributors(collection: Collection) -> list[Contributor]:
    """One for each author, in the order of their names."""
    withheld = set(collection.validation)
    works: dict[str, list[str]] = defaultdict(list)
    checked: dict[str, int] = defaultdict(int)
    holders: dict[str, set[str]] = defaultdict(set)
    standing: dict[str, set[str]] = defaultdict(set)
    for covered, rights in by_permission(collection):
        author = rights.author
        works[author] += [work.name for work in covered if work.name not in withheld]
        checked[author] += sum(work.name in withheld for work in covered)
        holders[author] |= set(rights.holders)
        standing[author].add(rights.standing)
    return [
        Contributor(
            name=author,
            holders=tuple(sorted(holders[author])),
            permission=tuple(sorted(standing[author])),
            works=tuple(sorted(works[author])),
            checked_with=checked[author],
            share="",
            amount="",
        )
        for author in sorted(works)
    ]


def page(found: Statement) -> str:
    """The statement to print or to mail, in plain text."""
    count = found.count
    period = f"{found.since or 'the first day'} to {found.until or found.written}"
    lines = [
        f"Contributors' shares in the style {found.style}",
        "",
        f"Written on {found.written}, for {period}",
        f"Weights     {found.tensors}",
        f"Works       {found.collection}",
        f"Ledger      {count.made} pictures made, {count.released} shown in {count.releases} releases",
        f"Its last line {count.head}",
        "",
        f"Agreed      {found.fee}",
        f"Comes to    {found.exactly}",
        f"Divided     {found.sum}, {found.rule}",
        "",
        *_table(found.contributors),
        f"Sum: {found.sum}",
        "",
        "Which works",
        "",
    ]
    for one in found.contributors:
        lines += [f"{one.name}, settled with {', '.join(one.holders)}", *(f"  {line}" for line in one.permission)]
        lines += [f"    {name}" for name in one.works]
        lines += [f"  and {one.checked_with} to check with"] if one.checked_with else []
        lines.append("")
    return "\n".join([*lines, "What this does not say", "", *(f"- {limit}" for limit in found.limits)]) + "\n"


def _table(people: Sequence[Contributor]) -> list[str]:
    rows = [("Contributor", "works", "share", "amount")]
    rows += [(one.name, str(len(one.works)), one.share, one.amount) for one in people]
    name, works, share, amount = (max(len(row[column]) for row in rows) for column in range(4))
    return [f"{row[0]:<{name}}  {row[1]:>{works}}  {row[2]:>{share}}  {row[3]:>{amount}}" for row in rows]
