"""Which options has `handstyle generate`, and what does its help say of each?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Prompt = Annotated[
    list[str] | None,
    Argument(metavar="PROMPT", help='Words to draw; "a {red|blue} cat" asks for each of its alternatives.'),
]
Prompts = Annotated[Path | None, Option("--prompts", metavar="FILE", help="A text file with one prompt a line.")]
Seeds = Annotated[str, Option("--seeds", metavar="SEEDS", help="One picture for each seed: 1,2,5-8.")]
NegativePrompt = Annotated[str | None, Option("--negative-prompt", metavar="WORDS", help="What to keep away from.")]
Guidance = Annotated[
    float | None, Option("--guidance", metavar="SCALE", help="How closely to follow the words; 1 is not at all.")
]
Steps = Annotated[int | None, Option("--steps", metavar="NUMBER", help="More are slower and, up to a point, cleaner.")]
Sampler = Annotated[str | None, Option("--sampler", metavar="NAME", help="dpm++, ddim, euler or unipc. [dpm++]")]
Width = Annotated[int | None, Option("--width", metavar="PIXELS", help="[the base's own]")]
Height = Annotated[int | None, Option("--height", metavar="PIXELS", help="[the base's own]")]
ClipSkip = Annotated[
    int | None,
    Option(
        "--clip-skip", metavar="LAYERS", help="Last layers of the text encoder left out. [as the style was trained]"
    ),
]
Style = Annotated[
    list[str] | None,
    Option(
        "--style",
        metavar="NAME=WEIGHT",
        help="A run or another tool's .safetensors, and its strength; may be repeated; none is the base. [the newest]",
    ),
]
Sheet = Annotated[bool, Option("--sheet", help="A contact sheet as well.")]
PicturesTo = Annotated[Path | None, Option("--to", metavar="FOLDER", help="Where the pictures go. [the workspace]")]
