"""Which options has `handstyle finetune`, and what does its help say of each?

What stands in square brackets is taken when the option is left out; the stages decide it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from typer import Option

from handstyle.terminal import options

Preset = Annotated[str | None, Option("--preset", metavar="NAME", help="Start from a recipe that is shipped.")]
RecipeFile = Annotated[
    Path | None, Option("--recipe", metavar="FILE", help="Start from a recipe of your own, in TOML.")
]
Settings = Annotated[
    list[str] | None, Option("--set", metavar="KEY=VALUE", help="Change one choice of the recipe; may be repeated.")
]
ClassImages = Annotated[
    Path | None,
    Option("--class-images", metavar="FOLDER", help="Pictures of what the class words mean. [the base draws them]"),
]
DryRun = Annotated[bool, Option("--dry-run", help="Only show the recipe and what it would take.")]
Resume = Annotated[bool, Option("--resume", help="Go on from the last snapshot.")]
Extend = Annotated[
    str | None, Option("--extend", metavar="DURATION", help='Go on after the end of the last run, say "120 steps".')
]
NetworkWeights = Annotated[
    Path | None,
    Option("--network-weights", metavar="FILE", help="Go on from a LoRA of another tool, whose works nobody knows."),
]
SaveEvery = Annotated[
    int | None, Option("--save-every", metavar="STEPS", min=1, help="From snapshot to snapshot. [20]")
]
SampleEvery = Annotated[
    int | None,
    Option("--sample-every", metavar="STEPS", min=0, help="From sample sheet to sample sheet; 0 draws none. [40]"),
]
ReportTo = Annotated[
    str | None, Option("--report-to", metavar="TOOL", help="Show the run in tensorboard, trackio or wandb, too.")
]
Stop = Annotated[
    str | None,
    Option(
        "--stop", metavar="HOW", help="cross-fitted: as works left out in turn say; or max_train. [the first, if quick]"
    ),
]

# Choices of a recipe that people know by these names: those of diffusers' and kohya's scripts.
Algo = Annotated[
    str | None, Option("--algo", metavar="NAME", help="lora, dora, loha, lokr, oft or textual-inversion. [lora]")
]
NewWord = Annotated[
    bool | None,
    Option(
        "--train-text-encoder-ti", help="Teach a new word beside the adapter, too: pivotal tuning.", show_default=False
    ),
]
NumVectors = Annotated[
    int | None, Option("--num-vectors", metavar="NUMBER", help="Of the new word, in each text encoder. [1]")
]
InitializerToken = Annotated[
    str | None, Option("--initializer-token", metavar="WORDS", help="The new word begins as these. [the class words]")
]
TokenRate = Annotated[
    float | None, Option("--token-lr", metavar="RATE", help="The learning rate of the new word. [0.0003]")
]
ZeroSnr = Annotated[
    bool | None,
    Option("--rescale-betas-zero-snr", help="Let the last step be nothing but noise.", show_default=False),
]
TLora = Annotated[
    bool | None,
    Option("--tlora", help="Fewer ranks where there is more noise; cannot be published.", show_default=False),
]


@dataclass(frozen=True)
class Asked:
    """On what, by which recipe."""

    base: options.Base = None
    preset: Preset = None
    recipe: RecipeFile = None
    settings: Settings = None


@dataclass(frozen=True)
class Known:
    """Choices of the recipe, by names of their own."""

    algo: Algo = None
    train_text_encoder_ti: NewWord = None
    num_vectors: NumVectors = None
    initializer_token: InitializerToken = None
    token_lr: TokenRate = None
    rescale_betas_zero_snr: ZeroSnr = None
    tlora: TLora = None

    @property
    def typed(self) -> dict[str, Any]:
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


@dataclass(frozen=True)
class Course:
    """From where, for how long, beside what."""

    class_images: ClassImages = None
    further: options.Further = None
    stop: Stop = None
    dry_run: DryRun = False
    resume: Resume = False
    extend: Extend = None
    network_weights: NetworkWeights = None
    plain: options.Plain = False


@dataclass(frozen=True)
class Shown:
    """What is left behind and told meanwhile."""

    save_every: SaveEvery = None
    sample_every: SampleEvery = None
    report_to: ReportTo = None
    workspace: options.Place = None
    json: options.AsJson = False
