"""Does each tool find the tensors under the names it looks for?"""

from __future__ import annotations

import struct

import pytest
from ingredients import low_rank_tensors, numbers

from handstyle.errors import RecordDamaged
from handstyle.publication import dialects


def test_kohya_names_are_the_ones_user_interfaces_know() -> None:
    assert sorted(dialects.as_kohya(low_rank_tensors(), alpha=6)) == [
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj.alpha",
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight",
        "lora_unet_down_blocks_0_resnets_0_conv1.alpha",
        "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight",
        "lora_unet_down_blocks_0_resnets_0_conv1.lora_up.weight",
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.alpha",
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight",
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.lora_up.weight",
    ]


def test_alpha_is_the_one_it_was_trained_with() -> None:
    alphas = [tensor for name, tensor in dialects.as_kohya(low_rank_tensors(), 6).items() if name.endswith(".alpha")]
    assert {struct.unpack("<f", alpha.data) for alpha in alphas} == {(6.0,)}
    assert {alpha.shape for alpha in alphas} == {()}


def test_the_text_encoder_always_has_its_text_model_level() -> None:
    name = "text_encoder.encoder.layers.0.mlp.fc1.lora_A.weight"
    canonical = "text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_A.weight"
    assert dialects.with_text_model(name) == dialects.with_text_model(canonical) == canonical
    assert dialects.without_text_model(canonical) == name
    assert dialects.with_text_model("unet.conv_in.lora_A.weight") == "unet.conv_in.lora_A.weight"


def test_two_modules_that_would_share_a_name_are_refused() -> None:
    with pytest.raises(RecordDamaged):
        dialects.as_kohya(
            {
                f"unet.{module}.{end}.weight": numbers((2, 2), 0)
                for module in ("a.b", "a_b")
                for end in ("lora_A", "lora_B")
            },
            alpha=1,
        )


def test_updates_of_several_ranks_are_refused() -> None:
    with pytest.raises(RecordDamaged, match="ranks"):
        dialects.rank_of({"unet.a.lora_A.weight": numbers((2, 2), 0), "unet.b.lora_A.weight": numbers((3, 2), 0)})
