"""A recipe in TOML: does it ask for exactly what it says, or is everything wrong in it named?"""

from __future__ import annotations

from typing import Any

from tests.hostile.case import Case, End, Ended, Place, Words, refused
from tests.hostile.shelf import put_workspace


def cooked(name: str, toml: str | bytes, ends: End, file: str = "recipe.toml") -> Case:
    """A dry run of the recipe, on six works and a tiny base."""

    def make(place: Place) -> Words:
        put_workspace(place.shelf.finished, place.shelf.works, place)
        path = place.write(file, toml)
        return ["finetune", "--dry-run", "--base", place.shelf.base, "--recipe", path, "-w", place.workspace]

    return Case(name, make, ends)


def asks(**settings: Any) -> End:
    def check(ended: Ended) -> None:
        assert ended.code == 0, ended.words
        assert {name: ended.told["recipe"][name] for name in settings} == settings

    return check


SMALL = 'max_train = "2 steps"\ntrain_batch_size = 2\nrank = 2\nmixed_precision = "no"\nresolution = 16\n'
NOT_TOML = refused("cannot be read as TOML")


def but(line: str) -> str:
    """A small recipe with one line of another sort, which takes the place of its own."""
    key = line.split("=")[0].strip()
    return "".join(f"{kept}\n" for kept in SMALL.splitlines() if kept.split("=")[0].strip() != key) + line + "\n"


WRONG = {
    'rank = "many"': "rank: ",
    "rank = 0": "rank: ",
    "rank = -1": "rank: ",
    "rank = 1.5": "rank: ",
    "rank = true": "rank: ",
    "rank = 1025": "rank: ",
    "rank = 9223372036854775808": "rank: ",
    "rank = nan": "rank: ",
    "rank = []": "rank: ",
    "rank = {}": "rank: ",
    "rank = 1979-05-27": "rank: ",
    "learning_rate = nan": "learning_rate: ",
    "learning_rate = inf": "learning_rate: ",
    "learning_rate = -1e-4": "learning_rate: ",
    "learning_rate = 0": "learning_rate: ",
    "learning_rate = 1e400": "learning_rate: ",
    "learning_rate = false": "learning_rate: ",
    "lora_dropout = 1": "lora_dropout: ",
    "caption_dropout = -0.1": "caption_dropout: ",
    "ema_decay = 1": "ema_decay: ",
    "seed = -1": "seed: ",
    "seed = 9007199254740992": "seed: ",
    "train_batch_size = 0": "train_batch_size: ",
    "train_batch_size = 1000000": "train_batch_size: ",
    "resolution = 7": "resolution: ",
    "resolution = 100000": "resolution: ",
    "resolution = 18": "works at multiples of",
    "random_flip = 7": "random_flip: ",
    'random_flip = "perhaps"': "random_flip: ",
    'method = "magic"': "method: ",
    'mixed_precision = "fp8"': "mixed_precision: ",
    'lora_modules = ["everything"]': "lora_modules.0: ",
    "lora_modules = []": "lora_modules: ",
    'lora_modules = "attention"': "lora_modules: ",
    'max_train = "soon"': "max_train: ",
    'max_train = "0 steps"': "max_train: ",
    'max_train = "99999999999999999999 steps"': "max_train",
    "max_train = 240": "max_train: ",
    'max_train = ["240 steps"]': "max_train: ",
    'template = "a boat"': "template: ",
    'template = "{caption} {identifier} {0}"': "unknown placeholder {0}",
    'template = "{caption} {identifier} {caption.__class__}"': "unknown placeholder {caption.__class__}",
    'template = "{caption} {identifier:>1000000000}"': "unknown placeholder {identifier:>1000000000}",
    'template = "{caption} {identifier} {"': "unknown placeholder {",
    'template = "{caption}"': "{identifier} is missing",
    'identifier = ""': "identifier: ",
    'identifier = "a\\u0000b"': "identifier: ",
    'identifier = "a\\u202eb"': "identifier: ",
    'class_words = "a\\nb"': "class_words: ",
    'snr_gamma = "some"': "snr_gamma: ",
    "snr_gamma = 0": "snr_gamma: ",
    "num_class_images = 0": "num_class_images: ",
    "learning_rat = 1e-4": "learning_rat: unknown key; did you mean `learning_rate`?",
    "a.b.c = 1": "a: unknown key",
    '"" = 1': "unknown key",
}

CASES: list[Case] = [
    cooked("a small one", SMALL, asks(rank=2, train_batch_size=2, resolution=16)),
    cooked("of another text", SMALL + 'identifier = "zørb \\"x\\""', asks(identifier='zørb "x"')),
    cooked("whose words are placeholders themselves", SMALL + 'identifier = "{caption}"', asks(identifier="{caption}")),
    *(cooked(line, but(line), refused(words)) for line, words in WRONG.items()),
    cooked("everything wrong at once", "rank = 0\nseed = -1\nrnak = 1\n",
            refused("rnak: unknown key; did you mean `rank`?")),
    cooked("nothing", "", asks(rank=8)),
    cooked("NUL", bytes(100), NOT_TOML),
    cooked("UTF-16", SMALL.encode("utf-16"), NOT_TOML),
    cooked("a mark of order of bytes", b"\xef\xbb\xbf" + SMALL.encode(), NOT_TOML),
    cooked("JSON", '{"rank": 2}', NOT_TOML),
    cooked("a key twice", SMALL + "rank = 3", NOT_TOML),
    cooked("a line that does not end", 'template = "{caption}', NOT_TOML),
    cooked("lists in lists without an end", "rank = " + "[" * 100_000, NOT_TOML),
    cooked("a key of a hundred thousand parts", "a" + ".a" * 100_000 + " = 1", NOT_TOML),
    cooked("a table of a hundred thousand parts", "[a" + ".a" * 100_000 + "]", NOT_TOML),
    cooked("keys of many parts, many times", ("a" + ".a" * 30 + " = 1\n") * 20_000, NOT_TOML),
    cooked("a hundred thousand keys", "".join(f"k{number} = 1\n" for number in range(100_000)),
            refused("k0: unknown key")),
    cooked("a hundred thousand tables", "".join(f"[t{number}]\n" for number in range(100_000)),
            refused("t0: unknown key")),
    cooked("a hundred thousand tables of one name", "[[t]]\n" * 100_000, refused("t: unknown key")),
    cooked("a number of 5000 digits", "seed = " + "9" * 5000, NOT_TOML),
    cooked("5 MB of a comment", b"#" * (5 << 20), NOT_TOML),
]  # fmt: skip


def absent(name: str, build: Any, ends: End) -> Case:
    def make(place: Place) -> Words:
        put_workspace(place.shelf.finished, place.shelf.works, place)
        build(place.given / "recipe.toml")
        recipe = place.given / "recipe.toml"
        return ["finetune", "--dry-run", "--base", place.shelf.base, "--recipe", recipe, "-w", place.workspace]

    return Case(name, make, ends)


CASES += [
    absent("that is not there", lambda path: None, refused("does not exist")),
    absent("that is a folder", lambda path: path.mkdir(), NOT_TOML),
    absent("that is a device without an end", lambda path: path.symlink_to("/dev/zero"), NOT_TOML),
    absent("that is a link to itself", lambda path: path.symlink_to(path), NOT_TOML),
]
