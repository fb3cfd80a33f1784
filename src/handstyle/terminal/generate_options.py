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
Meter = Annotated[
    bool,
    Option("--meter", help="How strongly each prompt's words steer, beside the base: what is remembered steers more."),
]
PicturesTo = Annotated[Path | None, Option("--to", metavar="FOLDER", help="Where the pictures go. [the workspace]")]

# pictures from pictures
From = Annotated[
    Path | None, Option("--from", metavar="IMAGE", help="Begin with this picture: variations of it, or a part anew.")
]
Strength = Annotated[
    float | None,
    Option("--strength", metavar="SHARE", help="How far to leave it, up to 1. [0.8; 1 with --mask and --outpaint]"),
]
Mask = Annotated[
    Path | None, Option("--mask", metavar="IMAGE", help="What is white in it, or transparent, is painted anew.")
]
Outpaint = Annotated[
    str | None,
    Option("--outpaint", metavar="SIDES", help="Paint on beyond the border: left=32,right=64; or 32 all round."),
]
Resample = Annotated[
    int | None,
    Option("--resample", metavar="TIMES", min=1, help="With --mask or --outpaint, how often each step is walked. [5]"),
]
SourcePermission = Annotated[
    str | None, Option("--source-permission", metavar="WORDS", help="Who permitted it, and how; the record says so.")
]
