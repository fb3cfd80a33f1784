"""What is known of a style that another tool made?

Little: its tensors, and what its header says. Nobody knows whose works are in it, and no permission came with it; it is
drawn with and measured, and says so.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from handstyle.finetuning.trained_style import DIGEST, BaseIdentity
from handstyle.records import Record

UNKNOWN = "Whose works it was made from is not known: no permission came with it."


def goes_on_from(origin: str) -> str:
    """Of a style whose training went on from a file of another tool, by its digest."""
    return f"It goes on from a file of another tool (sha256 {origin[:16]}). {UNKNOWN}"


class ForeignStyle(Record):
    """It answers what a trained style answers when it is worn or measured. Never written: its file is what there is."""

    name: str
    tensors: str = Field(pattern=DIGEST)
    base: BaseIdentity  # that it is worn on; which it was made for, only the shapes show
    resolution: int
    trigger: str = ""  # the words that call it, where its header says them (ModelSpec's `trigger_phrase`)
    word: str = ""  # a new one, whose vectors it holds
    ends_in_noise: bool = False  # so its header says it was trained
    merged_from: str = ""  # what its header says, by which a style of one's own is found in it
    class_words: str = "drawing"
    precision: Literal["bf16", "no"] = "no"
    clip_skip: int | None = None  # as diffusers counts, where its header says how it was trained
    collection: Literal[""] = ""
    class_images: Literal[""] = ""

    @property
    def template(self) -> str:
        return f"{{caption}}, {self.trigger}" if self.trigger else "{caption}"

    def asked(self, prompt: str) -> str:
        """A prompt in the words that call this style."""
        return prompt if self.trigger in prompt else f"{prompt}, {self.trigger}"

    @property
    def involvement(self) -> str:
        return f"The style {self.name} is a file of another tool. {UNKNOWN}"
