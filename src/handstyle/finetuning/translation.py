"""What of another tool's settings becomes part of a recipe, and what has no counterpart?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handstyle.finetuning.recipe import LEAST_FACTOR, Recipe
from handstyle.records import Record

SCHEDULERS = ("constant", "constant_with_warmup", "linear", "cosine")
OPTIMIZERS = {"prodigy": "prodigy", "adamwschedulefree": "adamwschedulefree"}
WITHOUT_A_RATE = ("prodigy", "dadapt", "adafactor")  # they find their own learning rate, and are told 1
RATE = 1e-4  # the usual one for low-rank updates by AdamW
UNCLIPPED = 1e9


class Translated(Record):
    """A recipe, and what it could not say."""

    recipe: Recipe
    without_counterpart: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass
class Translation:
    """One set of settings on its way: what was found for the recipe, and what was not."""

    given: dict[str, Any]
    settings: dict[str, Any]
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, key: str, to: str, change: Callable[[Any], Any] = lambda value: value) -> None:
        """`given[key]` becomes `settings[to]`; what `change` cannot read is told."""
        if key not in self.given:
            return
        value = self.given.pop(key)
        if value is None or value == "":
            return
        try:
            self.settings[to] = change(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            self.lose(key, value)

    def lose(self, key: str, value: Any, why: str = "") -> None:
        said = "" if value is True else f" = {str(value)[:120]}"
        self.lost.append(f"{key}{said}{f': {why}' if why else ''}")

    def leave(self, keys: Mapping[str, str]) -> None:
        """What is said elsewhere: a few words say where."""
        for key, words in keys.items():
            value = self.given.pop(key, None)
            if value not in (None, "", False):
                self.notes.append(f"{key} = {str(value)[:120]}: {words}")

    def pass_over(self, keys: frozenset[str]) -> None:
        """What has no effect on the weights."""
        for key in keys & self.given.keys():
            self.given.pop(key)

    def rest_is_lost(self) -> None:
        for key, value in self.given.items():
            if value not in (None, "", False, 0, "0", 0.0):
                self.lose(key, value)

    def optimizer(self, key: str) -> None:
        """Where it is none there is here, AdamW is used; a rate for one that finds its own means nothing to that."""
        name = str(self.given.pop(key, "AdamW") or "AdamW")
        plain = name.rpartition(".")[2].lower()
        if plain in ("adamw", "adamw8bit", "pagedadamw8bit", "pagedadamw"):
            if plain != "adamw":
                self.notes.append(f"{key} = {name}: AdamW in 32 bits is used; optimizer = adamw8bit asks for 8")
            return
        if plain in OPTIMIZERS:
            self.settings["optimizer"] = OPTIMIZERS[plain]
            return
        self.lose(key, name, "AdamW is used")
        if plain.startswith(WITHOUT_A_RATE):
            for rate in ("learning_rate", "text_encoder_lr", "token_lr"):
                if rate in self.settings:
                    self.settings[rate] = RATE
            self.notes.append(f"learning rates are set to {RATE:g}: those of {name} mean nothing to AdamW")

    def scheduler(self, key: str) -> None:
        name = self.given.pop(key, None)
        if name in SCHEDULERS:
            self.settings["lr_scheduler"] = name
        elif name:
            nearest = "cosine" if "cosine" in str(name) else "constant_with_warmup"
            self.lose(key, name, f"{nearest} is used")
            self.settings["lr_scheduler"] = nearest

    def precision(self) -> None:
        name = str(self.given.pop("mixed_precision", None) or "no")
        if name == "fp16":
            self.notes.append("mixed_precision = fp16: bf16 is used")
        self.settings["mixed_precision"] = "no" if name in ("no", "fp32") else "bf16"

    def clipping(self) -> None:
        """Where 0 stands for none."""
        self.take("max_grad_norm", "max_grad_norm", lambda value: number(value) or UNCLIPPED)

    def _suit_optimizer(self) -> None:
        """What a recipe refuses beside these two."""
        name = self.settings.get("optimizer")
        if name == "prodigy":
            if self.settings.get("learning_rate", 0) < LEAST_FACTOR:
                self.settings["learning_rate"] = 1.0
                self.notes.append("learning_rate = 1: prodigy finds its own, and takes this as a factor")
            rate = self.settings["learning_rate"]
            if self.settings.get("text_encoder_lr", rate) != rate and self.settings.get("train_text_encoder"):
                self.lose("text_encoder_lr", self.settings["text_encoder_lr"], "prodigy finds one rate for all")
            self.settings["text_encoder_lr"] = rate
            if self.settings.get("token_lr", rate) != rate:
                self.settings["token_lr"] = rate
                self.notes.append(f"token_lr = {rate:g}: prodigy finds one rate for all")
        elif name == "adamwschedulefree" and not self.settings.get("lr_scheduler", "").startswith("constant"):
            self.notes.append("lr_scheduler = constant_with_warmup: adamwschedulefree needs no other")
            self.settings["lr_scheduler"] = "constant_with_warmup"

    def done(self, where: str) -> Translated:
        self.rest_is_lost()
        self._suit_optimizer()
        recipe = Recipe().changed(**self.settings) if self.settings else Recipe()
        return Translated(recipe=recipe, without_counterpart=tuple(self.lost), notes=tuple(self.notes))


def number(value: Any) -> float:
    """Raises ValueError for what is none."""
    if isinstance(value, bool):
        raise ValueError("it is true or false")
    try:
        found = float(value)
    except (OverflowError, TypeError):
        raise ValueError("it is no number") from None
    if not math.isfinite(found):
        raise ValueError("it is no number")
    return found


def whole(value: Any) -> int:
    found = number(value)
    if found != int(found):
        raise ValueError("it is no whole number")
    return int(found)


def yes(value: Any) -> bool:
    """A flag that is there is true."""
    if isinstance(value, bool):
        return value
    found = {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
    if found is None:
        raise ValueError("it is neither true nor false")
    return found
