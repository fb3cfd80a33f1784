"""How does a checkpoint in one file become a folder that can be loaded?

The file itself is only read. Its networks are copied, under diffusers' names, into a folder in this person's cache,
beside configurations that are not in such a file: those that are shipped, or a folder that is named.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from handstyle import digests
from handstyle.diffusion import original_transformers
from handstyle.diffusion.original_layout import parts_of_file
from handstyle.diffusion.pipeline_folder import denoiser_of, weight_files
from handstyle.errors import BaseUnusable, RecordDamaged, UsageMistake
from handstyle.records import Record, load_json, write
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors
from handstyle.workspace import unfinished

SHIPPED = Path(__file__).parent / "configurations"
MERGES = SHIPPED / "clip" / "merges.txt.gz"
FIRST_IN, ATTENTION = "model.diffusion_model.input_blocks.0.0.weight", "attn2.to_k.weight"
SHIPPED_NAMES = ("stable-diffusion-1", "stable-diffusion-2", "stable-diffusion-2-v", "stable-diffusion-xl")
# The width of the words that the U-Net reads -> what it is.
WIDTHS = {768: "stable-diffusion-1", 1024: "stable-diffusion-2", 2048: "stable-diffusion-xl"}
PICKLED = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
START, END = "<|startoftext|>", "<|endoftext|>"


class Chosen(Record):
    """Which folder a checkpoint became when it was last told what it is."""

    folder: str


def folder_of(checkpoint: Path, configuration: str | Path | None = None) -> Path:
    """The folder a file has become, now or earlier. Raises BaseUnusable, or UsageMistake where it must be told what it
    is: with the name of a configuration that is shipped, or a diffusers folder of which the weights are not read."""
    refuse_pickle(checkpoint)
    content = digests.of_tensor_file(checkpoint)
    house = platformdirs.user_cache_path("handstyle") / "bases"
    remembered = house / f"{content[:32]}.json"
    if configuration is None and remembered.is_file():
        known = house / Chosen.load(remembered).folder
        if known.is_dir():
            return known
    with tensors_in(checkpoint) as tensors:
        configured = _folder_of(configuration) if configuration else SHIPPED / what_it_is(checkpoint, tensors)
        folder = house / digests.of_json({"tensors": content, "configuration": _digest_of(configured)})[:32]
        if not folder.is_dir():
            house.mkdir(parents=True, exist_ok=True)
            with unfinished(folder, busy=f"another handstyle process reads {checkpoint}") as beside:
                _write(beside, checkpoint, tensors, configured)
    if configuration is not None:
        Chosen(folder=folder.name).save(remembered)
    return folder


def refuse_pickle(path: Path) -> None:
    if path.suffix.lower() in PICKLED:
        raise BaseUnusable(
            f"{path} is a pickle: loading it would run whatever code somebody has put into it",
            hint="Look for the same model as .safetensors, or convert it once on a machine you can lose: "
            "docs/checkpoints.md says how.",
        )


def what_it_is(checkpoint: Path, tensors: Mapping[str, Tensor]) -> str:
    """The name of the configuration that fits."""
    if original_transformers.is_of_a_transformer(tensors):
        raise UsageMistake(
            f"{checkpoint} is a Stable Diffusion 3 or FLUX.1, whose configurations are not shipped",
            hint="Name its diffusers folder once: handstyle base FILE --config FOLDER. Networks that are not in the "
            "file are taken from there.",
        )
    if FIRST_IN not in tensors:
        raise BaseUnusable(
            f"{checkpoint} is no checkpoint of Stable Diffusion 1, 2 or XL in the original layout",
            hint="Give a whole checkpoint, or a diffusers folder. For a low-rank style there is `handstyle convert`.",
        )
    channels = tensors[FIRST_IN].shape[1]
    if channels != 4:
        raise BaseUnusable(
            f"{checkpoint} reads {channels} channels: it is made for inpainting, editing or upscaling",
            hint="Give the checkpoint it was made from; handstyle edits pictures with an ordinary base.",
        )
    width = next((tensor.shape[1] for name, tensor in sorted(tensors.items()) if name.endswith(ATTENTION)), 0)
    if width not in WIDTHS:
        raise UsageMistake(
            f"{checkpoint} reads words of the width {width}, which no base has whose configuration is shipped",
            hint="Name a folder with its configurations: handstyle base FILE --config FOLDER.",
        )
    return _of_two(checkpoint) if WIDTHS[width] == "stable-diffusion-2" else WIDTHS[width]


def _of_two(checkpoint: Path) -> str:
    """2.x predicts the noise or v, which the tensors do not tell; ModelSpec's metadata may."""
    said = metadata_of(checkpoint).get("modelspec.prediction_type", "")
    if said in ("epsilon", "v", "v_prediction"):
        return "stable-diffusion-2" if said == "epsilon" else "stable-diffusion-2-v"
    raise UsageMistake(
        f"{checkpoint} is a Stable Diffusion 2.x, and nothing in it says whether it predicts the noise or v",
        hint="Say it once: handstyle base FILE --config stable-diffusion-2 (512 pixels) or stable-diffusion-2-v (768).",
    )


def _folder_of(configuration: str | Path) -> Path:
    if str(configuration) in SHIPPED_NAMES:
        return SHIPPED / str(configuration)
    folder = Path(configuration)
    if not (folder / "model_index.json").is_file():
        raise UsageMistake(
            f"{folder} is no diffusers folder, and no configuration that is shipped",
            hint=f"Shipped: {', '.join(SHIPPED_NAMES)}. A folder needs model_index.json and a config.json a part.",
        )
    return folder


def _small_files(folder: Path) -> list[Path]:
    """All but weights: configurations and vocabularies."""
    found = [
        *folder.glob("*.json"),
        *(path for kind in ("json", "txt", "model") for path in folder.glob(f"*/*.{kind}")),
    ]
    return sorted(path for path in found if path.name != "base.json")  # which speaks of other tensors


def _digest_of(configured: Path) -> str:
    return digests.of_json(
        {path.relative_to(configured).as_posix(): digests.of_file(path) for path in _small_files(configured)}
    )


def configs_in(folder: Path, denoiser: str | None = None) -> dict[str, dict[str, Any]]:
    """Of each network. Raises BaseUnusable, also where the one that removes noise is another than the one asked for."""
    denoiser = denoiser or denoiser_of(folder)
    index = load_json(folder / "model_index.json")
    named = {part for part in index if part in ("unet", "transformer", "vae") or part.startswith("text_encoder")}
    try:
        found = {part: load_json(folder / part / "config.json") for part in sorted(named) if index[part][0]}
    except (RecordDamaged, TypeError, IndexError) as damaged:
        raise BaseUnusable(f"{folder} does not describe a pipeline: {damaged}", hint="Fetch it again.") from damaged
    if not {denoiser, "vae", "text_encoder"} <= found.keys():
        known = "Stable Diffusion 1, 2 or XL" if denoiser == "unet" else "Stable Diffusion 3 or FLUX.1"
        raise BaseUnusable(f"{folder} describes no {known}", hint="Only those can be used for this.")
    return found


def _write(folder: Path, checkpoint: Path, tensors: Mapping[str, Tensor], configured: Path) -> None:
    for path in _small_files(configured):
        (folder / path.relative_to(configured)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path.relative_to(configured))
    for tokenizer in folder.glob("tokenizer*"):
        if not any((tokenizer / name).is_file() for name in ("tokenizer.json", "vocab.json")):
            write_words(tokenizer)
    if original_transformers.is_of_a_transformer(tensors):
        configs = configs_in(folder, "transformer")
        parts = original_transformers.parts_of_file(tensors, configs)
        _take_along([part for part in configs if part not in parts], configured, folder)
    else:
        _hear_prediction(folder, tensors)
        parts = parts_of_file(tensors, configs_in(folder, "unet"))
    for part, inside in parts.items():
        name = "model.safetensors" if part.startswith("text_encoder") else "diffusion_pytorch_model.safetensors"
        write_tensors(folder / part / name, inside, {"format": "pt"})
    card = {"name": checkpoint.stem, "licence": metadata_of(checkpoint).get("modelspec.license", "unknown")}
    write(folder / "handstyle.toml", tomli_w.dumps(card).encode())


def _take_along(parts: list[str], configured: Path, folder: Path) -> None:
    """Networks that the file lacks, out of the folder that was named: by a second name where the disk has that."""
    files = {part: weight_files(configured, part) for part in parts}
    if missing := [part for part, paths in files.items() if not all(path.is_file() for path in paths)]:
        raise BaseUnusable(
            f"neither the checkpoint nor {configured} has {', '.join(missing)}",
            hint="Name a whole diffusers folder of the same model with --config.",
        )
    for part, paths in files.items():
        for path in paths:
            try:
                os.link(path.resolve(), folder / part / path.name)
            except OSError:
                shutil.copyfile(path, folder / part / path.name)


def _hear_prediction(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Checkpoints of SDXL that predict v say so with an empty tensor `v_pred`, and that their last step is pure noise
    with `ztsnr`: ComfyUI's convention."""
    path = folder / "scheduler" / "scheduler_config.json"
    if "v_pred" in tensors:
        changed = {**load_json(path), "prediction_type": "v_prediction"}
        if "ztsnr" in tensors:
            changed |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
        write(path, json.dumps(changed, indent=2, sort_keys=True).encode())


def write_words(tokenizer: Path) -> None:
    """CLIP's vocabulary in the form in which transformers reads it: each byte, each byte that ends a word, and every
    pair that the list joins (Radford et al. 2021; Sennrich et al. 2016)."""
    merges = gzip.decompress(MERGES.read_bytes()).decode()
    letters = list(byte_letters().values())
    joined = ["".join(line.split()) for line in merges.splitlines()[1:]]
    words = [*letters, *(f"{letter}</w>" for letter in letters), *joined, START, END]
    vocabulary = {word: number for number, word in enumerate(words)}
    write(tokenizer / "vocab.json", json.dumps(vocabulary, ensure_ascii=False).encode())
    write(tokenizer / "merges.txt", merges.encode())


def byte_letters() -> dict[int, str]:
    """A printable letter for each byte, in the order of GPT-2's vocabulary (Radford et al. 2019, section 2.2)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}
