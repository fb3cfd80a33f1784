"""What comes out of a run, and what was it made from?"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from handstyle import digests
from handstyle.errors import RecordDamaged
from handstyle.finetuning.recipe import Recipe
from handstyle.records import Record, later

DIGEST = "^[0-9a-f]{64}$"
RECORD, WEIGHTS = "style.json", "style.safetensors"


def stands_on(base: str, origin: str) -> str:
    """What is trained, as a permission may name it by digest: a base, and with `origin` another than it, as a file of
    another tool has changed it."""
    return digests.of_json([base, origin]) if origin else base


class BaseIdentity(Record):
    """The base model a style was trained on."""

    name: str
    family: str = Field(min_length=1)
    sha256: str = Field(pattern=DIGEST)  # of tensors, configurations and vocabulary
    licence: str
    source: str = ""


class Continuation(Record):
    """From here on a run was in another environment than before."""

    step: int  # steps done before
    environment: dict[str, str]


class Renaming(Record):
    """Once it was called otherwise. How, only the keeper's log knows, and shows nobody."""

    on: date
    withdrew_identifier: bool  # the word it was trained with is not told any more; it still calls the style


class TrainedStyle(Record):
    """Weights and the lineage that made them. `tensors` is `digests.of_tensor_file` of the weights beside it.

    The weights are named as PEFT names them inside diffusers: `unet.<module>.lora_A.weight` and so on for
    low-rank updates, `unet.<parameter>` for a full finetuning, `text_encoder.…` likewise.
    """

    format: Literal["handstyle/style/1"] = "handstyle/style/1"
    name: str
    base: BaseIdentity
    collection: str = Field(pattern=DIGEST)
    number_of_works: int
    class_images: str = Field(default="", pattern=f"{DIGEST}|^$")  # their collection, where somebody gave a folder
    recipe: Recipe
    steps: int
    resolution: int
    tensors: str = Field(pattern=DIGEST)
    environment: dict[str, str]  # in which the run began
    continued: tuple[Continuation, ...] = ()
    renamed: tuple[Renaming, ...] = ()
    involvement: str = ""  # whose works, and whether anybody was asked: `collection.involvement`
    # What a repetition needs to know besides, and what this style stands in for.
    plain: bool = False
    extends: str = ""
    replaces: str = ""  # the tensors that were trained with works since withdrawn
    origin: str = later("", pattern=f"{DIGEST}|^$")  # a file of another tool that training went on from

    @classmethod
    def open(cls, folder: Path) -> TrainedStyle:
        """The style in `folder`, its weights checked against its record. Raises RecordDamaged."""
        style = cls.load(folder / RECORD)
        if digests.of_tensor_file(folder / WEIGHTS) != style.tensors:
            raise RecordDamaged(
                f"{folder / WEIGHTS} does not hold the tensors its record names",
                hint="Finetune again, or restore the file.",
            )
        return style

    @property
    def stands_on(self) -> str:
        return stands_on(self.base.sha256, self.origin)

    @property
    def template(self) -> str:
        """With its word and its class words in it: `{caption}, hndst drawing`."""
        recipe = self.recipe
        return recipe.template.replace("{identifier}", recipe.identifier).replace("{class_words}", recipe.class_words)

    @property
    def class_words(self) -> str:
        return self.recipe.class_words

    @property
    def precision(self) -> Literal["bf16", "no"]:
        return self.recipe.mixed_precision

    @property
    def clip_skip(self) -> int:
        return self.recipe.clip_skip

    @property
    def ends_in_noise(self) -> bool:
        return self.recipe.rescale_betas_zero_snr

    def asked(self, prompt: str) -> str:
        """A prompt in the words that call this style: one that does not name it is put into its template."""
        return prompt if self.recipe.identifier in prompt else self.recipe.words(prompt)
