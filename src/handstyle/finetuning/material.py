"""What does a run learn from: encoded works, class images, and the words of none?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import torch

from handstyle.collection.works import Collection, Work
from handstyle.diffusion.checkpoints import digest_of
from handstyle.diffusion.family import ModelFamily
from handstyle.encoding import class_images
from handstyle.encoding.batches import Batch, Example, batch_at, by_shape
from handstyle.encoding.cache import Cache
from handstyle.encoding.class_images import ClassImages
from handstyle.encoding.class_images import OwnClassImages as Own
from handstyle.encoding.crops import Crop, Extent, size_of
from handstyle.encoding.encode import conditioning_of, encoded_text, latents_of
from handstyle.encoding.mask_weights import MaskUse, mask_of
from handstyle.errors import StageMissing, UsageMistake
from handstyle.finetuning import class_prompts
from handstyle.finetuning.class_prompts import Asked
from handstyle.finetuning.framing import framing_of
from handstyle.finetuning.recipe import Recipe

Report = Callable[[str, int, int], None]
WORDS_KEPT = 256  # encoded texts, each at most 0.6 MB


@dataclass(frozen=True)
class Material:
    """Encoded works and class images, ready for the loop."""

    recipe: Recipe
    works: tuple[Example, ...]
    class_images: tuple[Example, ...]
    class_images_digest: str
    empty_LD: torch.Tensor
    encode: Callable[[str], torch.Tensor] | None = None  # of words that were not encoded beforehand; LD

    @property
    def digest(self) -> str:
        """Of all that was encoded or drawn, maybe on another machine, with other last bits."""
        pictures = [*self.works, *self.class_images]
        tensors = {f"{n} words": picture.conditioning_LD for n, picture in enumerate(pictures)}
        for n, picture in enumerate(pictures):
            for m, latents in enumerate(picture.variants):
                tensors |= {f"{n} mean {m}": latents.mean_BCHW, f"{n} deviation {m}": latents.deviation_BCHW}
            tensors |= {f"{n} weights {m}": weights for m, weights in enumerate(picture.weights)}
        return digest_of({**tensors, "no words": self.empty_LD})

    def batch_at(self, step: int) -> Batch:
        recipe = self.recipe
        return batch_at(
            step,
            self.works,
            self.class_images,
            empty_LD=self.empty_LD,
            seed=recipe.seed,
            batch_size=recipe.train_batch_size,
            class_images_per_batch=max(1, round(recipe.train_batch_size * recipe.prior_batch_share)),
            caption_dropout=recipe.caption_dropout,
            prior_loss_weight=recipe.prior_loss_weight,
            reworded=self._reworded if recipe.shuffle_caption else None,
        )

    def _reworded(self, example: Example, chance: torch.Generator) -> Example:
        """With its caption shuffled; where the text encoder learns, it will encode the words itself."""
        recipe = self.recipe
        if not example.caption:
            return example
        caption = recipe.shuffled(example.caption, lambda number: torch.randperm(number, generator=chance).tolist())
        text = recipe.words(caption)
        if text == example.text or recipe.reads_anew:
            return replace(example, text=text)
        assert self.encode is not None, "material of a recipe that shuffles can encode"
        return replace(example, text=text, conditioning_LD=self.encode(text))


def material_of(
    collection: Collection, family: ModelFamily, recipe: Recipe, cache: Cache, own: Own | None, report: Report
) -> Material:
    """Raises StageMissing when something has not been encoded."""
    encoder = family.text_digest()
    empty_LD = conditioning_of("", encoder, cache)
    if empty_LD is None:
        raise StageMissing("the texts are not in the cache", hint="Run `handstyle encode` again.")
    works = tuple(example(work, family, recipe, cache) for work in collection.training)
    if mask_use(recipe) and not any(work.weights for work in works):
        raise UsageMistake(
            f"none of the {len(works)} works has a mask, though the recipe asks for masks",
            hint="Put NAME-masklabel.png beside NAME.png and collect again; or leave masked_loss and alpha_mask out.",
        )
    if own is not None and not class_prompts.is_one_for_all(recipe):
        raise UsageMistake(
            "class_prompt speaks of captions or styles, which pictures of your own have not",
            hint="Say in class_prompt what all of them show; or leave --class-images out, and the base draws them.",
        )
    prior = _class_images(works, family, recipe, cache, own, report) if recipe.with_prior_preservation else []
    return Material(
        recipe=recipe,
        works=works,
        class_images=tuple(prior),
        class_images_digest=own.collection.digest if own and prior else "",
        empty_LD=empty_LD,
        encode=lru_cache(maxsize=WORDS_KEPT)(partial(encoded_text, family=family)) if recipe.shuffle_caption else None,
    )


def example(work: Work, family: ModelFamily, recipe: Recipe, cache: Cache) -> Example:
    """A work out of the cache. Raises StageMissing."""
    text, encoder = recipe.words(work.caption), family.autoencoder_digest()
    crops = framing_of(recipe, family).crops(work.width, work.height)
    variants = [latents_of(work, crop, encoder, cache) for crop in crops]
    conditioning_LD = conditioning_of(text, family.text_digest(), cache)
    if conditioning_LD is None or any(variant is None for variant in variants):
        raise StageMissing(f"{work.name} is not in the cache", hint="Run `handstyle encode` again.")
    size = size_of(work.width, work.height, crops[0])
    found = tuple(variant for variant in variants if variant)
    weights = _weights(work, crops, family, recipe, cache)
    return Example(work.name, found, text, conditioning_LD, size, work.repeats, work.caption, weights)


def mask_use(recipe: Recipe) -> MaskUse | None:
    """Which masks this recipe asks for."""
    if not recipe.masked_loss and not recipe.alpha_mask:
        return None
    return MaskUse(recipe.masked_loss, recipe.alpha_mask, recipe.unmasked_weight, recipe.normalize_masked_area_loss)


def _weights(
    work: Work, crops: Sequence[Crop], family: ModelFamily, recipe: Recipe, cache: Cache
) -> tuple[torch.Tensor, ...]:
    """None where every place counts whole."""
    use = mask_use(recipe)
    if use is None or use.of(work) is None:
        return ()
    masks = [mask_of(work, crop, use, family, cache) for crop in crops]
    if any(mask is None for mask in masks):
        raise StageMissing(f"the mask of {work.name} is not in the cache", hint="Run `handstyle finetune` again.")
    found = [mask for mask in masks if mask is not None]
    return tuple(map(use.weights, found)) if any(bool((mask < 1).any()) for mask in found) else ()


def _class_images(
    works: Sequence[Example], family: ModelFamily, recipe: Recipe, cache: Cache, own: Own | None, report: Report
) -> list[Example]:
    """For each size of the works: every picture of one's own, or as large a share of those that are drawn."""
    resolution = recipe.resolution or family.resolution
    multiple = resolution // family.latent_shape(resolution, resolution)[1]
    found = []
    turns = sum(work.repeats for work in works)
    for (_, height, width), bucket in by_shape(works).items():
        size = (width * multiple, height * multiple)
        share = sum(work.repeats for work in bucket) / turns
        number = max(1, round(recipe.num_class_images * share))
        if own is not None:
            found += class_images.own_examples(own, recipe.class_prompt or recipe.class_words, size, family, cache)
            continue
        for asked in class_prompts.asked(bucket, number, family, recipe):
            plan = _drawn_as(asked, size, family, recipe)
            for done in class_images.draw_class_images(plan, asked.number, family, cache):
                report("drawing class images", len(found) + done, recipe.num_class_images)
            found += class_images.drawn_examples(plan, asked.number, family, cache)
    return found


def _drawn_as(asked: Asked, size: Extent, family: ModelFamily, recipe: Recipe) -> ClassImages:
    card, resolution = family.card, recipe.resolution or family.resolution
    return ClassImages(
        prompt=asked.prompt,
        base=family.digest,
        resolution=resolution,
        seed=asked.seed,
        steps=card.num_inference_steps,
        guidance_scale=card.guidance_scale,
        guidance_rescale=card.guidance_rescale,
        precision=recipe.mixed_precision,
        plain=family.plain,
        bucket=None if size == (resolution, resolution) else size,
        clip_skip=recipe.clip_skip or None,
    )
