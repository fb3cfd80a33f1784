"""Which parameters learn?

Adapters or all weights of the denoiser, and the text encoder's if asked; a new word, beside them or alone. On leaving,
the base is, bit for bit, what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from handstyle.diffusion import low_rank, rank_by_noise
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.faster_layers import round_anew
from handstyle.diffusion.quantised_layers import quantised
from handstyle.finetuning import blocks, new_words
from handstyle.finetuning.origin import Origin
from handstyle.finetuning.recipe import Recipe

TEXT_ENCODER_LAYERS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


@dataclass(frozen=True)
class Trainable:
    """The parameters that learn, by the names a trained style gives them (`unet.…`, `text_encoder.…`)."""

    denoiser: dict[str, nn.Parameter]
    text_encoder: dict[str, nn.Parameter]
    word: dict[str, nn.Parameter] = field(default_factory=dict)  # its vectors, of each text encoder
    deviations: Mapping[str, float] = field(default_factory=dict)  # that these are held to
    rounding: int = 0  # bytes the process held at most while the base was rounded, if it was

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        return {**self.denoiser, **self.text_encoder, **self.word}

    def draw_back(self) -> None:
        """After each step: a new word does not grow louder than others."""
        new_words.draw_back(self.word, self.deviations)

    @property
    def number_of_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters.values())

    def weights(self) -> dict[str, Tensor]:
        return {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    @torch.no_grad()
    def begin_at(self, weights: Mapping[str, Tensor]) -> None:
        """Those of the weights that are named; the others stay."""
        for name, tensor in weights.items():
            self.parameters[name].copy_(tensor)

    @torch.no_grad()
    def put(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(weights[name])


@contextmanager
def trainable(family: ModelFamily, recipe: Recipe, origin: Origin | None = None) -> Iterator[Trainable]:
    """Seeds the fresh low-rank layers from the recipe, so the same recipe starts from the same numbers; with an
    `origin`, from what is there already, and its layers learn, too."""
    torch.manual_seed(recipe.seed)
    networks = family.networks
    if not recipe.train_text_encoder:
        networks = dict(islice(networks.items(), 1))
    with ExitStack() as stack:
        # The first to be entered: it reads the base again when all else has left.
        rounding = stack.enter_context(quantised(family.denoiser, recipe.base_model_precision, family.restore))
        deviations = new_words.deviations(family) if recipe.teaches_a_word else {}
        word = stack.enter_context(new_words.taught(family, recipe))
        if recipe.algo == "textual-inversion":
            learning = Trainable({}, {})
        elif recipe.method == "lora":
            learning = stack.enter_context(_low_rank(family, recipe, networks, origin))
            if origin is not None:
                learning.begin_at(origin.tensors)
        else:
            learning = stack.enter_context(_full(family, networks, frugal=recipe.optimizer_in_backward))
        for rows in word.values():
            rows.requires_grad_(True)
        learning = replace(learning, word=word, deviations=deviations, rounding=rounding)
        if recipe.gradient_checkpointing:
            stack.enter_context(_forgetting(networks))
        yield learning


@contextmanager
def _forgetting(networks: dict[str, nn.Module]) -> Iterator[None]:
    """Meanwhile what lies between the blocks of a network is computed again on the way back (Chen et al. 2016)."""
    kept: list[Any] = list(networks.values())
    try:
        for network in kept:
            if hasattr(network, "enable_gradient_checkpointing"):  # diffusers'
                network.enable_gradient_checkpointing()
            else:
                network.gradient_checkpointing_enable({"use_reentrant": False})
        yield
    finally:
        for network in kept:
            if hasattr(network, "disable_gradient_checkpointing"):
                network.disable_gradient_checkpointing()
            else:
                network.gradient_checkpointing_disable()


@contextmanager
def at_rest(family: ModelFamily) -> Iterator[None]:
    """No dropout meanwhile, as when the style is finished. Afterwards each network is in the mode it was in."""
    networks = family.networks.values()
    learning = [network.training for network in networks]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for network, mode in zip(networks, learning, strict=True):
            network.train(mode)


@contextmanager
def as_kept(learning: Trainable, ema: dict[str, Tensor]) -> Iterator[None]:
    """Meanwhile the weights are those that would be kept if the run ended here: the moving average, where there is
    one."""
    own = learning.weights() if ema else {}
    if ema:
        learning.put(ema)
    try:
        yield
    finally:
        if ema:
            learning.put(own)


@contextmanager
def _low_rank(
    family: ModelFamily, recipe: Recipe, networks: dict[str, nn.Module], origin: Origin | None
) -> Iterator[Trainable]:
    of_denoiser = blocks.layers(family, recipe)
    try:
        with ExitStack() as stack:
            for part, network in networks.items():
                layers: Sequence[str] = of_denoiser if network is family.denoiser else TEXT_ENCODER_LAYERS
                if origin is not None:
                    layers = list(dict.fromkeys([*layers, *origin.layers(part)]))
                narrows = recipe.tlora and network is family.denoiser
                settings = (recipe.rank, recipe.lora_alpha, recipe.lora_dropout, recipe.algo, recipe.lokr_factor)
                low_rank.attach_trainable(network, layers, *settings, in_place=not narrows)
                if narrows:
                    of = family.noise.number_of_timesteps
                    stack.enter_context(rank_by_noise.learning(network, of, recipe.rank, recipe.tlora_min_rank))
                network.train()
            yield _trainable({part: low_rank.low_rank_parameters(network) for part, network in networks.items()})
    finally:
        for network in networks.values():
            low_rank.detach_trainable(network)
            network.eval().requires_grad_(False)


@contextmanager
def _full(family: ModelFamily, networks: dict[str, nn.Module], *, frugal: bool) -> Iterator[Trainable]:
    try:
        for network in networks.values():
            network.train().requires_grad_(True)
            round_anew(network, frugal)
        yield _trainable({part: dict(network.named_parameters()) for part, network in networks.items()})
    finally:
        for network in networks.values():
            network.eval().requires_grad_(False)
            round_anew(network, False)
        family.restore()


def _trainable(parts: dict[str, dict[str, nn.Parameter]]) -> Trainable:
    named = {
        part: {f"{part}.{name}": parameter for name, parameter in parameters.items()}
        for part, parameters in parts.items()
    }
    denoiser, *others = named.values()
    return Trainable(denoiser, {name: parameter for other in others for name, parameter in other.items()})
