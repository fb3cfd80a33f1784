"""In which files do other tools find the weights, and do they read them as they were trained?

    lora   pytorch_lora_weights.safetensors     diffusers
           NAME.safetensors                     kohya's format: ComfyUI, A1111, Forge
    dora   pytorch_lora_weights.safetensors     diffusers
    loha   peft_weights.safetensors             PEFT, with its configuration of each network in the header
    lokr   NAME.safetensors                     the names of LyCORIS: ComfyUI, A1111, Forge
    oft    peft_weights.safetensors             PEFT; no other tool has a format for what PEFT trains
    textual-inversion  learned_embeds.safetensors   the vectors of a word, alone or beside those above: diffusers,
                                                    ComfyUI, A1111, Forge
    full   unet/ or transformer/ (and text_encoder/)   folders of a diffusers pipeline
           NAME.safetensors                     SD3 and FLUX.1 alone: the same in the original layout, for ComfyUI

A file counts as written only after another tool has loaded it and computed what the trained network computes; the names
of LyCORIS, and kohya's for SD3 and FLUX.1, which neither diffusers nor PEFT reads, by `diffusion/adapters.py`, as files
of other tools are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handstyle import digests
from handstyle.diffusion import kinds, original_transformers
from handstyle.diffusion.original_transformers import PLACES, layout_of
from handstyle.errors import BaseUnusable, RecordDamaged, UsageMistake
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication import adapter_headers, dialects, joined_layers
from handstyle.publication.clearance import Clearance
from handstyle.publication.provenance import Format, Weights
from handstyle.records import load_json
from handstyle.records import write as write_bytes
from handstyle.tensor_files import Tensor, data_digest, digest, tensors_in, write_tensors

DIFFUSERS_LORA = "pytorch_lora_weights.safetensors"
PEFT = "peft_weights.safetensors"
EMBEDDING = "learned_embeds.safetensors"
SCHEDULE = "scheduler/scheduler_config.json"  # only where it is another than the base's
FULL_DENOISER: dict[str, Format] = {"unet": "diffusers-unet", "transformer": "diffusers-transformer"}
FULL_TEXT_ENCODER: Format = "transformers-text-encoder"

Written = list[tuple[str, Format, str]]  # path, format, digest of the tensors


def write(folder: Path, style: TrainedStyle, weights: Path, base: Path, cleared: Clearance) -> tuple[Weights, ...]:
    """The exports of `weights` (the style's own file) in `folder`, each reloaded on `base` (a diffusers folder)
    and compared. Raises RecordDamaged when one does not give the trained network back."""
    from handstyle.publication import reloads  # imports torch

    if style.recipe.tlora:
        raise UsageMistake(
            f"{style.name} counts its ranks by the noise (tlora), which no format of another tool can say: there "
            "it would draw with all of them at all times, as it was never trained",
            hint="Finetune without tlora what is to be published.",
        )

    written = write_files(folder, style, weights, base, cleared)
    differences = reloads.largest_differences(base, weights, style, {folder / path: kind for path, kind, _ in written})
    return tuple(
        Weights(path=path, format=format, tensors=tensors, largest_difference=difference)
        for (path, format, tensors), difference in zip(written, differences, strict=True)
    )


def write_files(folder: Path, style: TrainedStyle, weights: Path, base: Path, cleared: Clearance) -> Written:
    """The files alone, which nobody has read again yet."""
    with tensors_in(weights) as tensors:
        if digest(tensors) != style.tensors:
            raise RecordDamaged(
                f"{weights} does not hold the tensors of the style `{style.name}`",
                hint="Restore the file, or finetune again.",
            )
        if style.ends_in_noise:
            _write_schedule(folder, base)
        if style.recipe.method == "full":
            written = _write_full(folder, tensors, base)
            if dialects.is_of_a_transformer(tensors):
                written.append(_write_in_one(folder, style, tensors, base, cleared))
            return written
        layers, word = dialects.parted(tensors)
        written = _write_lora(folder, style, layers, word, base, cleared) if layers else []
        return [*written, *([_write_word(folder, style, word, base, cleared)] if word else [])]


def _write_schedule(folder: Path, base: Path) -> None:
    """For drawing as it was trained: diffusers' own words for a schedule that ends in noise."""
    config = _config(base, "scheduler", SCHEDULE.rpartition("/")[2])
    told = {**config, "_class_name": "DDIMScheduler", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    write_bytes(folder / SCHEDULE, json.dumps(told, indent=2, sort_keys=True).encode())


def _write_word(
    folder: Path, style: TrainedStyle, word: Mapping[str, Tensor], base: Path, cleared: Clearance
) -> tuple[str, Format, str]:
    own = dialects.as_embedding(word)
    architecture, _, prediction = architecture_of(base)
    write_tensors(folder / EMBEDDING, own, {
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{architecture}/textual-inversion",
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        "modelspec.prediction_type": prediction,
        "modelspec.hash_sha256": f"0x{data_digest(own)}",
        **_said_of(style, cleared),
    })  # fmt: skip
    return EMBEDDING, "embedding", digest(own)


def _write_lora(
    folder: Path, style: TrainedStyle, tensors: Mapping[str, Tensor], word: Mapping[str, Tensor], base: Path,
    cleared: Clearance,
) -> Written:  # fmt: skip
    recipe, own = style.recipe, dialects.as_diffusers(tensors)
    format, other = dialects.files_of(recipe.algo, tensors)
    if format == "peft":
        rank, path, told = recipe.rank, PEFT, adapter_headers.of_peft(own, recipe)
    else:
        rank, path = dialects.rank_of(tensors), DIFFUSERS_LORA
        told = diffusers_metadata(own, rank, recipe.lora_alpha, is_dora=recipe.algo == "dora")
    write_tensors(folder / path, own, told)
    written: Written = [(path, format, digest(own))]
    if other is None:
        return written
    kohya = _as_kohya(tensors, recipe.lora_alpha, base) | dialects.bundled(word, recipe.identifier)
    told = kohya_metadata(style, base, kohya, rank, cleared)
    if other == "lycoris":
        told |= adapter_headers.of_lycoris(recipe)
    write_tensors(folder / f"{cleared.name}.safetensors", kohya, told)
    return [*written, (f"{cleared.name}.safetensors", other, digest(kohya))]


def _as_kohya(tensors: Mapping[str, Tensor], alpha: float, base: Path) -> dict[str, Tensor]:
    if not dialects.is_of_a_transformer(tensors):
        return dialects.as_kohya(tensors, alpha, dialects.spelling_of(base))
    from handstyle.diffusion.adapter_places import layers_of  # imports torch

    shapes = {layer.removeprefix("transformer."): shape for layer, shape in layers_of(base).items()}
    layout = layout_of(_config(base, "transformer"))
    return joined_layers.as_kohya(tensors, alpha, layout, {layer: shape[0] for layer, shape in shapes.items()})


def diffusers_metadata(
    tensors: Mapping[str, Tensor], rank: int, alpha: float, *, is_dora: bool = False
) -> dict[str, str]:
    """Without `lora_adapter_metadata` diffusers takes alpha to be the rank, whatever was trained."""
    settings: dict[str, object] = {}
    for part in dialects.PARTS:
        modules = {dialects.module_of(name) for name in dialects.part_of(tensors, part)}
        if modules:
            settings[f"{part}.r"] = rank
            settings[f"{part}.lora_alpha"] = alpha
            if is_dora:
                settings[f"{part}.use_dora"] = True
            # Matched from the end of a module's name, so both spellings of the text encoder are found.
            settings[f"{part}.target_modules"] = sorted(module.removeprefix("text_model.") for module in modules)
    return {"format": "pt", "lora_adapter_metadata": json.dumps(settings, sort_keys=True)}


def kohya_metadata(
    style: TrainedStyle, base: Path, tensors: Mapping[str, Tensor], rank: int, cleared: Clearance
) -> dict[str, str]:
    """What user interfaces read. No captions, folders or file names: the usual trainers put them here."""
    facts = facts_of_network(base, tensors, rank, style.recipe.lora_alpha, style.base.name)
    facts |= {"ss_zero_terminal_snr": "True"} if style.ends_in_noise else {}
    return facts | _said_of(style, cleared)


def _said_of(style: TrainedStyle, cleared: Clearance) -> dict[str, str]:
    return {
        "modelspec.title": cleared.title,
        "modelspec.resolution": f"{style.resolution}x{style.resolution}",
        "modelspec.date": cleared.on,
        "modelspec.license": cleared.licence.name,
        "modelspec.trigger_phrase": f"{style.recipe.identifier} {style.recipe.class_words}",
    }


def facts_of_network(
    base: Path, tensors: Mapping[str, Tensor], rank: int, alpha: float, otherwise: str
) -> dict[str, str]:
    """What its shapes, and the base's configurations, tell. `otherwise` is what a base is called that nobody knows."""
    architecture, version, prediction = architecture_of(base)
    kind = kinds.with_version(version)
    convolutions = any(len(tensor.shape) == 4 and tensor.shape[-1] > 1 for tensor in tensors.values())
    arguments = {"conv_dim": str(rank), "conv_alpha": str(alpha)} if convolutions else {}
    return {
        "ss_v2": str(bool(kind and kind.is_v2)),
        "ss_base_model_version": version or otherwise,
        "ss_network_module": kind.network_module if kind else kinds.NETWORK_MODULE,
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(alpha),
        "ss_network_args": json.dumps(arguments),
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": f"{architecture}/lora",
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        **({"modelspec.prediction_type": prediction} if prediction else {}),
        "modelspec.hash_sha256": f"0x{data_digest(tensors)}",
    }


def architecture_of(base: Path) -> tuple[str, str, str]:
    """What ModelSpec and sd-scripts call it, and what it predicts; ModelSpec has no word for a flow."""
    if (base / "transformer" / "config.json").is_file():
        kind = kinds.with_denoiser(_config(base, "transformer").get("_class_name", ""))
        return (*kinds.architecture(kind, "flow"), "")
    width = _config(base, "unet").get("cross_attention_dim", 0)
    said = _config(base, "scheduler", "scheduler_config.json").get("prediction_type", "epsilon")
    prediction = {"v_prediction": "v"}.get(said, said)
    return (*kinds.architecture(kinds.WIDTHS.get(width), prediction), prediction)


def _write_full(folder: Path, tensors: Mapping[str, Tensor], base: Path) -> Written:
    written: Written = []
    stray = [name for name in tensors if name.partition(".")[0] not in dialects.PARTS]
    if stray:
        raise RecordDamaged(f"The style holds weights of no network we know: {stray[0]}")
    for part in dialects.PARTS:
        format = FULL_DENOISER.get(part, FULL_TEXT_ENCODER)
        path = f"{part}/{'diffusion_pytorch_model' if part in FULL_DENOISER else 'model'}.safetensors"
        inside = dialects.part_of(dialects.as_diffusers(tensors), part)
        if inside:
            write_tensors(folder / path, inside, {"format": "pt"})
            _config(base, part)
            write_bytes((folder / path).with_name("config.json"), (base / part / "config.json").read_bytes())
            written.append((path, format, digest(inside)))
    return written


def _write_in_one(
    folder: Path, style: TrainedStyle, tensors: Mapping[str, Tensor], base: Path, cleared: Clearance
) -> tuple[str, Format, str]:
    """What learned, in the original layout, in which models of these families are traded; with the table of places that
    Stable Diffusion 3's transformer reads and never learns."""
    flat = dialects.as_diffusers(tensors)
    parts = {part: dialects.part_of(flat, part) for part in dialects.PARTS}
    with tensors_in(_file_with(base, PLACES)) as beside:
        parts["transformer"] |= {PLACES: beside[PLACES]} if PLACES in beside else {}
        file = original_transformers.file_of_parts(parts, {"transformer": _config(base, "transformer")})
        architecture, *_ = architecture_of(base)
        write_tensors(folder / f"{cleared.name}.safetensors", file, {
            "modelspec.sai_model_spec": "1.0.1",
            "modelspec.architecture": architecture,
            "modelspec.implementation": "https://github.com/huggingface/diffusers",
            "modelspec.hash_sha256": f"0x{data_digest(file)}",
            **_said_of(style, cleared),
        })  # fmt: skip
        return f"{cleared.name}.safetensors", "original-transformer", digest(file)


def _file_with(base: Path, name: str) -> Path:
    """The file of the base's transformer that holds this tensor, or any where none does."""
    files = sorted((base / "transformer").glob("*.safetensors"))
    return next((file for file in files if name in digests.safetensors_header(file)[0]), files[0])


def _config(base: Path, part: str, file: str = "config.json") -> dict[str, Any]:
    config = load_json(base / part / file)
    if not isinstance(config, dict):
        raise BaseUnusable(f"{base / part / file} is not a configuration", hint="Check --base.")
    return config
