"""A `rights.toml`: does it permit exactly what it says, or is it refused in full?"""

from __future__ import annotations

from tests.hostile.case import Case, End, Place, Words, refused, says
from tests.hostile.png import GOOD

OWN = '[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "own-work"\n'
LETTER = '[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "written-permission"\npermits = ["train"]\n'
OPEN = '[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "open-licence"\n'


def permitted(title: str, toml: str | bytes, ends: End, option: bool = False) -> Case:
    """A picture, a letter and a permission, which lies in the folder or is named."""

    def make(place: Place) -> Words:
        place.write("boat.png", GOOD)
        place.write("letter.pdf", b"%PDF a letter")
        (place.given.parent / "secret.pdf").write_bytes(b"%PDF a secret")
        (place.given / "out.pdf").symlink_to(place.given.parent / "secret.pdf")
        path = place.write("rights.toml", toml)
        named = ["--rights", path] if option else []
        return ["collect", place.given, *named, "--leave-out", "none", "-w", place.workspace]

    return Case(title, make, ends)


TAKEN = says(boat="boat")
NOT_TOML = refused("cannot be read as TOML")
NOT_CLEAR = refused("does not say clearly what is permitted")


def with_line(line: str, to: str = OWN) -> str:
    return f"{to}{line}\n"


CASES: list[Case] = [
    permitted("a permission", OWN, TAKEN),
    permitted("a permission that is named", OWN, TAKEN, option=True),
    permitted("nothing", "", NOT_CLEAR),
    permitted("NUL", b"\0" * 100, NOT_TOML),
    permitted("UTF-16", OWN.encode("utf-16"), NOT_TOML),
    permitted("an old encoding", OWN.replace("Ada", "Adé").encode("latin-1"), NOT_TOML),
    permitted("a mark of order of bytes", b"\xef\xbb\xbf" + OWN.encode(), NOT_TOML),
    permitted("half of it", OWN[:-9], NOT_TOML),
    permitted("a key twice", with_line('author = "Bob"'), NOT_TOML),
    permitted("lists in lists without an end", "a = " + "[" * 100_000, NOT_TOML),
    permitted("tables in tables without an end", "a = " + "{a = " * 10_000, NOT_TOML),
    permitted("a key of a hundred thousand parts", "a" + ".a" * 100_000 + " = 1", NOT_TOML),
    permitted("a key of many parts in quotes", '"a"' + '."a"' * 100_000 + " = 1", NOT_TOML),
    permitted("a number of 5000 digits", "a = " + "9" * 5000, NOT_TOML),
    permitted("5 MB of a comment", b"#" * (5 << 20), NOT_TOML),
    permitted("a permission that is a number", "rights = 3", refused("there is no `[[rights]]` table")),
    permitted("a permission that is a list of numbers", "rights = [1]", refused("there is no `[[rights]]` table")),
    permitted("a permission under another name", OWN.replace("[[rights]]", "[[right]]"), refused("right: unknown key")),
    permitted("a key nearly right", with_line('autor = "Bob"'), refused("did you mean `author`?")),
    permitted("no works", OWN.replace('works = ["*"]\n', ""), refused("works: Field required")),
    permitted("works that are none", OWN.replace('["*"]', "[]"), refused("works: ")),
    permitted("works that are a word", OWN.replace('["*"]', '"*"'), refused("works: ")),
    permitted("works that are numbers", OWN.replace('["*"]', "[1]"), refused("works.0: ")),
    permitted("works of another name", OWN.replace('"*"', '"cat.png"'), refused("no permission", 3)),
    permitted("a pattern that takes for ever", OWN.replace('"*"', '"' + "*a" * 50 + '"'), refused("no permission", 3)),
    permitted("a pattern that is none", OWN.replace('"*"', '"[z-a]*"'), refused("no permission", 3)),
    permitted("a pattern with half a bracket", OWN.replace('"*"', '"[boat.png"'), refused("no permission", 3)),
    permitted("two permissions", OWN + OWN.replace("Ada", "Bob"), refused("2 permissions name it", 3)),
    permitted("the same permission twice", OWN + OWN, TAKEN),
    permitted("an author of blanks", OWN.replace("Ada", "  "), refused("author: ")),
    permitted("an author with a line break", OWN.replace("Ada", "A\\nda"), refused("author: ")),
    permitted("an author that turns the line round", OWN.replace("Ada", "A\u202eda"), refused("author: ")),
    permitted("an author that is a number", OWN.replace('"Ada"', "3"), refused("author: ")),
    permitted("no author", OWN.replace('author = "Ada"\n', ""), refused("author: ")),
    permitted("a basis nobody knows", OWN.replace("own-work", "found-it"), refused("basis: ")),
    permitted("own work of somebody else", with_line('holders = ["Bob"]'), refused("others hold rights too")),
    permitted("a use nobody knows", with_line('permits = ["trian"]'), refused("permits.0: ")),
    permitted("a use that is not training", with_line('permits = ["show-works"]'),
            refused("does not cover training", 3)),
    permitted("no use", with_line("permits = []"), refused("does not cover training", 3)),
    permitted("a day that is over", with_line("valid_until = 1999-12-31"), refused("ended on 1999-12-31", 3)),
    permitted("a day to come", with_line("valid_from = 9999-12-31"), refused("begins on 9999-12-31", 3)),
    permitted("days the wrong way round", with_line("valid_from = 2031-01-01\nvalid_until = 2030-01-01"),
            refused("lies before")),
    permitted("a day that does not exist", with_line("valid_from = 2031-02-30"), NOT_TOML),
    permitted("a day that is a number", with_line("valid_from = 0"), refused("valid_from")),
    permitted("a day that is infinite", with_line("valid_until = inf"), refused("valid_until: ")),
    permitted("a day that is a list", with_line("valid_until = [2031-01-01]"), refused("valid_until: ")),
    permitted("a letter", with_line('evidence = ["letter.pdf"]', LETTER), TAKEN),
    permitted("a letter that is not there", with_line('evidence = ["later.pdf"]', LETTER),
            refused("there is no such file")),
    permitted("no letter", LETTER, refused("written-permission needs its evidence")),
    permitted("a letter elsewhere", with_line('evidence = ["../secret.pdf"]', LETTER),
            refused("must lie beside the file")),
    permitted("a letter from the root", with_line('evidence = ["/etc/hostname"]', LETTER),
            refused("must lie beside the file")),
    permitted("a letter that is a link out", with_line('evidence = ["out.pdf"]', LETTER),
            refused("it is a link out of the folder")),
    permitted("a letter that is the folder", with_line('evidence = ["."]', LETTER), refused("there is no such file")),
    permitted("a letter with NUL in its name", with_line('evidence = ["a\\u0000b"]', LETTER), refused("evidence: ")),
    permitted("a letter with a name of a megabyte", with_line('evidence = ["' + "a" * (1 << 20) + '"]', LETTER),
            refused("evidence: ")),
    permitted("a letter that is a number", with_line("evidence = 3", LETTER), refused("evidence: write a file name")),
    permitted("a letter that says a list", with_line('evidence = [{ file = "letter.pdf", says = [1] }]', LETTER),
            refused("evidence: ")),
    permitted("a letter with a key nobody knows",
            with_line('evidence = [{ file = "letter.pdf", sha256 = "0" }]', LETTER), refused("evidence: ")),
    permitted("an open licence", with_line('licence = "CC-BY-4.0"\nsource = "https://example.org"', OPEN), TAKEN),
    permitted("an open licence without its source", with_line('licence = "CC-BY-4.0"', OPEN),
            refused("open-licence needs")),
    permitted("a licence nobody knows", with_line('licence = "CC-BY-4"\nsource = "https://example.org"', OPEN),
            refused("did you mean `CC-BY-4.0`")),
    permitted("a licence that is a list", with_line('licence = ["CC-BY-4.0"]\nsource = "https://example.org"', OPEN),
            refused("licence: ")),
    permitted("a licence against derivatives",
            with_line('licence = "CC-BY-ND-4.0"\nsource = "https://example.org"', OPEN),
            refused("does not cover training", 3)),
    permitted("a source that is a script", with_line('licence = "CC-BY-4.0"\nsource = "javascript:alert(1)"', OPEN),
            refused("is not a web address")),
    permitted("a source that is a file", with_line('licence = "CC-BY-4.0"\nsource = "file:///etc/passwd"', OPEN),
            refused("is not a web address")),
    permitted("more than its licence permits",
            with_line('licence = "CC-BY-NC-4.0"\nsource = "https://example.org"\npermits = ["train", "commercial"]',
            OPEN), refused("does not permit")),
]  # fmt: skip
