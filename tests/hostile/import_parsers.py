"""Which parsers read what other tools have written: data sets, and settings of their training?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.hostile import mutations
from tests.hostile.bench import Bench, Maker, of_one_file
from tests.hostile.mutations import Mutation

KOHYA_SET = b"""
[general]
caption_extension = ".txt"
shuffle_caption = true
[[datasets]]
resolution = [512, 768]
[[datasets.subsets]]
image_dir = "one"
num_repeats = 10
caption_prefix = "hndst"
[[datasets.subsets]]
image_dir = "two"
class_tokens = "a drawing"
conditioning_data_dir = "one"
is_reg = false
"""
CONCEPTS = b"""[
{"name": "one", "path": "one", "balancing": 2.5, "include_subdirectories": true, "text": {"prompt_source": "sample"}},
{"path": "two", "balancing": 10, "balancing_strategy": "SAMPLES", "text": {"prompt_source": "filename"}, "image": {}}
]"""
KOHYA = b"""
[training]
pretrained_model_name_or_path = "x"
network_dim = 16
network_args = ["conv_dim=8", "conv_alpha=4"]
optimizer_type = "Prodigy"
optimizer_args = ["betas=0.9,0.99", "eps=1e-8"]
lr_warmup_steps = 0.1
max_train_steps = 100
resolution = "512,768"
text_encoder_lr = [1e-5]
min_snr_gamma = 5
"""
SHELL = b"""export RANK=8
accelerate launch --mixed_precision fp16 train_dreambooth_lora.py \\
  --rank=$RANK --learning_rate=1e-4 --instance_prompt "a dog" --max_train_steps 10 --seed="0" && echo done
"""


def data_set(name: str, example: bytes, mutate: Mutation) -> Maker:
    """Whatever it says, it becomes a collection or is refused, and nothing is changed."""

    def make(folder: Path) -> Bench:
        from tests.hostile.png import GOOD

        from handstyle.collection.intake import collect
        from handstyle.collection.rights import own_work
        from handstyle.collection.rights_plan import for_all

        given = folder / "given"
        for place in ("one", "two"):
            (given / place).mkdir(parents=True)
        (given / "one" / "boat.png").write_bytes(GOOD)
        (given / "one" / "boat.txt").write_text("a boat\n", encoding="utf-8")

        def read() -> object:
            collect(given / name, rights=for_all(own_work("Ada")), validation=None)
            return None

        return Bench([example], (given / name).write_bytes, read, given, mutate)

    return make


def settings(name: str, example: bytes, mutate: Mutation) -> Maker:
    """Whatever it says, it becomes a recipe that can be read again, or is refused."""

    def read(path: Path) -> object:
        from handstyle.finetuning.foreign_recipes import as_file, translated
        from handstyle.finetuning.recipe import Recipe
        from handstyle.records import toml_in

        found = translated(path)
        assert Recipe.read(toml_in(as_file(found, path.name)), where="") == found.recipe
        return None

    return of_one_file(name, [example], read, mutate)


linewise: Callable[..., bytes] = mutations.partwise(mutations.lines_of, b"".join)

imports: dict[str, Maker] = {
    "kohya-sets": data_set("set.toml", KOHYA_SET, mutations.tomlwise),
    "concepts": data_set("concepts.json", CONCEPTS, mutations.jsonwise),
    "kohya-settings": settings("config.toml", KOHYA, mutations.tomlwise),
    "command-lines": settings("train.sh", SHELL, linewise),
}
