"""How is a sum divided so that the parts are whole cents and together exactly the sum?

By largest remainder: everybody gets the whole part of what is due, and the cents that are left go, one each, to those
whose remainders are largest (Hamilton's method). Among equal remainders the earlier name comes first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple

from handstyle.errors import UsageMistake

# ISO 4217: how many decimals a currency has, where they are not two.
DECIMALS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
LARGEST = Decimal(10) ** 15
FINEST = 12  # decimals of a fee


class Money(NamedTuple):
    """An amount in the smallest unit of its currency."""

    units: int
    currency: str

    def __str__(self) -> str:
        places = decimals(self.currency)
        return f"{Decimal(self.units).scaleb(-places):.{places}f} {self.currency}"


def decimals(currency: str) -> int:
    return DECIMALS.get(currency, 2)


def currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise UsageMistake(f"`{text}` is no currency", hint="Write its three letters (ISO 4217), such as EUR.")
    return text


def amount(text: str, what: str) -> Decimal:
    """Exactly what was typed. Raises UsageMistake."""
    try:
        value = Decimal(text) if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) else None
    except InvalidOperation:
        value = None
    if value is None or value > LARGEST or -int(value.as_tuple().exponent) > FINEST:
        raise UsageMistake(f"{what} {text} is no amount", hint="Write digits, and a dot before cents: 120.50")
    return value


def whole(value: Decimal, unit: str, what: str) -> Money:
    """An amount that the currency has. Raises UsageMistake for half a cent."""
    scaled = value.scaleb(decimals(unit))
    if scaled != scaled.to_integral_value():
        raise UsageMistake(
            f"{what} {value} has parts smaller than {unit} has", hint="Round it yourself: nobody else may."
        )
    return Money(int(scaled), unit)


def times(value: Decimal, number: int, unit: str) -> tuple[Money, Decimal]:
    """A fee, so many times, to the nearest smallest unit; and the exact product."""
    product = value * number
    units = product.scaleb(decimals(unit)).to_integral_value(ROUND_HALF_UP)
    return Money(int(units), unit), product


def divided(pool: Money, weights: Mapping[str, Fraction]) -> dict[str, Money]:
    """The parts, in proportion to the weights; their sum is the pool, to the unit."""
    total = sum(weights.values(), Fraction(0))
    if not weights or total <= 0 or min(weights.values()) < 0:
        raise ValueError("there is nobody to divide it among")
    due = {name: pool.units * weight / total for name, weight in weights.items()}
    parts = {name: int(share) for name, share in due.items()}  # rounded down: nothing is negative
    left = pool.units - sum(parts.values())
    by_remainder = sorted(due, key=lambda name: (parts[name] - due[name], name))
    for name in by_remainder[:left]:
        parts[name] += 1
    return {name: Money(parts[name], pool.currency) for name in weights}
