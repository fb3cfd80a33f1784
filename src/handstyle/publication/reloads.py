"""Does another tool, given an exported file, compute what the trained network computes?

The trained network is made here by the definition, W + alpha / rank * B A, from the style's own file. The other
one is made by the loaders that users have: those of diffusers, which also reads kohya's format.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

import torch
from diffusers import DDIMScheduler
from diffusers.utils import logging as diffusers_logging
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection
from transformers.utils import logging as transformers_logging

from handstyle.diffusion import adapters, kinds, merging, updates
from handstyle.diffusion.adapter_names import WORD, is_of_a_word
from handstyle.errors import BaseUnusable, HandstyleError, RecordDamaged
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import dialects, reloaded_words
from handstyle.publication.adapter_headers import PEFT_CONFIG
from handstyle.publication.outputs import REPORT, TOLERANCE, Networks, outputs_of
from handstyle.publication.provenance import Format
from handstyle.records import load_json
from handstyle.tensor_files import metadata_of

OF_ONE_NETWORK = ("diffusers-unet", "diffusers-transformer", "transformers-text-encoder")
OF_ADAPTERS = (".lora_", ".hada_", ".lokr_", ".oft_R.")  # levels of a parameter's name in PEFT's layers
SETTINGS = ("self", "requires_safety_checker", "force_zeros_for_empty_prompt", "add_watermarker")  # no networks
# Of the change the style makes: so that a file nobody loaded cannot pass because the style is faint.
SHARE_OF_EFFECT = 0.01
SEEN = 1e-3  # an effect smaller than this, relative to the output, is too faint for that question

Change = Callable[[Networks], Networks]
Kind = Format | Literal["checkpoint"]  # or one file in the original layout


def largest_differences(base: Path, weights: Path, style: TrainedStyle, exports: Mapping[Path, Format]) -> list[float]:
    """Of each exported file: between outputs of the trained and the reloaded networks, relative to the largest.

    Raises RecordDamaged when one does not give the trained networks back.
    """
    tensors = load_file(weights)
    own = {name: tensor for name, tensor in tensors.items() if not is_of_a_word(name)}
    word = {name.removesuffix(WORD): rows for name, rows in tensors.items() if is_of_a_word(name)}
    found: dict[Path, float] = {}
    if of_layers := {path: format for path, format in exports.items() if format != "embedding"}:
        parts = [part for part in dialects.PARTS if any(name.startswith(f"{part}.") for name in own)]
        number_of_updates = len(own) if style.recipe.method == "lora" else 0
        differences = compared(
            base, parts, lambda networks: _trained(networks, own, style), of_layers, number_of_updates
        )
        found = dict(zip(of_layers, differences, strict=True))
    with torch.random.fork_rng(devices=[]), _quiet(), torch.inference_mode():
        for path in exports.keys() - of_layers.keys():
            found[path] = reloaded_words.difference(base, word, style.recipe.identifier, path, _pipeline(base, {}))
    return [found[path] for path in exports]


def compared(
    base: Path, parts: list[str], change: Change, exports: Mapping[Path, Kind], number_of_updates: int
) -> list[float]:
    """The same for whatever `change` makes of the base's networks, of which `parts` are looked at."""
    found = []
    with torch.random.fork_rng(devices=[]), _quiet(), torch.inference_mode():
        plain = outputs_of(_networks(base, parts))
        trained = outputs_of(change(_networks(base, parts)))
        for path, format in exports.items():
            inside = [path.parent.name] if format in OF_ONE_NETWORK else parts
            reloaded = outputs_of(_reloaded(base, inside, path, format, number_of_updates))
            found.append(
                max(_difference(plain[part], trained[part], reloaded[part], f"{path.name}: {part}") for part in inside)
            )
    return found


def _difference(plain: Tensor, trained: Tensor, reloaded: Tensor, which: str) -> float:
    largest = float(trained.abs().max())
    difference = float((reloaded - trained).abs().max()) / largest
    effect = float((plain - trained).abs().max()) / largest
    # Written so that a difference that is no number does not pass.
    if not difference <= TOLERANCE or (effect > SEEN and difference > SHARE_OF_EFFECT * effect):
        raise RecordDamaged(
            f"{which}, loaded again, does not draw as it was trained: outputs differ by {difference:.2g} of the "
            f"largest value, where {TOLERANCE:g} is allowed",
            hint=REPORT,
        )
    return difference


def _reloaded(base: Path, parts: list[str], exported: Path, format: Kind, number_of_updates: int) -> Networks:
    if format == "kohya-lora" and (base / "transformer").is_dir():
        format = "lycoris"  # diffusers reads it of FLUX.1 at its full width alone, and of Stable Diffusion 3 not at all
    try:
        networks = _RELOAD[format](base, parts, exported)
    except HandstyleError:
        raise
    except Exception as error:  # the loaders raise whatever comes their way
        raise RecordDamaged(f"{exported.name} does not load again: {error}", hint=REPORT) from error
    if format == "lycoris":  # whose reader leaves no tensor over, and nothing of them in the networks
        return networks
    names = (name for network in networks.values() for name, _ in network.named_parameters())
    found = sum(any(level in name for level in OF_ADAPTERS) for name in names)
    # An update can be one that outputs do not show: a shift before a normalisation that takes it away again.
    if found != number_of_updates:
        raise RecordDamaged(
            f"{exported.name}, loaded again, has {found} of {number_of_updates} low-rank tensors", hint=REPORT
        )
    return networks


def _networks(base: Path, parts: list[str]) -> Networks:
    try:
        return {part: _network(base / part).float().eval() for part in parts}
    except (OSError, ValueError, RuntimeError) as error:
        raise BaseUnusable(f"{base} does not load as a diffusers folder: {error}", hint="Check --base.") from error


def _network(folder: Path) -> nn.Module:
    """By the class that its configuration names, among those that a style can change."""
    told = load_json(folder / "config.json")
    name = told.get("_class_name") or (told.get("architectures") or ["CLIPTextModel"])[0]
    import diffusers

    of_diffusers: list[Any] = [getattr(diffusers, denoiser) for denoiser in kinds.DENOISERS]
    known = {library.__name__: library for library in (*of_diffusers, CLIPTextModel, CLIPTextModelWithProjection)}
    if name not in known:
        raise ValueError(f"{folder} holds a {name}")
    return cast(nn.Module, known[name].from_pretrained(folder, local_files_only=True))


def _trained(networks: Networks, own: dict[str, Tensor], style: TrainedStyle) -> Networks:
    """By the definition, without any library for low-rank updates."""
    for part, network in networks.items():
        parameters = dict(network.named_parameters())
        names = [name for name in own if name.startswith(f"{part}.")]
        if style.recipe.method == "full":
            if len(names) != len(parameters):
                raise RecordDamaged(f"The style holds {len(names)} of the {len(parameters)} parameters of the {part}")
            for name in names:
                _parameter(parameters, name, own[name].numel()).copy_(own[name])
            continue
        if style.recipe.algo != "lora":
            for module, group in updates.by_module({name: own[name] for name in names}).items():
                weight = _parameter(parameters, f"{module}.weight", None)
                weight.add_(updates.added_to(weight, group, style.recipe.algo, style.recipe.lora_alpha))
            continue
        for module in sorted({dialects.module_of(name) for name in names}):
            down, up = own[module + dialects.DOWN].float(), own[module + dialects.UP].float()
            delta = up.flatten(1) @ down.flatten(1) * (style.recipe.lora_alpha / down.shape[0])
            weight = _parameter(parameters, f"{module}.weight", delta.numel())
            weight.add_(delta.view_as(weight))
    return networks


def _parameter(parameters: dict[str, nn.Parameter], name: str, size: int | None) -> nn.Parameter:
    inside = name.partition(".")[2]
    for spelling in (inside, inside.removeprefix("text_model."), f"text_model.{inside}"):
        if spelling in parameters and size in (None, parameters[spelling].numel()):
            return parameters[spelling]
    raise RecordDamaged(
        f"The style changes {name}, which this base does not have, or has in another size",
        hint="Publish with the base model the style was trained on.",
    )


def _by_lora_loader(base: Path, parts: list[str], exported: Path) -> Networks:
    networks = _networks(base, parts)
    held = load_file(exported)
    layers = {name: tensor for name, tensor in held.items() if not name.startswith(dialects.BUNDLED)}
    pipeline = _pipeline(base, networks)
    if len(layers) < len(held):  # diffusers reads the word beside a LoRA from a file of its own
        pipeline.load_lora_weights(layers)
    else:
        pipeline.load_lora_weights(exported.parent, weight_name=exported.name, local_files_only=True)
    return networks


def _pipeline(base: Path, networks: Networks) -> Any:
    """With these networks, and nothing where it has others."""
    import diffusers  # its pipelines warn when they are imported, and by now that is switched off

    library: Any = getattr(diffusers, _pipeline_of(base))
    taken = {name for name in inspect.signature(library).parameters if name not in SETTINGS}
    nothing = dict.fromkeys(taken - networks.keys())
    return library(
        **nothing | networks | {"scheduler": DDIMScheduler(steps_offset=1, clip_sample=False)},  # never asked to step
        **({"requires_safety_checker": False} if "safety_checker" in taken else {}),
    )


def _pipeline_of(base: Path) -> str:
    """The class; a folder with networks alone is of the families that were there first."""
    if (base / "model_index.json").is_file():
        return str(load_json(base / "model_index.json")["_class_name"])
    parts = [part for part in dialects.PARTS if part not in dialects.DENOISERS and (base / part).is_dir()]
    return kinds.with_text_encoders("unet", parts).pipeline


def _by_peft(base: Path, parts: list[str], exported: Path) -> Networks:
    """By PEFT's own layers, which then become part of the weights."""
    import peft
    from peft.tuners.tuners_utils import BaseTunerLayer

    networks, tensors = _networks(base, parts), load_file(exported)
    settings = json.loads(metadata_of(exported)[PEFT_CONFIG])
    for part, network in networks.items():
        own, there = dialects.part_of(tensors, part), dict(network.named_modules())
        plain = "text_model" not in there
        inside = {name.removeprefix("text_model.") if plain else name: tensor for name, tensor in own.items()}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Invalid `oft_block_size`")
            peft.inject_adapter_in_model(peft.get_peft_config(settings[part]), network)
        if strange := peft.set_peft_model_state_dict(network, inside).unexpected_keys:
            raise ValueError(f"PEFT does not know {strange[0]}")
        for layer in network.modules():
            if isinstance(layer, BaseTunerLayer):
                layer.merge()
    return networks


def _as_lycoris(base: Path, parts: list[str], exported: Path) -> Networks:
    """By the names and the formulas of LyCORIS, as files of other tools are read."""
    return added(merging.deltas(adapters.read(exported, base, without_word=True), base))(_networks(base, parts))


def _as_folder(base: Path, parts: list[str], exported: Path) -> Networks:
    del base
    folders = exported.parent.parent
    return _networks(folders, parts)


def _from_one_file(base: Path, parts: list[str], exported: Path) -> Networks:
    from handstyle.publication import reloaded_checkpoints  # its library warns when it is imported

    return reloaded_checkpoints.networks(base, parts, exported, _pipeline_of(base), _networks)


def added(deltas: Mapping[str, Tensor], precisions: Mapping[str, torch.dtype] | None = None) -> Change:
    """Weights and what is added to them, by the names a style has; rounded as the file is where that is said."""

    def change(networks: Networks) -> Networks:
        for name, delta in deltas.items():
            parameters = dict(networks[name.partition(".")[0]].named_parameters())
            weight = _parameter(parameters, name, delta.numel())
            changed = weight.double() + delta.double().view_as(weight)
            weight.copy_(changed.to(precisions[name]) if precisions else changed)
        return networks

    return change


_RELOAD: dict[Kind, Callable[[Path, list[str], Path], Networks]] = {
    "diffusers-lora": _by_lora_loader,
    "kohya-lora": _by_lora_loader,
    "lycoris": _as_lycoris,
    "peft": _by_peft,
    "diffusers-unet": _as_folder,
    "diffusers-transformer": _as_folder,
    "transformers-text-encoder": _as_folder,
    "checkpoint": _from_one_file,
    "original-transformer": _from_one_file,
}


@contextmanager
def _quiet() -> Iterator[None]:
    """The loaders draw bars and warn about networks a style does not change, which is no news to anybody."""
    levels = diffusers_logging.get_verbosity(), transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        diffusers_logging.set_verbosity(levels[0])
        transformers_logging.set_verbosity(levels[1])
        if bars:
            transformers_logging.enable_progress_bar()
