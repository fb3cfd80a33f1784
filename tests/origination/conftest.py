"""A few drawings in two hands, a sentence encoder from chance, and a recipe that takes seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handstyle.collection.intake import collect
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.collection.works import Collection
from handstyle.origination import gates
from handstyle.origination.gates import Gate
from handstyle.origination.material import Material
from handstyle.origination.originate import Origination
from handstyle.origination.recipe import BaseRecipe

NAMES = ("ball", "box", "kite", "sun", "moon", "tree", "cup", "hat", "key", "fish")
COLOURS = ("red", "blue", "green", "orange", "purple", "black", "pink", "brown", "teal", "gold")
RIGHTS = """
[[rights]]
works = ["{folder}/*.png"]
author = "{author}"
basis = "open-licence"
licence = "{licence}"
source = "https://example.org/{folder}"
"""


def drawing(number: int, outlined: bool, side: int = 32) -> Image.Image:
    page = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(page)
    place = (4 + number % 3, 4, side - 5, side - 5 - number % 4)
    shape = pen.ellipse if number % 2 else pen.rectangle
    shape(place, fill=COLOURS[number], outline="navy" if outlined else None, width=2)
    return page


@pytest.fixture
def works(tmp_path: Path) -> Path:
    return drawn_into(tmp_path / "works")


def drawn_into(
    folder: Path,
    licence: str = "MIT",
    side: int = 32,
    hands: Sequence[tuple[str, str]] = (("flat", "Ada"), ("inked", "Bo")),
) -> Path:
    """`hands`: folders, and whose works are in them."""
    lines = []
    for outlined, (hand, _) in enumerate(hands):
        (folder / hand).mkdir(parents=True)
        for number, name in enumerate(NAMES):
            drawing(number, bool(outlined), side).save(folder / hand / f"{name}.png")
            lines.append(json.dumps({"file_name": f"{hand}/{name}.png", "text": f"{name}; thing, toy {name}"}))
    (folder / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    texts = [RIGHTS.format(folder=hand, author=author, licence=licence) for hand, author in hands]
    (folder / "rights.toml").write_text("".join(texts), encoding="utf-8")
    return folder


@pytest.fixture
def collection(works: Path) -> Collection:
    return collected(works)


def collected(works: Path) -> Collection:
    return collect(works, rights=read_rights_toml(works / "rights.toml"), validation=0, processes=1)


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the real class, with weights from chance."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("teacher")
    letters = [*"abcdefghijklmnopqrstuvwxyz,", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    BertTokenizerFast(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    return folder


def small_recipe() -> BaseRecipe:
    steps = {"steps": 3, "train_batch_size": 4, "learning_rate": 1e-3, "lr_warmup_steps": 1}
    return BaseRecipe.model_validate(
        {
            "name": "small base",
            "licence": "MIT",
            "teacher_name": "a teacher from chance",
            "resolution": 32,
            "held_out": 0.2,
            "hands": [{"folder": "flat", "phrase": "flat style"}],
            "autoencoder": {
                **steps,
                "block_out_channels": [8, 8],
                "norm_num_groups": 4,
                "latent_channels": 3,
                "crop": 16,
                "polish": {**steps, "steps": 2},
            },
            "text_encoder": {
                **steps, "vocabulary": 560, "hidden_size": 16, "layers": 1, "heads": 2, "positions": 16,
            },
            "denoiser": {
                "grows": True,
                "block_out_channels": [8, 8, 16],
                "attention": [False, False, True],
                "head_width": 8,
                "norm_num_groups": 4,
                "rounds": [
                    {**steps, "resolution": 16, "ema_decay": 0.9},
                    {**steps, "resolution": 32, "ema_decay": 0.9, "beta_schedule": "scaled_linear"},
                ],
            },
        }
    )  # fmt: skip


@pytest.fixture
def recipe() -> BaseRecipe:
    return small_recipe()


@pytest.fixture
def begun(works: Path, collection: Collection, teacher: Path, recipe: BaseRecipe) -> Callable[[Path], Origination]:
    def begin(folder: Path) -> Origination:
        made = Origination(Material(folder, works, collection, recipe, lambda *_: None), teacher, ("boat", "big boat"))
        made.material.claim()
        return made

    return begin


@pytest.fixture(autouse=True)
def few_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    from handstyle.origination import originate

    monkeypatch.setattr(originate, "ENOUGH_TEXTS", 120)
    monkeypatch.setattr(originate, "HELD_OUT_TEXTS", 16)


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps reach no gate."""
    for name in ("AUTOENCODER", "AUTOENCODER_BEFORE_POLISH", "TEXT_ENCODER"):
        monkeypatch.setattr(gates, name, Gate("stage", "measure", 0.0))
    for name in ("WORDS_HELP", "ROUND_HELPS"):
        monkeypatch.setattr(gates, name, Gate("denoiser", "measure", -1000.0))


def finished(made: Origination) -> Path:
    measures: dict[str, str] = {}
    for stage in made.stages():
        measures |= stage.measures
    made.finish(measures, None)
    return made.base


@pytest.fixture
def picture() -> np.ndarray:
    return np.asarray(drawing(1, outlined=True, side=64))
