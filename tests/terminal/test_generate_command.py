"""Does what was typed of a picture to begin with reach the stage, and is half of it refused?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handstyle.editing import Asked
from handstyle.generation.request import Margins
from handstyle.results import Finetuned, Generated

EMPTY = Generated(folder="p", pictures=(), sheet=None)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--strength", "0.5"], Asked(Path("a.png"), strength=0.5)),
        (["--mask", "m.png", "--resample", "3"], Asked(Path("a.png"), mask=Path("m.png"), resamples=3)),
        (["--outpaint", "left=8"], Asked(Path("a.png"), margins=Margins(left=8))),
        (["--source-permission", "by Ada Example"], Asked(Path("a.png"), permission="by Ada Example")),
    ],
)
def test_a_picture_to_begin_with_reaches_the_stage(typed: Any, stage: Any, words: list[str], asked: Asked) -> None:
    call = stage("generate", EMPTY)
    assert typed("generate", "a boat", "--from", "a.png", *words).code == 0
    assert call.named["edit"] == asked


def test_without_one_nothing_is_edited(typed: Any, stage: Any) -> None:
    call = stage("generate", EMPTY)
    typed("generate", "a boat")
    assert "edit" not in call.named


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--strength", "0.5"], "--strength goes with a picture to begin with"),
        (["--mask", "m.png"], "--mask goes with a picture to begin with"),
        (["--resample", "3"], "--resample goes with a picture to begin with"),
        (["--from", "a.png", "--mask", "m.png", "--outpaint", "8"], "--mask and --outpaint exclude each other"),
        (["--from", "a.png", "--outpaint", "up=8"], "names no sides of a picture"),
    ],
)
def test_what_does_not_go_together_is_a_mistake(typed: Any, stage: Any, words: list[str], said: str) -> None:
    stage("generate", EMPTY)
    answer = typed("generate", "a boat", *words)
    assert answer.code == 2 and said in answer.err


def test_a_lora_to_go_on_from_reaches_the_plan(typed: Any, stage: Any) -> None:
    from types import SimpleNamespace

    from handstyle.finetuning.recipe import Recipe

    plan = stage("plan", SimpleNamespace(notes=("It goes on.",), recipe=Recipe()))
    stage("finetune", Finetuned(run="r", style="s", tensors="t", steps=1, seconds=1, pictures_per_second=1,
                                       peak_memory_bytes=1))  # fmt: skip
    answer = typed("finetune", "--network-weights", "theirs.safetensors")
    assert answer.code == 0 and "It goes on." in answer.err
    assert plan.named["network_weights"] == Path("theirs.safetensors")
    assert typed("finetune", "--network-weights", "theirs.safetensors", "--extend", "2 steps").code == 2
