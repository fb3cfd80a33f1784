"""Which family does a base model belong to? The one table to extend for a new base model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from handstyle.diffusion import sources
from handstyle.diffusion.family import ModelFamily
from handstyle.errors import BaseUnusable, RecordDamaged
from handstyle.records import load_json

EMBEDDED = Path(__file__).parent / "embedded"


def _stable_diffusion_1(folder: Path, device: str, *, plain: bool) -> ModelFamily:
    from handstyle.diffusion.stable_diffusion_1 import StableDiffusion1

    return StableDiffusion1(folder, device, plain=plain)


def _stable_diffusion_xl(folder: Path, device: str, *, plain: bool) -> ModelFamily:
    from handstyle.diffusion.stable_diffusion_xl import StableDiffusionXL

    return StableDiffusionXL(folder, device, plain=plain)


def _stable_diffusion_3(folder: Path, device: str, *, plain: bool) -> ModelFamily:
    from handstyle.diffusion.stable_diffusion_3 import StableDiffusion3

    return StableDiffusion3(folder, device, plain=plain)


def _flux(folder: Path, device: str, *, plain: bool) -> ModelFamily:
    from handstyle.diffusion.flux import Flux

    return Flux(folder, device, plain=plain)


# Pipeline class of model_index.json -> family.
FAMILIES: dict[str, Callable[..., ModelFamily]] = {
    "StableDiffusionPipeline": _stable_diffusion_1,
    "StableDiffusionXLPipeline": _stable_diffusion_xl,
    "StableDiffusion3Pipeline": _stable_diffusion_3,
    "FluxPipeline": _flux,
}


def pipeline_class(folder: Path) -> str:
    """What `model_index.json` names. Raises BaseUnusable when it is no diffusers folder of a known family."""
    if not folder.is_dir():
        raise BaseUnusable(
            f"there is no base model folder {folder}",
            hint="Give a diffusers folder with --base, or leave --base out for the embedded base.",
        )
    index, faults = _index(folder)
    if not isinstance(index, dict) or "_class_name" not in index:
        raise BaseUnusable(
            f"{folder} has no model_index.json that names a pipeline",
            faults=faults,
            hint="Give the folder of a diffusers pipeline, the one `from_pretrained` takes.",
        )
    name = str(index["_class_name"])
    if name not in FAMILIES:
        raise BaseUnusable(
            f"{folder} holds a {name}, a family this version does not know",
            hint=f"Known: {', '.join(FAMILIES)}.",
        )
    return name


def _index(folder: Path) -> tuple[Any, list[str]]:
    try:
        return load_json(folder / "model_index.json"), []
    except RecordDamaged as damaged:
        return None, [damaged.what]


def folder_of(base: Path | None) -> Path:
    """The diffusers folder of a base, whatever it lies in; without one, the base that is shipped."""
    return sources.folder_of(base) if base is not None else EMBEDDED


def load(folder: Path | None = None, device: str = "cpu", *, plain: bool = False) -> ModelFamily:
    """The base that `folder_of` finds; `plain` leaves every optimisation out."""
    folder = folder_of(folder)
    family = FAMILIES[pipeline_class(folder)](folder, device, plain=plain)
    if not family.noise.makes_sense:
        raise BaseUnusable(
            f"the scheduler of {folder} mixes in noise in a way that makes no sense",
            hint="Restore scheduler/scheduler_config.json, or fetch the base again.",
        )
    return family
