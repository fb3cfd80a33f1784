"""How do a request, a base and a style become pictures?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from handstyle.diffusion import low_rank, rank_by_noise, sampling, updates, vocabulary
from handstyle.diffusion.adapter_names import WORD, is_of_a_word
from handstyle.diffusion.family import ModelFamily
from handstyle.diffusion.painting import Chance
from handstyle.errors import BaseUnusable, UsageMistake
from handstyle.finetuning.foreign_style import ForeignStyle
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.generation import emphasis
from handstyle.generation.edits import Canvas
from handstyle.generation.meters import FIRST
from handstyle.generation.request import GenerationRequest


@dataclass(frozen=True)
class Picture:
    request: GenerationRequest
    image: Image.Image
    steered: float | None = None  # how strongly its words steered the first steps; see `meters`


@dataclass(frozen=True)
class Worn:
    """A style, its weights, and how strongly it is worn."""

    style: TrainedStyle | ForeignStyle
    tensors: Mapping[str, Tensor]
    weight: float = 1.0
    folder: Path | None = None  # where its file lies; the file itself where another tool made it

    @property
    def trained(self) -> TrainedStyle:
        """Raises UsageMistake for a file of another tool, of which there is no record."""
        if isinstance(self.style, ForeignStyle):
            raise UsageMistake(
                f"how {self.style.name} was trained is not known: another tool made it",
                hint="Name a style that was trained here.",
            )
        return self.style


@contextmanager
def attached(styles: Sequence[Worn], family: ModelFamily) -> Iterator[ModelFamily]:
    """The base with these styles added; on leaving it is, bit for bit, what it was."""
    for worn in styles:
        if any(name.partition(".")[0] not in family.networks for name in worn.tensors):
            raise _of_another_base(worn)  # what belongs to no network would be left off in silence
    with ExitStack() as stack:
        stack.enter_context(_noise_of(styles, family))
        for worn in styles:
            stack.enter_context(_word_of(worn, family))
        for worn in styles:
            stack.enter_context(_narrowed(worn, family))
        for part, network in family.networks.items():
            fixed = [worn for worn in styles if not (_counts_ranks(worn) and network is family.denoiser)]
            stack.enter_context(low_rank.added([change(worn, part, network) for worn in fixed], network))
        yield family


@contextmanager
def _noise_of(styles: Sequence[Worn], family: ModelFamily) -> Iterator[None]:
    """Meanwhile the last step is nothing but noise, where a style was trained so."""
    before = family.ends_in_noise
    family.end_in_noise(before or any(worn.style.ends_in_noise for worn in styles))
    try:
        yield
    finally:
        family.end_in_noise(before)


@contextmanager
def _word_of(worn: Worn, family: ModelFamily) -> Iterator[None]:
    """The word a style was taught, if it was taught one. It has no strength: it is there or not."""
    vectors = {name.removesuffix(WORD): rows for name, rows in worn.tensors.items() if is_of_a_word(name)}
    if not vectors:
        yield
        return
    word = worn.style.word if isinstance(worn.style, ForeignStyle) else worn.style.recipe.identifier
    with vocabulary.joined(family, word, vectors):
        yield


def _counts_ranks(worn: Worn) -> bool:
    return isinstance(worn.style, TrainedStyle) and worn.style.recipe.tlora


@contextmanager
def _narrowed(worn: Worn, family: ModelFamily) -> Iterator[None]:
    """A style whose ranks count by the noise is no fixed difference of weights: it is computed beside them."""
    if not _counts_ranks(worn):
        yield
        return
    recipe, weights = worn.trained.recipe, low_rank.split(worn.tensors, next(iter(family.networks)))
    scale, of = worn.weight * recipe.lora_alpha / recipe.rank, family.noise.number_of_timesteps
    with ExitStack() as stack:
        try:
            stack.enter_context(rank_by_noise.worn(family.denoiser, weights, scale, of, recipe.tlora_min_rank))
        except (KeyError, RuntimeError):
            raise _of_another_base(worn) from None
        yield


def change(worn: Worn, part: str, network: torch.nn.Module) -> dict[str, Tensor]:
    """What a style adds to each parameter of one network. Raises UsageMistake when it was made for another base."""
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    of_layers = {name: tensor for name, tensor in worn.tensors.items() if not is_of_a_word(name)}
    try:
        deltas = _deltas(worn, low_rank.split(of_layers, part), parameters)
        fits = all(delta.shape == parameters[name].shape for name, delta in deltas.items())
    except (KeyError, RuntimeError):  # a name this network does not have, or shapes that do not multiply
        fits = False
    if not fits:
        raise _of_another_base(worn)
    return deltas


def _of_another_base(worn: Worn) -> UsageMistake:
    base = worn.style.base
    return UsageMistake(
        f"the style `{worn.style.name}` was made for another base than the one given: for {base.name} "
        f"({base.sha256[:12]})",
        hint=f"Give the base it was trained on with --base ({base.name}).",
    )


def _deltas(worn: Worn, weights: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if isinstance(worn.style, ForeignStyle):
        whole = {name: worn.weight * tensor for name, tensor in weights.items() if ".lora_" not in name}
        return whole | low_rank.updates(weights, worn.weight)
    recipe = worn.style.recipe
    if recipe.algo != "lora":
        found = updates.added_by(weights, recipe.algo, recipe.lora_alpha, parameters)
        return {name: worn.weight * delta for name, delta in found.items()}
    if low_rank.is_low_rank(weights):
        return low_rank.updates(weights, worn.weight * recipe.lora_alpha / recipe.rank)
    return {name: worn.weight * (tensor.to(parameters[name]) - parameters[name]) for name, tensor in weights.items()}


def generate(
    requests: Sequence[GenerationRequest], family: ModelFamily, batch_size: int = 1, canvas: Canvas | None = None
) -> Iterator[Picture]:
    """Pictures in the order of the requests. The style must be attached already. With a `canvas` all are painted on it.

    Alone, a request gives the same pixels to the bit. Like requests may share a batch, which is faster; their sums are
    then rounded in another order, and one value in some twenty thousand comes out a level brighter or darker.
    """
    for batch in _batches(requests, batch_size):
        yield from _drawn(batch, family, canvas)


@torch.no_grad()
def steered(requests: Sequence[GenerationRequest], family: ModelFamily, batch_size: int = 1) -> list[float | None]:
    """How strongly the words of each request steer the first steps, without going on to a picture; see `meters`."""
    found: list[float | None] = []
    for batch in _batches(requests, batch_size):
        found += _of_first([*islice(_walk(batch, family, None), FIRST)], len(batch))
    return found


def _batches(requests: Sequence[GenerationRequest], batch_size: int) -> Iterator[list[GenerationRequest]]:
    remaining = iter(requests)
    pending = next(remaining, None)
    while pending is not None:
        batch = [pending]
        for request in islice(remaining, batch_size - 1):
            if _settings(request) != _settings(pending):
                pending = request
                break
            batch.append(request)
        else:
            pending = next(remaining, None)
        yield batch


def _settings(request: GenerationRequest) -> GenerationRequest:
    """What must agree for two requests to share a batch."""
    return request.model_copy(update={"prompt": "", "seed": 0})


def _walk(
    requests: Sequence[GenerationRequest], family: ModelFamily, canvas: Canvas | None
) -> Iterator[sampling.Denoised]:
    first = requests[0]
    if first.width % family.pixel_multiple or first.height % family.pixel_multiple:
        raise UsageMistake(
            f"{first.width}x{first.height} is not a size this base can draw",
            hint=f"Width and height must be multiples of {family.pixel_multiple}.",
        )
    chance = Chance([request.seed for request in requests], family.latent_shape(first.width, first.height))
    with layers_skipped(family, first.clip_skip):
        words_BLD = _conditioning(family, [request.prompt for request in requests], weighted=first.weighted)
        without_BLD = _conditioning(family, [first.negative_prompt] * len(requests), weighted=first.weighted)
    return sampling.denoise(
        family,
        chance.noise(),
        words_BLD,
        without_BLD,
        sampler=first.sampler,
        steps=first.num_inference_steps,
        guidance_scale=first.guidance_scale,
        guidance_rescale=first.guidance_rescale,
        precision=first.precision,
        begun=canvas.begun if canvas else None,
        chance=chance,
    )


def _of_first(steps: Sequence[sampling.Denoised], number: int) -> list[float | None]:
    lengths = [step.steered_B for step in steps if step.steered_B is not None]
    return torch.stack(lengths).mean(dim=0).tolist() if lengths else [None] * number


@torch.no_grad()
def _drawn(requests: Sequence[GenerationRequest], family: ModelFamily, canvas: Canvas | None) -> list[Picture]:
    first, walk = requests[0], _walk(requests, family, canvas)
    beginning = [*islice(walk, FIRST)]
    *_, last = beginning[-1], *walk
    pixels_BCHW = family.decode_latents(last.latents_BCHW)
    if not (last.latents_BCHW.isfinite().all() and pixels_BCHW.isfinite().all()):
        raise BaseUnusable(
            f"`{first.prompt:.80}` came out as what is not a number: weights of the base or of a style are damaged",
            hint="Draw it with --style none: if that works, finetune the style again; else fetch the base again.",
        )
    drawn = [canvas.finished(image) if canvas else image for image in images(pixels_BCHW)]
    # A walk that goes on from a picture has left the first steps out.
    strengths = _of_first([] if canvas else beginning, len(requests))
    return [Picture(*one) for one in zip(requests, drawn, strengths, strict=True)]


def _conditioning(family: ModelFamily, prompts: Sequence[str], *, weighted: bool) -> Tensor:
    return emphasis.encoded(family, prompts) if weighted else family.encode_texts(prompts)


@contextmanager
def layers_skipped(family: ModelFamily, clip_skip: int) -> Iterator[None]:
    before = family.clip_skip
    family.skip_layers(clip_skip)
    try:
        yield
    finally:
        family.skip_layers(before)


def images(pixels_BCHW: Tensor) -> list[Image.Image]:
    """[-1, 1] -> 8-bit RGB."""
    levels_BHWC = ((pixels_BCHW.float() + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    return [Image.fromarray(np.ascontiguousarray(levels_HWC)) for levels_HWC in levels_BHWC]
