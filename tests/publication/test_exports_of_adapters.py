"""Do other tools, given a style that is no plain LoRA, draw with the network that was trained?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ingredients import Ingredients, assert_broken, gathered, mozilla, signed_again
from test_exports import ALPHA, RANK, saved

from handstyle.diffusion.adapter_names import KNOWN_AS
from handstyle.errors import RecordDamaged
from handstyle.finetuning.recipe import MODULES
from handstyle.publication import card_use, exports, reloads
from handstyle.publication.provenance import Weights
from handstyle.publication.verification import verify
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors

torch = pytest.importorskip("torch")

FILES = {
    "dora": ["diffusers-lora"],
    "loha": ["peft", "lycoris"],
    "lokr": ["peft", "lycoris"],
    "oft": ["peft"],
}
OWN = {"dora": "pytorch_lora_weights.safetensors"}
each_algorithm = pytest.mark.parametrize("algo", list(FILES))


def tensors_of(family: Any, algo: str, rank: int = RANK) -> dict[str, Any]:
    """Of chance, for every layer of the denoiser that can learn, and of the text encoders where they may."""
    from handstyle.diffusion import low_rank
    from handstyle.finetuning.trainable import TEXT_ENCODER_LAYERS

    found, chance = {}, torch.Generator().manual_seed(1)
    torch.manual_seed(1)  # PEFT's own beginning
    for part, network in family.networks.items():
        is_denoiser = network is family.denoiser
        targets = family.low_rank_targets(MODULES) if is_denoiser else TEXT_ENCODER_LAYERS
        if not is_denoiser and algo == "dora":
            continue
        low_rank.attach_trainable(network, targets, rank, ALPHA, 0.0, algo)  # type: ignore[arg-type]
        for name, parameter in low_rank.low_rank_parameters(network).items():
            found[f"{part}.{name}"] = parameter.detach() + 0.05 * torch.randn(parameter.shape, generator=chance)
        low_rank.detach_trainable(network)
        network.eval().requires_grad_(False)
    return found


@pytest.fixture(params=["1", "xl"])
def there(request: pytest.FixtureRequest) -> tuple[Any, Path]:
    """A base of Stable Diffusion 1, and one of XL."""
    if request.param == "1":
        return request.getfixturevalue("family"), request.getfixturevalue("tiny_base")
    return request.getfixturevalue("xl_family"), request.getfixturevalue("xl_base")


def written(folder: Path, there: tuple[Any, Path], algo: str, **recipe: Any) -> tuple[Weights, ...]:
    family, base = there
    tensors = tensors_of(family, algo, recipe.get("rank", RANK))
    style, cleared = saved(folder / "style.safetensors", tensors, algo=algo, **recipe)
    return exports.write(folder / "weights", style, folder / "style.safetensors", base, cleared)


@each_algorithm
def test_every_file_gives_the_trained_networks_back(algo: str, there: tuple[Any, Path], tmp_path: Path) -> None:
    files = written(tmp_path, there, algo)
    assert [file.format for file in files] == FILES[algo]
    assert all(file.largest_difference < 1e-5 for file in files)


@pytest.mark.parametrize("name", ["sd3", "flux"])
@each_algorithm
def test_so_does_the_one_file_for_a_transformer(
    algo: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    there = (request.getfixturevalue(f"{name}_family"), request.getfixturevalue(f"{name}_base"))
    (file,) = written(tmp_path, there, algo)
    assert file.format == FILES[algo][0] and file.largest_difference < 1e-5


@pytest.mark.parametrize("name", ["1", "xl", "sd3", "flux"])
@each_algorithm
def test_every_file_is_read_as_those_of_other_tools_are(
    algo: str, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What a stranger has of a release are its files, and no workspace with the run."""
    from handstyle.diffusion import adapters, low_rank, updates
    from handstyle.diffusion.adapter_places import layers_of
    from handstyle.diffusion.pairs import Pair

    prefix, base = ("" if name == "1" else f"{name}_"), "tiny_base" if name == "1" else f"{name}_base"
    there = (request.getfixturevalue(f"{prefix}family"), request.getfixturevalue(base))
    written(tmp_path, there, algo)
    tensors, shapes = tensors_of(there[0], algo), layers_of(there[1])
    for path in sorted((tmp_path / "weights").glob("*.safetensors")):
        found = adapters.read(path, there[1])
        seen = 0
        for part, network in there[0].networks.items():
            own = dict(network.named_parameters())
            expected = updates.added_by(low_rank.split(tensors, part), algo, ALPHA, own)  # type: ignore[arg-type]
            for parameter, delta in expected.items():
                layer = parameter.removesuffix(".weight")
                layer = f"{part}.{layer}" if f"{part}.{layer}" in shapes else f"{part}.text_model.{layer}"
                update = found[layer]
                change = update.delta(shapes[layer]) if isinstance(update, Pair) else update
                torch.testing.assert_close(change, delta.detach(), rtol=1e-5, atol=1e-5)
                seen += 1
        assert seen == len(found)


def test_every_algorithm_is_looked_at() -> None:
    assert FILES.keys() | {"lora", "textual-inversion"} == KNOWN_AS.keys()  # these have files of tests of their own


@pytest.mark.parametrize("algo", ["loha", "lokr"])
def test_user_interfaces_find_the_names_of_lycoris(algo: str, there: tuple[Any, Path], tmp_path: Path) -> None:
    """`lora_unet_…` and `lora_te…` with `hada_…` or `lokr_…`: comfyanonymous/ComfyUI a125cd8, comfy/lora.py
    and comfy/weight_adapter/; KohakuBlueleaf/LyCORIS 325a970, lycoris/kohya.py, `LORA_PREFIX_UNET`."""
    written(tmp_path, there, algo)
    path = tmp_path / "weights" / "soft-outline.safetensors"
    with tensors_in(path) as tensors:
        modules = {name.partition(".")[0] for name in tensors}
        assert {name.partition(".")[2].partition("_")[0] for name in tensors} == {
            "alpha", "hada" if algo == "loha" else "lokr",
        }  # fmt: skip
    texts = {"lora_te1_", "lora_te2_"} if "text_encoder_2" in there[0].networks else {"lora_te_"}
    assert all(module.startswith(("lora_unet_", *texts)) for module in modules)
    told = metadata_of(path)
    assert told["ss_network_module"] == "lycoris.kohya" and json.loads(told["ss_network_args"])["algo"] == algo


def test_whole_matrices_of_a_lokr_have_no_rank_to_scale_by(family: Any, tiny_base: Path, tmp_path: Path) -> None:
    """PEFT would scale them by alpha / rank, LyCORIS does not: the header says it in PEFT's words."""
    files = written(tmp_path, (family, tiny_base), "lokr", rank=64)
    assert all(file.largest_difference < 1e-5 for file in files)
    config = json.loads(metadata_of(tmp_path / "weights" / exports.PEFT)["peft_config"])["unet"]
    assert config["alpha_pattern"] and set(config["alpha_pattern"].values()) == {64}


@pytest.mark.parametrize("algo", ["dora", "loha", "lokr", "oft"])
def test_a_file_with_another_number_in_it_does_not_pass(
    algo: str, family: Any, tiny_base: Path, tmp_path: Path
) -> None:
    written(tmp_path, (family, tiny_base), algo)
    path = tmp_path / "weights" / OWN.get(algo, exports.PEFT)
    with tensors_in(path) as tensors:
        copy = {name: Tensor(tensor.kind, tensor.shape, bytes(tensor.data)) for name, tensor in tensors.items()}
    name = next(name for name in copy if name.startswith("unet.mid_block") and copy[name].data.strip(b"\0"))
    values = torch.frombuffer(bytearray(copy[name].data), dtype=torch.float32) * -3
    copy[name] = Tensor("F32", copy[name].shape, values.numpy().tobytes())
    write_tensors(path, copy, metadata_of(path))
    style, _ = saved(tmp_path / "again.safetensors", tensors_of(family, algo), algo=algo)
    with pytest.raises(RecordDamaged, match="does not draw as it was trained"):
        reloads.largest_differences(tiny_base, tmp_path / "style.safetensors", style, {path: FILES[algo][0]})  # type: ignore[dict-item]


@pytest.fixture(params=list(FILES))
def released(request: pytest.FixtureRequest, family: Any, tiny_base: Path, tmp_path: Path) -> tuple[Ingredients, Path]:
    raw = {
        name: Tensor("F32", tuple(tensor.shape), tensor.contiguous().numpy().tobytes())
        for name, tensor in tensors_of(family, request.param).items()
    }
    (tmp_path / "made").mkdir()
    rights = mozilla(tmp_path / "made")
    settings = {"algo": request.param, "rank": RANK, "lora_alpha": ALPHA}
    ingredients = gathered(tmp_path / "made", rights, tensors=raw, base=tiny_base, **settings)
    return ingredients, ingredients.assemble(tmp_path / "soft-outline")


def test_a_release_holds_and_a_header_that_says_otherwise_breaks_it(released: tuple[Ingredients, Path]) -> None:
    ingredients, release = released
    algo = ingredients.style.recipe.algo
    assert verify(release).holds
    assert f"({KNOWN_AS[algo]}, " in (release / "README.md").read_text()
    where = f"weights/{OWN.get(algo, exports.PEFT)}"
    header = metadata_of(release / where)
    key = "lora_adapter_metadata" if algo == "dora" else "peft_config"
    said = json.loads(header[key])
    if algo == "dora":
        said["unet.use_dora"] = False
    else:
        said["unet"]["target_modules"].pop()
    with tensors_in(release / where) as tensors:
        copy = {name: Tensor(tensor.kind, tensor.shape, bytes(tensor.data)) for name, tensor in tensors.items()}
    write_tensors(release / where, copy, {**header, key: json.dumps(said, sort_keys=True)})
    signed_again(release, ingredients.key)
    assert_broken(release, "weights", where)


@pytest.mark.parametrize("algo", ["loha", "lokr", "oft"])
def test_what_the_card_says_to_do_draws_in_the_style(algo: str, there: tuple[Any, Path], tmp_path: Path) -> None:
    family, base = there
    files = written(tmp_path, there, algo)
    style, _ = saved(tmp_path / "again.safetensors", tensors_of(family, algo), algo=algo)
    code = card_use.code(style, files, str(base), "a house").replace("RELEASE", str(tmp_path))
    *loading, drawing = code.splitlines()
    assert drawing.startswith("pipeline(")
    names: dict[str, Any] = {}
    exec("\n".join(loading), names)
    changed = dict(names["pipeline"].unet.named_parameters())
    from handstyle.diffusion import low_rank, updates

    own = low_rank.split(tensors_of(family, algo), "unet")
    base_weights = dict(family.networks["unet"].named_parameters())
    for name, delta in updates.added_by(own, algo, ALPHA, base_weights).items():  # type: ignore[arg-type]
        there_is = changed.get(name, changed.get(name.replace(".weight", ".base_layer.weight")))
        assert torch.allclose(there_is, base_weights[name] + delta, atol=1e-5)
