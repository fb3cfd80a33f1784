"""Does a request give the same picture whatever stands beside it, and does a style leave no trace?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from handstyle.errors import UsageMistake
from handstyle.generation.generate import Picture, Worn, attached, generate, images
from handstyle.generation.request import GenerationRequest

Requesting = Callable[..., GenerationRequest]


def levels(image: Image.Image) -> Any:
    return np.asarray(image).astype(int)


def one(family: Any, request: GenerationRequest) -> Any:
    [picture] = generate([request], family)
    return levels(picture.image)


@pytest.fixture(autouse=True)
def no_trace(family: Any) -> Iterator[None]:
    networks = (family.denoiser, family.text_encoder)
    before = [{name: tensor.clone() for name, tensor in network.state_dict().items()} for network in networks]
    yield
    for network, was in zip(networks, before, strict=True):
        assert network.state_dict().keys() == was.keys()
        assert all(torch.equal(tensor, was[name]) for name, tensor in network.state_dict().items())


def test_the_same_request_gives_the_same_pixels_whatever_stands_beside_it(family: Any, request_for: Requesting) -> None:
    asked = [request_for(f"prompt {n}", seed=n) for n in range(5)]
    alone = [one(family, request) for request in asked]
    for order in ([0, 1, 2, 3, 4], [4, 2, 0], [3, 3]):
        for number, picture in zip(order, generate([asked[n] for n in order], family), strict=True):
            assert (levels(picture.image) == alone[number]).all()


@pytest.mark.slow
def test_sharing_a_batch_moves_a_pixel_by_a_level_at_most(family: Any, request_for: Requesting) -> None:
    asked = [request_for(f"prompt {n}", seed=n) for n in range(5)]
    alone = [one(family, request) for request in asked]
    for size in (2, 3, 8):
        together = list(generate(asked, family, batch_size=size))
        assert [picture.request for picture in together] == asked
        difference = abs(np.stack([levels(picture.image) for picture in together]) - np.stack(alone))
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-3
        again = list(generate(asked, family, batch_size=size))
        assert all((levels(a.image) == levels(b.image)).all() for a, b in zip(together, again, strict=True))


def test_another_seed_prompt_or_setting_gives_another_picture(family: Any, request_for: Requesting) -> None:
    plain = one(family, request_for())
    for change in ({"seed": 2}, {"prompt": "a cat"}, {"guidance_scale": 8}, {"negative_prompt": "cats"},
                   {"num_inference_steps": 4}, {"sampler": "euler"}, {"guidance_rescale": 0.0}):  # fmt: skip
        assert (one(family, request_for(**change)) != plain).any(), change


def test_requests_of_all_kinds_come_back_in_their_order(family: Any, request_for: Requesting) -> None:
    asked = [
        request_for(seed=1),
        request_for(seed=2),
        request_for(seed=3, width=32),
        request_for(seed=4),
        request_for(seed=5, negative_prompt="blurred"),
        request_for(seed=6, negative_prompt="blurred"),
    ]
    drawn: list[Picture] = list(generate(asked, family, batch_size=4))
    assert [picture.request for picture in drawn] == asked
    assert [picture.image.size for picture in drawn] == [(16, 16), (16, 16), (32, 16), (16, 16), (16, 16), (16, 16)]
    for picture in drawn:
        assert abs(levels(picture.image) - one(family, picture.request)).max() <= 1


def test_nothing_asked_is_nothing_drawn(family: Any) -> None:
    assert list(generate([], family)) == []


def test_a_size_the_base_cannot_draw_is_refused(family: Any, request_for: Requesting) -> None:
    with pytest.raises(UsageMistake, match="18x16 is not a size this base can draw") as mistake:
        list(generate([request_for(width=18)], family))
    assert "multiples of 4" in mistake.value.hint


def test_a_style_shows_and_its_weight_counts(family: Any, request_for: Requesting, worn: Callable[..., Worn]) -> None:
    plain = one(family, request_for())
    pictures = []
    for weight in (0.0, 0.5, 1.0, -1.0):
        with attached([worn(weight)], family):
            pictures.append(one(family, request_for()))
    assert (pictures[0] == plain).all(), "weight 0 is the base"
    assert all((picture != plain).any() for picture in pictures[1:])
    assert (one(family, request_for()) == plain).all(), "and afterwards it is the base again"


def test_two_styles_can_be_worn_at_once(family: Any, request_for: Requesting, worn: Callable[..., Worn]) -> None:
    with attached([worn(1.0, seed=1), worn(0.5, seed=2)], family):
        both = one(family, request_for())
    with attached([worn(1.0, seed=1)], family):
        single = one(family, request_for())
    assert (both != single).any()


def test_a_style_is_taken_off_after_an_error_too(family: Any, worn: Callable[..., Worn]) -> None:
    with pytest.raises(KeyboardInterrupt), attached([worn()], family):
        raise KeyboardInterrupt


def test_a_full_finetuning_is_worn_as_its_own_weights(family: Any, worn_in_full: Callable[..., Worn]) -> None:
    style = worn_in_full()
    with attached([style], family):
        for name, parameter in family.denoiser.named_parameters():
            torch.testing.assert_close(parameter.detach(), style.tensors[f"unet.{name}"], rtol=1e-5, atol=1e-6)
        for name, parameter in family.text_encoder.named_parameters():
            torch.testing.assert_close(parameter.detach(), style.tensors[f"text_encoder.{name}"], rtol=1e-5, atol=1e-6)


def test_half_a_full_finetuning_stands_half_way(family: Any, worn_in_full: Callable[..., Worn]) -> None:
    style, name = worn_in_full(0.5), "mid_block.resnets.0.conv1.weight"
    base = family.denoiser.get_parameter(name).detach().clone()
    with attached([style], family):
        half = family.denoiser.get_parameter(name).detach()
        torch.testing.assert_close(half, (base + style.tensors[f"unet.{name}"]) / 2, rtol=1e-5, atol=1e-6)


def other_shapes(style: Worn) -> Worn:
    return Worn(style.style, {name: torch.cat([tensor, tensor]) for name, tensor in style.tensors.items()})


def other_names(style: Worn) -> Worn:
    return Worn(style.style, {name.replace("mid_block", "middle"): tensor for name, tensor in style.tensors.items()})


@pytest.mark.parametrize("otherwise", [other_shapes, other_names])
@pytest.mark.parametrize("method", ["worn", "worn_in_full"])
def test_a_style_for_another_base_is_refused(
    method: str, otherwise: Callable[[Worn], Worn], family: Any, request: pytest.FixtureRequest
) -> None:
    style = otherwise(request.getfixturevalue(method)())
    with pytest.raises(UsageMistake, match="was made for another base") as mistake, attached([style], family):
        pass
    assert "tiny" in mistake.value.hint


def test_half_a_pair_is_refused(family: Any, worn: Callable[..., Worn]) -> None:
    style = worn()
    missing = next(name for name in style.tensors if name.endswith("lora_B.weight"))
    torn = Worn(style.style, {name: tensor for name, tensor in style.tensors.items() if name != missing})
    with pytest.raises(UsageMistake), attached([torn], family):
        pass


def test_pixels_are_rounded_and_kept_within_bounds() -> None:
    pixels = torch.tensor([-1.5, -1.0, 0.0, 1.0, 1.5, 0.4999 / 127.5]).view(1, 1, 1, 6).expand(1, 3, 1, 6)
    [image] = images(pixels)
    assert [value[0] for value in levels(image)[0]] == [0, 0, 128, 255, 255, 128]
