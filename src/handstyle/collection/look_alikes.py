"""When do two names look the same to a reader, though a computer tells them apart?

A skeleton in the sense of Unicode Technical Standard #39, section 4, made coarser: without case, accents and
punctuation, and with the digits and signs that people write for letters.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path

TABLE = Path(__file__).with_name("look_alikes.txt")
SIGNS = "@$!|€£¢¥"  # between letters they are read as letters; elsewhere they are none

# Before the table: what people write for a letter, and alphabets that are made to look like Latin.
WRITTEN_FOR = {
    **dict(zip("0134578926@$!|€£¢¥", "oleastbgzgasllelcy", strict=True)),
    **dict(zip("авекмнорстухіјѕԁһӏєэяипцдшщз", "abekmhopctyxijsdhleernnuawwz", strict=True)),  # Cyrillic
    **dict(zip("αβεικορτυχςλπ", "abeikoptuxcan", strict=True)),  # Greek
    **{"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ŋ": "n", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ɛ": "e"},
}
LATIN = re.compile(r"LATIN (?:(?:SMALL|CAPITAL) LETTER ([A-Z])(?: WITH .*)?|LETTER SMALL CAPITAL ([A-Z]))")
# Letters in black circles and squares, and in flags, have no normal form: each begins an alphabet.
ENCLOSED = {first + place: chr(ord("a") + place) for first in (0x1F150, 0x1F170, 0x1F1E6) for place in range(26)}
ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")  # whose letters are taken for one another


def skeleton(text: str) -> str:
    """What is left of a text when everything that can be made to look alike is the same."""
    plain = "".join(map(_seen, normal(text)))
    return plain.replace("rn", "m").replace("vv", "w").replace("i", "l")


def normal(text: str) -> str:
    """In the form NFKC, and letters that have none as letters."""
    return unicodedata.normalize("NFKC", text).translate(ENCLOSED)


@functools.lru_cache(maxsize=1 << 14)
def _seen(sign: str) -> str:
    """The small Latin letters, or other small letters, that a sign passes for; nothing where it is no letter."""
    for letter in (sign, sign.casefold()):
        if letter in WRITTEN_FOR:
            return WRITTEN_FOR[letter]
        if letter in _table():
            return _table()[letter]
    apart = unicodedata.normalize("NFKD", sign.casefold())
    if apart != sign:
        return "".join(map(_seen, apart))
    if not sign.isascii() and (named := LATIN.fullmatch(unicodedata.name(sign, ""))):
        return (named[1] or named[2]).lower()
    return sign if sign.isalnum() else ""


@functools.cache
def _table() -> dict[str, str]:
    """Sign -> letters."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" ") for line in lines if not line.startswith("#")]
    return {sign: letters for letters, signs in rows for sign in signs}


def mixed_word_in(name: str) -> str | None:
    """The first word that mixes letters of several alphabets, or hides a sign in it; None when there is none."""
    for word in re.split(r"\s+", unicodedata.normalize("NFC", name)):
        alphabets = {
            alphabet for letter in word if letter.isalpha()
            for alphabet in ALPHABETS if unicodedata.name(letter, "").startswith(alphabet)
        }  # fmt: skip
        # A joiner between two letters is a letter's business in some scripts; nothing else invisible is.
        invisible = any(unicodedata.category(sign) == "Cf" and sign not in "\u200c\u200d" for sign in word)
        if len(alphabets) > 1 or invisible:
            return word
    return None
