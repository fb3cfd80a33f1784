"""Does a style that was taught a new word draw with it, from a run and from a file, and leave no trace?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from handstyle import digests
from handstyle.diffusion import vocabulary
from handstyle.errors import UsageMistake
from handstyle.finetuning.foreign_style import ForeignStyle
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.generation.foreign_files import worn_file
from handstyle.generation.generate import Worn, attached, generate
from handstyle.generation.request import GenerationRequest

Request = Callable[..., GenerationRequest]
ALONE = Recipe.model_validate({"algo": "textual-inversion", "num_vectors": 2})


@pytest.fixture(params=["family", "xl_family"])
def base(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def drawn(family: Any, request: GenerationRequest) -> Any:
    [picture] = generate([request], family)
    return np.asarray(picture.image)


def worn_as(recipe: Recipe, tensors: dict[str, torch.Tensor]) -> Worn:
    identity = BaseIdentity(name="tiny", family="stable-diffusion-1", sha256="b" * 64, licence="CC0-1.0")
    style = TrainedStyle(
        name="style-1", base=identity, collection="c" * 64, number_of_works=5, recipe=recipe, steps=7, resolution=16,
        tensors="a" * 64, environment={},
    )  # fmt: skip
    return Worn(style, tensors)


def vectors(family: Any, seed: int = 0) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return {
        part: torch.randn(2, vocabulary.table(family, part).shape[1], generator=chance) for part in family.word_tables
    }


def taught(family: Any, seed: int = 0, **recipe: Any) -> Worn:
    tensors = {f"{part}.emb_params": rows for part, rows in vectors(family, seed).items()}
    return worn_as(ALONE.changed(**recipe), tensors)


def test_the_word_draws_and_no_other_prompt_changes(base: Any, request_for: Request) -> None:
    with_word, without = request_for("a boat, hndst drawing"), request_for("a boat")
    before = drawn(base, with_word), drawn(base, without)
    with attached([taught(base)], base):
        assert (drawn(base, with_word) != before[0]).any() and (drawn(base, without) == before[1]).all()
    assert (drawn(base, with_word) == before[0]).all()


def test_two_styles_with_words_of_their_own_are_worn_and_with_one_word_not(base: Any, request_for: Request) -> None:
    both, request = [taught(base), taught(base, 1, identifier="qxzj")], request_for("hndst and qxzj")
    with attached(both[:1], base):
        one = drawn(base, request)
    with attached(both, base):
        assert (drawn(base, request) != one).any()
    with pytest.raises(UsageMistake, match="wear one"), attached([taught(base), taught(base, 1)], base):
        pass


def test_a_word_of_another_base_is_refused(family: Any, xl_family: Any) -> None:
    for here, other in ((family, xl_family), (xl_family, family)):
        with pytest.raises(UsageMistake), attached([taught(other)], here):
            pass


def in_files_of_others(family: Any) -> dict[str, dict[str, torch.Tensor]]:
    """As kohya, A1111 and diffusers write it; beside a LoRA as A1111 and OneTrainer bundle it."""
    own = vectors(family)
    names = ["emb_params"] if len(own) == 1 else ["clip_l", "clip_g"]
    plain = dict(zip(names, own.values(), strict=True))
    layer = "lora_unet_mid_block_resnets_0_conv1" if len(own) == 1 else "lora_unet_middle_block_0_in_layers_2"
    width = family.denoiser.mid_block.resnets[0].conv1.weight.shape[0]
    down, up = 0.1 * torch.ones(1, width, 3, 3), 0.1 * torch.ones(width, 1, 1, 1)
    lora = {f"{layer}.lora_down.weight": down, f"{layer}.lora_up.weight": up, f"{layer}.alpha": torch.tensor(1.0)}
    found = {"hndst": plain, "bundle": {**lora, **{f"bundle_emb.hndst.{name}": rows for name, rows in plain.items()}}}
    return found | ({"learned_embeds": {"hndst": own["text_encoder"]}} if len(own) == 1 else {})


def test_files_of_other_tools_are_worn_as_the_style_they_came_from(
    base: Any, request_for: Request, tmp_path: Path
) -> None:
    request = request_for("a boat, hndst drawing")
    with attached([taught(base)], base):
        own = drawn(base, request)
    for name, tensors in in_files_of_others(base).items():
        save_file(tensors, tmp_path / f"{name}.safetensors")
        worn = worn_file(tmp_path / f"{name}.safetensors", 1.0, base)
        assert worn.style.asked("a boat") == "a boat, hndst"
        with attached([worn], base):
            found = drawn(base, request)
        assert np.array_equal(found, own) is (name != "bundle"), name


def test_a_word_that_was_taught_here_is_found_again_by_its_digest(base: Any, tmp_path: Path) -> None:
    """So that a permission that was taken back counts for the file of a release, too."""
    save_file({f"{part}.emb_params": rows for part, rows in vectors(base).items()}, tmp_path / "style.safetensors")
    save_file(in_files_of_others(base)["hndst"], tmp_path / "hndst.safetensors")
    worn = worn_file(tmp_path / "hndst.safetensors", 1.0, base)
    assert isinstance(worn.style, ForeignStyle)
    assert digests.of_tensor_file(tmp_path / "style.safetensors")[:16] in worn.style.merged_from


def test_a_word_of_other_text_encoders_is_refused(family: Any, xl_family: Any, tmp_path: Path) -> None:
    save_file(in_files_of_others(xl_family)["hndst"], tmp_path / "hndst.safetensors")
    with pytest.raises(UsageMistake, match="other text encoders"):
        worn_file(tmp_path / "hndst.safetensors", 1.0, family)


def test_a_file_that_is_called_by_several_words_is_refused_with_what_to_do(family: Any, tmp_path: Path) -> None:
    save_file(in_files_of_others(family)["hndst"], tmp_path / "my ink.safetensors")
    with pytest.raises(UsageMistake, match="which is not one word"):
        worn_file(tmp_path / "my ink.safetensors", 1.0, family)
