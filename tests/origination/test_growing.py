"""Does a network that was given one more level hand on what it is given, and keep what it learnt?"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from handstyle.origination.growing import as_large, grown, levels_left_out


def network(*channels: int) -> Any:
    torch.manual_seed(len(channels))
    attends = [False] * (len(channels) - 1) + [True]
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=["CrossAttnDownBlock2D" if yes else "DownBlock2D" for yes in attends],
        up_block_types=["CrossAttnUpBlock2D" if yes else "UpBlock2D" for yes in reversed(attends)],
        attention_head_dim=2,
        cross_attention_dim=8,
        norm_num_groups=4,
    ).eval()


def seen(outer: Any) -> dict[str, Tensor]:
    """What goes into and comes out of the parts of a network that has the weights."""
    found: dict[str, Tensor] = {}

    def listen(name: str, part: nn.Module) -> None:
        def hook(_: nn.Module, given: tuple[Any, ...], keywords: dict[str, Any], said: Any) -> None:
            found[f"into {name}"] = given[0] if given else keywords["hidden_states"]
            found[f"out of {name}"] = said[0] if isinstance(said, tuple) else said

        part.register_forward_hook(hook, with_kwargs=True)

    listen("conv_in", outer.conv_in)
    listen("second level", outer.down_blocks[1])
    listen("last resnet inside", outer.up_blocks[-2].resnets[-1])
    listen("outermost", outer.up_blocks[-1])
    with torch.no_grad():
        outer(torch.randn(2, 4, 8, 8), torch.tensor(500), torch.randn(2, 3, 8))
    return found


def test_the_new_level_hands_on_halved_what_comes_in_and_doubled_what_goes_out() -> None:
    outer = network(8, 8, 16)
    outer.load_state_dict(grown(network(8, 16).state_dict(), outer))
    found = seen(outer)
    halved = nn.functional.avg_pool2d(found["out of conv_in"], 2)
    torch.testing.assert_close(found["into second level"], halved)
    doubled = nn.functional.interpolate(found["out of last resnet inside"], scale_factor=2.0)
    torch.testing.assert_close(found["out of outermost"], doubled)


def test_what_was_learnt_of_small_pictures_is_kept_under_the_names_it_has_one_level_further_in() -> None:
    inner = {f"unet.{name}": tensor for name, tensor in network(8, 16).state_dict().items()}
    found = as_large(inner, network(8, 8, 16))
    assert torch.equal(
        found["unet.down_blocks.2.resnets.0.conv1.weight"], inner["unet.down_blocks.1.resnets.0.conv1.weight"]
    )
    assert torch.equal(found["unet.up_blocks.1.resnets.1.conv2.bias"], inner["unet.up_blocks.1.resnets.1.conv2.bias"])
    assert torch.equal(found["unet.mid_block.resnets.0.conv1.weight"], inner["unet.mid_block.resnets.0.conv1.weight"])


def test_a_network_of_as_many_levels_takes_the_weights_as_they_are() -> None:
    inner = {f"unet.{name}": tensor for name, tensor in network(8, 16).state_dict().items()}
    assert all(torch.equal(tensor, inner[name]) for name, tensor in as_large(inner, network(8, 16)).items())


def test_a_level_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"conv_in.weight: \(8, 4, 3, 3\) does not fit \(12, 4, 3, 3\)"):
        grown(network(8, 16).state_dict(), network(12, 8, 16))


@pytest.mark.parametrize(("resolution", "levels"), [(128, 0), (64, 1), (32, 2)])
def test_each_halving_of_the_side_is_a_level(resolution: int, levels: int) -> None:
    assert levels_left_out(resolution, 128) == levels
