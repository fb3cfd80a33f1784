"""A base model that is damaged, strange or set as a trap: is it refused, and nothing run that came in a file?"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile.case import Case, End, Ended, Place, Words, refused
from tests.hostile.shelf import put_workspace

Damage = Callable[[Path], object]
UNET, VAE, CLIP = (
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/model.safetensors",
)
TRAPPED = "the trap was sprung"


class Trap:
    """What a pickle can do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (TRAPPED,))


def based(name: str, damage: Damage, ends: End, verb: str = "generate") -> Case:
    """A copy of a tiny base, damaged."""

    def make(place: Place) -> Words:
        put_workspace(place.shelf.collected, place.shelf.works, place)
        base = place.given / "base"
        shutil.copytree(place.shelf.base, base)
        damage(base)
        words = {"generate": ["generate", "a boat", "--steps", 1, "--style", "none"], "encode": ["encode"]}[verb]
        return [*words, "--base", base, "-w", place.workspace]

    def check(ended: Ended) -> None:
        ends(ended)
        assert not Path(TRAPPED).exists(), "code that came in a file was run"

    return Case(name, make, check, ("current.json", "*.lock", "cache", "cache/*", "pictures/*"))


def draws(ended: Ended) -> None:
    assert ended.code == 0, ended.words
    assert len(ended.told["pictures"]) == 1


def to(name: str, data: bytes | str) -> Damage:
    def write(base: Path) -> None:
        (base / name).parent.mkdir(exist_ok=True)
        (base / name).write_bytes(data.encode() if isinstance(data, str) else data)

    return write


def gone(name: str) -> Damage:
    return lambda base: shutil.rmtree(base / name) if (base / name).is_dir() else (base / name).unlink()


def edited(name: str, **changes: Any) -> Damage:
    def edit(base: Path) -> None:
        record = json.loads((base / name).read_bytes())
        (base / name).write_text(json.dumps({**record, **changes}), encoding="utf-8")

    return edit


def tensors(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Damage:
    def rewrite(base: Path) -> None:
        from safetensors.torch import load_file, save_file

        found = change(load_file(base / name))
        save_file(found, base / name, {"format": "pt"})

    return rewrite


def largest(found: dict[str, Any], begins: str = "") -> str:
    return max((name for name in found if name.startswith(begins)), key=lambda name: found[name].numel())


def filled(value: float, begins: str = "") -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The largest tensor whose name begins like this, times a number."""
    return lambda found: {**found, largest(found, begins): found[largest(found, begins)] * value}


def pickled(base: Path) -> None:
    for name in (UNET, VAE, CLIP):
        (base / name).write_bytes(pickle.dumps(Trap()))


def pickled_beside(base: Path) -> None:
    for name in (UNET, VAE, CLIP):
        (base / name).with_suffix(".bin").write_bytes(pickle.dumps(Trap()))


def only_pickled(base: Path) -> None:
    pickled_beside(base)
    for name in (UNET, VAE, CLIP):
        (base / name).unlink()


def with_code(base: Path) -> None:
    """Code beside a configuration that asks for it, as `trust_remote_code` would run it."""
    code = f"import os\nos.mkdir({TRAPPED!r})\n"
    for part in ("unet", "vae", "text_encoder", "tokenizer", "."):
        (base / part / "trap.py").write_text(code)
    for part in ("unet/config.json", "vae/config.json", "text_encoder/config.json", "tokenizer/tokenizer_config.json"):
        edited(
            part, auto_map={"AutoModel": "trap.Trap", "AutoConfig": "trap.Trap", "AutoTokenizer": ["trap.Trap", None]}
        )(base)
    edited("model_index.json", unet=["trap", "Trap"])(base)


def sharded(shard: str) -> Damage:
    """An index of shards in place of the weights."""

    def split(base: Path) -> None:
        (base / UNET).rename(base / "unet" / "one.safetensors")
        index = {"metadata": {}, "weight_map": {"conv_in.weight": shard}}
        (base / f"{UNET}.index.json").write_text(json.dumps(index))

    return split


def linked(name: str, target: str) -> Damage:
    def link(base: Path) -> None:
        (base / name).unlink()
        (base / name).symlink_to(target)

    return link


NOT_WHOLE = refused("is not a whole diffusers folder")
UNLOADABLE = refused("could not be loaded")
NO_INDEX = refused("model_index.json")
NO_NUMBERS = refused("not a number")
CASES: list[Case] = [
    based("whole", lambda base: None, draws),
    based("no index", gone("model_index.json"), NO_INDEX),
    based("an index of nothing", to("model_index.json", ""), NO_INDEX),
    based("an index of lists without an end", to("model_index.json", "[" * 100_000), NO_INDEX),
    based("an index that is a list", to("model_index.json", "[]"), NO_INDEX),
    based("an index without a class", to("model_index.json", '{"_class": "x"}'), NO_INDEX),
    based("an index of another class", edited("model_index.json", _class_name="KolorsPipeline"),
            refused("holds a KolorsPipeline")),
    based("an index of a class that is a table", edited("model_index.json", _class_name={"a": 1}),
            refused("a family this version does not know")),
    *(based(f"no {name}", gone(name), NOT_WHOLE)
            for name in (UNET, VAE, CLIP, "unet", "tokenizer", "scheduler", "vae/config.json")),
    *(based(f"{name} of nothing", to(name, b""), NOT_WHOLE) for name in (UNET, VAE, CLIP)),
    based("weights cut", lambda base: to(UNET, (base / UNET).read_bytes()[:-9])(base), NOT_WHOLE),
    based("weights with something behind them", lambda base: to(UNET, (base / UNET).read_bytes() + b"\0")(base),
            NOT_WHOLE),
    based("weights with a header up to the end of the world", to(UNET, struct.pack("<Q", 2**63)), NOT_WHOLE),
    based("weights with a header of lists without an end", to(UNET, struct.pack("<Q", 100_000) + b"[" * 100_000),
            NOT_WHOLE),
    based("weights that are a folder", lambda base: (gone(UNET)(base), (base / UNET).mkdir()), NOT_WHOLE),
    based("weights that are a device without an end", linked(UNET, "/dev/zero"), NOT_WHOLE),
    based("weights that are a link to themselves", linked(UNET, Path(UNET).name), NOT_WHOLE),
    based("weights that are a pickle", pickled, NOT_WHOLE),
    based("pickles in place of weights", only_pickled, NOT_WHOLE),
    based("pickles beside weights", pickled_beside, draws),
    based("code that asks to be run", with_code, draws),
    based("shards that are not there", sharded("two.safetensors"), NOT_WHOLE),
    based("shards elsewhere", sharded("../../../../etc/passwd"), NOT_WHOLE),
    based("a tensor missing", tensors(UNET, lambda found: {n: t for n, t in found.items() if n != largest(found)}),
            UNLOADABLE),
    based("a tensor of the words missing",
            tensors(CLIP, lambda found: {n: t for n, t in found.items() if n != largest(found)}), UNLOADABLE),
    based("no tensors", tensors(VAE, lambda found: {}), UNLOADABLE),
    based("a tensor of another shape",
            tensors(UNET, lambda found: {**found, largest(found): found[largest(found)][:1].clone()}), UNLOADABLE),
    based("a tensor nobody knows", tensors(UNET, lambda found: {**found, "more": found[largest(found)][:1].clone()}),
            draws),
    based("weights that are no numbers, in the network", tensors(UNET, filled(float("nan"))), NO_NUMBERS),
    based("weights without an end, in the network", tensors(UNET, filled(float("inf"))), NO_NUMBERS),
    based("weights that are no numbers, in the decoder", tensors(VAE, filled(float("nan"))), NO_NUMBERS),
    based("weights that are no numbers, in the words", tensors(CLIP, filled(float("nan"))), NO_NUMBERS),
    based("weights that are no numbers, in the words, to encode", tensors(CLIP, filled(float("nan"))), NO_NUMBERS,
            "encode"),
    based("weights that are no numbers, in the encoder", tensors(VAE, filled(float("nan"), "encoder.")), NO_NUMBERS,
            "encode"),
    *(
        based(f"{name} {what}", to(name, content), NOT_WHOLE)
        for name in ("unet/config.json", "vae/config.json", "text_encoder/config.json",
                "scheduler/scheduler_config.json")
        for what, content in {"that is no JSON": "{", "of lists without an end": "[" * 100_000,
                "that is a list": "[]"}.items()
    ),
    *(
        based(f"{name} of lists without an end", to(name, "[" * 100_000), UNLOADABLE)
        for name in ("tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json")
    ),
    based("a tokenizer that is a list", to("tokenizer/tokenizer.json", "[]"), UNLOADABLE),
    based("a network of another class", edited("unet/config.json", _class_name="AutoencoderKL"), draws),
    based("a network of layers nobody knows", edited("unet/config.json", down_block_types=["MagicBlock2D"] * 2),
            UNLOADABLE),
    based("a network of a million channels", edited("unet/config.json", block_out_channels=[10**6, 10**6]),
            UNLOADABLE),
    based("a network of less than nothing", edited("unet/config.json", block_out_channels=[-32, -64]), UNLOADABLE),
    based("a network of words", edited("unet/config.json", block_out_channels="wide"), UNLOADABLE),
    based("a network of no size", edited("unet/config.json", sample_size=0), refused("width: ", 2)),
    based("a text encoder of another class",
            edited("text_encoder/config.json", model_type="bert", architectures=["BertModel"]), draws),
    based("a text encoder of other words", edited("text_encoder/config.json", vocab_size=7), UNLOADABLE),
    # Found by fuzzing: a library refuses it with an error of its own, which is neither a TypeError nor a ValueError.
    based("a text encoder whose numbers are of another type", edited("text_encoder/config.json", layer_norm_eps=8388),
            UNLOADABLE),
    # Found by fuzzing: all of these were loaded, and something in the middle of a picture could not be computed.
    *(based(f"{name} with {key} of {value!r}", edited(name, **{key: value}), refused(words))
        for name, key, value, words in [
            ("tokenizer/tokenizer_config.json", "model_max_length", "many", "could not be loaded"),
            ("unet/config.json", "freq_shift", "a", "cannot compute"),
            ("unet/config.json", "sample_size", "large", "cannot compute"),
            ("vae/config.json", "scaling_factor", [1], "cannot compute"),
            ("vae/config.json", "shift_factor", "a", "cannot compute"),
            ("scheduler/scheduler_config.json", "timestep_spacing", "tr", "cannot be walked"),
        ]),
    based("a scheduler that cuts off at two thousand million times its quantile",
            edited("scheduler/scheduler_config.json", thresholding=True, dynamic_thresholding_ratio=2147483648),
            refused("cannot be walked")),
    based("a scheduler of no steps", edited("scheduler/scheduler_config.json", num_train_timesteps=0), UNLOADABLE),
    based("a scheduler that goes backwards", edited("scheduler/scheduler_config.json", trained_betas=[2.0] * 1000),
            refused("mixes in noise")),
    based("a scheduler that predicts the picture", edited("scheduler/scheduler_config.json", prediction_type="sample"),
            refused("predicts `sample`")),
    based("a tokenizer of other words",
            to("tokenizer/tokenizer.json", '{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}'),
            UNLOADABLE),
    based("a tokenizer of a limit of nought", edited("tokenizer/tokenizer_config.json", model_max_length=0),
            refused("do not belong to each other")),
    based("a tokenizer that is a folder of nothing",
            lambda base: (gone("tokenizer")(base), (base / "tokenizer").mkdir()),
            refused("do not belong to each other")),
    based("a card that is no TOML", to("handstyle.toml", "name = "), refused("handstyle.toml cannot be read")),
    based("a card with a key nobody knows", to("handstyle.toml", 'licens = "MIT"'), refused("did you mean `licence`?")),
    based("a card whose steps are a word", to("handstyle.toml", 'name = "a"\nnum_inference_steps = "many"'),
            refused("num_inference_steps: ")),
    based("a card with a key of a hundred thousand parts", to("handstyle.toml", "a" + ".a" * 100_000 + " = 1"),
            refused("handstyle.toml cannot be read")),
]  # fmt: skip
