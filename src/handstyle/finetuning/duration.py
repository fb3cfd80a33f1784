"""How long is trained: for so many steps, or so many passes over the works?"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from handstyle.records import Record


class Duration(Record):
    """How long to train: in optimiser steps, or in passes over the works."""

    count: int = Field(gt=0, le=10**9)
    unit: Literal["steps", "epochs"]

    @classmethod
    def parse(cls, text: object) -> Duration:
        if isinstance(text, Duration):
            return text
        match = re.fullmatch(r"\s*(\d+)\s*(step|epoch)s?\s*", str(text))
        if not match or int(match[1]) < 1:
            raise ValueError('write a duration as "240 steps" or "60 epochs"')
        return cls(count=int(match[1]), unit="steps" if match[2] == "step" else "epochs")

    def in_steps(self, pictures_in_an_epoch: int, train_batch_size: int) -> int:
        if self.unit == "steps":
            return self.count
        return max(1, round(self.count * pictures_in_an_epoch / train_batch_size))

    def __str__(self) -> str:
        return f"{self.count} {self.unit}"
