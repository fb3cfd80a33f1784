"""Are files of other tools for Stable Diffusion 3 and FLUX.1 worn as they are meant, and gone on from?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from handstyle.converting import convert
from handstyle.diffusion import adapters, catalogue
from handstyle.diffusion.adapter_places import layers_of
from handstyle.diffusion.pairs import Pair
from handstyle.finetuning import origin
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import at_rest, trainable
from handstyle.generation import wardrobe
from handstyle.generation.generate import attached
from handstyle.workspace import Workspace


@pytest.fixture(params=["sd3_base", "flux_base"])
def base(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["diffusers", "kohya"])
def file(request: pytest.FixtureRequest, base: Path, tmp_path: Path) -> Path:
    """Layers of the transformer and of a text encoder, as a tool for these families writes them."""
    chance, tensors = torch.Generator().manual_seed(0), dict[str, Tensor]()
    wanted = ("attn.to_q", "attn.to_k", "attn.to_v", ".ff.net.2", "text_encoder.text_model.encoder")
    for layer, shape in layers_of(base).items():
        if any(word in layer for word in wanted):
            tensors[f"{layer}.lora_A.weight"] = 0.3 * torch.randn(2, shape[1], generator=chance)
            tensors[f"{layer}.lora_B.weight"] = 0.3 * torch.randn(shape[0], 2, generator=chance)
    save_file(tensors, tmp_path / "theirs.safetensors")
    if request.param == "diffusers":
        return tmp_path / "theirs.safetensors"
    made = convert(
        Workspace(tmp_path / "desk"), [str(tmp_path / "theirs.safetensors")], tmp_path / "kohya", "kohya", base=base
    )
    return Path(made.file)


def predicted(family: Any) -> Tensor:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found: Tensor = family.predict(latents, torch.tensor([300]), family.encode_texts(["a boat"]))
    return found


@contextmanager
def added(family: Any, file: Path, weight: float) -> Iterator[None]:
    """What the file says is added to the weights, layer by layer, with no word of what wears styles."""
    shapes, before = layers_of(family.folder), {}
    with torch.no_grad():
        for layer, update in adapters.read(file, family.folder).items():
            part, _, inside = layer.partition(".")
            network = family.networks[part]
            names = dict(network.named_parameters())
            parameter = names.get(f"{inside}.weight", names.get(f"{inside.removeprefix('text_model.')}.weight"))
            assert parameter is not None and isinstance(update, Pair)
            before[layer] = (parameter, parameter.clone())
            parameter += weight * update.delta(shapes[layer]).float()
    yield
    with torch.no_grad():
        for parameter, was in before.values():
            parameter.copy_(was)


def test_it_draws_as_the_weights_with_what_it_says_added(base: Path, file: Path, tmp_path: Path) -> None:
    family = catalogue.load(base)
    plain = predicted(family)
    with added(family, file, 0.5):
        expected = predicted(family)
    with attached(wardrobe.worn(Workspace(tmp_path / "none"), [f"{file}=0.5"], family), family):
        found = predicted(family)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4 * float(expected.abs().max()))
    assert float((expected - plain).abs().max()) > 0.05 * float(expected.abs().max()), "else it would show nothing"
    assert torch.equal(predicted(family), plain)


def test_a_training_goes_on_from_what_it_computes(base: Path, file: Path) -> None:
    family = catalogue.load(base)
    recipe = Recipe(**{**origin.settings_of(file, base), "rank": 5, "lora_alpha": 7, "mixed_precision": "no"})
    began = origin.origin(file, family, recipe)
    assert began.missed < 1e-4
    with added(family, file, 1.0):
        expected = predicted(family)
    with trainable(family, recipe, began) as learning, at_rest(family):
        found = predicted(family)
        assert all(name in learning.parameters for name in began.tensors)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4 * float(expected.abs().max()))
