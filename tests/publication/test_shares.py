"""Do the shares add up to what was agreed, to the cent, and say whom they rest on?"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingredients import collected, low_rank_tensors, style_of

from handstyle.collection.rights import RightsRecord, open_licence, own_work
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, UsageMistake
from handstyle.generation.ledger import Count
from handstyle.publication import money, shares
from handstyle.publication.money import Money, amount, divided
from handstyle.publication.shares import Division, Fee, Statement
from handstyle.tensor_files import digest

TODAY = date(2026, 11, 25)
COUNT = Count(made=333, released=12, releases=2, first=None, last=None, head="d" * 64)
LETTER = RightsRecord.model_validate({
    "author": "Ana Ruiz", "holders": ("Ana Ruiz", "Example Press"), "basis": "written-permission",
    "permits": ("train",), "evidence": ({"file": "letter.pdf", "sha256": "e" * 64},),
})  # fmt: skip
MOZILLA = open_licence("Apache-2.0", "Mozilla", "https://github.com/mozilla/fxemoji")


def collection(*rights: RightsRecord, withheld: tuple[str, ...] = ()) -> Collection:
    return collected(*rights).model_copy(update={"validation": withheld})


THREE = collection(own_work("Ada Example"), LETTER, MOZILLA, MOZILLA)


def stated(fee: Fee, division: Division = "equal", of: Collection = THREE) -> Statement:
    style = style_of(of, digest(low_rank_tensors()))
    return shares.statement(of, style, COUNT, fee, division, since=None, until=None, on=TODAY)


def amounts(found: Statement) -> dict[str, str]:
    return {one.name: one.amount for one in found.contributors}


def pool(text: str, currency: str = "EUR") -> Fee:
    return Fee("pool", Decimal(text), currency)


def test_equal_parts_of_a_hundred_by_three_differ_by_a_cent() -> None:
    found = stated(pool("100"))
    assert amounts(found) == {"Ada Example": "33.34 EUR", "Ana Ruiz": "33.33 EUR", "Mozilla": "33.33 EUR"}
    assert {one.share for one in found.contributors} == {"1/3"} and found.sum == "100.00 EUR"


def test_parts_by_works_follow_the_works_that_were_trained_on() -> None:
    assert amounts(stated(pool("100"), "works")) == {
        "Ada Example": "25.00 EUR", "Ana Ruiz": "25.00 EUR", "Mozilla": "50.00 EUR"
    }  # fmt: skip
    withheld = collection(own_work("Ada Example"), LETTER, MOZILLA, MOZILLA, withheld=("secret-3.png",))
    found = stated(pool("90"), "works", withheld)
    assert set(amounts(found).values()) == {"30.00 EUR"}
    assert found.contributors[2].checked_with == 1


def test_a_fee_for_each_picture_is_counted_by_the_ledger() -> None:
    found = stated(Fee("picture made", Decimal("0.005"), "EUR"))
    assert (found.exactly, found.sum) == ("1.665 EUR", "1.67 EUR")
    assert sum(Decimal(one.amount.split()[0]) for one in found.contributors) == Decimal("1.67")
    assert stated(Fee("picture released", Decimal("2"), "EUR")).sum == "24.00 EUR"


def test_a_fee_for_each_period_and_for_each_contributor() -> None:
    assert stated(Fee("period", Decimal("10"), "EUR", 4)).sum == "40.00 EUR"
    flat = stated(Fee("contributor", Decimal("50.01"), "EUR"))
    assert flat.sum == "150.03 EUR" and set(amounts(flat).values()) == {"50.01 EUR"}


def test_nothing_made_is_nothing_due() -> None:
    style = style_of(THREE, digest(low_rank_tensors()))
    none = COUNT.model_copy(update={"made": 0})
    fee = Fee("picture made", Decimal("0.10"), "EUR")
    found = shares.statement(THREE, style, none, fee, "equal", since=None, until=None, on=TODAY)
    assert set(amounts(found).values()) == {"0.00 EUR"} and found.sum == "0.00 EUR"


@pytest.mark.parametrize(("currency", "text", "parts"), [
    ("JPY", "100", ["34 JPY", "33 JPY", "33 JPY"]),
    ("KWD", "0.100", ["0.034 KWD", "0.033 KWD", "0.033 KWD"]),
])  # fmt: skip
def test_currencies_have_their_own_cents(currency: str, text: str, parts: list[str]) -> None:
    assert list(amounts(stated(pool(text, currency))).values()) == parts


def test_a_sum_with_half_a_cent_is_refused() -> None:
    with pytest.raises(UsageMistake, match="smaller than JPY"):
        stated(pool("10.5", "JPY"))


def test_a_share_by_influence_is_refused_until_it_is_measured() -> None:
    with pytest.raises(GateClosed, match="no report of this style carries influence") as refused:
        stated(pool("100"), "influence")
    assert refused.value.exit_code == 3


def test_the_statement_names_works_holders_and_permissions_and_can_be_printed() -> None:
    found = stated(pool("100"))
    text = shares.page(found)
    assert "Ana Ruiz, settled with Ana Ruiz, Example Press" in text and "stated, not signed" in text
    assert all(f"secret-{number}.png" in text for number in range(4))
    assert "333 pictures made, 12 shown in 2 releases" in text and "d" * 64 in text
    assert Statement.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("text", ["", "-1", "1e3", "NaN", "1,50", "1.", "1" * 20, "0." + "1" * 13, "٣"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UsageMistake):
        amount(text, "the fee")


@pytest.mark.parametrize("text", ["eur", "EURO", "E1R", ""])
def test_what_is_no_currency_is_refused(text: str) -> None:
    with pytest.raises(UsageMistake):
        money.currency(text)


@given(
    st.integers(0, 10**15),
    st.dictionaries(st.text("abcdefg", min_size=1, max_size=4), st.integers(0, 1000), min_size=1, max_size=12).filter(
        lambda weights: sum(weights.values()) > 0
    ),
)
def test_parts_add_up_exactly_and_nobody_is_off_by_a_unit(units: int, weights: dict[str, int]) -> None:
    parts = divided(Money(units, "EUR"), {name: Fraction(weight) for name, weight in weights.items()})
    assert sum(part.units for part in parts.values()) == units
    for name, part in parts.items():
        assert abs(part.units - Fraction(units * weights[name], sum(weights.values()))) < 1
    again = divided(Money(units, "EUR"), {name: Fraction(weights[name]) for name in reversed(weights)})
    assert again == parts  # whatever order they were named in
