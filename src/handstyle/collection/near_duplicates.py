"""Which works look nearly like an earlier one?

Multi-index hashing (Norouzi, Punjani and Fleet 2012, "Fast Search in Hamming Space with Multi-Index Hashing"): the 64
bits are cut into bands. Where two fingerprints differ in at most R bits, they differ in at most R/m in one of m bands;
so it is enough to look at those that share a band but for so many bits. Nothing within the radius is missed.

Only works that look like no earlier one are looked up: a thousand pictures that are all alike are one entry and not
half a million pairs.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import combinations, pairwise
from math import comb

from handstyle.collection.fingerprints import BITS, Fingerprint

RADIUS = 6  # bits of the structure
LEVELS = 12  # of 256, by which each mean colour may differ
WIDEST = 20  # bits of a band: a table of a million places
NOBODY = -1


class NearDuplicates:
    """Each work that looks nearly like an earlier one -> the first such one, which itself looks like none before it.

    Without the works that are found, no two look nearly the same. `number` is about how many there are.
    """

    def __init__(self, number: int) -> None:
        self._seen, self._names = Nearby(number), list[str]()
        self.found: dict[str, str] = {}

    def see(self, name: str, look: Fingerprint | None) -> None:
        if look is None:
            return
        place = min(self._seen.near(look), default=NOBODY)
        if place == NOBODY:
            self._seen.add(look)
            self._names.append(name)
        else:
            self.found[name] = self._names[place]


def are_near(one: Fingerprint, other: Fingerprint) -> bool:
    colours = zip(one.colour, other.colour, strict=True)
    return (one.structure ^ other.structure).bit_count() <= RADIUS and all(abs(a - b) <= LEVELS for a, b in colours)


class Nearby:
    """Fingerprints by what is near them; 28 bytes each, and the tables of the bands."""

    def __init__(self, number: int) -> None:
        bands = bands_for(number)
        edges = [BITS * band // bands for band in range(bands + 1)]
        self._bands = [_Band(begin, end - begin, RADIUS // bands) for begin, end in pairwise(edges)]
        self._structures, self._colours = array("Q"), bytearray()

    def add(self, look: Fingerprint) -> None:
        for band in self._bands:
            band.add(look.structure, len(self._structures))
        self._structures.append(look.structure)
        self._colours += bytes(look.colour)

    def near(self, look: Fingerprint) -> Iterator[int]:
        """The places, counted from 0 as they were added, of all that are near; a place may come more than once."""
        structures, structure = self._structures, look.structure
        for band in self._bands:
            for place in band.meeting(structure):
                if (structures[place] ^ structure).bit_count() <= RADIUS and self._is_coloured_like(place, look):
                    yield place

    def _is_coloured_like(self, place: int, look: Fingerprint) -> bool:
        colour = self._colours[3 * place : 3 * place + 3]
        return all(abs(a - b) <= LEVELS for a, b in zip(colour, look.colour, strict=True))


class _Band:
    """Everybody by a few of their bits: who came last with such bits, and who came before whom with the same."""

    def __init__(self, begin: int, width: int, radius: int) -> None:
        self._shift, self._mask = begin, (1 << width) - 1
        self._last = array("i", [NOBODY]) * (1 << width)
        self._before = array("i")
        self._changes = [sum(1 << bit for bit in bits) for many in range(radius + 1)
                         for bits in combinations(range(width), many)]  # fmt: skip

    def add(self, structure: int, place: int) -> None:
        value = structure >> self._shift & self._mask
        self._before.append(self._last[value])
        self._last[value] = place

    def meeting(self, structure: int) -> Iterator[int]:
        """Everybody whose bits are these, but for the few that may differ."""
        value, last, before = structure >> self._shift & self._mask, self._last, self._before
        for change in self._changes:
            place = last[value ^ change]
            while place != NOBODY:
                yield place
                place = before[place]


def bands_for(number: int) -> int:
    """Into how many bands to cut so that the fewest places are looked at, were the bits drawn by lot."""

    def looks(bands: int) -> float:
        width = BITS // bands
        changes = sum(comb(width, many) for many in range(RADIUS // bands + 1))
        return bands * changes * (1 + number / (1 << width))

    return min((bands for bands in range(1, RADIUS + 2) if -(-BITS // bands) <= WIDEST), key=looks)
