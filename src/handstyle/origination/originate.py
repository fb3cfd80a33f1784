"""How is a base made, from licensed works to a folder that diffusers loads?

In stages, each of which leaves its result behind and is passed over when it is there: works, autoencoder, words,
pictures, denoiser. A gate after a stage stops what is not good enough.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from handstyle import digests
from handstyle.collection.works import Collection
from handstyle.diffusion.checkpoints import read_tensors, write_tensors
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding.batches import Batch
from handstyle.finetuning.loop import losses
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import trainable
from handstyle.origination import autoencoder, base_folder, denoiser, gates, text_encoder
from handstyle.origination.base_folder import DENOISER, ENCODER, WORDS
from handstyle.origination.card import Effort, effort
from handstyle.origination.extending import Earlier
from handstyle.origination.figures import Measured, RoundErrors
from handstyle.origination.learning import Report, learned, parameters_of
from handstyle.origination.material import Material
from handstyle.origination.pictures import Picture, further
from handstyle.origination.recipe import BaseRecipe, Round
from handstyle.origination.words import Said, corpus
from handstyle.records import write

ENOUGH_TEXTS = 60_000
HELD_OUT_TEXTS = 512

PSNR = "PSNR of unseen works through the autoencoder"
LEARNT_FROM = "pictures the denoiser learns from"
COSINE, FOUND = "unknown texts: cosine to the teacher", "and found again by what it says"
ERROR = "error on unseen works,"


@dataclass(frozen=True)
class Stage:
    """A stage that is done, and what was measured of it."""

    name: str
    measures: dict[str, str]


@dataclass(frozen=True)
class Origination:
    """One base in the making. `folder` holds what the stages leave behind; `folder / "base"` is what comes of it."""

    material: Material
    teacher: Path
    vocabulary: tuple[str, ...]  # words that no work is called by, and people may use
    earlier: Earlier | None = None  # the base that this one goes on from

    @property
    def folder(self) -> Path:
        return self.material.folder

    @property
    def recipe(self) -> BaseRecipe:
        return self.material.recipe

    @property
    def collection(self) -> Collection:
        return self.material.collection

    @property
    def report(self) -> Report:
        return self.material.report

    @property
    def base(self) -> Path:
        return self.folder / "base"

    def stages(self) -> Iterator[Stage]:
        """All of them, each when it is done. Raises GateMissed where one is not good enough for the next."""
        polish = self.recipe.autoencoder.polish is not None and self.earlier is None
        least = gates.AUTOENCODER_BEFORE_POLISH if polish else gates.AUTOENCODER
        if self.earlier is not None:
            self.earlier.hand_over(self.base)
            quality = self.earlier.psnr(self.material.unseen_pixels)
            yield Stage("what it goes on from", self.earlier.measures((COSINE, FOUND, ERROR)))
            yield Stage("autoencoder", {PSNR: f"{least.check(quality):.1f} dB"})
        else:
            yield Stage("autoencoder", {PSNR: f"{least.check(self.autoencoder()):.1f} dB"})
            cosine, share = self.text_encoder()
            gates.TEXT_ENCODER.check(share)
            yield Stage("text encoder", {COSINE: f"{cosine:.2f}", FOUND: f"{share:.0%}"})
        yield Stage("pictures", {LEARNT_FROM: f"{len(self.pictures()):,}"})
        for name, found in self.rounds():
            yield Stage(name, {f"{ERROR} {name}": gates.checked_round(found)})
        if polish:
            yield Stage("decoder", {PSNR: f"{gates.AUTOENCODER.check(self.polished()):.1f} dB"})

    # Networks.

    def autoencoder(self) -> float:
        """Learns it; PSNR on works it never saw, in dB."""
        recipe, seed = self.recipe.autoencoder, self.recipe.seed
        network = autoencoder.new_autoencoder(recipe, self.recipe.resolution, seed)
        pixels = self.material.known_pixels
        learning = parameters_of(network)
        state = learned(
            "autoencoder",
            self.folder / "autoencoder",
            self.material.lineage("autoencoder"),
            learning,
            recipe.as_recipe(seed),
            autoencoder.loss_at(network, pixels, recipe, seed),
            self.report,
        )
        learning.put(state.finished_weights())
        network.eval().requires_grad_(False)
        autoencoder.settle(network, pixels, recipe)
        return self._kept_autoencoder(network)

    def polished(self) -> float:
        """The decoder learns on, latents stay as they are; PSNR on works it never saw, in dB."""
        from diffusers import AutoencoderKL

        recipe, polish, seed = self.recipe.autoencoder, self.recipe.autoencoder.polish, self.recipe.seed
        assert polish is not None
        network = AutoencoderKL.from_pretrained(self.base / ENCODER, torch_dtype=torch.float32).requires_grad_(False)
        learning = parameters_of(network, autoencoder.DECODER)
        pixels, batch = self.material.known_pixels, polish.train_batch_size
        state = learned(
            "decoder",
            self.folder / "decoder",
            self.material.lineage("autoencoder"),
            learning,
            polish.as_recipe(seed),
            autoencoder.polishing_loss_at(network, pixels, batch, recipe, seed),
            self.report,
        )
        learning.put(state.finished_weights())
        return self._kept_autoencoder(network.eval().requires_grad_(False))

    def _kept_autoencoder(self, network: Any) -> float:
        base_folder.save_half(network, self.base / ENCODER)
        return autoencoder.psnr(network, self.material.unseen_pixels)

    def text_encoder(self) -> tuple[float, float]:
        """Learns it; cosine to the teacher and share found again, on texts it never saw."""
        recipe, seed = self.recipe.text_encoder, self.recipe.seed
        texts = text_encoder.corpus_order(self.texts(), seed)
        tokenizer = text_encoder.new_tokenizer(texts, recipe)
        lineage = digests.of_json([self.material.lineage("text_encoder"), digests.of_json(texts)])
        taught_ND = text_encoder.taught_once(texts, self.teacher, self.folder / "taught.safetensors", lineage)
        tokens_NL = text_encoder.tokens_of(texts, tokenizer)
        clip = text_encoder.new_text_encoder(tokenizer, recipe, seed)
        student = text_encoder.Student(clip, taught_ND.shape[1])
        learning = parameters_of(student)
        state = learned(
            "text encoder",
            self.folder / "text-encoder",
            lineage,
            learning,
            recipe.as_recipe(seed),
            text_encoder.loss_at(student, tokens_NL[:-HELD_OUT_TEXTS], taught_ND[:-HELD_OUT_TEXTS], recipe, seed),
            self.report,
        )
        learning.put(state.finished_weights())
        student.eval().requires_grad_(False)
        quality = text_encoder.found_again(student, tokens_NL[-HELD_OUT_TEXTS:], taught_ND[-HELD_OUT_TEXTS:])
        tokenizer.save_pretrained(self.base / "tokenizer")
        base_folder.save_text_encoder(clip, self.base / WORDS)
        return quality

    def texts(self) -> list[str]:
        known = [self.material.said[n] for n in self.material.learnt]
        return corpus(known, self.vocabulary, self.recipe.words, ENOUGH_TEXTS, self.recipe.seed)

    # Pictures.

    def pictures(self) -> list[Said]:
        """Makes all that the denoiser learns from, and keeps their latents for each size."""
        listing = self.folder / "pictures.json"
        sizes = sorted({part.resolution for part in self.recipe.denoiser.rounds})
        lineage = digests.of_json([self.material.lineage("autoencoder", "hands", "pictures"), sizes])
        if listing.is_file():
            kept = json.loads(listing.read_text(encoding="utf-8"))
            if kept["lineage"] == lineage:
                return [Said.of_json(entry) for entry in kept["pictures"]]
        material = self.material
        works: list[Picture] = [(material.pixels[n], material.said[n]) for n in material.learnt]
        everything = [*works, *further(works, self.recipe.pictures, np.random.default_rng(self.recipe.seed))]
        family = self.family()
        for size in sizes:
            latents = []
            for begin in range(0, len(everything), 256):
                rows = np.stack([pixels for pixels, _ in everything[begin : begin + 256]])
                latents.append(denoiser.latents_of(family, rows, size))
                self.report(f"encoding pictures of {size}", begin + len(rows), len(everything))
            write_tensors(self._latents(size), {"mean": torch.cat(latents)})
        found = [said for _, said in everything]
        write(listing, json.dumps({"lineage": lineage, "pictures": [vars(said) for said in found]}).encode())
        return found

    def _latents(self, size: int) -> Path:
        return self.folder / f"latents-{size}.safetensors"

    # The denoiser.

    def denoiser(self) -> None:
        """All rounds, whatever is found after each."""
        for _ in self.rounds():
            pass

    def rounds(self) -> Iterator[tuple[str, RoundErrors]]:
        """The denoiser learns, and each round is handed over when it is done; after the last it is kept."""
        self.pictures()
        weights, done = (self.earlier.denoiser(), self.earlier.rounds) if self.earlier else (None, 0)
        for number, part in enumerate(self.recipe.denoiser.rounds[done:], done):
            weights, found = self._round(number, part, weights)
            yield _name_of(number, part), found
        assert weights is not None
        family = self.family()
        with trainable(family, self.recipe_of(self.recipe.denoiser.rounds[-1])) as learning:
            learning.put(weights)  # the family puts its folder's weights back on leaving
            base_folder.save_half(family.denoiser, self.base / DENOISER)

    def lineage_of_round(self, number: int) -> str:
        """Later rounds may still be changed: this one does not depend on them."""
        before = self.material.lineage("autoencoder", "text_encoder", "words", "hands", "pictures")
        network = self.recipe.denoiser.as_json()
        begun = [self.earlier.digest] if self.earlier else []
        return digests.of_json([before, {**network, "rounds": network["rounds"][: number + 1]}, *begun])

    def recipe_of(self, part: Round) -> Recipe:
        return part.as_recipe(self.recipe.seed, snr_gamma=part.snr_gamma, caption_dropout=0.0)

    def batches(self, number: int, family: ModelFamily) -> Callable[[int], Batch]:
        """What a round learns from, micro-step by micro-step."""
        recipe, part = self.recipe, self.recipe.denoiser.rounds[number]
        latents = read_tensors(self._latents(part.resolution))[0]["mean"]
        given = (family, latents, self.pictures(), part, recipe.words, recipe.seed + number)
        mirrored, identifiers = recipe.pictures.mirrored, recipe.text_encoder.identifiers
        return denoiser.batches(*given, mirrored=mirrored, identifiers=identifiers)

    def _round(
        self, number: int, part: Round, before: dict[str, Tensor] | None
    ) -> tuple[dict[str, Tensor], RoundErrors]:
        family, recipe, folder = self.family(part), self.recipe_of(part), self.folder / f"denoiser-{number + 1}"
        batch_at, lineage = self.batches(number, family), self.lineage_of_round(number)
        begun = denoiser.begun(self.recipe, part, before)
        with trainable(family, recipe) as learning:
            learning.put(begun)  # not what lies in the folder: the round may have been done before, and be done again
            loss_at = losses(family, batch_at, recipe)
            state = learned(_name_of(number, part), folder, lineage, learning, recipe, loss_at, self.report)
            weights = {name: value.clone() for name, value in state.finished_weights().items()}
            if (found := RoundErrors.kept(folder, lineage)) is None:
                found = denoiser.errors(family, learning, self.material, part, begun, weights, lineage)
                found.keep(folder)
            return weights, found

    # What is said of it.

    def finish(self, quality: dict[str, str], measured: Measured | None) -> None:
        works = zip(self.material.said, self.collection.works, strict=True)
        phrases = {said.phrase: self.collection.rights_of(work).author for said, work in works}
        held_out = len(self.material.held_out)
        described = (self.recipe, self.collection, phrases, held_out, self.efforts(), quality, measured)
        base_folder.describe(self.base, *described, self.earlier.words if self.earlier else "")

    def efforts(self) -> list[Effort]:
        """Of every network, from the lines it left in its log."""
        parts = [("autoencoder", "autoencoder"), ("text encoder", "text-encoder")]
        rounds = enumerate(self.recipe.denoiser.rounds, 1)
        parts += [(f"denoiser at {part.resolution} px", f"denoiser-{number}") for number, part in rounds]
        parts.append(("decoder, polished", "decoder"))
        found = (effort(name, self.folder / place / "log.jsonl") for name, place in parts)
        return [*(self.earlier.efforts() if self.earlier else []), *(one for one in found if one)]

    def family(self, part: Round | None = None) -> ModelFamily:
        """The base as it stands; or with a denoiser of a round's size, that knows nothing yet."""
        from handstyle.diffusion import catalogue

        last = self.recipe.denoiser.rounds[-1]
        part = part or last
        if part.resolution == last.resolution or not self.recipe.denoiser.grows:
            base_folder.begin(self.base, self.recipe, part)
            return catalogue.load(self.base)
        beside = self.folder / f"base-{part.resolution}"
        base_folder.begin_smaller(beside, self.base, self.recipe, part)
        return catalogue.load(beside)


def _name_of(number: int, part: Round) -> str:
    return f"denoiser, round {number + 1} at {part.resolution} px"
