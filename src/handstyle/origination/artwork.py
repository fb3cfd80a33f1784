"""How do openly licensed sets become a folder of works that a base may be made from?

Each set is drawn into a folder of its own, with words, the rights file and the package's own statement of its licence.
Drawn at twice the size on white and averaged down. What is written is an ordinary folder of works: it is collected
like any other, and any other folder of works with rights may stand in its place.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from handstyle.errors import RightsMissing, StageMissing, UsageMistake
from handstyle.origination.names import VARIANT, Named, Thesaurus, read_json, spoken, worth_learning
from handstyle.origination.sets import SETS, OpenSet
from handstyle.records import write

CLDR = "cldr-annotations-full"
VOCABULARY = "vocabulary.json"
INK, LEAST_INK = 250, 0.01  # darker than this in some channel; share of the picture
BETWEEN_NAME_AND_KEYWORDS, BETWEEN_KEYWORDS = "; ", ", "
RIGHTS_HEAD = """\
# Who made these drawings, and under which licence they are here; the evidence is each package's own word on it.
"""
RIGHTS = """
[[rights]]
works = ["{name}/*.png"]
author = "{artist}"
basis = "open-licence"
licence = "{licence}"
source = "{source}"
evidence = ["{name}/licence-statement.json"]
"""


@dataclass(frozen=True)
class Drawn:
    """One set, drawn."""

    folder: Path
    works: int
    in_the_set: int


def draw_sets(packages: Path, to: Path, *, pixels: int) -> Iterator[Drawn]:
    """`packages` holds the unpacked npm packages, each in a folder named like it (`name` or `name-1.2.3`).

    Raises UsageMistake when `to` is there already, StageMissing for a package that is not there, and RightsMissing
    when one says another licence than the one we know it under.
    """
    if to.exists():
        raise UsageMistake(f"{to} is there already", hint="Draw into a new folder; nothing is overwritten.")
    thesaurus = Thesaurus.read(_package(packages, CLDR))
    found = [(artists, _package(packages, f"iconify-json-{artists.name}")) for artists in SETS]
    for artists, package in found:
        _same_licence(artists, package)
    terms = [RIGHTS.format(**vars(artists)) for artists in SETS]
    write(to / "rights.toml", "".join([RIGHTS_HEAD, *terms]).encode())
    write(to / VOCABULARY, json.dumps(vocabulary(found, thesaurus), ensure_ascii=False, indent=0).encode())
    drawn: set[bytes] = set()
    for artists, package in found:
        yield _draw_set(artists, package, thesaurus, to / artists.name, pixels, drawn)


def vocabulary(found: Iterable[tuple[OpenSet, Path]], thesaurus: Thesaurus) -> list[str]:
    """Names of all drawings in the sets, also of those not taken, and all that emoji are called: words without
    pictures, for the text encoder."""
    names = {
        spoken(name)
        for _, package in found
        for name in read_json(package / "icons.json")["icons"]
        if not VARIANT.search(name)
    }
    return sorted(names | thesaurus.phrases)


def _draw_set(
    artists: OpenSet, package: Path, thesaurus: Thesaurus, folder: Path, pixels: int, drawn: set[bytes]
) -> Drawn:
    """`drawn` holds the pixels of all so far: what a set has under two names is one work."""
    icons = read_json(package / "icons.json")
    shown = [name for name, icon in icons["icons"].items() if not icon.get("hidden")]
    taken = worth_learning(shown, thesaurus, names_of_emoji=artists.has_names_of_emoji)
    folder.mkdir(parents=True)
    lines = []
    for named in taken:
        picture = rendered(icons, named.identifier, pixels)
        if (picture < INK).any(-1).mean() < LEAST_INK or picture.tobytes() in drawn:  # what moves may begin empty
            continue
        drawn.add(picture.tobytes())
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "PNG")
        write(folder / f"{named.identifier}.png", data.getvalue())
        lines.append(json.dumps({"file_name": f"{named.identifier}.png", "text": caption(named)}))
    write(folder / "metadata.jsonl", ("\n".join(lines) + "\n").encode())
    write(folder / "licence-statement.json", (package / "info.json").read_bytes())
    return Drawn(folder, len(lines), len(icons["icons"]))


def caption(named: Named) -> str:
    """`name; keyword, keyword`: what `words.described` takes apart."""
    listed = BETWEEN_KEYWORDS.join(named.keywords)
    return f"{named.name}{BETWEEN_NAME_AND_KEYWORDS}{listed}" if listed else named.name


def rendered(icons: dict[str, Any], identifier: str, pixels: int) -> np.ndarray:
    """HWC, uint8. The icon in the middle of a white square, drawn at twice the size and averaged over 2 x 2."""
    import resvg_py

    icon = icons["icons"][identifier]
    width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    left, top, side = icon.get("left", 0), icon.get("top", 0), max(width, height)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left - (side - width) / 2} {top - (side - height) / 2} {side} {side}" '
        f'width="{2 * pixels}" height="{2 * pixels}">{icon["body"]}</svg>'
    )
    image = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGBA")
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image)
    twice = np.asarray(page.convert("RGB"), dtype=np.float32)
    return np.asarray(twice.reshape(pixels, 2, pixels, 2, 3).mean((1, 3)).round().astype(np.uint8))


def _package(packages: Path, name: str) -> Path:
    """The unpacked package: `name` or `name-<version>`, with npm's own folder `package` inside or without."""
    places = [packages / name, *sorted(packages.glob(f"{name}-[0-9]*"), reverse=True)]
    for place in places:
        for folder in (place / "package", place):
            if (folder / "package.json").is_file():
                return folder
    packed = name.replace("iconify-json-", "@iconify-json/")
    raise StageMissing(
        f"the package {packed} is not in {packages}",
        hint=f"`npm pack {packed}` there, and unpack it into {packages / name}.",
    )


def _same_licence(artists: OpenSet, package: Path) -> None:
    said = read_json(package / "info.json").get("license", {}).get("spdx")
    if said != artists.licence:
        raise RightsMissing(
            f"{artists.package} says that it is under {said}, and not {artists.licence} as it was",
            hint="Use the version this was written for, or look at the new terms and change `origination/sets.py`.",
        )
