"""Which options has `originate`, and what does `--help` say of each?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Packages = Annotated[Path, Argument(metavar="FOLDER", help="Where the unpacked npm packages of the sets lie.")]
WorksTo = Annotated[Path, Option("--to", metavar="FOLDER", help="A new folder for the works.")]
Pixels = Annotated[int, Option("--pixels", metavar="NUMBER", min=16, max=1024, help="A side of each work.")]
BaseRecipeFile = Annotated[
    Path | None, Option("--recipe", metavar="FILE", help="Every choice, as TOML. [that of the shipped base]")
]
Teacher = Annotated[
    Path, Option("--teacher", metavar="FOLDER", help="A sentence encoder as transformers saves it; it teaches words.")
]
Vocabulary = Annotated[
    Path | None,
    Option("--vocabulary", metavar="FILE", help="Words that no work is called by, as a JSON list. [none]"),
]
ShareAlike = Annotated[
    bool, Option("--share-alike", help="Also take works whose licence asks that the base is shared alike.")
]
UnseenArtist = Annotated[
    list[Path] | None,
    Option("--unseen-artist", metavar="FOLDER", help="Drawings by an artist who is not in it, to measure on. [none]"),
]
BaseTo = Annotated[
    Path, Option("--to", metavar="FOLDER", help="Where the base is made; a run that was stopped goes on there.")
]
Extend = Annotated[
    Path | None,
    Option("--extend", metavar="FOLDER", help="Go on from this base of the same works; the recipe has further rounds."),
]
