"""Which choices change the trained weights?

All of them are here, under the names that diffusers' training scripts gave them, and nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from handstyle.collection.plain_text import unwelcome_in
from handstyle.diffusion.adapter_names import Algorithm
from handstyle.errors import RecipeInvalid
from handstyle.finetuning.duration import Duration
from handstyle.records import Record, later, load_toml, write

LEAST_FACTOR = 0.1  # of Prodigy's own rate; what is less was meant for another optimiser

PRESETS = Path(__file__).parent / "presets"

# By these a TOML of sd-scripts is known, with sections or without.
OF_KOHYA = {
    "pretrained_model_name_or_path",
    "network_dim",
    "network_module",
    "output_name",
    "datasets",
    "model_arguments",
}

Module = Literal["attention", "feed-forward", "convolution"]
MODULES: tuple[Module, ...] = ("attention", "feed-forward", "convolution")
Optimizer = Literal["adamw", "adamw8bit", "adafactor", "prodigy", "adamwschedulefree"]
PriorTarget = Literal["images", "base"]
LossType = Literal["l2", "huber"]
HuberSchedule = Literal["snr", "exponential", "constant"]
Scheduler = Literal["constant", "constant_with_warmup", "linear", "cosine"]
BasePrecision = Literal["no_change", "int8", "nf4"]


def _plain(words: str) -> str:
    if unwelcome := unwelcome_in(words):
        raise ValueError(f"it holds {unwelcome}, which is no letter")
    return words


def _has_caption(template: str) -> str:
    if "{caption}" not in template:
        raise ValueError("the template must contain {caption}: the words that name what is drawn")
    rest = re.sub(r"{(caption|identifier|class_words)}", "", template)
    if strange := re.search(r"{[^}]*}?|}", rest):
        raise ValueError(f"unknown placeholder {strange[0]}: use {{caption}}, {{identifier}}, {{class_words}}")
    return template


Words = Annotated[str, AfterValidator(_plain)]

# TOML has no word for nothing, and a line left out means the default.
OrNone = (
    BeforeValidator(lambda value: None if value == "none" else value),
    PlainSerializer(lambda value: "none" if value is None else value, when_used="json"),
)


class Recipe(Record):
    """Every choice that changes the trained weights, and nothing else."""

    # What learns.
    method: Literal["lora", "full"] = "lora"
    algo: Algorithm = later("lora", description="which adapter, as LyCORIS and PEFT call them; or textual-inversion")
    rank: int = Field(default=8, ge=1, le=1024, description="rank of the low-rank updates")
    lora_alpha: float = Field(default=8, gt=0, description="updates are scaled by lora_alpha / rank")
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    lokr_factor: int = later(-1, ge=-1, le=1024, description="size of LoKr's first matrix; -1: about a square root")
    tlora: bool = later(False, description="where there is much noise, few ranks learn, and few are drawn with")
    tlora_min_rank: int = later(1, ge=1, le=1024, description="how many, where there is nothing but noise")
    lora_modules: tuple[Module, ...] = Field(default=MODULES, min_length=1)
    lora_blocks: tuple[Words, ...] = later((), description="only these blocks of the denoiser, by name or preset")
    train_text_encoder: bool = False

    # The words.
    identifier: Words = Field(default="hndst", min_length=1, description="the rare word that comes to mean this hand")
    class_words: Words = Field(default="drawing", min_length=1, description="what kind of thing the works are")
    template: Annotated[Words, AfterValidator(_has_caption)] = "{caption}, {identifier} {class_words}"
    caption_dropout: float = Field(default=0.1, ge=0, lt=1, description="share of works shown without words")
    shuffle_caption: bool = later(False, description="the parts between commas come in another order each time")
    keep_tokens: int = later(0, ge=0, le=1000, description="so many parts at the beginning keep their place")
    clip_skip: int = later(0, ge=0, le=100, description="last layers of the text encoder left out, as diffusers counts")

    # A new word.
    train_text_encoder_ti: bool = later(False, description="the identifier is a new word, learnt beside the adapter")
    num_vectors: int = later(1, ge=1, le=64, description="of the new word; each fills a place in the prompt")
    initializer_token: Words = later("", description="words whose vectors it begins with; class_words when empty")
    token_lr: float = later(3e-4, gt=0, description="learning rate of the new word")
    train_text_encoder_ti_frac: float = later(1.0, gt=0, le=1, description="share of the run in which it learns")

    # The optimiser.
    optimizer: Optimizer = later("adamw", description="prodigy takes learning_rate = 1 and finds the rate itself")
    max_train: Annotated[Duration, BeforeValidator(Duration.parse), PlainSerializer(str)] = Duration(
        count=240, unit="steps"
    )
    train_batch_size: int = Field(default=8, ge=1, le=4096)
    gradient_accumulation_steps: int = Field(default=1, ge=1, le=4096)
    learning_rate: float = Field(default=1e-4, gt=0)
    text_encoder_lr: float = Field(default=1e-5, gt=0)
    lr_scheduler: Scheduler = "constant_with_warmup"
    lr_warmup_steps: int = Field(default=20, ge=0, le=10**9)
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    adam_beta2: float = Field(default=0.999, ge=0, lt=1)
    adam_epsilon: float = Field(default=1e-8, gt=0)
    adam_weight_decay: float = Field(default=1e-2, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    optimizer_in_backward: bool = Field(
        default=False, description="update each weight during the way back: less memory; each gradient clipped alone"
    )
    ema_decay: float = Field(default=0.0, ge=0, lt=1, description="0 keeps no moving average of the weights")
    ema_warmup: bool = Field(default=True, description="without it the average keeps a share of the untrained weights")
    gradient_checkpointing: bool = later(False, description="less memory, more time, and the same weights")
    mixed_precision: Literal["bf16", "no"] = "bf16"
    base_model_precision: BasePrecision = later("no_change", description="what the denoiser beneath a LoRA is held in")
    seed: int = Field(default=0, ge=0, lt=2**53)  # as far as canonical JSON counts

    # The objective.
    snr_gamma: Annotated[float | None, *OrNone] = Field(
        default=5.0, gt=0, description='min-SNR weighting; "none" for none'
    )
    debiased_estimation_loss: bool = later(False, description="weighting by 1 / sqrt(snr), in place of min-SNR")
    loss_type: LossType = later("l2", description="huber is pseudo-Huber: large errors count less")
    huber_c: float = later(0.1, gt=0, le=1, description="from which error on, where there is nothing but noise")
    huber_schedule: HuberSchedule = later("snr", description="by what that grows to 1 where there is none")
    style_friendly_sampling: bool = later(False, description="more of what is learnt lies where there is much noise")
    log_snr_mean: float = later(-6.0, ge=-20, le=20, description="around which, as a logarithm of signal to noise")
    log_snr_std: float = later(2.0, gt=0, le=20)
    rescale_betas_zero_snr: bool = later(False, description="the last timestep is nothing but noise; of v-prediction")
    noise_offset: float = later(0.0, ge=0, le=1, description="noise that is the same all over each channel")

    # The pictures.
    resolution: int | None = Field(default=None, ge=8, le=4096, description="pixels; the base's own when left out")
    random_flip: bool = False
    enable_bucket: bool = later(False, description="each work keeps about its proportions; else all are squares")
    min_bucket_reso: int | None = later(None, ge=8, le=8192, description="half of the resolution when left out")
    max_bucket_reso: int | None = later(None, ge=8, le=8192, description="twice the resolution when left out")
    bucket_reso_steps: int | None = later(None, ge=8, le=1024, description="an eighth of the resolution when left out")
    bucket_no_upscale: bool = later(False, description="no work is enlarged")
    masked_loss: bool = later(False, description="a mask beside a work says how much each place of it counts")
    alpha_mask: bool = later(False, description="so does the transparency of a work")
    unmasked_weight: float = later(0.1, ge=0, le=1, description="what counts least, where masks are used")
    normalize_masked_area_loss: bool = later(False, description="a work with a small mask counts as much as others")

    # Prior preservation: what the class words meant before they should go on meaning.
    with_prior_preservation: bool = False
    prior_target: PriorTarget = later("images", description="base: what the base itself says of the class images")
    prior_loss_weight: float = Field(default=1.0, ge=0)
    prior_batch_share: float = Field(default=1.0, gt=0, le=4, description="class images per work in a batch")
    class_prompt: Words = Field(
        default="", description="the class words when left empty; may say {caption} and {style}"
    )
    num_class_images: int = Field(default=64, ge=1, le=10**6)

    @property
    def teaches_a_word(self) -> bool:
        return self.algo == "textual-inversion" or self.train_text_encoder_ti

    @property
    def reads_anew(self) -> bool:
        """Whether texts mean something else after each step, so that they are encoded at each."""
        return self.train_text_encoder or self.teaches_a_word

    @model_validator(mode="before")
    @classmethod
    def _keep_truth_apart(cls, data: Any) -> Any:
        """`rank = true` would pass for 1: in a tuple it passes for nothing but what is true or false."""
        if not isinstance(data, dict):
            return data
        numbers = {name for name, field in cls.model_fields.items() if field.annotation is not bool}
        return {
            name: (value,) if isinstance(value, bool) and name in numbers else value for name, value in data.items()
        }

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if "{identifier}" not in self.template and self.method == "lora":
            raise ValueError("template: {identifier} is missing, so there would be no word for this hand")
        if self.debiased_estimation_loss and self.snr_gamma is not None:
            raise ValueError('debiased_estimation_loss: is another weighting than snr_gamma; set snr_gamma = "none"')
        if self.optimizer_in_backward and self.gradient_accumulation_steps > 1:
            raise ValueError("optimizer_in_backward: gradients that are applied at once cannot be accumulated")
        if fault := self._fault_of_adapter() or self._fault_of_word() or self._fault_of_optimizer():
            raise ValueError(fault)
        return self

    def _fault_of_adapter(self) -> str:
        if self.algo != "lora" and self.method == "full":
            return "algo: a full finetuning has no adapter; leave it out"
        if self.algo == "dora" and self.train_text_encoder:
            return "algo: diffusers does not read a DoRA of a text encoder again: choose another, or leave that alone"
        if self.algo in ("loha", "lokr", "oft") and self.lora_dropout:
            return f"lora_dropout: {self.algo} has none"
        if self.tlora and (self.method == "full" or self.algo != "lora"):
            return "tlora: only the ranks of a plain LoRA are counted by the noise; leave it out"
        if self.tlora and self.tlora_min_rank > self.rank:
            return f"tlora_min_rank: there are but {self.rank} ranks"
        if self.prior_target == "base" and self.method == "full":
            return "prior_target: a full finetuning has no base beside it to ask; leave it out"
        if self.base_model_precision != "no_change" and self.method == "full":
            return "base_model_precision: a full finetuning changes the weights of the base itself; leave it out"
        if self.base_model_precision != "no_change" and self.algo != "lora":
            return f"base_model_precision: {self.algo} needs the base's own weights; leave it out, or take a plain LoRA"
        if self.lora_blocks and self.method == "full":
            return "lora_blocks: a full finetuning is one of all blocks; leave it out"
        if self.algo == "oft" and self.rank == 1:
            return "rank: of oft it is the size of the blocks that are turned, and one number cannot be turned"
        return ""

    def _fault_of_word(self) -> str:
        if self.algo == "textual-inversion" and self.train_text_encoder:
            return (
                "train_text_encoder: textual-inversion teaches a word to networks that stay as they are; leave it out"
            )
        if not self.teaches_a_word:
            return ""
        if self.method == "full":
            return "train_text_encoder_ti: a full finetuning has the words that are there; leave it out"
        if not re.fullmatch(r"[a-z0-9<>_-]+", self.identifier):
            return "identifier: a new word is one word of small letters, digits, and - _ < >"
        if self.optimizer == "adamwschedulefree":
            return (
                "optimizer: adamwschedulefree computes its average from steps that nothing else changes; choose another"
            )
        return ""

    def _fault_of_optimizer(self) -> str:
        if self.optimizer == "prodigy":
            if self.learning_rate < LEAST_FACTOR:
                return "learning_rate: prodigy finds its own and takes this as a factor of it; set learning_rate = 1"
            if self.train_text_encoder and self.text_encoder_lr != self.learning_rate:
                return "text_encoder_lr: prodigy finds one rate for all; set it to what learning_rate is"
            if self.teaches_a_word and self.token_lr != self.learning_rate:
                return "token_lr: prodigy finds one rate for all; set it to what learning_rate is"
            if self.optimizer_in_backward:
                return "optimizer_in_backward: prodigy finds its rate from the gradients of all weights together"
        if self.optimizer == "adamwschedulefree":
            if self.ema_decay:
                return "ema_decay: adamwschedulefree keeps an average of its own; set ema_decay = 0"
            if self.lr_scheduler not in ("constant", "constant_with_warmup"):
                return 'lr_scheduler: adamwschedulefree needs none; set "constant" or "constant_with_warmup"'
        return ""

    def words(self, caption: str) -> str:
        """The prompt a work is shown with."""
        return self.template.format(caption=caption, identifier=self.identifier, class_words=self.class_words)

    def shuffled(self, caption: str, order: Callable[[int], Sequence[int]]) -> str:
        """A caption with the parts that do not keep their place in an `order` of so many; commas part them."""
        parts = [part for part in (part.strip() for part in caption.split(",")) if part]
        kept, rest = parts[: self.keep_tokens], parts[self.keep_tokens :]
        return ", ".join([*kept, *(rest[place] for place in order(len(rest)))])

    @classmethod
    def from_toml(cls, path: Path) -> Recipe:
        content = load_toml(path, RecipeInvalid)
        if content.keys() & OF_KOHYA:
            raise RecipeInvalid(
                f"{path} holds settings of kohya's scripts, and is no recipe",
                hint=f"`handstyle recipe {path} --to recipe.toml` makes one of it, and lists what has no counterpart.",
            )
        return cls.read(content, where=str(path), error=RecipeInvalid)

    def as_toml(self) -> str:
        return tomli_w.dumps({name: value for name, value in self.as_json().items() if value is not None})

    def to_toml(self, path: Path) -> Path:
        return write(path, self.as_toml().encode())

    def changed(self, **values: Any) -> Recipe:
        """This recipe with some values replaced, checked again."""
        return type(self).read({**self.as_json(), **values}, where="the recipe", error=RecipeInvalid)


def presets() -> list[str]:
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def named(preset: str) -> Recipe:
    """A preset that stands beside this file."""
    if preset not in presets():
        raise RecipeInvalid(f"there is no preset `{preset}`", hint=f"Choose one of: {', '.join(presets())}.")
    return Recipe.from_toml(PRESETS / f"{preset}.toml")
