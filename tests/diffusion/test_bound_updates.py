"""Are DoRA and OFT of other tools read as those tools compute them?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from handstyle.diffusion import adapters, catalogue
from handstyle.diffusion.pairs import Adapter
from handstyle.errors import UsageMistake
from handstyle.generation import wardrobe
from handstyle.generation.generate import attached
from handstyle.workspace import Workspace

LINEAR = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
FILTER = "down_blocks.0.resnets.0.conv1"
POINT = "down_blocks.0.attentions.0.proj_in"  # filters of one pixel
LAYERS = (LINEAR, FILTER, POINT)
EPS = torch.finfo(torch.float32).eps


def unet_of(base: Path) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(base / "unet", local_files_only=True)


def with_adapter(config: Any, base: Path) -> Any:
    """PEFT's own layers, with numbers of chance in all that learns."""
    from peft import inject_adapter_in_model

    torch.manual_seed(0)
    unet = inject_adapter_in_model(config, unet_of(base))
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if ".default" in name:
                parameter += 0.1 * torch.randn(parameter.shape)
    return unet


def learnt(unet: Any) -> dict[str, Tensor]:
    """As PEFT saves them."""
    from peft import get_peft_model_state_dict

    return {name: tensor.detach().contiguous() for name, tensor in get_peft_model_state_dict(unet).items()}


def merged(unet: Any, base: Path, modules: tuple[str, ...] = LAYERS) -> dict[str, Tensor]:
    """What PEFT adds to the weights when it merges itself into them."""
    was, found = unet_of(base), {}
    for module in modules:
        layer = unet.get_submodule(module)
        layer.merge()
        found[f"unet.{module}"] = layer.get_base_layer().weight.detach() - was.get_submodule(module).weight.detach()
    return found


def alike(found: Adapter, expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for layer, delta in expected.items():
        update = found[layer]
        assert isinstance(update, Tensor) and float(delta.abs().max()) > 1e-3
        torch.testing.assert_close(update, delta, rtol=0, atol=2e-6 * max(1.0, float(delta.abs().max())))


def saved(tensors: dict[str, Tensor], to: Path, metadata: dict[str, str] | None = None) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, to, metadata)
    return to


@pytest.mark.parametrize("ending", ["", ".weight", ".default.weight"])
def test_a_dora_of_peft_is_what_peft_merges(ending: str, tiny_base: Path, tmp_path: Path) -> None:
    from peft import LoraConfig

    unet = with_adapter(LoraConfig(r=3, lora_alpha=5, use_dora=True, target_modules=list(LAYERS)), tiny_base)
    tensors = {}
    for name, tensor in learnt(unet).items():
        plain = name.removesuffix(".weight") if "magnitude" in name else name
        tensors[f"unet.{plain}{ending if 'magnitude' in name else ''}"] = tensor
    told = {"lora_adapter_metadata": json.dumps({"unet.r": 3, "unet.lora_alpha": 5, "unet.use_dora": True})}
    alike(adapters.read(saved(tensors, tmp_path / "a.safetensors", told), tiny_base), merged(unet, tiny_base))


def test_a_folder_of_peft_is_read_with_the_configuration_beside_it(tiny_base: Path, tmp_path: Path) -> None:
    from peft import LoraConfig

    config = LoraConfig(r=3, lora_alpha=5, use_dora=True, use_rslora=True, target_modules=list(LAYERS))
    unet = with_adapter(config, tiny_base)
    named = {f"base_model.model.{name}": tensor for name, tensor in learnt(unet).items()}
    path = saved(named, tmp_path / "adapter_model.safetensors")
    config.save_pretrained(str(tmp_path))
    assert (tmp_path / "adapter_config.json").is_file()
    alike(adapters.read(path, tiny_base), merged(unet, tiny_base))


def test_the_configuration_beside_it_says_the_scale_of_a_lokr_of_whole_matrices(
    tiny_base: Path, tmp_path: Path
) -> None:
    """As PEFT counts it; the same tensors in a file of LyCORIS have the scale one."""
    from peft import LoKrConfig

    config = LoKrConfig(r=64, alpha=16, target_modules=[LINEAR], init_weights=False)
    unet = with_adapter(config, tiny_base)
    tensors = learnt(unet)
    assert {name.rpartition(".")[2] for name in tensors} == {"lokr_w1", "lokr_w2"}
    expected = merged(unet, tiny_base, (LINEAR,))
    path = saved({f"base_model.model.{name}": t for name, t in tensors.items()}, tmp_path / "adapter_model.safetensors")
    (delta,) = adapters.read(path, tiny_base).values()
    assert isinstance(delta, Tensor)
    torch.testing.assert_close(delta, expected[f"unet.{LINEAR}"] * 4, rtol=1e-5, atol=1e-6)
    config.save_pretrained(str(tmp_path))
    (delta,) = adapters.read(path, tiny_base).values()
    assert isinstance(delta, Tensor)
    torch.testing.assert_close(delta, expected[f"unet.{LINEAR}"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"use_cayley_neumann": False},
        *({"use_cayley_neumann": True, "num_cayley_neumann_terms": terms} for terms in (1, 2, 3, 4, 5, 7)),
        {"use_cayley_neumann": False, "block_share": True},
    ],
    ids=str,
)
def test_an_oft_of_peft_is_what_peft_merges(settings: dict[str, Any], tiny_base: Path, tmp_path: Path) -> None:
    from peft import OFTConfig

    modules = (LINEAR,) if settings.get("block_share") else (LINEAR, POINT)
    config = OFTConfig(r=0, oft_block_size=8, target_modules=list(modules), **settings)
    unet = with_adapter(config, tiny_base)
    named = {f"base_model.model.{name}": tensor for name, tensor in learnt(unet).items()}
    path = saved(named, tmp_path / "adapter_model.safetensors")
    config.save_pretrained(str(tmp_path))
    if settings.get("num_cayley_neumann_terms") == 1:
        assert all(not update.any() for update in adapters.read(path, tiny_base).values() if isinstance(update, Tensor))
        return
    alike(adapters.read(path, tiny_base), merged(unet, tiny_base, modules))


def test_an_oft_of_peft_is_refused_where_nothing_says_how_it_turns(tiny_base: Path, tmp_path: Path) -> None:
    from peft import OFTConfig

    config = OFTConfig(r=0, oft_block_size=8, target_modules=[LINEAR], coft=True)
    tensors = learnt(with_adapter(config, tiny_base))
    path = saved({f"base_model.model.{name}": t for name, t in tensors.items()}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(UsageMistake, match="which is not beside it"):
        adapters.read(path, tiny_base)
    config.save_pretrained(str(tmp_path))
    with pytest.raises(UsageMistake, match="bound to small turns"):
        adapters.read(path, tiny_base)


def kohya(module: str, prefix: str = "lora_unet_") -> str:
    return prefix + module.replace(".", "_")


def weights(base: Path) -> dict[str, Tensor]:
    unet = unet_of(base)
    return {module: unet.get_submodule(module).weight.detach() for module in LAYERS}


def pair_for(weight: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    ends = (1, 1) if weight.ndim == 4 else ()
    down = torch.randn(2, *weight.shape[1:], generator=chance)
    return down, 0.1 * torch.randn(len(weight), 2, *ends, generator=chance)


@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.parametrize("of", ["lora", "loha"])
def test_a_dora_of_lycoris_is_its_own_formula(axis: str, of: str, tiny_base: Path, tmp_path: Path) -> None:
    """KohakuBlueleaf/LyCORIS, lycoris/modules/locon.py, `apply_weight_decompose`, with and without `wd_on_out`."""
    chance, tensors, expected = torch.Generator().manual_seed(0), dict[str, Tensor](), dict[str, Tensor]()
    for module, weight in weights(tiny_base).items():
        if of == "lora":
            down, up = pair_for(weight, chance)
            tensors |= {f"{kohya(module)}.lora_down.weight": down, f"{kohya(module)}.lora_up.weight": up}
            change = 1.5 / 2 * (up.flatten(1) @ down.flatten(1)).reshape(weight.shape)
        else:
            wide = weight.flatten(1).shape[1]
            a, b, c, d = (torch.randn(*shape, generator=chance) for shape in ((len(weight), 2), (2, wide)) * 2)
            tensors |= {f"{kohya(module)}.hada_w1_a": a, f"{kohya(module)}.hada_w1_b": b,
                        f"{kohya(module)}.hada_w2_a": 0.1 * c, f"{kohya(module)}.hada_w2_b": d}  # fmt: skip
            change = 1.5 / 2 * ((a @ b) * (0.1 * c @ d)).reshape(weight.shape)
        tensors[f"{kohya(module)}.alpha"] = torch.tensor(1.5)
        whole = weight + change
        if axis == "rows":
            norm = whole.reshape(whole.shape[0], -1).norm(dim=1).reshape(whole.shape[0], *[1] * (whole.ndim - 1))
        else:
            norm = (
                whole.transpose(0, 1).reshape(whole.shape[1], -1).norm(dim=1, keepdim=True)
                .reshape(whole.shape[1], *[1] * (whole.ndim - 1)).transpose(0, 1)
            )  # fmt: skip
        scale = norm * (0.5 + torch.rand(norm.shape, generator=chance))
        tensors[f"{kohya(module)}.dora_scale"] = scale
        expected[f"unet.{module}"] = whole * (scale / (norm + EPS)) - weight
    alike(adapters.read(saved(tensors, tmp_path / "a.safetensors"), tiny_base), expected)


@pytest.mark.parametrize("bound", [0.0, 1e-3, 1e3])
@pytest.mark.parametrize("tool", ["LyCORIS", "sd-scripts"])
def test_an_oft_in_blocks_of_the_output_is_its_tools_formula(
    tool: str, bound: float, tiny_base: Path, tmp_path: Path
) -> None:
    """KohakuBlueleaf/LyCORIS 01ca138, lycoris/modules/diag_oft.py, `get_r` and `make_weight`, which may rescale rows;
    kohya-ss/sd-scripts 077f6a4, networks/oft.py, `get_weight` and `merge_to`."""
    chance, tensors, expected = torch.Generator().manual_seed(0), dict[str, Tensor](), dict[str, Tensor]()
    for module, weight in weights(tiny_base).items():
        name = kohya(module, "lora_unet_" if tool == "LyCORIS" else "oft_unet_")
        blocks = 0.2 * torch.randn(len(weight) // 8, 8, 8, generator=chance)
        tensors |= {f"{name}.oft_blocks": blocks, f"{name}.alpha": torch.tensor(bound)}
        q, most, one = blocks - blocks.transpose(1, 2), bound * len(weight), torch.eye(8)
        if tool == "LyCORIS":
            norm = torch.norm(q) + 1e-8
            q = q * most / norm if 0 < most < norm else q
        else:
            norm = torch.norm(q.flatten())
            q = q * ((torch.clamp(norm, max=most) + 1e-8) / (norm + 1e-8))
        r = torch.matmul(one + q, (one - q).inverse())
        turned = torch.stack([r[k].T @ weight.reshape(len(blocks), 8, -1)[k] for k in range(len(blocks))])
        turned = turned.reshape(weight.shape)
        if tool == "LyCORIS":
            scale = 0.5 + torch.rand(len(weight), *[1] * (weight.ndim - 1), generator=chance)
            tensors[f"{name}.rescale"], turned = scale, scale * turned
        expected[f"unet.{module}"] = turned - weight
    found = adapters.read(saved(tensors, tmp_path / "a.safetensors"), tiny_base)
    if tool == "sd-scripts" and bound == 0:
        assert all(float(update.abs().max()) < 1e-5 for update in found.values() if isinstance(update, Tensor))
        return
    alike(found, expected)


@pytest.mark.parametrize("name", ["flux_base", "sd3_base"])
@pytest.mark.parametrize("kind", ["rows", "columns", "oft"])
def test_of_layers_that_are_joined_the_whole_counts(
    name: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Lengths of columns, and turns, go through all that the original has in one."""
    base = request.getfixturevalue(name)
    own = "transformer_blocks.0.attn"
    held = load_file(base / "transformer" / "diffusion_pytorch_model.safetensors")
    parts = [f"{own}.{part}" for part in ("to_q", "to_k", "to_v")]
    weight = torch.cat([held[f"{part}.weight"] for part in parts])
    module = "double_blocks_0_img_attn_qkv" if name == "flux_base" else "joint_blocks_0_x_block_attn_qkv"
    chance, called = torch.Generator().manual_seed(0), f"lora_unet_{module}"
    if kind == "oft":
        blocks = 0.2 * torch.randn(len(weight) // 12, 12, 12, generator=chance)
        q = blocks - blocks.mT
        r = (torch.eye(12) + q) @ (torch.eye(12) - q).inverse()
        expected = torch.einsum("knm,kni->kmi", r, weight.reshape(len(blocks), 12, -1)).reshape(weight.shape) - weight
        tensors = {f"{called}.oft_blocks": blocks}
    else:
        down, up = pair_for(weight, chance)
        whole = weight + up @ down
        dim = 1 if kind == "rows" else 0
        scale = 1.5 * whole.norm(dim=dim, keepdim=True)
        expected = whole * scale / (whole.norm(dim=dim, keepdim=True) + EPS) - weight
        tensors = {f"{called}.lora_down.weight": down, f"{called}.lora_up.weight": up, f"{called}.dora_scale": scale}
    found = adapters.read(saved(tensors, tmp_path / "a.safetensors"), base)
    alike(found, dict(zip([f"transformer.{part}" for part in parts], expected.chunk(3), strict=True)))


def test_halves_that_change_places_are_changed_where_they_are(flux_base: Path, tmp_path: Path) -> None:
    weight = load_file(flux_base / "transformer" / "diffusion_pytorch_model.safetensors")["norm_out.linear.weight"]
    there = torch.cat(weight.chunk(2)[::-1])
    down, up = pair_for(there, torch.Generator().manual_seed(0))
    scale = torch.linspace(0.5, 2, len(there))[:, None]
    whole = there + up @ down
    expected = whole * scale / (whole.norm(dim=1, keepdim=True) + EPS) - there
    name = "lora_unet_final_layer_adaLN_modulation_1"
    tensors = {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up, f"{name}.dora_scale": scale}
    found = adapters.read(saved(tensors, tmp_path / "a.safetensors"), flux_base)
    alike(found, {"transformer.norm_out.linear": torch.cat(expected.chunk(2)[::-1])})


def no_axis(weight: Tensor) -> dict[str, Tensor]:
    down, up = pair_for(weight, torch.Generator().manual_seed(0))
    return {"lora_down.weight": down, "lora_up.weight": up, "dora_scale": torch.ones(len(weight))}


def other_blocks(weight: Tensor) -> dict[str, Tensor]:
    return {"oft_blocks": torch.zeros(3, 5, 5)}


def butterfly(weight: Tensor) -> dict[str, Tensor]:
    return {"oft_blocks": torch.zeros(2, len(weight) // 8, 8, 8)}


@pytest.mark.parametrize("made", [no_axis, other_blocks, butterfly])
def test_what_does_not_fit_together_is_told(
    made: Callable[[Tensor], dict[str, Tensor]], tiny_base: Path, tmp_path: Path
) -> None:
    tensors = {f"{kohya(LINEAR)}.{name}": tensor for name, tensor in made(weights(tiny_base)[LINEAR]).items()}
    with pytest.raises(UsageMistake, match="does not fit together"):
        adapters.read(saved(tensors, tmp_path / "a.safetensors"), tiny_base)


@pytest.mark.parametrize(
    ("ending", "kind"),
    [("diff_b", "the bias of a layer"), ("lora_B.bias", "the bias of a layer"), ("w_norm", "the weights of a norm"),
     ("ia3_l", "IA3"), ("a1.weight", "GLoRA"), ("boft_R", "BOFT"), ("oft_r", "an OFT of PEFT before 0.16")],
)  # fmt: skip
def test_what_is_not_read_is_refused_by_name_with_a_way_out(
    ending: str, kind: str, tiny_base: Path, tmp_path: Path
) -> None:
    path = saved({f"unet.{LINEAR}.{ending}": torch.zeros(2, 2)}, tmp_path / "a.safetensors")
    with pytest.raises(UsageMistake, match=kind) as refused:
        adapters.read(path, tiny_base)
    assert "handstyle convert --extract" in str(refused.value.hint)


def test_such_a_file_draws_as_the_network_with_pefts_layers(tiny_base: Path, tmp_path: Path) -> None:
    from peft import LoraConfig

    unet = with_adapter(LoraConfig(r=3, lora_alpha=5, use_dora=True, target_modules=list(LAYERS)), tiny_base).eval()
    told = {"lora_adapter_metadata": json.dumps({"unet.lora_alpha": 5, "unet.use_dora": True})}
    path = saved({f"unet.{name}": t for name, t in learnt(unet).items()}, tmp_path / "theirs.safetensors", told)
    family = catalogue.load(tiny_base)
    latents, at = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([300])
    with torch.no_grad():
        words = family.encode_texts(["a boat"])
        plain = family.predict(latents, at, words)
        expected = unet(latents, at, words).sample
        with attached(wardrobe.worn(Workspace(tmp_path / "none"), [str(path)], family), family):
            found = family.predict(latents, at, words)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert float((plain - expected).abs().max()) > 0.05 * float(expected.abs().max())
