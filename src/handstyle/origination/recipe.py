"""Which choices make a base, from the works to the last step?

Frozen, complete, and read from one TOML file; presets stand beside this file.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from handstyle.errors import RecipeInvalid
from handstyle.finetuning.duration import Duration
from handstyle.finetuning.recipe import OrNone, Recipe, Scheduler, Words
from handstyle.records import Record, later, load_toml

PRESETS = Path(__file__).parent / "presets"


class Hand(Record):
    """One folder among the works, and the words that are to call this hand."""

    folder: str
    phrase: Words = Field(min_length=1)


def folder_of(work: str) -> str:
    """The folder in which a work of this name lies: its hand."""
    return work.rpartition("/")[0]


class Learning(Record):
    """How one network learns: the part of a finetuning recipe that says so, under the same names."""

    steps: int = Field(ge=1)
    train_batch_size: int = Field(default=32, ge=1, le=4096)
    learning_rate: float = Field(gt=0)
    lr_scheduler: Scheduler = "cosine"
    lr_warmup_steps: int = Field(default=100, ge=0)
    adam_beta2: float = Field(default=0.99, ge=0, lt=1)
    adam_weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    ema_decay: float = Field(default=0.0, ge=0, lt=1)

    def as_recipe(self, seed: int, **more: Any) -> Recipe:
        return Recipe(
            method="full",
            max_train=Duration(count=self.steps, unit="steps"),
            seed=seed,
            **{name: getattr(self, name) for name in Learning.model_fields if name != "steps"},
            **more,
        )


class AutoencoderRecipe(Learning):
    """An `AutoencoderKL` that learns on crops. Equivariance: Kouzelis et al. 2025 (EQ-VAE), section 3.2."""

    block_out_channels: tuple[int, ...] = (32, 64, 128, 128)
    latent_channels: int = Field(default=4, ge=1, le=64)
    norm_num_groups: int = Field(default=16, ge=1)
    crop: int = Field(default=64, ge=8, description="pixels, a side")
    latent_noise: float = Field(default=0.05, ge=0, description="added to latents; in units of theirs")
    mean_penalty: float = Field(default=1e-3, ge=0, description="on the square of latents: keeps them near 1")
    edge_weight: float = Field(default=1.0, ge=0)
    equivariance_share: float = Field(default=0.25, ge=0, le=1, description="of batches decoded at another scale")
    polish: Learning | None = Field(default=None, description="the decoder alone, on whole pictures, afterwards")


class TextEncoderRecipe(Learning):
    """A `CLIPTextModel` that learns to say what a sentence encoder says (cosine and contrast)."""

    vocabulary: int = Field(default=8192, ge=300)
    hidden_size: int = Field(default=256, ge=16)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    positions: int = Field(default=32, ge=8)
    temperature: float = Field(default=0.05, gt=0)
    identifiers: int = Field(default=16, ge=0, description="tokens that mean nothing yet: <s1>, <s2>, ...")


class Round(Learning):
    """Some steps of the denoiser at one size."""

    resolution: int = Field(ge=16, description="pixels, a side")
    snr_gamma: Annotated[float | None, *OrNone] = Field(default=5.0, gt=0, description='min-SNR; "none" for none')
    beta_schedule: Literal["squaredcos_cap_v2", "scaled_linear"] = Field(
        default="squaredcos_cap_v2", description="how noise grows; larger pictures need more of it"
    )
    unknown_hand: float = later(
        0.0, ge=0, le=1, description="share of pictures whose hand is called by words that nobody knows"
    )


class DenoiserRecipe(Record):
    """A `UNet2DConditionModel` that learns v, in rounds of growing size."""

    grows: bool = Field(default=False, description="rounds of half the size do without the outermost level")
    block_out_channels: tuple[int, ...] = (96, 192, 288)
    attention: tuple[bool, ...] = (False, True, True)
    layers_per_block: int = Field(default=1, ge=1)
    head_width: int = Field(default=32, ge=8)
    norm_num_groups: int = Field(default=32, ge=1)
    rounds: tuple[Round, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _grows(self) -> DenoiserRecipe:
        sizes = [part.resolution for part in self.rounds]
        if sizes != sorted(sizes):
            raise ValueError("rounds go from small pictures to large ones")
        if len(self.attention) != len(self.block_out_channels):
            raise ValueError("attention says of each level whether it attends")
        return self


class WordsRecipe(Record):
    """How a work is described, anew each time: shares of what is said and what is left out."""

    keywords: float = Field(default=0.3, ge=0, le=1, description="share that says keywords instead of the name")
    templates: float = Field(default=0.2, ge=0, le=1)
    no_phrase: float = Field(default=0.12, ge=0, le=1)
    no_attributes: float = Field(default=0.5, ge=0, le=1)
    no_content: float = Field(default=0.03, ge=0, le=1)
    nothing: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _without_what_has_no_effect(cls, data: Any) -> Any:
        # Recipes of finished bases, the shipped one among them, still give a number of `variants`.
        return {name: value for name, value in data.items() if name != "variants"} if isinstance(data, dict) else data


class PicturesRecipe(Record):
    """What is shown besides the works as they are: each made from them alone, and described as what it shows."""

    recoloured: int = Field(default=1, ge=0, description="of each work, with its hues turned")
    in_company: float = Field(default=0.5, ge=0, description="pictures of two works of one hand, per work")
    on_colour: float = Field(default=0.2, ge=0, description="works on a flat colour, per work")
    mirrored: bool = Field(default=True, description="every second time, but for what has letters or a side")


class BaseRecipe(Record):
    """Every choice that decides what a base draws."""

    name: str = Field(min_length=1)
    licence: str = Field(default="", description="of the weights, as SPDX names it; empty: what the works ask for")
    teacher_name: str = Field(default="", description="for the card; empty: the name of the teacher's folder")
    resolution: int = Field(default=128, ge=16, description="pixels, a side")
    held_out: float = Field(default=0.05, ge=0, lt=0.5, description="share of each hand's works that is never learnt")
    seed: int = 0
    hands: tuple[Hand, ...] = ()  # a folder that is not named is called `<folder> style`
    words: WordsRecipe = WordsRecipe()
    pictures: PicturesRecipe = PicturesRecipe()
    autoencoder: AutoencoderRecipe
    text_encoder: TextEncoderRecipe
    denoiser: DenoiserRecipe

    @model_validator(mode="after")
    def _grows_level_by_level(self) -> BaseRecipe:
        sizes = [part.resolution for part in self.denoiser.rounds]
        doubles = all(after in (before, 2 * before) for before, after in pairwise(sizes))
        if self.denoiser.grows and not (doubles and sizes[-1] == self.resolution):
            raise ValueError(
                "a denoiser that grows has rounds as large as the one before or twice, up to the base's size"
            )
        return self

    def phrase_of(self, folder: str) -> str:
        """The words that call the hand of a folder."""
        given = {hand.folder: hand.phrase for hand in self.hands}
        words = " ".join(re.findall(r"[^\W_]+", folder)) or "our"
        return given.get(folder, f"{words} style")

    @classmethod
    def from_toml(cls, path: Path) -> BaseRecipe:
        return cls.read(load_toml(path, RecipeInvalid), where=str(path), error=RecipeInvalid)


def named(preset: str) -> BaseRecipe:
    """A preset that stands beside this file."""
    known = sorted(path.stem for path in PRESETS.glob("*.toml"))
    if preset not in known:
        raise RecipeInvalid(f"there is no recipe `{preset}` for a base", hint=f"Choose one of: {', '.join(known)}.")
    return BaseRecipe.from_toml(PRESETS / f"{preset}.toml")
