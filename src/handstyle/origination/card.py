"""What does a base say of itself: what it was made from, how, in how many hours, and how good it is?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from handstyle.collection.works import Collection
from handstyle.origination import credits
from handstyle.origination.figures import Measured, Share, Unseen
from handstyle.origination.recipe import BaseRecipe
from handstyle.records import Record

GUIDANCE, RESCALE, STEPS = 5.0, 0.7, 20


class Effort(Record):
    """What one network took."""

    network: str
    steps: int
    pictures: int  # or texts
    hours: float


def effort(network: str, log: Path) -> Effort | None:
    """From the lines of its log, each of which speaks for the steps since the one before; None when there is none."""
    if not log.is_file():
        return None
    lines = {line["step"]: line for line in map(json.loads, log.read_text(encoding="utf-8").splitlines())}
    pictures, seconds, before = 0.0, 0.0, 0
    for step, line in sorted(lines.items()):  # a step that was taken twice, after a stop, counts once
        seen = (step - before) * line["pictures"]
        pictures, seconds, before = pictures + seen, seconds + seen / line["pictures_per_second"], step
    return Effort(network=network, steps=before, pictures=round(pictures), hours=seconds / 3600)


def settings(recipe: BaseRecipe, collection: Collection, phrases: dict[str, str]) -> str:
    """`handstyle.toml`; `phrases` says of each phrase whose hand it calls."""
    return tomli_w.dumps(
        {
            "name": recipe.name,
            "licence": recipe.licence,
            "source": "made with `handstyle originate`",
            "works": credits.claim(collection),
            "guidance_scale": GUIDANCE,
            "guidance_rescale": RESCALE,
            "num_inference_steps": STEPS,
            "known_styles": [{"phrase": phrase, "artist": artist} for phrase, artist in sorted(phrases.items())],
        }
    )


def page(
    recipe: BaseRecipe,
    collection: Collection,
    held_out: int,
    efforts: Sequence[Effort],
    quality: dict[str, str],
    measured: Measured | None,
    goes_on_from: str = "",
) -> str:
    """`ORIGIN.md`."""
    works = len(collection.works)
    lines = [
        f"# {recipe.name}",
        "",
        f"A latent diffusion model of {recipe.resolution} pixels in the layout of `diffusers.StableDiffusionPipeline`, "
        f"made with `handstyle originate base` from {works - held_out} works; {held_out} more were never learnt. "
        f"Licence of the weights: {recipe.licence}. Every work with its artist, licence and digest is in "
        "`credits.jsonl`; the recipe is `recipe.toml`.",
        "",
        "## Whose works",
        "",
        *(f"- {line}" for line in credits.thanks(collection)),
        "",
        f"Words come from the works' captions; the text encoder was taught by {recipe.teacher_name}.",
        *(["", goes_on_from] if goes_on_from else []),
        "",
        "## What it took",
        "",
        "| network | steps | pictures or texts | hours |",
        "|---|---|---|---|",
        *(f"| {effort.network} | {effort.steps:,} | {effort.pictures:,} | {effort.hours:.1f} |" for effort in efforts),
        "",
        "## How good it is",
        "",
        "| measure | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in quality.items()),
        *(_figures(measured) if measured else []),
        "",
    ]
    return "\n".join(lines)


def _figures(found: Measured) -> list[str]:
    return [
        f"| a judge that learnt from real works names common concepts right, first among {found.concepts.of} | "
        f"{_said(found.concepts)}; on real drawings it never saw {_said(found.judge_ceiling)}, on those through the "
        f"autoencoder {_said(found.words_through)} |",
        f"| and sees the hand asked for | {_said(found.hands)}; on real drawings {_said(found.hands_ceiling)}, through "
        f"the autoencoder {_said(found.hands_through)} |",
        f"| combinations that no work shows, found among wrong captions | {_said(found.combinations)} |",
        f"| one picture, 20 steps with guidance | {found.seconds_a_picture:.2f} s |",
        f"| drawn pictures nearer to a work than half of the unseen works are | {_said(found.nearer_than_real)}; "
        f"real ones between {found.null_low:.0%} and {found.null_high:.0%} |",
        *(_of_unseen(found.unseen) if found.unseen else []),
    ]


def _of_unseen(found: Unseen) -> list[str]:
    return [
        f"| PSNR of {found.works} works by an artist who is not in it, through the autoencoder | {found.psnr:.1f} dB |",
        f"| the judge finds their names, first among {found.words.of} | {_said(found.words)}; through the autoencoder "
        f"{_said(found.words_through)} |",
    ]


def _said(share: Share) -> str:
    return f"{share.share:.0%} ({share.right} of {share.of})"
