"""Which drawings of a test artist may be learnt from, which choose settings, and which are the test?

None of these artists is in the shipped base. Siblings of two of them are, so those are told apart as related. Splits
are by concept: no two drawings of a split share a telling word, or look nearly alike. FxEmoji's split is the example's;
the others are drawn in an order from the digest of the whole set. `draws` are five choices of 32 among the candidates.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.held_out_artist.make_example import COMMON_WORDS, readable_names
from handstyle.demonstration import EXAMPLE
from handstyle.origination.artwork import CLDR, rendered
from handstyle.origination.names import Thesaurus, worth_learning
from handstyle.records import write

CANDIDATES, TUNING, TESTING, WORKS, DRAWS = 64, 64, 200, 32, 5
Looks = Callable[["Drawing"], np.ndarray]
SMALL, ALIKE = 16, 0.02  # pixels a side at which drawings are compared; share of the range that two may differ by
CLDR_PACKAGE = f"{CLDR}-48.2.0"


@dataclass(frozen=True)
class Artist:
    name: str
    package: str  # its folder, by name and version
    sha256: str  # of icons.json: another version is another set, with another split
    author: str
    licence: str
    source: str
    related: str = ""  # to which artist in the base
    has_names_of_emoji: bool = True


ARTISTS = {
    artist.name: artist
    for artist in (
        Artist(
            "fxemoji", "iconify-json-fxemoji-1.2.2", "d8ef67b94a32d0abcd314d1c35db56178eaa8fa8ad71130e312f3460e307c2bf",
            "Mozilla", "Apache-2.0", "https://github.com/mozilla/fxemoji",
        ),
        Artist(
            "game-icons", "iconify-json-game-icons-1.2.4",
            "b948029964d549d0ae3b17afead9c9d6f019ddcbdc34f52cb915dc460575c4cd",
            "Lorc, Delapouite and the other contributors to game-icons.net", "CC-BY-3.0",
            "https://github.com/game-icons/icons", has_names_of_emoji=False,
        ),
        Artist(
            "fluent-emoji-high-contrast", "iconify-json-fluent-emoji-high-contrast-1.2.6",
            "c522fb74fef65ccef67b38dfdbf0f3dcd4353339e4b8faec4aa45faf83ed4739",
            "Microsoft (Fluent Emoji High Contrast)", "MIT", "https://github.com/microsoft/fluentui-emoji",
            related="Fluent Emoji and Fluent Emoji Flat",
        ),
        Artist(
            "emojione-v1", "iconify-json-emojione-v1-1.2.3",
            "7209a500c5607daff4969e5d5ae25da710ab1877c29efec6199d3611a8d5c942",
            "Emoji One (first version)", "CC-BY-SA-4.0", "https://github.com/joypixels/emojione-legacy",
            related="Emoji One",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    identifier: str
    caption: str


@dataclass(frozen=True)
class Split:
    artist: Artist
    candidates: tuple[Drawing, ...]
    tuning: tuple[Drawing, ...]
    testing: tuple[Drawing, ...]
    others: tuple[Drawing, ...]  # of the same artist, in no split: only the oracle learns from them

    @property
    def digest(self) -> str:
        parts = [self.artist.sha256, *([d.identifier for d in part] for part in (self.candidates, self.tuning))]
        return hashlib.sha256(json.dumps([*parts, [d.identifier for d in self.testing]]).encode()).hexdigest()

    def works(self, draw: int, number: int = WORKS) -> tuple[Drawing, ...]:
        """The first candidates for draw 0, as the example has them; for the others as many that chance chose."""
        if draw == 0:
            return self.candidates[:number]
        return tuple(random.Random(f"{self.digest}/{draw}").sample(self.candidates, number))


def opened(packages: Path, artist: Artist) -> dict[str, Any]:
    path = packages / artist.package / "package" / "icons.json"
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != artist.sha256:
        raise SystemExit(f"{path} has sha256 {digest}, expected {artist.sha256}: unpack exactly {artist.package}")
    found: dict[str, Any] = json.loads(data)
    return found


def split_of(packages: Path, artist: Artist) -> Split:
    icons = opened(packages, artist)
    return _example_split(packages, artist) if artist.name == "fxemoji" else _drawn_split(packages, artist, icons)


def _example_split(packages: Path, artist: Artist) -> Split:
    told = json.loads((EXAMPLE / "split.json").read_text(encoding="utf-8"))
    names = readable_names(packages)
    icons = opened(packages, artist)
    whole = [name for name in sorted(icons["icons"]) if name in names]
    parts = [
        [*told["works"], *told["further_candidates"]],
        told["held_out"],
        told["reserved_for_testing"],
    ]
    candidates, tuning, testing = ([Drawing(name, names[name][0]) for name in part] for part in parts)
    taken = {name for part in parts for name in part}
    rest = [Drawing(name, names[name][0]) for name in whole if name not in taken]
    others = _unlike(rest, [*tuning, *testing], lambda one: small(rendered(icons, one.identifier, SMALL)))
    return Split(artist, tuple(candidates), tuple(tuning), tuple(testing), others)


def _drawn_split(packages: Path, artist: Artist, icons: dict[str, Any]) -> Split:
    thesaurus = Thesaurus.read(packages / CLDR_PACKAGE / "package")
    shown = [name for name, icon in icons["icons"].items() if not icon.get("hidden")]
    named = worth_learning(shown, thesaurus, names_of_emoji=artist.has_names_of_emoji)
    drawings = [Drawing(one.identifier, one.name) for one in named]
    order = random.Random(hashlib.sha256("\n".join(d.identifier for d in drawings).encode()).hexdigest())
    order.shuffle(drawings)
    return split_in_order(artist, drawings, lambda drawing: small(rendered(icons, drawing.identifier, SMALL)))


def split_in_order(artist: Artist, drawings: Sequence[Drawing], looks: Looks) -> Split:
    """Each drawing is taken if it shares no telling word with those taken before, and looks like none of them."""
    wanted = CANDIDATES + TUNING + TESTING
    taken: list[Drawing] = []
    seen: list[np.ndarray] = []
    words: set[str] = set()
    passed = []
    for drawing in drawings:
        own = _words([drawing])
        if len(taken) == wanted or not own or own & words or _is_like_any(looks(drawing), seen):
            passed.append(drawing)
            continue
        taken.append(drawing)
        seen.append(looks(drawing))
        words |= own
    if len(taken) < wanted:
        raise SystemExit(f"{artist.name} has {len(taken)} concepts, and {wanted} are needed")
    tuning, testing = taken[CANDIDATES : CANDIDATES + TUNING], taken[CANDIDATES + TUNING :]
    others = _unlike(passed, [*tuning, *testing], looks)
    return Split(artist, tuple(taken[:CANDIDATES]), tuple(tuning), tuple(testing), others)


def _unlike(drawings: Sequence[Drawing], kept_back: Sequence[Drawing], looks: Looks) -> tuple[Drawing, ...]:
    """Those that tell the oracle nothing of what it is tested on."""
    words, seen = _words(kept_back), [looks(drawing) for drawing in kept_back]
    return tuple(one for one in drawings if not _words([one]) & words and not _is_like_any(looks(one), seen))


def _words(drawings: Sequence[Drawing]) -> set[str]:
    """Telling words: those that two different concepts would not share."""
    return {word for d in drawings for word in re.findall("[a-z]+", d.caption.lower())} - COMMON_WORDS


def small(pixels_HWC: np.ndarray) -> np.ndarray:
    return np.asarray(pixels_HWC, dtype=np.float32) / 255


def _is_like_any(one: np.ndarray, others: Sequence[np.ndarray]) -> bool:
    """Also where it is turned the other way."""
    if not others:
        return False
    stacked = np.stack(others)
    return bool(min(np.abs(stacked - look).mean(axis=(1, 2, 3)).min() for look in (one, one[:, ::-1])) < ALIKE)


RIGHTS = """\
[[rights]]
works = ["*.png"]
author = "{author}"
basis = "open-licence"
licence = "{licence}"
source = "{source}"
"""


def written(
    split: Split, drawings: Sequence[Drawing], icons: dict[str, Any], pixels: int, folder: Path, caption: str = ""
) -> Path:
    """A folder of works with words and rights, made once. With a `caption` all have that one."""
    if (folder / "rights.toml").is_file():
        return folder
    lines = []
    for drawing in drawings:
        data = io.BytesIO()
        Image.fromarray(rendered(icons, drawing.identifier, pixels)).save(data, "PNG")
        write(folder / f"{drawing.identifier}.png", data.getvalue())
        lines.append(json.dumps({"file_name": f"{drawing.identifier}.png", "text": caption or drawing.caption}))
    write(folder / "metadata.jsonl", ("\n".join(lines) + "\n").encode())
    write(folder / "rights.toml", RIGHTS.format(**vars(split.artist)).encode())  # last: then the folder is whole
    return folder
