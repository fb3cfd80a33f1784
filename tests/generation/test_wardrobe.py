"""Is a style found where a person says it is, and a prompt put into its words?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handstyle import digests
from handstyle.diffusion.checkpoints import write_tensors
from handstyle.errors import UsageMistake
from handstyle.finetuning.trained_style import RECORD, WEIGHTS
from handstyle.generation import wardrobe
from handstyle.generation.generate import Worn
from handstyle.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, worn: Callable[..., Worn]) -> Workspace:
    """With one finished run, `first`."""
    workspace, style = Workspace(tmp_path / "workspace"), worn()
    place = workspace.run("first") / "style"
    tensors = digests.of_tensor_file(write_tensors(place / WEIGHTS, style.tensors))
    style.style.model_copy(update={"tensors": tensors}).save(place / RECORD)
    return workspace


def test_a_style_is_a_run_or_a_folder(workspace: Workspace) -> None:
    folder = workspace.run("first")
    for name in ("first", str(folder), str(folder / "style")):
        [found] = wardrobe.worn(workspace, [f"{name}=0.5"])
        assert (found.style.name, found.weight) == ("style-1", 0.5)
        assert found.tensors


def test_none_is_the_base_alone(workspace: Workspace) -> None:
    assert wardrobe.worn(workspace, ["none"]) == []


def test_a_style_that_is_nowhere_is_refused_with_those_there_are(workspace: Workspace) -> None:
    with pytest.raises(UsageMistake, match="there is no style `second`") as mistake:
        wardrobe.worn(workspace, ["second"])
    assert "first" in mistake.value.hint


def test_a_plain_prompt_is_put_into_the_styles_words(worn: Callable[..., Worn]) -> None:
    assert wardrobe.in_style("a fox", [worn()]) == "a fox, hndst drawing"
    assert wardrobe.in_style("a fox by hndst", [worn()]) == "a fox by hndst"
    assert wardrobe.in_style("a fox", []) == "a fox"
    assert wardrobe.in_style("a fox", [worn(), worn()]) == "a fox", "of two, nobody can say whose words"


def test_requests_are_prompts_by_seeds_with_the_bases_settings(family: Any, worn: Callable[..., Worn]) -> None:
    asked = wardrobe.requests(["a", "b"], [1, 2], family, [worn(0.5)], {"num_inference_steps": 3})
    assert [(request.prompt[0], request.seed) for request in asked] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert {(request.width, request.height, request.num_inference_steps) for request in asked} == {(16, 16, 3)}
    assert asked[0].guidance_scale == family.card.guidance_scale
    assert [(style.name, style.weight) for style in asked[0].styles] == [("style-1", 0.5)]


def test_layers_are_skipped_as_the_styles_were_trained(family: Any, worn: Callable[..., Worn]) -> None:
    plain, skipping = worn(), worn()
    recipe = skipping.style.recipe.changed(clip_skip=2)
    skipping = replace(skipping, style=skipping.style.model_copy(update={"recipe": recipe}))
    assert wardrobe.requests(["a"], [1], family, [skipping], {})[0].clip_skip == 2
    assert wardrobe.requests(["a"], [1], family, [plain], {})[0].clip_skip == 0
    with pytest.raises(UsageMistake, match="another clip_skip each"):
        wardrobe.requests(["a"], [1], family, [plain, skipping], {})
    assert wardrobe.requests(["a"], [1], family, [plain, skipping], {"clip_skip": 1})[0].clip_skip == 1


def test_an_unknown_setting_is_refused_with_the_nearest(family: Any) -> None:
    with pytest.raises(UsageMistake) as mistake:
        wardrobe.requests(["a"], [1], family, [], {"samplr": "ddim"})
    assert "did you mean `sampler`?" in mistake.value.faults[0]
