"""What does a release hold of a style for Stable Diffusion 3 and FLUX.1, and is it what was trained?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ingredients import Ingredients, assert_broken, gathered, mozilla, signed_again
from test_exports import ALPHA, RANK, saved

from handstyle.errors import RecordDamaged
from handstyle.publication import card_use, exports, joined_layers
from handstyle.publication.provenance import Weights
from handstyle.publication.verification import verify
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors

torch = pytest.importorskip("torch")

FAMILIES = ["sd3", "flux"]
HEADER = {
    *("ss_v2", "ss_base_model_version", "ss_network_module", "ss_network_dim", "ss_network_alpha", "ss_network_args"),
    *("modelspec.sai_model_spec", "modelspec.architecture", "modelspec.implementation", "modelspec.title"),
    *("modelspec.resolution", "modelspec.date", "modelspec.license", "modelspec.trigger_phrase"),
    "modelspec.hash_sha256",
}


@pytest.fixture(params=FAMILIES)
def there(request: pytest.FixtureRequest) -> tuple[Any, Path]:
    return request.getfixturevalue(f"{request.param}_family"), request.getfixturevalue(f"{request.param}_base")


def low_rank_of(
    family: Any, modules: tuple[str, ...] = ("attention", "feed-forward"), only: str = ""
) -> dict[str, Any]:
    """Pairs of chance for the layers that can learn, and for those of the text encoders that read CLIP."""
    from handstyle.diffusion import low_rank
    from handstyle.finetuning.trainable import TEXT_ENCODER_LAYERS

    found, chance = {}, torch.Generator().manual_seed(1)
    for part, network in family.networks.items():
        targets = family.low_rank_targets(modules) if network is family.denoiser else TEXT_ENCODER_LAYERS
        low_rank.attach_trainable(network, targets, RANK, ALPHA, 0.0)
        for name, parameter in low_rank.low_rank_parameters(network).items():
            if only in name:
                found[f"{part}.{name}"] = 0.1 * torch.randn(parameter.shape, generator=chance)
        low_rank.detach_trainable(network)
        network.eval().requires_grad_(False)
    return found


def whole_of(family: Any, parts: list[str]) -> dict[str, Any]:
    return {
        f"{part}.{name}": parameter.detach() + 0.02
        for part, network in family.networks.items()
        for name, parameter in network.named_parameters()
        if part in parts
    }


def written(folder: Path, base: Path, tensors: dict[str, Any], **recipe: Any) -> tuple[Weights, ...]:
    style, cleared = saved(folder / "style.safetensors", tensors, **recipe)
    return exports.write(folder / "weights", style, folder / "style.safetensors", base, cleared)


def held_in(path: Path) -> dict[str, Tensor]:
    with tensors_in(path) as tensors:
        return {name: Tensor(tensor.kind, tensor.shape, bytes(tensor.data)) for name, tensor in tensors.items()}


def test_a_low_rank_style_has_kohyas_file_beside_that_of_diffusers(there: tuple[Any, Path], tmp_path: Path) -> None:
    files = written(tmp_path, there[1], low_rank_of(there[0]))
    assert [(file.path, file.format) for file in files] == [
        ("pytorch_lora_weights.safetensors", "diffusers-lora"), ("soft-outline.safetensors", "kohya-lora"),
    ]  # fmt: skip
    assert all(file.largest_difference < 1e-5 for file in files)


@pytest.mark.parametrize(
    ("which", "names", "network"),
    [
        # kohya-ss/sd-scripts 450630c, networks/lora_flux.py
        ("flux", "double_blocks_0_img_attn_qkv double_blocks_0_txt_attn_proj double_blocks_0_img_mlp_0 "
         "single_blocks_0_linear1 single_blocks_0_linear2", "networks.lora_flux"),
        # 077f6a4, networks/lora_sd3.py
        ("sd3", "joint_blocks_0_x_block_attn_qkv joint_blocks_1_context_block_attn_qkv "
         "joint_blocks_0_x_block_attn_proj joint_blocks_0_context_block_mlp_fc1", "networks.lora_sd3"),
    ],
)  # fmt: skip
def test_it_has_the_names_of_kohyas_trainer_and_its_header(
    which: str, names: str, network: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    family, base = request.getfixturevalue(f"{which}_family"), request.getfixturevalue(f"{which}_base")
    written(tmp_path, base, low_rank_of(family), identifier="hndst", class_words="drawing")
    path = tmp_path / "weights" / "soft-outline.safetensors"
    modules = {name.partition(".")[0] for name in held_in(path)}
    assert {f"lora_unet_{name}" for name in names.split()} <= modules
    assert any(name.startswith("lora_te1_text_model_encoder_layers_0_") for name in modules)
    assert not any("transformer_blocks" in name for name in modules)
    told = metadata_of(path)
    assert told.keys() == HEADER and told["ss_network_module"] == network
    assert (told["ss_network_dim"], float(told["ss_network_alpha"])) == (str(RANK), ALPHA)
    assert told["modelspec.trigger_phrase"] == "hndst drawing" and told["modelspec.license"] == "Apache-2.0"
    assert told["modelspec.architecture"] in ("flux-1-dev/lora", "stable-diffusion-3/lora")


@pytest.mark.parametrize("only", ["attn.to_k", "proj_mlp", "norm1_context.linear", "norm_out.linear"])
def test_where_a_part_of_a_joined_layer_learns_the_rest_is_left_as_it_is(
    only: str, there: tuple[Any, Path], tmp_path: Path
) -> None:
    """And what the original has in another order is turned over."""
    from handstyle.diffusion.adapter_places import layers_of

    chance = torch.Generator().manual_seed(2)
    tensors = {
        f"{layer}.{name}.weight": torch.randn(size, generator=chance)
        for layer, shape in layers_of(there[1]).items()
        if layer.startswith("transformer.") and layer.endswith(only)
        for name, size in (("lora_A", (RANK, shape[1])), ("lora_B", (shape[0], RANK)))
    }
    if not tensors:
        pytest.skip("this base has no such layer")
    files = written(tmp_path, there[1], tensors)
    assert [file.format for file in files] == ["diffusers-lora", "kohya-lora"]
    held = held_in(tmp_path / "weights" / "soft-outline.safetensors")
    own = held_in(tmp_path / "weights" / "pytorch_lora_weights.safetensors")
    assert joined_layers.is_the_same(own, ALPHA, held) and not joined_layers.is_the_same(own, ALPHA + 1, held)


def test_the_torch_free_joining_is_that_of_pairs(there: tuple[Any, Path], tmp_path: Path) -> None:
    from handstyle.diffusion import adapters
    from handstyle.diffusion.pairs import Pair

    written(tmp_path, there[1], low_rank_of(there[0]))
    one, other = (
        adapters.read(tmp_path / "weights" / name, there[1])
        for name in ("soft-outline.safetensors", "pytorch_lora_weights.safetensors")
    )
    assert one.keys() == other.keys()
    for layer, pair in one.items():
        twin = other[layer]
        assert isinstance(pair, Pair) and isinstance(twin, Pair) and pair.scale == twin.scale
        assert torch.equal(pair.up, twin.up) and torch.equal(pair.down, twin.down)


@pytest.fixture(params=["lora", "full"])
def released(request: pytest.FixtureRequest, there: tuple[Any, Path], tmp_path: Path) -> tuple[Ingredients, Path]:
    family, base = there
    of_chance = low_rank_of(family) if request.param == "lora" else whole_of(family, list(family.networks))
    raw = {
        name: Tensor("F32", tuple(tensor.shape), tensor.contiguous().numpy().tobytes())
        for name, tensor in of_chance.items()
    }
    (tmp_path / "made").mkdir()
    settings = {"rank": RANK, "lora_alpha": ALPHA} if request.param == "lora" else {"method": "full"}
    ingredients = gathered(tmp_path / "made", mozilla(tmp_path / "made"), tensors=raw, base=base, **settings)
    return ingredients, ingredients.assemble(tmp_path / "soft-outline")


def test_a_release_holds_and_another_number_in_the_one_file_breaks_it(released: tuple[Ingredients, Path]) -> None:
    ingredients, release = released
    assert verify(release).holds
    path = release / "weights" / "soft-outline.safetensors"
    copy, header = held_in(path), metadata_of(path)
    name = next(name for name in copy if "blocks" in name and name.endswith(("lora_up.weight", "qkv.weight")))
    changed = bytearray(copy[name].data)
    changed[:4] = b"\x00\x00\x80\x41"
    write_tensors(path, {**copy, name: copy[name]._replace(data=bytes(changed))}, header)
    signed_again(release, ingredients.key)
    assert_broken(release, "weights", "weights/soft-outline.safetensors")


def test_a_tensor_more_or_less_breaks_it_too(released: tuple[Ingredients, Path]) -> None:
    ingredients, release = released
    path = release / "weights" / "soft-outline.safetensors"
    copy, header = held_in(path), metadata_of(path)
    some = sorted(name for name in copy if "pos_embed" not in name)[-1]
    for tensors in ({**copy, "lora_unet_more.alpha": copy[some]}, {n: t for n, t in copy.items() if n != some}):
        write_tensors(path, tensors, header)
        signed_again(release, ingredients.key)
        assert_broken(release, "weights", "weights/soft-outline.safetensors")


@pytest.mark.parametrize("with_texts", [False, True])
def test_a_full_finetuning_is_one_file_beside_the_folders(
    with_texts: bool, there: tuple[Any, Path], tmp_path: Path
) -> None:
    family, base = there
    tensors = whole_of(family, list(family.networks) if with_texts else ["transformer"])
    files = written(tmp_path, base, tensors, method="full")
    assert files[0].format == "diffusers-transformer"
    assert (files[-1].path, files[-1].format) == ("soft-outline.safetensors", "original-transformer")
    assert all(file.largest_difference < 1e-6 for file in files)
    names = held_in(tmp_path / "weights" / "soft-outline.safetensors")
    assert {name.partition(".")[0] for name in names} == {"model", *(["text_encoders"] if with_texts else [])}
    header = metadata_of(tmp_path / "weights" / "soft-outline.safetensors")
    assert header["modelspec.title"] == "Soft outline" and "ss_network_dim" not in header
    assert str(tmp_path) not in json.dumps(header)


def test_diffusers_reads_the_transformer_alone_of_stable_diffusion_3(
    sd3_family: Any, sd3_base: Path, tmp_path: Path
) -> None:
    from diffusers import SD3Transformer2DModel

    tensors = whole_of(sd3_family, ["transformer"])
    written(tmp_path, sd3_base, tensors, method="full")
    found = SD3Transformer2DModel.from_single_file(
        str(tmp_path / "weights" / "soft-outline.safetensors"), config=str(sd3_base), subfolder="transformer",
        local_files_only=True,
    )  # fmt: skip
    assert all(torch.equal(parameter, tensors[f"transformer.{name}"]) for name, parameter in found.named_parameters())


def test_one_that_computes_otherwise_is_not_written(
    there: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stacked = joined_layers.stacked
    monkeypatch.setattr(joined_layers, "stacked", lambda parts: stacked(parts[::-1]))
    with pytest.raises(RecordDamaged, match="does not draw as it was trained"):
        written(tmp_path, there[1], low_rank_of(there[0]))


def test_the_card_says_where_the_one_file_goes(there: tuple[Any, Path], tmp_path: Path) -> None:
    files = written(tmp_path, there[1], whole_of(there[0], ["transformer"]), method="full")
    style, _ = saved(tmp_path / "again.safetensors", whole_of(there[0], ["transformer"]), method="full")
    assert "`weights/soft-outline.safetensors` into the folder of diffusion models" in card_use.elsewhere(style, files)
