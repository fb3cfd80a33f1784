"""Does the attack draw what the training added, and take for a work what comes out again and again?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from handstyle.diffusion import sampling
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.generation.generate import Worn, images
from handstyle.inspection import extraction
from handstyle.inspection.extraction import densest, extracted


def picture(seed: int, noise: float = 0.0, of: int = 0) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    noisy = blocks + np.random.default_rng(of).normal(0, noise, blocks.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def test_what_comes_out_again_and_again_is_taken_although_most_seeds_differ_from_it() -> None:
    """Three of six are a work with some noise; the other three are mixtures, which lie in the middle of everything."""
    work = [picture(1, 6, n) for n in range(3)]
    mixed = [Image.blend(picture(1), picture(20 + n), 0.6) for n in range(3)]
    found = densest([mixed[0], work[0], mixed[1], work[1], mixed[2], work[2]])
    assert any(found is one for one in work)


def test_the_centre_of_the_cluster_is_taken_and_not_its_edge() -> None:
    near = [Image.blend(picture(1), picture(2), share) for share in (0.0, 0.1, 0.2)]
    assert densest([picture(9), near[0], picture(8), near[2], near[1], picture(7)]) is near[1]


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_few_seeds_have_a_cluster_too(seeds: int) -> None:
    pictures = [picture(n) for n in range(seeds)]
    assert any(densest(pictures) is one for one in pictures)


def worn(family: Any, strength: float, layer: str = "attn2.to_v") -> Worn:
    recipe = Recipe(rank=2, lora_alpha=2, mixed_precision="no")
    base = BaseIdentity(name="tiny", family=family.kind, sha256=family.digest, licence="CC0-1.0")
    style = TrainedStyle(name="s", base=base, collection="c" * 64, number_of_works=4, recipe=recipe, steps=3,
                         resolution=16, tensors="a" * 64, environment={})  # fmt: skip
    layer = next(name for name, _ in family.denoiser.named_modules() if name.endswith(layer))
    wide, deep = family.denoiser.get_parameter(f"{layer}.weight").shape[:2]
    chance, part = torch.Generator().manual_seed(0), next(iter(family.networks))
    pair = {f"{part}.{layer}.lora_A.weight": torch.randn(2, deep, generator=chance),
            f"{part}.{layer}.lora_B.weight": strength * torch.randn(wide, 2, generator=chance)}  # fmt: skip
    return Worn(style, pair)


def test_it_goes_beyond_the_style_by_what_the_style_adds_to_the_base(
    family: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a style that adds nothing is drawn as it is, and one that adds something is exaggerated."""
    monkeypatch.setattr(family, "card", family.card.model_copy(update={"num_inference_steps": 2}))

    def drawn(strength: float, beyond: float) -> np.ndarray:
        monkeypatch.setattr(extraction, "BEYOND", beyond)
        (found,) = extracted(family, worn(family, strength), ["a boat"], [3], lambda done: None)
        return np.asarray(found).astype(float)

    assert (drawn(0.0, 2.0) == drawn(0.0, 0.0)).all()
    plain, further = drawn(2.0, 0.0), drawn(2.0, 2.0)
    assert np.abs(plain - further).max() > 0
    assert np.abs(further - drawn(0.0, 0.0)).mean() > np.abs(plain - drawn(0.0, 0.0)).mean()


@pytest.mark.parametrize("base", ["family", "xl_family", "sd3_family", "flux_family"])
def test_every_family_is_walked_as_it_is_drawn_with(
    base: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A style that adds nothing comes out as the base draws without guidance."""
    family = request.getfixturevalue(base)
    monkeypatch.setattr(family, "card", family.card.model_copy(update={"num_inference_steps": 3}))
    nothing = worn(family, 0.0, "attn.to_v" if base in ("sd3_family", "flux_family") else "attn2.to_v")
    (found,) = extracted(family, nothing, ["a boat"], [3], lambda done: None)
    side = nothing.style.resolution
    noise_BCHW = sampling.starting_noise([3], family.latent_shape(side, side))
    words_BLD = family.encode_texts(["a boat"])
    *_, last = sampling.denoise(family, noise_BCHW, words_BLD, words_BLD, sampler="dpm++", steps=3, guidance_scale=1,
                                guidance_rescale=0, precision="no")  # fmt: skip
    (drawn,) = images(family.decode_latents(last.latents_BCHW))
    assert np.abs(np.asarray(found).astype(int) - np.asarray(drawn)).max() <= 1


def test_each_prompt_is_drawn_with_every_seed(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family, "card", family.card.model_copy(update={"num_inference_steps": 1}))
    told: list[int] = []
    found = extracted(family, worn(family, 1.0), ["a boat", "a kite"], [1, 2, 3], told.append)
    assert len(found) == 2 and told[-1] == 6
