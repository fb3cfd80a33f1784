"""What do judges that learnt from the works say of the base that was made of them?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from handstyle.diffusion.family import ModelFamily
from handstyle.finetuning.duration import Duration
from handstyle.finetuning.recipe import Recipe
from handstyle.origination import combinations, judge, measure, text_encoder
from handstyle.origination.autoencoder import decibels, to_network
from handstyle.origination.figures import Measured, Share, Unseen
from handstyle.origination.judge import Judge, Panel, Shown
from handstyle.origination.learning import learned, parameters_of
from handstyle.origination.originate import Origination
from handstyle.origination.pictures import Picture, further
from handstyle.origination.unseen_artist import UnseenArtist
from handstyle.origination.words import Said

CONCEPTS = 200
STEPS = 3000
SEED = 1  # of what is measured; not the base's
SEEDS = (1, 2, 3)  # of the judges
DRAWN_FOR_COPIES = 200


class Evaluation:
    """Of one origination. The judges are trained once, and kept beside the base."""

    def __init__(self, made: Origination, steps: int | None = None, batch: int = 128) -> None:
        self.made, self.steps, self.batch = made, steps or STEPS, batch
        self.hands = sorted({said.phrase for said in made.material.said})

    @cached_property
    def concepts(self) -> list[str]:
        return judge.common_concepts([said.name for said in self.made.material.said], self.hand_numbers, CONCEPTS, SEED)

    @cached_property
    def hand_numbers(self) -> list[int]:
        return [self.hands.index(said.phrase) for said in self.made.material.said]

    @cached_property
    def kept_back(self) -> list[int]:
        """Places of the drawings that the ceiling is measured on."""
        return judge.kept_back([said.name for said in self.made.material.said], self.concepts, SEED)

    def taught(self, texts: Sequence[str]) -> Tensor:
        return text_encoder.taught(texts, self.made.teacher)

    @cached_property
    def panel(self) -> Panel:
        made = self.made
        works: list[Picture] = [(np.asarray(made.material.pixels[n]), made.material.said[n]) for n in self.learnt]
        everything = [*works, *further(works, made.recipe.pictures, np.random.default_rng(SEED))]
        texts = sorted({name_of(said) for _, said in everything})
        number_of = {text: number for number, text in enumerate(texts)}
        shown = [
            Shown(place, number_of[name_of(said)], self.hands.index(said.phrase))
            for place, (_, said) in enumerate(everything)
        ]
        drawn: dict[int, list[int]] = defaultdict(list)
        for place, one in enumerate(shown[: len(works)]):
            drawn[one.text].append(place)
        things = [places for _, places in sorted(drawn.items()) if len(places) > 1]
        pixels = np.stack([_at_the_judges_size(pixels) for pixels, _ in everything])
        learnt_from = pixels, shown, things, self.taught(texts)
        return Panel(tuple(self._judge(seed, *learnt_from) for seed in SEEDS))

    def _judge(
        self, seed: int, pixels: np.ndarray, shown: list[Shown], things: list[list[int]], taught_ND: Tensor
    ) -> Judge:
        torch.manual_seed(seed)
        network = Judge(taught_ND.shape[1], len(self.hands))
        recipe = Recipe(
            method="full",
            max_train=Duration(count=self.steps, unit="steps"),
            learning_rate=2e-3,
            lr_scheduler="cosine",
            lr_warmup_steps=100,
            adam_weight_decay=0.05,
            train_batch_size=self.batch,
            ema_decay=0.998,
            seed=seed,
        )
        state = learned(
            f"judge {SEEDS.index(seed) + 1} of {len(SEEDS)}",
            self.made.folder / f"judge-{seed}",
            self.made.material.lineage("words", "hands", "pictures"),
            learning := parameters_of(network),
            recipe,
            judge.loss_at(network, pixels, shown, things, taught_ND, self.batch, seed),
            self.made.report,
        )
        learning.put(state.finished_weights())
        return network.eval().requires_grad_(False)

    @cached_property
    def learnt(self) -> list[int]:
        """Places of the works that the judges learnt from."""
        away = set(self.kept_back) | set(self.made.material.unseen)
        return [place for place in range(len(self.made.material.said)) if place not in away]

    @cached_property
    def things(self) -> Tensor:
        """Where each concept stands in the judges' space, in the order of what was kept back."""
        said, pixels = self.made.material.said, self.made.material.pixels
        names = [said[place].name for place in self.kept_back]
        drawings = [pixels[[place for place in self.learnt if said[place].name == name]] for name in names]
        return self.panel.of_things(self.taught(names), drawings)

    @cached_property
    def real(self) -> np.ndarray:
        """NHWC: the drawings that no judge ever saw."""
        return np.stack([np.asarray(self.made.material.pixels[n]) for n in self.kept_back])

    def seen_in(self, pixels_NHWC: np.ndarray) -> tuple[Share, Share]:
        """Right words and right hands in pictures of what was kept back, in that order."""
        hands = [self.hand_numbers[n] for n in self.kept_back]
        words = measure.words_right(self.panel, pixels_NHWC, self.things)
        return words, measure.hands_right(self.panel, pixels_NHWC, hands)

    def of_unseen(self, family: ModelFamily, artist: UnseenArtist) -> Unseen:
        through = measure.through(family, artist.pixels_NHWC)
        said_ND = self.panel.of_texts(self.taught(artist.names))
        both = through, artist.pixels_NHWC
        return Unseen(
            works=len(artist.names),
            psnr=round(float(decibels(*(to_network(torch.from_numpy(rows)) for rows in both)).mean()), 2),
            words=measure.words_right(self.panel, artist.pixels_NHWC, said_ND),
            words_through=measure.words_right(self.panel, through, said_ND),
        )

    def measured(
        self, family: ModelFamily, report: Callable[[str, int, int], None], unseen: UnseenArtist | None = None
    ) -> tuple[Measured, Image.Image]:
        """The figures, and a sheet of what was drawn for the combinations."""
        words_ceiling, hands_ceiling = self.seen_in(self.real)
        words_through, hands_through = self.seen_in(measure.through(family, self.real))
        said = [self.made.material.said[n] for n in self.kept_back]
        drawn = measure.draw(family, [f"{one.name}, {one.phrase}" for one in said], report)
        together = measure.draw(family, [question.prompt for question in combinations.questions()], report)
        works = self.made.material.pixels[self.made.material.learnt]
        real = measure.nearest(self.made.material.pixels[self.made.material.unseen], works)
        copies, low, high = measure.nearer_than(real, measure.nearest(drawn.pixels_NHWC[:DRAWN_FOR_COPIES], works))
        concepts, hands = self.seen_in(drawn.pixels_NHWC)
        found = Measured(
            judge_ceiling=words_ceiling,
            words_through=words_through,
            concepts=concepts,
            hands_ceiling=hands_ceiling,
            hands_through=hands_through,
            hands=hands,
            combinations=measure.combinations_right(self.panel, together.pixels_NHWC, self.taught),
            seconds_a_picture=round(measure.seconds_a_picture(family), 3),
            nearer_than_real=copies,
            null_low=low,
            null_high=high,
            unseen=self.of_unseen(family, unseen) if unseen else None,
        )
        return found, sheet(np.concatenate([together.pixels_NHWC, drawn.pixels_NHWC]), columns=20)


def name_of(said: Said) -> str:
    return f"{said.colour} {said.name}" if said.must_say_colour else said.name


def _at_the_judges_size(pixels_HWC: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels_HWC)
    return np.asarray(image.resize((judge.SIDE, judge.SIDE), Image.Resampling.BOX))


def sheet(pixels_NHWC: np.ndarray, columns: int, gap: int = 4) -> Image.Image:
    side = pixels_NHWC.shape[1]
    rows = -(-len(pixels_NHWC) // columns)
    page = Image.new("RGB", (columns * (side + gap), rows * (side + gap)), "white")
    for place, pixels in enumerate(pixels_NHWC):
        page.paste(Image.fromarray(pixels), (place % columns * (side + gap), place // columns * (side + gap)))
    return page
