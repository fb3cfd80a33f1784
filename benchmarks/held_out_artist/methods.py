"""Which ways of training are compared, and what is asked of each?

`handstyle` is what is shipped. Every other one changes one thing, so that the table says what that thing is worth.
Where along the noise a style is learnt is disputed: Style-Friendly (Choi et al. 2024) draws more of much noise; T-LoRA
(Soboleva et al. 2025) learns less there, as that is where it finds overfitting, and lowers the rank as the noise grows.
The shipped method draws all levels alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

Captions = Literal["of each", "the same for all"]
SAME_FOR_ALL = "a drawing"
DEFAULT = "handstyle"


@dataclass(frozen=True)
class Method:
    question: str
    settings: dict[str, Any] = field(default_factory=dict)
    works: int = 32
    captions: Captions = "of each"
    stop: Literal["auto", "cross-fitted", "max_train"] = "max_train"


METHODS: dict[str, Method] = {
    DEFAULT: Method("what is shipped"),
    "cross-fitted": Method("is the length better that works left out in turn choose?", stop="cross-fitted"),
    "captions never dropped": Method("what do captions add?", {"caption_dropout": 0.0}),
    "one caption for all": Method("what do captions add?", captions="the same for all"),
    "rank 2": Method("rank", {"rank": 2, "lora_alpha": 2}),
    "rank 4": Method("rank", {"rank": 4, "lora_alpha": 4}),
    "rank 64": Method("rank", {"rank": 64, "lora_alpha": 64}),
    "all weights": Method("low rank or all weights", {"method": "full", "learning_rate": 5e-5}),
    "twice as long": Method("how long and how fast", {"max_train": "120 epochs"}),
    "half as long": Method("how long and how fast", {"max_train": "30 epochs"}),
    "faster": Method("how long and how fast", {"learning_rate": 1e-3}),
    "slower": Method("how long and how fast", {"learning_rate": 4e-4}),
    "faster words": Method("how long and how fast", {"text_encoder_lr": 1.2e-3}),
    "attention alone": Method("which layers learn", {"lora_modules": ["attention"]}),
    "attention and feed-forward": Method("which layers learn", {"lora_modules": ["attention", "feed-forward"]}),
    "text encoder as it is": Method("what learns of the words", {"train_text_encoder": False}),
    "a new word": Method(
        "what learns of the words",
        {"train_text_encoder": False, "train_text_encoder_ti": True, "token_lr": 5e-3},
    ),
    "a new word and the text encoder": Method(
        "what learns of the words", {"train_text_encoder_ti": True, "token_lr": 5e-3}
    ),
    "noise offset 0.05": Method("noise", {"noise_offset": 0.05}),
    "noise levels unweighted": Method("weight of noise levels", {"snr_gamma": "none"}),
    "much noise": Method("where along the noise", {"style_friendly_sampling": True}),
    "much noise, nearer the middle": Method(
        "where along the noise", {"style_friendly_sampling": True, "log_snr_mean": -3.0}
    ),
    "little noise": Method("where along the noise", {"style_friendly_sampling": True, "log_snr_mean": 2.0}),
    "fewer ranks in much noise": Method("where along the noise", {"tlora": True}),
    "moving average": Method("is an average worth it?", {"ema_decay": 0.985, "ema_warmup": False}),
    "shorter moving average": Method("is an average worth it?", {"ema_decay": 0.95}),
    "constant rate": Method("how long and how fast", {"lr_scheduler": "constant_with_warmup"}),
    "constant rate, shorter moving average": Method(
        "is an average worth it?", {"lr_scheduler": "constant_with_warmup", "ema_decay": 0.95}
    ),
    "prior 0.3": Method("prior preservation", {"with_prior_preservation": True, "prior_loss_weight": 0.3}),
    "prior 1": Method("prior preservation", {"with_prior_preservation": True, "prior_loss_weight": 1.0}),
    "4 works": Method("number of works", works=4),
    "8 works": Method("number of works", works=8),
    "16 works": Method("number of works", works=16),
    "64 works": Method("number of works", works=64),
}
UNWEIGHTED = (
    "captions never dropped", "rank 64", "faster", "faster words", "twice as long", "a new word",
    "a new word and the text encoder", "much noise",
)  # fmt: skip
METHODS |= {
    f"{name}, noise levels unweighted": replace(METHODS[name], settings={**METHODS[name].settings, "snr_gamma": "none"})
    for name in UNWEIGHTED
}
METHODS |= {
    f"{works} works, 120 steps": Method("number of works", {"max_train": "120 steps"}, works=works)
    for works in (4, 8, 16, 64)
}
ORACLE = "oracle"
REFERENCE, REFERENCE_BEST = "reference script", "reference script at its best step"
