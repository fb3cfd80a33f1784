"""When do two names look the same to a reader, though a computer tells them apart?"""

from __future__ import annotations

import re
import unicodedata

LOOKS_LIKE = str.maketrans(
    {
        **dict(zip("0134578@$!|", "oleastbasll", strict=True)),
        **dict(zip("авекмнорстухіјѕԁһӏ", "abekmhopctyxijsdhl", strict=True)),  # Cyrillic
        **dict(zip("αβεικνορτυχ", "abeiknoptux", strict=True)),  # Greek
        **{"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"},
    }
)
ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")  # whose letters are taken for one another


def skeleton(text: str) -> str:
    """What is left of a text when everything that can be made to look alike is the same."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(LOOKS_LIKE)
    plain = "".join(letter for letter in letters if letter.isalnum())
    return plain.replace("rn", "m").replace("vv", "w").replace("i", "l")


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
