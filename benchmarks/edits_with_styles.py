"""What comes of pictures made from pictures in styles that were trained, one and two at once? A sheet of docs/edits.md.

    python -m benchmarks.edits_with_styles PACKAGES docs/pictures/edits-in-styles.png

Two styles learn as `handstyle finetune` does unless told otherwise: the example's 32 works, and 32 of an artist who
draws black silhouettes. The pictures begin with drawings by neither: the first things of the example that noto has
drawn, too. `PACKAGES` holds what `artists.py` names, and `iconify-json-noto-1.2.9`, each as npm packs it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from PIL import Image

from benchmarks.edits_picture import drawn, half, small
from benchmarks.held_out_artist.artists import ARTISTS, opened, split_of, written
from handstyle import loading, planning, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.demonstration import EXAMPLE
from handstyle.diffusion.family import ModelFamily
from handstyle.generation import edits, wardrobe
from handstyle.generation.generate import Worn, attached
from handstyle.generation.previews import sheet
from handstyle.generation.request import Margins
from handstyle.generation.signature import png
from handstyle.origination.artwork import rendered
from handstyle.origination.names import read_json
from handstyle.records import write
from handstyle.workspace import Workspace

SECOND = "fluent-emoji-high-contrast"
ROWS, STRENGTH, WEIGHT = (
    6,
    0.7,
    0.7,
)  # works on the sheet; how much of a work is covered; of each style where there are two


def main(packages: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        first = trained(Workspace(Path(place) / "first"), EXAMPLE / "works")
        split = split_of(packages, ARTISTS[SECOND])
        works = written(split, split.works(0), opened(packages, split.artist), 128, Path(place) / "works")
        second = trained(Workspace(Path(place) / "second"), works)
        family = loading.load_base(None)
        begun = drawings(packages, family.resolution)
        rows = [row(family, caption, work, first, second) for caption, work in begun]
    columns = [
        "the work",
        "no style",
        "one style",
        "the other",
        "both at once",
        "painted in one",
        "in the other",
        "beyond, in one",
    ]
    write(target, png(sheet([[small(image) for image in row] for row in rows], [w for w, _ in begun], columns)))


def trained(workspace: Workspace, works: Path) -> Worn:
    stages.collect(workspace, works, read_rights_toml(works / "rights.toml"), validation=None)
    stages.finetune(planning.plan(workspace), stop="max_train", save_every=10_000, sample_every=10_000)
    return wardrobe.worn(workspace, [workspace.needs("run", "finetune")])[0]


def drawings(packages: Path, pixels: int) -> list[tuple[str, Image.Image]]:
    """Of noto, as the base sees works; words, and pictures."""
    icons = read_json(packages / "iconify-json-noto-1.2.9" / "package" / "icons.json")
    lines = (EXAMPLE / "works" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    captions = [json.loads(line)["text"] for line in lines]
    there = [caption for caption in captions if caption.replace(" ", "-") in icons["icons"]]
    return [(c, Image.fromarray(rendered(icons, c.replace(" ", "-"), pixels))) for c in there[:ROWS]]


def row(family: ModelFamily, caption: str, work: Image.Image, first: Worn, second: Worn) -> list[Image.Image]:
    varied = edits.canvas(edits.variation(work, family, None, None), family, STRENGTH)
    right, beyond = half(family, work, 5), edits.outpainting(work, Margins(right=family.resolution // 2), family)
    both = [replace(worn, weight=WEIGHT) for worn in (first, second)]
    asked: Sequence[tuple[list[Worn], edits.Canvas]] = (
        ([], varied),
        ([first], varied),
        ([second], varied),
        (both, varied),
        ([first], right),
        ([second], right),
        ([first], edits.canvas(beyond, family, 1.0, 5)),
    )
    found = [work]
    for worn, canvas in asked:
        with ExitStack() as stack:
            stack.enter_context(attached(worn, family))
            found += drawn(family, wardrobe.in_style(caption, worn), (1,), canvas)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
