"""Where from picture to noise do scripts for Stable Diffusion 3 and FLUX.1 learn, and what does an error there count?

A share of noise t that is logit-normal, logit(t) from N(mean, deviation), has a logarithm of signal to noise from
N(-2 mean, 2 deviation), as snr = (1 - t)^2 / t^2: that a recipe can say. A shift s of t adds log(s) to its logit (Esser
et al. 2024, section 5.3.2). Names and defaults: diffusers' examples/dreambooth at 58eb52c, sd-scripts at 48d368f.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from handstyle.finetuning.translation import Translation, number, whole

OWN_SIDE = 1024  # pixels a side, of the bases themselves
MOST_BLOCKS = 200
OTHER_BASES = ("chroma",)  # that flux_train_network.py trains, too
EVENLY = "timesteps are drawn logit-normal here, not like that"
KINDS = {
    "attention": (
        "attn.to_q attn.to_k attn.to_v attn.to_out.0 attn.add_q_proj attn.add_k_proj attn.add_v_proj attn.to_add_out"
    ).split(),
    "feed-forward": "ff.net.0.proj ff.net.2 ff_context.net.0.proj ff_context.net.2".split(),
}


@dataclass(frozen=True)
class FlowBase:
    """In what the scripts for one base differ from those for another."""

    called: str  # kohya's module of low-rank updates
    window: int  # tokens that T5 reads here
    scheme: str  # by which diffusers' scripts draw timesteps where nothing is said
    timesteps: Callable[[Translation], None]  # of kohya's script
    blocks: Mapping[str, str]  # what kohya calls a selection of blocks -> their name here
    learns: tuple[str, ...]  # layers, in diffusers' script, where nothing is said
    more_layers: tuple[str, ...] = ()  # that are feed-forward, too
    shift: float = 1.0  # of the published base's scheduler, where it is one for all sizes
    judges_the_picture: bool = False  # and not the direction: so does diffusers' script where nothing is said
    hears_guidance: bool = False


def of_diffusers(told: Translation, base: FlowBase, longest: int) -> None:
    """`longest` is how many tokens T5 reads where nothing is said."""
    scheme = str(told.given.pop("weighting_scheme", None) or base.scheme)
    mean, deviation = _numbers(told, ("logit_mean", 0.0), ("logit_std", 1.0))
    told.given.pop("mode_scale", None)
    scaled = base.judges_the_picture and _is_on(told, "precondition_outputs", 1)
    if scheme != "logit_normal":
        told.lose("weighting_scheme", scheme, EVENLY)
    elif (mean, deviation) != (0, 1):  # which is what is drawn here
        _logit_normal(told, math.log(base.shift) - mean, deviation)  # a timestep is looked up from the end of a list
        if base.shift != 1:
            told.notes.append(f"logit_mean and logit_std: as of a base whose scheduler shifts by {base.shift:g}")
    _weights(told, ("precondition_outputs", "1"), scheme, scaled)
    _guidance(told, base)
    _window(told, "max_sequence_length", base, longest)


def layers_of_diffusers(told: Translation, base: FlowBase) -> None:
    """Which layers learn: `lora_layers` are ends of their names, `lora_blocks` the numbers of blocks."""
    ends = [end.strip() for end in str(told.given.pop("lora_layers", None) or ",".join(base.learns)).split(",")]
    chosen, unasked = [], []
    for kind, names in {**KINDS, "feed-forward": [*KINDS["feed-forward"], *base.more_layers]}.items():
        left = [name for name in names if not any(name == end or name.endswith(f".{end}") for end in ends)]
        if len(left) < len(names):
            chosen.append(kind)
            unasked += left
    if not chosen:
        told.lose("lora_layers", ",".join(ends), "attention learns")
        return
    told.settings["lora_modules"] = chosen
    if unasked:
        told.lose("lora_layers", ",".join(ends), f"{', '.join(unasked)} learn, too")
    told.take("lora_blocks", "lora_blocks", lambda value: _blocks("transformer_blocks", str(value)))


def of_kohya(told: Translation, base: FlowBase) -> None:
    """After `resolution` is known."""
    if told.given.pop("model_type", None) in OTHER_BASES:
        raise ValueError("model_type names another base than FLUX.1")
    base.timesteps(told)
    _guidance(told, base)
    _window(told, "t5xxl_max_token_length", base, base.window)


def _timesteps_of_sd3(told: Translation) -> None:
    scheme = str(told.given.pop("weighting_scheme", None) or "uniform")
    mean, deviation, shift = _numbers(told, ("logit_mean", 0.0), ("logit_std", 1.0), ("training_shift", 1.0))
    told.given.pop("mode_scale", None)
    if scheme == "logit_normal" and shift > 0:
        _logit_normal(told, mean + math.log(shift), deviation)
    else:
        told.lose("weighting_scheme", scheme, EVENLY)
    _weights(told, ("loss", "of the picture"), scheme, is_scaled=True)


def _timesteps_of_flux(told: Translation) -> None:
    sampling = str(told.given.pop("timestep_sampling", None) or "sigma")
    scheme = str(told.given.pop("weighting_scheme", None) or "uniform")
    mean, deviation = _numbers(told, ("logit_mean", 0.0), ("logit_std", 1.0))
    scale, shift = _numbers(told, ("sigmoid_scale", 1.0), ("discrete_flow_shift", 3.0))
    told.given.pop("mode_scale", None)
    if sampling == "sigmoid":
        _logit_normal(told, 0.0, scale)
    elif sampling == "shift" and shift > 0:
        _logit_normal(told, math.log(shift), scale)
    elif sampling == "flux_shift":
        side = told.settings.get("resolution") or OWN_SIDE
        _logit_normal(told, _shift_by_size(side), scale)
        told.notes.append(f"timestep_sampling = flux_shift: as of squares of {side} pixels")
    elif sampling == "sigma" and scheme == "logit_normal" and shift > 0:
        _logit_normal(told, math.log(shift) - mean, deviation)  # looked up from the end of a list
    else:
        told.lose("timestep_sampling", f"{sampling}, {scheme}", EVENLY)
    if (kind := str(told.given.pop("model_prediction_type", None) or "sigma_scaled")) != "raw":
        told.lose("model_prediction_type", kind, "the network says the direction itself, as with raw")


def _shift_by_size(side: int) -> float:
    """0.5 for 256 tokens of 16 by 16 pixels, 1.15 for 4096, on a straight line (library/flux_train_utils.py)."""
    return 0.5 + ((side // 16) ** 2 - 256) * (1.15 - 0.5) / (4096 - 256)


def blocks_of_kohya(told: Translation, arguments: dict[str, Any], base: FlowBase) -> None:
    """Which blocks learn (networks/lora_flux.py, lora_sd3.py); takes what it reads out of `arguments`."""
    for key in ("verbose", "conv_dim", "conv_alpha"):  # there are no convolutions
        arguments.pop(key, None)
    if str(arguments.pop("split_qkv", False)) != "True":
        told.notes.append("split_qkv: queries, keys and values get an update each, not one together")
    told.lose("network_module", base.called, "layers of modulation do not learn")
    kind = str(arguments.pop("train_blocks", "all"))
    other = {"double": "train_single_block_indices", "single": "train_double_block_indices"}.get(kind, "")
    if other in base.blocks:
        arguments[other] = "none"
    elif kind != "all":
        told.lose("network_args train_blocks", kind)
    told_of = {key: str(arguments.pop(key)) for key in base.blocks if key in arguments}
    try:
        found = [block for key, blocks in base.blocks.items() for block in _blocks(blocks, told_of.get(key, "all"))]
    except ValueError:
        found = []
    if told_of and not found:
        told.lose("network_args", ", ".join(f"{key}={value}" for key, value in told_of.items()), "all blocks learn")
    elif any(value != "all" for value in told_of.values()):
        told.settings["lora_blocks"] = found


def _blocks(name: str, numbers: str) -> list[str]:
    """`0-2,5` becomes four names; `all` is the row of them, `none` nothing."""
    if numbers in ("all", "none", ""):
        return [name] if numbers == "all" else []
    found: list[str] = []
    for part in numbers.split(","):
        first, _, last = part.partition("-")
        start, end = whole(first), whole(last or first)
        if not 0 <= start <= end < MOST_BLOCKS or len(found) > MOST_BLOCKS:
            raise ValueError("there are no such blocks")
        found += [f"{name}.{block}" for block in range(start, end + 1)]
    return found


def _logit_normal(told: Translation, mean: float, deviation: float) -> None:
    """Of the share of noise."""
    log_snr_mean, log_snr_std = round(-2 * mean, 6) + 0.0, round(2 * deviation, 6)
    if abs(log_snr_mean) <= 20 and 0 < log_snr_std <= 20:
        told.settings |= {
            "style_friendly_sampling": True, "log_snr_mean": log_snr_mean, "log_snr_std": log_snr_std
        }  # fmt: skip
    else:
        told.lose("timesteps", f"logit-normal, {mean:g}, {deviation:g}", "out of what a recipe can say")


def _weights(told: Translation, scaling: tuple[str, str], scheme: str, is_scaled: bool) -> None:
    """An error of the picture is t times one of the direction, so its square counts by t^2; by `scaling` it is said."""
    if scheme == "cosmap":
        told.lose("weighting_scheme", scheme, "an error counts alike here, however much noise there is")
    elif is_scaled and scheme != "sigma_sqrt":
        told.lose(*scaling, "an error counts by the square of the share of noise there, and alike here")
    elif scheme == "sigma_sqrt" and not is_scaled:
        told.lose("weighting_scheme", scheme, "an error counts by 1 / the square of the share of noise there")


def _guidance(told: Translation, base: FlowBase) -> None:
    if base.hears_guidance:
        (strength,) = _numbers(told, ("guidance_scale", 3.5))
        if strength != 1:
            told.lose("guidance_scale", f"{strength:g}", "the network is told 1, the strength to learn at")


def _window(told: Translation, key: str, base: FlowBase, unless_told: int) -> None:
    (tokens,) = _numbers(told, (key, unless_told))
    if tokens != base.window:
        told.lose(key, f"{tokens:g}", f"T5 reads {base.window} tokens")


def _is_on(told: Translation, key: str, unless_told: int) -> bool:
    (found,) = _numbers(told, (key, unless_told))
    return bool(found)


def _numbers(told: Translation, *asked: tuple[str, float]) -> tuple[float, ...]:
    """What is said under each key, or what stands beside it; what is no number is told."""
    found = []
    for key, unless_told in asked:
        value = told.given.pop(key, None)
        try:
            found.append(unless_told if value in (None, "") else number(value))
        except ValueError:
            told.lose(key, value)
            found.append(unless_told)
    return tuple(found)


SD3 = FlowBase(
    called="lora_sd3",
    window=256,
    scheme="logit_normal",
    timesteps=_timesteps_of_sd3,
    blocks={"train_block_indices": "transformer_blocks"},
    learns=tuple(KINDS["attention"]),
    shift=3.0,
    judges_the_picture=True,
)
FLUX = FlowBase(
    called="lora_flux",
    window=512,
    scheme="none",
    timesteps=_timesteps_of_flux,
    blocks={
        "train_double_block_indices": "transformer_blocks",
        "train_single_block_indices": "single_transformer_blocks",
    },
    learns=(*KINDS["attention"], *KINDS["feed-forward"]),
    more_layers=("proj_mlp", "proj_out"),  # in blocks that see picture and words as one row
    hears_guidance=True,
)
