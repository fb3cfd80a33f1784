"""Is a checkpoint in the original layout read, and written, to the bit, as others read it?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from handstyle.diffusion.original_layout import file_of_parts, parts_of_file, unet_modules, vae_modules
from handstyle.diffusion.pipeline_folder import weights_of
from handstyle.diffusion.single_file import SHIPPED, SHIPPED_NAMES, configs_in
from handstyle.errors import BaseUnusable
from handstyle.tensor_files import Tensor, tensors_in, write_tensors


def networks_in(folder: Path) -> dict[str, dict[str, Tensor]]:
    found = {}
    for part in configs_in(folder):
        with tensors_in(weights_of(folder, part)) as tensors:
            found[part] = {name: tensor._replace(data=bytes(tensor.data)) for name, tensor in tensors.items()}
    return found


@pytest.fixture(scope="session")
def open_clip_base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base whose text encoder is OpenCLIP's, as in Stable Diffusion 2."""
    base = Path(shutil.copytree(tiny_base, tmp_path_factory.mktemp("two") / "base"))
    config = base / "text_encoder" / "config.json"
    config.write_text(config.read_text().replace('"quick_gelu"', '"gelu"'))
    return base


@pytest.fixture(params=["tiny_base", "open_clip_base", "xl_base"])
def base(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def test_what_is_turned_over_twice_is_what_it_was(base: Path) -> None:
    parts, configs = networks_in(base), configs_in(base)
    again = parts_of_file(file_of_parts(parts, configs), configs)
    for part, tensors in parts.items():
        prefix = "text_model." if part.startswith("text_encoder") else ""
        expected = {
            name if name.startswith((prefix, "text_projection")) else prefix + name: tensor
            for name, tensor in tensors.items()
        }
        assert again[part] == expected, part


@pytest.fixture
def one_file(base: Path, tmp_path: Path) -> Path:
    return write_tensors(tmp_path / "one.safetensors", file_of_parts(networks_in(base), configs_in(base)), {})


def test_diffusers_reads_the_file_as_the_folder_it_came_from(base: Path, one_file: Path) -> None:
    from diffusers import DiffusionPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline

    library: Any = StableDiffusionXLPipeline if "text_encoder_2" in configs_in(base) else StableDiffusionPipeline
    theirs = library.from_single_file(one_file, config=str(base), local_files_only=True)
    ours = DiffusionPipeline.from_pretrained(base, local_files_only=True)
    for part in configs_in(base):
        read, kept = getattr(theirs, part).state_dict(), getattr(ours, part).state_dict()
        assert read.keys() == kept.keys()
        assert all(torch.equal(read[name], kept[name]) for name in kept), part


def test_what_belongs_to_no_network_is_left_off(base: Path, one_file: Path) -> None:
    with_more = {**load_file(one_file), "model_ema.decay": torch.ones(1), "betas": torch.ones(3)}
    with_more["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(3)
    configs = configs_in(base)
    if "xl" in base.parent.name or "text_encoder_2" in configs:
        with_more.pop("cond_stage_model.transformer.text_model.embeddings.position_ids")
    save_file(with_more, one_file)
    with tensors_in(one_file) as tensors:
        parts = parts_of_file(tensors, configs)
        assert {part: len(parts[part]) for part in configs} == {
            part: len(inside) for part, inside in networks_in(base).items()
        }


def test_a_file_without_an_autoencoder_is_no_base(tiny_base: Path) -> None:
    configs = configs_in(tiny_base)
    whole = file_of_parts(networks_in(tiny_base), configs)
    with pytest.raises(BaseUnusable, match="no vae"):
        parts_of_file({n: t for n, t in whole.items() if not n.startswith("first_stage")}, configs)


# At the true size: parameters without numbers, of the real classes, by the configurations that are shipped.


def at_true_size(name: str) -> dict[str, nn.Module]:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    makers: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
        "unet": UNet2DConditionModel.from_config,
        "vae": AutoencoderKL.from_config,
        "text_encoder": lambda config: CLIPTextModel(CLIPTextConfig(**config)),
        "text_encoder_2": lambda config: CLIPTextModelWithProjection(CLIPTextConfig(**config)),
    }
    with torch.device("meta"):
        return {part: makers[part](config) for part, config in configs_in(SHIPPED / name).items()}


# As published with the models, and as everybody counts who loads them.
PARAMETERS = {
    "stable-diffusion-1": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "stable-diffusion-2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "stable-diffusion-2-v": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "stable-diffusion-xl": {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
}


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_the_shipped_configurations_are_of_the_true_size(name: str) -> None:
    counted = {part: sum(p.numel() for p in net.parameters()) for part, net in at_true_size(name).items()}
    assert counted == PARAMETERS[name]


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_every_parameter_at_the_true_size_has_its_place_in_the_original(name: str) -> None:
    """The other way by diffusers' own converters, which know names from real files."""
    from diffusers.loaders import single_file_utils as theirs

    configs, networks = configs_in(SHIPPED / name), at_true_size(name)
    for part, table, prefix, convert in (
        ("unet", unet_modules(configs["unet"]), theirs.LDM_UNET_KEY, theirs.convert_ldm_unet_checkpoint),
        ("vae", vae_modules(configs["vae"]), "first_stage_model.", theirs.convert_ldm_vae_checkpoint),
    ):
        own = networks[part].state_dict()
        parts = {part: {n: Tensor("F32", tuple(t.shape), b"") for n, t in own.items()}}
        other = "vae" if part == "unet" else "unet"
        file = file_of_parts({**parts, other: {}}, configs)
        assert len(file) == len(own) and table
        original = {n: torch.empty(t.shape, device="meta") for n, t in file.items()}
        found = convert(original, networks[part].config)  # type: ignore[attr-defined]
        assert {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in own.items()}
        assert all(n.startswith(prefix) for n in file)


def test_the_names_by_which_others_know_a_file_are_in_it() -> None:
    """`CHECKPOINT_KEY_NAMES` of diffusers/loaders/single_file_utils.py (0.42.1)."""
    from diffusers.loaders.single_file_utils import CHECKPOINT_KEY_NAMES as KNOWN

    for name, key in (("stable-diffusion-1", "v1"), ("stable-diffusion-2", "v2")):
        unet = {n: Tensor("F32", tuple(t.shape), b"") for n, t in at_true_size(name)["unet"].state_dict().items()}
        file = file_of_parts({"unet": unet, "vae": {}}, configs_in(SHIPPED / name))
        assert KNOWN[key] in file
        assert file[KNOWN["v2"]].shape[-1] == {"v1": 768, "v2": 1024}[key]
