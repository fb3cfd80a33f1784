"""Where do the example's drawings come from, and who decided which of them are trained on?

Makes `src/handstyle/collection/example/` from unpacked npm packages. Nothing is chosen by hand: the drawings
are split by concept, in an order drawn from the digest of the whole Firefox OS set.

    for name in @iconify-json/fxemoji@1.2.2 @iconify-json/noto@1.2.9 cldr-annotations-full@48.2.0 \\
                unicode-emoji-json@0.9.0; do npm pack "$name"; done      # then unpack each one into FOLDER/<file name>
    python benchmarks/held_out_artist/make_example.py FOLDER --to src/handstyle/collection/example
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from handstyle.origination.artwork import rendered

SIZE = 128  # pixels, a side, of what is written
SPLIT_BY = 64  # of what the split is drawn from: it stays what it was when the example was smaller
TRAINING_CANDIDATES, HELD_OUT, RESERVED = 64, 64, 200  # concepts; the first 32 candidates are the example
NUMBER_OF_WORKS = 32

# sha256 of the one file we read in each package: another version is another collection, with another split.
PACKAGES = {
    "iconify-json-fxemoji-1.2.2": ("icons.json", "d8ef67b94a32d0abcd314d1c35db56178eaa8fa8ad71130e312f3460e307c2bf"),
    "iconify-json-noto-1.2.9": ("icons.json", "9eac6ef4e7ec122b6f0e7ac281d61008afdbc720d0ce861e398b939daaa347c6"),
    "cldr-annotations-full-48.2.0": (
        "annotations/en/annotations.json",
        "f22083cb86dffb63a643d5bacb5d9899f82d2fa5d388ad4f3aed72184acef505",
    ),
    "unicode-emoji-json-0.9.0": (
        "data-by-emoji.json",
        "2ebd44d5c66459b48aadbb34ad21161850da6c9b74036dce9097b2bfad9b2c23",
    ),
}
# What people ask a drawing model for. Symbols, flags and clock faces are signs rather than drawings.
GROUPS = {"Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities",
          "Objects"}  # fmt: skip
SIGN = re.compile(r"o’clock|thirty|button|sign\b|^(ten|up|down|left|right|index|seat|mahjong|bolt|construction)$")
# Words that two different concepts may share.
COMMON_WORDS = set(
    "face with and in on at of over behind up without the a red blue green white black orange yellow big small open "
    "closed old new light dark japanese hot first last back front mobile sun heart hand".split()
)  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    identifier: str
    caption: str
    pixels: np.ndarray  # SIZE x SIZE x 3, uint8
    small: np.ndarray  # the same at SPLIT_BY, drawn anew


def letters(text: str) -> str:
    return re.sub("[^a-z0-9]", "", text.lower())


def opened(folder: Path, package: str) -> dict[str, Any]:
    name, expected = PACKAGES[package]
    path = folder / package / "package" / name
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != expected:
        raise SystemExit(f"{path} has sha256 {digest}, expected {expected}: unpack exactly {package}")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def readable_names(folder: Path) -> dict[str, tuple[str, str]]:
    """Run-together letters -> (name with its spaces, group), from Unicode CLDR names first, keywords second."""
    annotations = opened(folder, "cldr-annotations-full-48.2.0")["annotations"]["annotations"]
    groups = {emoji: entry["group"] for emoji, entry in opened(folder, "unicode-emoji-json-0.9.0").items()}
    names: dict[str, tuple[str, str]] = {}
    for kind in ("tts", "default"):
        for emoji, entry in annotations.items():
            for name in entry.get(kind, []) if emoji in groups else []:
                names.setdefault(letters(name), (name.lower(), groups[emoji]))
    return names


def all_drawings(folder: Path, icons: dict[str, Any]) -> list[Drawing]:
    names = readable_names(folder)
    drawings = []
    for identifier in sorted(icons["icons"]):
        caption, group = names.get(identifier, ("", ""))
        if group in GROUPS and not SIGN.search(caption):
            drawings.append(
                Drawing(identifier, caption, rendered(icons, identifier, SIZE), rendered(icons, identifier, SPLIT_BY))
            )
    return drawings


def concepts(drawings: list[Drawing]) -> list[list[Drawing]]:
    """Variants of one concept together: a shared telling word, or nearly the same pixels, also mirrored."""
    parent = list(range(len(drawings)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    words = [set(re.findall("[a-z]+", drawing.caption)) - COMMON_WORDS for drawing in drawings]
    small = [d.small.reshape(16, 4, 16, 4, 3).mean((1, 3)) / 255 for d in drawings]
    for i in range(len(drawings)):
        for j in range(i):
            alike = min(np.abs(small[i] - small[j]).mean(), np.abs(small[i] - small[j][:, ::-1]).mean())
            if words[i] & words[j] or alike < 0.02:
                parent[root(i)] = root(j)
    groups: dict[int, list[Drawing]] = {}
    for i, drawing in enumerate(drawings):
        groups.setdefault(root(i), []).append(drawing)
    return list(groups.values())


RIGHTS = """\
# Who made these drawings, and under which permission they are here.
[[rights]]
works = ["*.png"]
author = "{author}"
basis = "open-licence"
licence = "Apache-2.0"
source = "{source}"
evidence = ["licence-statement.json", "LICENSE-Apache-2.0.txt"]
"""
LICENCE_TEXT = Path(__file__).resolve().parents[2] / "LICENSE"


def save_permission(folder: Path, package: Path, author: str, source: str) -> None:
    """The rights file, and the evidence it names: what the package says of its licence, and the licence's text."""
    (folder / "rights.toml").write_text(RIGHTS.format(author=author, source=source), encoding="utf-8")
    shutil.copyfile(package / "package" / "info.json", folder / "licence-statement.json")
    shutil.copyfile(LICENCE_TEXT, folder / "LICENSE-Apache-2.0.txt")


def save(drawings: Iterable[Drawing], folder: Path) -> None:
    folder.mkdir(parents=True)
    lines = []
    for drawing in drawings:
        Image.fromarray(drawing.pixels).save(folder / f"{drawing.identifier}.png", optimize=True)
        lines.append(
            json.dumps({"file_name": f"{drawing.identifier}.png", "text": drawing.caption}, ensure_ascii=False)
        )
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def same_concepts_by_another_artist(folder: Path, names: Iterable[Drawing], fill: Iterable[Drawing]) -> list[Drawing]:
    """The training concepts as Noto Emoji draws them; where it lacks one, the next concept of the set's order."""
    icons = opened(folder, "iconify-json-noto-1.2.9")
    known = {letters(name): name for name in icons["icons"]}
    aliases = {letters(name): entry["parent"] for name, entry in icons.get("aliases", {}).items() if len(entry) == 1}
    found: list[Drawing] = []
    for drawing in [*names, *fill]:
        name = known.get(drawing.identifier) or known.get(letters(drawing.caption)) or aliases.get(drawing.identifier)
        if name and len(found) < NUMBER_OF_WORKS:
            found.append(
                Drawing(
                    drawing.identifier, drawing.caption, rendered(icons, name, SIZE), rendered(icons, name, SPLIT_BY)
                )
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--left-over", type=Path, help="also write the drawings outside every split, for tuning")
    options = parser.parse_args()

    icons = opened(options.packages, "iconify-json-fxemoji-1.2.2")
    drawings = all_drawings(options.packages, icons)
    whole_set = hashlib.sha256(b"".join(d.identifier.encode() + d.small.tobytes() for d in drawings)).hexdigest()
    order = random.Random(whole_set)
    groups = concepts(drawings)
    order.shuffle(groups)
    chosen = [order.choice(group) for group in groups]
    candidates = chosen[:TRAINING_CANDIDATES]
    held_out = chosen[TRAINING_CANDIDATES : TRAINING_CANDIDATES + HELD_OUT]
    reserved = chosen[TRAINING_CANDIDATES + HELD_OUT :][:RESERVED]
    works, more = candidates[:NUMBER_OF_WORKS], candidates[NUMBER_OF_WORKS:]

    for name in ("works", "held_out", "another_artist"):
        shutil.rmtree(options.to / name, ignore_errors=True)
    save(works, options.to / "works")
    save(held_out, options.to / "held_out")
    save(same_concepts_by_another_artist(options.packages, works, more), options.to / "another_artist")
    mozilla = options.packages / "iconify-json-fxemoji-1.2.2"
    for name in ("works", "held_out"):
        save_permission(options.to / name, mozilla, "Mozilla", "https://github.com/mozilla/fxemoji")
    save_permission(
        options.to / "another_artist",
        options.packages / "iconify-json-noto-1.2.9",
        "Google (Noto Emoji)",
        "https://github.com/googlefonts/noto-emoji",
    )
    split = {
        "set": "Firefox OS Emoji (@iconify-json/fxemoji 1.2.2)",
        "set_sha256": whole_set,
        "drawings": len(drawings),
        "concepts": len(groups),
        "works": [d.identifier for d in works],
        "further_candidates": [d.identifier for d in more],
        "held_out": [d.identifier for d in held_out],
        "reserved_for_testing": [d.identifier for d in reserved],
    }
    (options.to / "split.json").write_text(json.dumps(split, indent=1) + "\n", encoding="utf-8")
    if options.left_over:
        taken = {d.identifier for d in chosen[: TRAINING_CANDIDATES + HELD_OUT + RESERVED]}
        rest = [d for group in groups[TRAINING_CANDIDATES + HELD_OUT + RESERVED :] for d in group]
        save([d for d in rest if d.identifier not in taken], options.left_over)
        save(more, options.left_over.with_name(options.left_over.name + "_candidates"))
    print(f"{len(drawings)} drawings, {len(groups)} concepts, {len(reserved)} reserved; set {whole_set[:16]}")


if __name__ == "__main__":
    main()
