"""How is a base made, from licensed works to a folder that diffusers loads?

In stages, each of which leaves its result behind and is passed over when it is there: works, autoencoder, words,
pictures, denoiser. A gate after a stage stops what is not good enough.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handstyle import digests
from handstyle.collection.intake import load_work
from handstyle.collection.works import Collection, Work
from handstyle.diffusion.checkpoints import read_tensors, write_tensors
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Batch
from handstyle.finetuning.objective import batch_loss
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import trainable
from handstyle.origination import autoencoder, denoiser, gates, text_encoder
from handstyle.origination.learning import Report, learned
from handstyle.origination.pictures import Picture, further
from handstyle.origination.recipe import BaseRecipe, Round
from handstyle.origination.words import COLOURS, Said, described, said
from handstyle.records import write

ENCODER, WORDS, DENOISER = "vae", "text_encoder", "unet"
ENOUGH_TEXTS = 60_000
HELD_OUT_TEXTS = 512


@dataclass(frozen=True)
class Origination:
    """One base in the making. `folder` holds what the stages leave behind; `folder / "base"` is what comes of it."""

    folder: Path
    works_folder: Path
    collection: Collection
    recipe: BaseRecipe
    teacher: Path
    vocabulary: tuple[str, ...]  # words that no work is called by, and people may use
    report: Report

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @cached_property
    def lineage(self) -> str:
        return digests.of_json({"recipe": self.recipe.as_json(), "collection": self.collection.digest})

    # Works.

    @cached_property
    def held_out(self) -> frozenset[str]:
        """Names of the works that nothing learns: of each hand the same share, chosen by their pixels and the seed."""
        found: set[str] = set()
        for hand in {_hand_of(work) for work in self.collection.works}:
            own = [work for work in self.collection.works if _hand_of(work) == hand]
            own.sort(key=lambda work: digests.of_json([self.recipe.seed, work.pixels_sha256]))
            found |= {work.name for work in own[: round(len(own) * self.recipe.held_out)]}
        return frozenset(found)

    @cached_property
    def pixels(self) -> np.ndarray:
        """NHWC, uint8, in the order of the collection."""
        path = self.folder / "works.npy"
        if not path.is_file():
            side, works = self.recipe.resolution, self.collection.works
            rows = np.empty((len(works), side, side, 3), np.uint8)
            for index, work in enumerate(works):
                image = load_work(self.works_folder, work, self.collection.background)
                rows[index] = np.asarray(image if image.size == (side, side) else image.resize((side, side), 4))
                self.report("reading works", index + 1, len(works))
            self.folder.mkdir(parents=True, exist_ok=True)
            np.save(path.with_suffix(".part.npy"), rows)
            path.with_suffix(".part.npy").replace(path)
        return np.asarray(np.load(path, mmap_mode="r"))

    @cached_property
    def learnt(self) -> list[int]:
        return [n for n, work in enumerate(self.collection.works) if work.name not in self.held_out]

    @cached_property
    def unseen(self) -> list[int]:
        return [n for n, work in enumerate(self.collection.works) if work.name in self.held_out]

    @cached_property
    def said(self) -> list[Said]:
        phrases = {hand.folder: hand.phrase for hand in self.recipe.hands}
        return [
            said(
                work.caption,
                phrases.get(_hand_of(work)) or f"{self.collection.rights_of(work).author} style",
                self.pixels[n],
            )
            for n, work in enumerate(self.collection.works)
        ]

    # Networks.

    def autoencoder(self) -> float:
        """Learns it; PSNR on works it never saw. Raises GateMissed."""
        recipe, seed = self.recipe.autoencoder, self.recipe.seed
        network = autoencoder.new_autoencoder(recipe, self.recipe.resolution, seed)
        pixels = self.pixels[self.learnt]
        state = learned(
            "autoencoder",
            self.folder / "autoencoder",
            self.lineage,
            learning := autoencoder.learning(network),
            recipe.as_recipe(seed),
            autoencoder.loss_at(network, pixels, recipe, seed),
            self.report,
        )
        learning.put(state.finished_weights())
        network.eval().requires_grad_(False)
        autoencoder.settle(network, pixels, recipe)
        quality = autoencoder.psnr(network, self.pixels[self.unseen])
        _save(network, self.base / ENCODER, "diffusion_pytorch_model.safetensors", torch.bfloat16)
        return quality

    def text_encoder(self) -> tuple[float, float]:
        """Learns it; cosine to the teacher and share found again, on texts it never saw. Raises GateMissed."""
        recipe, seed = self.recipe.text_encoder, self.recipe.seed
        texts = text_encoder.corpus_order(self._texts(), seed)
        tokenizer = text_encoder.new_tokenizer(texts, recipe)
        path = self.folder / "taught.safetensors"
        if not path.is_file():
            write_tensors(path, {"taught": text_encoder.taught(texts, self.teacher)})
        taught_ND = read_tensors(path)[0]["taught"]
        tokens_NL = text_encoder.tokens_of(texts, tokenizer)
        clip = text_encoder.new_text_encoder(tokenizer, recipe, seed)
        student = text_encoder.Student(clip, taught_ND.shape[1])
        state = learned(
            "text encoder",
            self.folder / "text-encoder",
            self.lineage,
            learning := text_encoder.learning(student),
            recipe.as_recipe(seed),
            text_encoder.loss_at(
                student, tokens_NL[:-HELD_OUT_TEXTS], taught_ND[:-HELD_OUT_TEXTS], recipe, seed
            ),
            self.report,
        )
        learning.put(state.finished_weights())
        student.eval().requires_grad_(False)
        quality = text_encoder.found_again(student, tokens_NL[-HELD_OUT_TEXTS:], taught_ND[-HELD_OUT_TEXTS:])
        tokenizer.save_pretrained(self.base / "tokenizer")
        _save(clip, self.base / WORDS, "model.safetensors", torch.float32, level="text_model.")
        return quality

    def _texts(self) -> list[str]:
        """Names and keywords alone, the vocabulary, and works as they will be described."""
        chance = np.random.default_rng(self.recipe.seed)
        pictures = [self.said[n] for n in self.learnt]
        texts = {word for picture in pictures for word in (picture.name, *picture.keywords)} | set(self.vocabulary)
        colours = [picture for picture in pictures if len(picture.name.split()) < 4]
        while len(texts) < ENOUGH_TEXTS and pictures:
            picture = pictures[int(chance.integers(len(pictures)))]
            draw = chance.random()
            if draw < 0.6:
                texts.add(described(picture, self.recipe.words, chance))
            elif draw < 0.8:
                texts.add(f"{chance.choice(list(COLOURS))} {picture.name}")
            else:
                other = colours[int(chance.integers(len(colours)))]
                texts.add(f"{picture.name} {chance.choice(['and', 'with', 'beside', 'below'])} {other.name}")
        return sorted(text for text in texts if text)

    # Pictures.

    def pictures(self) -> list[Said]:
        """Makes all that the denoiser learns from, and keeps their latents for each size."""
        listing = self.folder / "pictures.json"
        sizes = sorted({part.resolution for part in self.recipe.denoiser.rounds})
        if not listing.is_file():
            works: list[Picture] = [(np.asarray(self.pixels[n]), self.said[n]) for n in self.learnt]
            made = list(further(works, self.recipe.pictures, np.random.default_rng(self.recipe.seed)))
            family = self.family()
            everything = [*works, *made]
            for size in sizes:
                latents = []
                for begin in range(0, len(everything), 256):
                    rows = np.stack([pixels for pixels, _ in everything[begin : begin + 256]])
                    latents.append(denoiser.latents_of(family, rows, size))
                    self.report(f"encoding pictures of {size}", begin + len(rows), len(everything))
                write_tensors(self._latents(size), {"mean": torch.cat(latents)})
            write(listing, json.dumps([vars(words) for _, words in everything]).encode())
        return [_said(entry) for entry in json.loads(listing.read_text(encoding="utf-8"))]

    def _latents(self, size: int) -> Path:
        return self.folder / f"latents-{size}.safetensors"

    # The denoiser.

    def begin_denoiser(self) -> None:
        """The whole folder, with a network that knows nothing yet."""
        if not (self.base / DENOISER / "config.json").is_file():
            denoiser.new_scheduler().save_pretrained(self.base / "scheduler")
            write(self.base / "model_index.json", json.dumps(MODEL_INDEX, indent=2).encode() + b"\n")
            _save(denoiser.new_denoiser(self.recipe), self.base / DENOISER, WEIGHTS, torch.bfloat16)

    def denoiser(self) -> None:
        pictures = self.pictures()
        family = self.family()
        weights: dict[str, Tensor] | None = None
        for number, part in enumerate(self.recipe.denoiser.rounds):
            weights = self._round(number, part, family, pictures, weights)
        assert weights is not None
        with trainable(family, self._rounds_recipe(self.recipe.denoiser.rounds[-1])) as learning:
            learning.put(weights)  # the family puts its folder's weights back on leaving
            _save(family.denoiser, self.base / DENOISER, WEIGHTS, torch.bfloat16)

    def _rounds_recipe(self, part: Round) -> Recipe:
        return part.as_recipe(self.recipe.seed, snr_gamma=self.recipe.denoiser.snr_gamma, caption_dropout=0.0)

    def _round(
        self,
        number: int,
        part: Round,
        family: ModelFamily,
        pictures: Sequence[Said],
        before: dict[str, Tensor] | None,
    ) -> dict[str, Tensor]:
        recipe, seed = self._rounds_recipe(part), self.recipe.seed + number
        latents = read_tensors(self._latents(part.resolution))[0]["mean"]
        batch_at = denoiser.batches(family, latents, pictures, part, self.recipe.words, seed)
        with trainable(family, recipe) as learning:
            if before is not None:
                learning.put(before)
            state = learned(
                f"denoiser, round {number + 1} at {part.resolution} px",
                self.folder / f"denoiser-{number + 1}",
                self.lineage,
                learning,
                recipe,
                _loss_at(batch_at, family, recipe),
                self.report,
            )
            return {name: value.clone() for name, value in state.finished_weights().items()}

    def family(self) -> ModelFamily:
        from handstyle.diffusion import catalogue

        self.begin_denoiser()
        return catalogue.load(self.base)


WEIGHTS = "diffusion_pytorch_model.safetensors"
MODEL_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def _hand_of(work: Work) -> str:
    """The folder it lies in."""
    return work.name.rpartition("/")[0]


def _said(entry: dict[str, Any]) -> Said:
    return Said(**{name: tuple(value) if isinstance(value, list) else value for name, value in entry.items()})


def _loss_at(
    batch_at: Callable[[int], Batch], family: ModelFamily, recipe: Recipe
) -> Callable[[int], tuple[Tensor, int]]:
    def loss(step: int) -> tuple[Tensor, int]:
        batch = batch_at(step)
        value = batch_loss(
            batch,
            family,
            seed=recipe.seed,
            step=step,
            snr_gamma=recipe.snr_gamma,
            precision=recipe.mixed_precision,
            live_text=False,
        )
        return value, len(batch.names)

    return loss


def _save(network: Any, folder: Path, weights: str, dtype: torch.dtype, level: str = "") -> None:
    """Configuration and weights. `level` is put before names that lack it: transformers has taken one of CLIP's away."""
    network.save_config(folder) if hasattr(network, "save_config") else network.config.save_pretrained(folder)
    tensors = {
        name if name.startswith(level) else f"{level}{name}": tensor.detach().to(dtype).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.endswith("position_ids")
    }
    write_tensors(folder / weights, tensors, {"format": "pt"})
