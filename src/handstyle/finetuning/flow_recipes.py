"""Where from picture to noise do scripts for Stable Diffusion 3 and FLUX.1 learn, and what does an error there count?

A share of noise t that is logit-normal, logit(t) from N(mean, deviation), has a logarithm of signal to noise from
N(-2 mean, 2 deviation), as snr = (1 - t)^2 / t^2: that a recipe can say. A shift s of t adds log(s) to its logit (Esser
et al. 2024, section 5.3.2). Names and defaults: diffusers' examples/dreambooth at 58eb52c, sd-scripts at 48d368f.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from handstyle.finetuning.translation import Translation, number, whole

FlowBase = Literal["sd3", "flux"]
SHIFT_OF_SD3 = 3.0  # of the published bases, in their schedulers; FLUX.1's depends on the size, and is for drawing
OWN_SIDE = 1024  # pixels a side, of the bases themselves
T5_WINDOW = {"sd3": 256, "flux": 512}
EVENLY = "timesteps are drawn logit-normal here, not like that"
KINDS = {
    "attention": (
        "attn.to_q attn.to_k attn.to_v attn.to_out.0 attn.add_q_proj attn.add_k_proj attn.add_v_proj attn.to_add_out"
    ).split(),
    "feed-forward": "ff.net.0.proj ff.net.2 ff_context.net.0.proj ff_context.net.2".split(),
}
OF_SINGLE_BLOCKS = ["proj_mlp", "proj_out"]  # FLUX.1's feed-forward in blocks that see picture and words as one row
LEARNS = {"sd3": KINDS["attention"], "flux": [*KINDS["attention"], *KINDS["feed-forward"]]}  # unless told otherwise


def of_diffusers(told: Translation, base: FlowBase, longest: int) -> None:
    """`longest` is how many tokens T5 reads where nothing is said."""
    scheme = str(told.given.pop("weighting_scheme", None) or {"sd3": "logit_normal", "flux": "none"}[base])
    mean, deviation = _numbers(told, ("logit_mean", 0.0), ("logit_std", 1.0))
    told.given.pop("mode_scale", None)
    scaled = base == "sd3" and _is_on(told, "precondition_outputs", 1)
    if scheme != "logit_normal":
        told.lose("weighting_scheme", scheme, EVENLY)
    elif base == "flux" and (mean, deviation) != (0, 1):
        _logit_normal(told, -mean, deviation)  # a timestep is looked up from the end of a list
    elif (mean, deviation) != (0, 1):
        _logit_normal(told, math.log(SHIFT_OF_SD3) - mean, deviation)
        told.notes.append(f"logit_mean and logit_std: as of a base whose scheduler shifts by {SHIFT_OF_SD3:g}")
    _weights(told, ("precondition_outputs", "1"), scheme, scaled)
    _guidance(told, base)
    _window(told, "max_sequence_length", base, longest)


def layers_of_diffusers(told: Translation, base: FlowBase) -> None:
    """Which layers learn: `lora_layers` are ends of their names, `lora_blocks` the numbers of blocks."""
    ends = [end.strip() for end in str(told.given.pop("lora_layers", None) or ",".join(LEARNS[base])).split(",")]
    single = OF_SINGLE_BLOCKS if base == "flux" else []
    chosen, unasked = [], []
    for kind, names in {**KINDS, "feed-forward": [*KINDS["feed-forward"], *single]}.items():
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
    if str(told.given.pop("model_type", None) or "flux") != "flux":
        raise ValueError("model_type names another base than FLUX.1")
    scheme = str(told.given.pop("weighting_scheme", None) or "uniform")
    mean, deviation = _numbers(told, ("logit_mean", 0.0), ("logit_std", 1.0))
    told.given.pop("mode_scale", None)
    if base == "sd3":
        (shift,) = _numbers(told, ("training_shift", 1.0))
        if scheme == "logit_normal" and shift > 0:
            _logit_normal(told, mean + math.log(shift), deviation)
        else:
            told.lose("weighting_scheme", scheme, EVENLY)
        _weights(told, ("loss", "of the picture"), scheme, is_scaled=True)
    else:
        _timesteps_of_flux(told, scheme, mean, deviation)
        if (kind := str(told.given.pop("model_prediction_type", None) or "sigma_scaled")) != "raw":
            told.lose("model_prediction_type", kind, "the network says the direction itself, as with raw")
    _guidance(told, base)
    _window(told, "t5xxl_max_token_length", base, T5_WINDOW[base])


def _timesteps_of_flux(told: Translation, scheme: str, mean: float, deviation: float) -> None:
    sampling = str(told.given.pop("timestep_sampling", None) or "sigma")
    scale, shift = _numbers(told, ("sigmoid_scale", 1.0), ("discrete_flow_shift", 3.0))
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


def _shift_by_size(side: int) -> float:
    """0.5 for 256 tokens of 16 by 16 pixels, 1.15 for 4096, on a straight line (library/flux_train_utils.py)."""
    return 0.5 + ((side // 16) ** 2 - 256) * (1.15 - 0.5) / (4096 - 256)


def blocks_of_kohya(told: Translation, arguments: dict[str, Any], base: FlowBase) -> None:
    """Which blocks learn (networks/lora_flux.py, lora_sd3.py); takes what it reads out of `arguments`."""
    for key in ("verbose", "conv_dim", "conv_alpha"):  # there are no convolutions
        arguments.pop(key, None)
    if str(arguments.pop("split_qkv", False)) != "True":
        told.notes.append("split_qkv: queries, keys and values get an update each, not one together")
    told.lose("network_module", f"lora_{base}", "layers of modulation do not learn")
    keys = {"train_block_indices": "transformer_blocks"}
    if base == "flux":
        keys = {"train_double_block_indices": "transformer_blocks"}
        keys["train_single_block_indices"] = "single_transformer_blocks"
        kind = str(arguments.pop("train_blocks", "all"))
        if kind in ("single", "double"):
            other = "train_double_block_indices" if kind == "single" else "train_single_block_indices"
            arguments[other] = "none"
        elif kind != "all":
            told.lose("network_args train_blocks", kind)
    told_of = {key: str(arguments.pop(key)) for key in keys if key in arguments}
    try:
        found = [block for key, blocks in keys.items() for block in _blocks(blocks, told_of.get(key, "all"))]
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
    found = []
    for part in numbers.split(","):
        first, _, last = part.partition("-")
        start, end = whole(first), whole(last or first)
        if not 0 <= start <= end < 200:
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
    if base == "flux":
        (strength,) = _numbers(told, ("guidance_scale", 3.5))
        if strength != 1:
            told.lose("guidance_scale", f"{strength:g}", "the network is told 1, the strength to learn at")


def _window(told: Translation, key: str, base: FlowBase, unless_told: int) -> None:
    (tokens,) = _numbers(told, (key, unless_told))
    if tokens != T5_WINDOW[base]:
        told.lose(key, f"{tokens:g}", f"T5 reads {T5_WINDOW[base]} tokens")


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
