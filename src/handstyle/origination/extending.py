"""What does a base that goes on learning take from the one before?

Everything but what its denoiser learns from now on: the recipe begins with the earlier one, and the first further round
with the earlier weights, as they were given to others.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from handstyle import digests
from handstyle.collection.works import Collection
from handstyle.diffusion.checkpoints import read_tensors
from handstyle.errors import UsageMistake
from handstyle.origination import autoencoder
from handstyle.origination.base_folder import DENOISER, ENCODER, WEIGHTS, WORDS
from handstyle.origination.card import Effort
from handstyle.origination.growing import PART
from handstyle.origination.recipe import BaseRecipe

MEASURE = re.compile(r"^\| (?P<name>[^|]+) \| (?P<value>[^|]+) \|$", re.MULTILINE)
EFFORT = re.compile(r"\| (?P<network>[^|]+) \| (?P<steps>[\d,]+) \| (?P<pictures>[\d,]+) \| (?P<hours>[\d.]+) \|")

BESIDE = ("recipe.toml", "credits.jsonl", "ORIGIN.md")  # the weights


@dataclass(frozen=True)
class Earlier:
    """A finished base of the same works."""

    folder: Path

    @cached_property
    def recipe(self) -> BaseRecipe:
        return BaseRecipe.from_toml(self.folder / "recipe.toml")

    @property
    def rounds(self) -> int:
        return len(self.recipe.denoiser.rounds)

    @cached_property
    def digest(self) -> str:
        return digests.of_file(self._denoiser)

    @property
    def _denoiser(self) -> Path:
        return self.folder / DENOISER / WEIGHTS

    def checked(self, recipe: BaseRecipe, collection: Collection) -> Earlier:
        """Itself. Raises UsageMistake unless it was made here, of the same works, and `recipe` only adds rounds."""
        missing = [name for name in BESIDE if not (self.folder / name).is_file()]
        if missing:
            raise UsageMistake(
                f"{self.folder} is no base that was made here: it has no {' and no '.join(missing)}",
                hint="Name the folder `base` that `handstyle originate base` left.",
            )
        further = recipe.denoiser.rounds[self.rounds :]
        own = self.recipe.denoiser.model_copy(update={"rounds": self.recipe.denoiser.rounds + further})
        expected = self.recipe.model_copy(update={"name": recipe.name, "denoiser": own})
        if not further or recipe != expected:
            raise UsageMistake(
                f"the recipe is not that of {self.folder} with further rounds",
                hint=f"Take {self.folder / 'recipe.toml'}, add [[denoiser.rounds]] at its end, name it with --recipe.",
            )
        lines = (self.folder / "credits.jsonl").read_text(encoding="utf-8").splitlines()
        if {json.loads(line)["pixels_sha256"] for line in lines} != {work.pixels_sha256 for work in collection.works}:
            raise UsageMistake(
                f"{self.folder} was made of other works",
                hint="Collect the works that its credits.jsonl names, or make a new base without --extend.",
            )
        return self

    def hand_over(self, base: Path) -> None:
        """Autoencoder, words and denoiser, for `base` to begin with."""
        for part in (ENCODER, WORDS, "tokenizer", "scheduler", DENOISER):
            shutil.copytree(self.folder / part, base / part, dirs_exist_ok=True)
        shutil.copyfile(self.folder / "model_index.json", base / "model_index.json")

    def psnr(self, pixels_NHWC: np.ndarray) -> float:
        """Of works through its autoencoder, in dB."""
        from diffusers import AutoencoderKL

        network = AutoencoderKL.from_pretrained(self.folder / ENCODER, torch_dtype=torch.float32)
        return autoencoder.psnr(network.eval().requires_grad_(False), pixels_NHWC)

    def denoiser(self) -> dict[str, Tensor]:
        """By the names that finetuning gives them, in fp32."""
        return {PART + name: tensor.float() for name, tensor in read_tensors(self._denoiser)[0].items()}

    def efforts(self) -> list[Effort]:
        """What it took, from the table of its card."""
        rows = EFFORT.finditer((self.folder / "ORIGIN.md").read_text(encoding="utf-8"))
        return [
            Effort(
                network=row["network"],
                steps=int(row["steps"].replace(",", "")),
                pictures=int(row["pictures"].replace(",", "")),
                hours=float(row["hours"]),
            )
            for row in rows
        ]

    def measures(self, names: tuple[str, ...]) -> dict[str, str]:
        """What its card says of what stays as it is: the rows whose names begin so."""
        rows = MEASURE.finditer((self.folder / "ORIGIN.md").read_text(encoding="utf-8"))
        return {row["name"]: row["value"] for row in rows if row["name"].startswith(names)}

    @property
    def words(self) -> str:
        """For the card."""
        return (
            f"Autoencoder, text encoder and the first {self.rounds} rounds of the denoiser are those of "
            f"{self.recipe.name}; what follows went on from its weights in bfloat16 (sha256 {self.digest})."
        )
