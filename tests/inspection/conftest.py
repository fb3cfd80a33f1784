"""What does a small report look like, with two works that may not be shown?"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handstyle import digests
from handstyle.finetuning.gain import gain_of
from handstyle.finetuning.measured import Band, CrossFitted, Interval, Length, Normalised, Towards
from handstyle.inspection.report import (
    Colour,
    Competitor,
    CopyCheck,
    HeldOutGain,
    InspectedWork,
    InspectionReport,
    LossPoint,
    NearerToTruth,
    Neighbour,
    NoiseLevel,
    Shown,
    SideBySide,
    Surface,
)

WORKS = [
    ("boat.png", "boat", True),
    ("private/lighthouse at dusk.png", "lighthouse at dusk", False),
    ("kite.png", "kite", False),
    ("pear.png", "pear", True),
]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def painted(pictures: Path) -> Callable[..., Shown]:
    """A picture nobody else has: its few pixels are drawn from its name."""

    def paint(name: str, caption: str, seed: int | None = None) -> Shown:
        image = Image.frombytes("RGB", (3, 3), bytes.fromhex(digests.of_bytes(name.encode()))[:27])
        data = io.BytesIO()
        image.resize((24, 24), Image.Resampling.NEAREST).save(data, "PNG")
        file = digests.of_bytes(data.getvalue())[:16] + ".png"
        (pictures / file).write_bytes(data.getvalue())
        return Shown(file=file, caption=caption, seed=seed)

    return paint


@pytest.fixture
def report(painted: Callable[..., Shown]) -> InspectionReport:
    works = tuple(
        InspectedWork(
            name=name,
            caption=caption,
            author="Ada Brush",
            permission="own work",
            picture=painted(name, caption),
            show=show,
        )
        for name, caption, show in WORKS
    )

    def side(caption: str, real: Shown, base: float, style: float) -> SideBySide:
        drawn = [painted(f"{caption} by the {hand}", caption, 7) for hand in ("base", "style")]
        return SideBySide(
            caption=caption,
            base=drawn[0],
            style=drawn[1],
            real=real,
            distance_base=base,
            distance_style=style,
            show_real=True,
        )

    def output(caption: str, work: InspectedWork, distance: float) -> Neighbour:
        shown = painted(f"output for {caption}", f"{caption}, hndst drawing")
        return Neighbour(picture=shown, work=work.name, work_picture=work.picture, distance=distance)

    outputs = (
        output("boat", works[0], 0.31234567),
        output("lighthouse at dusk", works[1], 0.41234567),
        output("sail", works[2], 0.12345678),
        output("cow", works[2], 0.51234567),
    )
    return InspectionReport(
        style="a" * 64,
        style_name="ada-ink",
        collection="c" * 64,
        base="b" * 64,
        base_name="small base",
        prompt_template="{caption}, hndst drawing",
        pictures_found=len(works) + 3,
        works_withheld=2,
        works=works,
        losses=tuple(
            LossPoint(
                step=s,
                train=0.3 - s / 1000,
                held_out=0.4 if s % 20 == 0 else None,
                gain=s / 1000 if s % 20 == 0 else None,
                gain_interval=(s / 2000, s / 500) if s % 20 == 0 else None,
            )
            for s in range(0, 100, 10)
        ),
        stopping=CrossFitted(
            collection="c" * 64,
            folds=tuple((name,) for name, *_ in WORKS),
            lengths=tuple(
                Length(steps=s, gain=g, interval=Interval(low=g - 0.02, high=g + 0.02), by_band=(g,) * 4)
                for s, g in ((10, 0.02), (20, 0.05), (30, 0.03))
            ),
            chosen=20,
            at_chosen=gain_of(np.full((4, 4), 0.2), np.full((4, 4), 0.19), (125, 375, 625, 875)),
            loses_beyond=Interval(low=0.01, high=0.03),
            towards=(Towards(work=2, name=WORKS[1][0], samples=3), Towards(work=4, name=WORKS[3][0], samples=1)),
            samples=16,
            seconds=12.5,
            verdict=("Keep snapshot 20: beyond it samples move towards training works 2 and 4.",),
        ),
        held_out_gain=HeldOutGain(
            drawings="works left out of training",
            number_of_drawings=12,
            base_prompt="{caption}",
            base_error=0.2,
            style_error=0.17,
            gain=0.03,
            interval=Interval(low=0.0212345678, high=0.0387654321),
            by_noise_level=tuple(NoiseLevel(timestep=t, base=1 / (t + 1), style=0.9 / (t + 1)) for t in (10, 300, 900)),
            bands=(
                Band(
                    name="a trace of noise",
                    timesteps=(10,),
                    base_error=0.1,
                    gain=0.0312345678,
                    interval=Interval(low=0.02, high=0.04),
                ),
            ),
            normalised=Normalised(share=0.6123456, interval=Interval(low=0.4, high=0.8), oracle_gain=0.05),
            base_prompts_tried={"{caption}": 0.2, "{caption}, drawing": 0.2112345678},
        ),
        nearer_to_truth=NearerToTruth(
            distance="of colour and edge",
            prompts=12,
            nearer=9,
            seeds=(1, 2),
            base_prompt="{caption}",
            competitors=(Competitor(name="a white page", beats_base=3),),
            admissible=True,
            mean_distance_base=0.41234567,
            mean_distance_style=0.31234567,
        ),
        comparisons=(
            side("boat", works[0].picture, 0.4, 0.3),
            side("lighthouse at dusk", works[1].picture, 0.35, 0.45),
            side("pear", works[3].picture, 0.5, 0.2),
        ),
        copying=CopyCheck(
            outputs=outputs,
            distances_of_outputs=tuple(neighbour.distance for neighbour in outputs),
            distances_of_real=(0.2, 0.31, 0.42, 0.5, 0.6),
            quantile=0.05,
            threshold=0.2,
            unusually_near=1,
            words="One of four outputs lies unusually near to a work, “kite”.",
        ),
        surfaces=tuple(
            Surface(
                of=hand,
                palette=(Colour(hex="#ffffff", share=0.6123456), Colour(hex="#b8400f", share=0.2)),
                number_of_colours=4.1234567,
                background_share=0.5,
                outline_share=0.1,
                stroke_width=2.5,
                gradient_share=0.0912345,
            )
            for hand in ("artist", "style", "base")
        ),
        cannot_tell=("Four outputs are few; the one of lighthouse at dusk says little.",),
        verdict=("It has learnt something of the hand.", "It falls short of what was asked: 9 of 12."),
    )
