"""Which signs stand for the six bytes of a watermark, and which bytes do worn signs still stand for?

Two codes, one inside the other, as deep space probes use them. Reed and Solomon's RS(12, 6) over bytes mends whole
bytes; each byte is one of 256 biorthogonal words of 128 signs (Reed and Muller's RM(1, 7)), found by one Hadamard
transform from values of any strength. Most of the mending happens there, where nothing has been rounded yet.

What counts as found is decided at the end: all signs of the bytes read are held against all values. If signs and
values had nothing to do with each other, the sum of so many products with chance signs would exceed T times its
deviation with a probability of at most exp(-T^2 / 2) (Hoeffding 1963), for each of the 2^48 payloads.
"""

from __future__ import annotations

import functools
import hashlib
from typing import NamedTuple

import numpy as np
import reedsolo
from numpy.typing import NDArray

PAYLOAD, PARITY, WORD = 6, 6, 128  # bytes, bytes, signs of a byte
BYTES = PAYLOAD + PARITY
SIGNS = BYTES * WORD
# 2^48 exp(-THRESHOLD^2 / 2) is 3e-10 for each place and size that is tried.
THRESHOLD = 10.5
STRONGEST = 2.5  # a value counts for at most so many deviations: edges are strong, and say nothing

Signs = NDArray[np.float64]


class Read(NamedTuple):
    payload: bytes
    score: float  # deviations; 39 where every value has its sign
    bits_mended: int  # of 96


def noise(purpose: str, count: int) -> NDArray[np.uint32]:
    """The same numbers for ever, on every machine and in every version of every library (SHAKE256, FIPS 202)."""
    return np.frombuffer(hashlib.shake_256(f"handstyle watermark 1 {purpose}".encode()).digest(4 * count), "<u4")


def shuffled(purpose: str, count: int) -> NDArray[np.intp]:
    return np.argsort(noise(purpose, count), kind="stable")


@functools.cache
def _tables() -> tuple[Signs, NDArray[np.intp], Signs]:
    """The words, the order in which signs are sent, and the chance sign each is multiplied with."""
    words: Signs = np.ones((1, 1))
    while len(words) < WORD:
        words = np.block([[words, words], [words, -words]])  # Sylvester 1867
    chance: Signs = np.where(noise("signs", SIGNS) & 1, -1.0, 1.0)
    return words, shuffled("order", SIGNS), chance


def signs_of(payload: bytes) -> Signs:
    words, order, chance = _tables()
    code = bytes(reedsolo.RSCodec(PARITY).encode(payload))
    signs = np.concatenate([words[byte >> 1] * (1 - 2 * (byte & 1)) for byte in code])
    return np.asarray(signs[order] * chance)


def read(values: Signs) -> Read | None:
    """The bytes that fit these values best, if they fit far better than chance."""
    spread = float(np.sqrt(np.mean(values**2)))
    if not spread > 0:  # one colour, or not a number
        return None
    values = np.clip(values / spread, -STRONGEST, STRONGEST)
    words, order, chance = _tables()
    sent = np.zeros(SIGNS)
    sent[order] = values * chance
    fits = sent.reshape(BYTES, WORD) @ words
    strengths = np.sort(np.abs(fits), axis=1)
    best = np.abs(fits).argmax(axis=1)
    code = (best << 1 | (fits[np.arange(BYTES), best] < 0)).astype(np.uint8).tobytes()
    doubtful = [int(place) for place in np.argsort(strengths[:, -1] - strengths[:, -2])]
    found: Read | None = None
    for erased in (0, 2, 4):
        try:
            payload = bytes(reedsolo.RSCodec(PARITY).decode(code, erase_pos=doubtful[:erased])[0])
        except reedsolo.ReedSolomonError:
            continue
        score = float(values @ signs_of(payload) / np.sqrt(values @ values))
        if score >= THRESHOLD and (found is None or score > found.score):
            right = bytes(reedsolo.RSCodec(PARITY).encode(payload))
            found = Read(payload, score, sum((one ^ other).bit_count() for one, other in zip(code, right, strict=True)))
    return found
