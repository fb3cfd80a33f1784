"""Who reads a checkpoint in one file again, and which networks come of it?

diffusers, wherever it can: it reads FLUX.1 at its true width alone, and takes the summary of Stable Diffusion 3's
smaller CLIP not to be projected (diffusers 0.42, `loaders/single_file_utils.py`). What it cannot read is read as
`--base` reads it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import diffusers
import torch
from safetensors import safe_open

from handstyle import digests
from handstyle.diffusion import kinds, original_transformers
from handstyle.diffusion.pipeline_folder import DIFFUSERS, TRANSFORMERS, denoiser_of
from handstyle.diffusion.single_file import configs_in
from handstyle.publication.outputs import Networks
from handstyle.tensor_files import tensors_in, write_tensors

WIDTH_OF_FLUX = 3072  # `convert_flux_transformer_checkpoint_to_diffusers`, `inner_dim`
PROJECTION = f"{original_transformers.CLIP_L}text_projection.weight"
Load = Callable[[Path, list[str]], Networks]  # from a folder in the diffusers layout


def networks(base: Path, parts: list[str], exported: Path, pipeline: str, load: Load) -> Networks:
    """`pipeline` is the class that diffusers has for this base."""
    if not why_not_diffusers(base, exported):
        return _by_diffusers(base, parts, exported, pipeline)
    configs = configs_in(base)
    with tensors_in(exported) as tensors, TemporaryDirectory() as beside:
        found = original_transformers.parts_of_file(tensors, configs)
        for part in parts:
            folder = Path(beside) / part
            folder.mkdir()
            shutil.copyfile(base / part / "config.json", folder / "config.json")
            name = TRANSFORMERS if part.startswith("text_encoder") else DIFFUSERS
            write_tensors(folder / name, found[part], {"format": "pt"})
        found.clear()
        return load(Path(beside), parts)


def why_not_diffusers(base: Path, exported: Path) -> str:
    """Nothing where diffusers reads this file."""
    if denoiser_of(base) == "unet":
        return ""
    config = configs_in(base, "transformer")["transformer"]
    kind = kinds.with_denoiser(config["_class_name"])
    if kind and kind.reads_tokens:
        width = config["num_attention_heads"] * config["attention_head_dim"]
        return "" if width == WIDTH_OF_FLUX else "diffusers reads FLUX.1 at its true width alone"
    with safe_open(exported, framework="pt") as tensors:
        projection = tensors.get_tensor(PROJECTION).float() if PROJECTION in tensors.keys() else None  # noqa: SIM118
    if projection is None or torch.equal(projection, torch.eye(len(projection))):
        return ""
    return "diffusers takes the summary of Stable Diffusion 3's smaller CLIP not to be projected, and here it is"


def _by_diffusers(base: Path, parts: list[str], exported: Path, pipeline: str) -> Networks:
    """A file may hold what learned, and not all that draws: what it lacks is not asked for."""
    library: Any = getattr(diffusers, pipeline)
    lacking: dict[str, None] = {}
    if denoiser_of(base) == "transformer":
        configs = configs_in(base)
        held = original_transformers.parts_in(digests.safetensors_header(exported)[0], configs["transformer"])
        lacking = dict.fromkeys(configs.keys() - held)
    found = library.from_single_file(
        exported, config=str(base), local_files_only=True, torch_dtype=torch.float32, **lacking
    )
    return {part: getattr(found, part).eval() for part in parts}
