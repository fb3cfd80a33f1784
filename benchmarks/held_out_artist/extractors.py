"""Where do the two feature extractors come from that inspection looks with, and do they see what they should?

    python -m benchmarks.held_out_artist.extractors --workspace DESK --teacher FOLDER --packages PACKAGES --to FOLDER

On the collection that the shipped base is made from (docs/originate.md), less the works it never learns: no drawing by
the artists that styles are measured on is in it. Each batch holds the same things by several hands, so that neither
can be told by the other: things draw together with their words and with the same thing by others (van den Oord et al.
2018), hands with other things by the same hand (Khosla et al. 2020).

Then it is measured on real drawings that it never saw, by artists whom it never saw: the example's (FxEmoji) and Game
Icons, whose works show whose hand it is (docs/decisions/0008). What was trained is kept in FOLDER, and goes on when it
was stopped; the files that are shipped are written there, too. docs/benchmark.md names the packages.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.held_out_artist.extractor_proof import in_halves, known_hands, proof_of
from handstyle.diffusion.hardware import use_all_cores
from handstyle.encoding.batches import generator, positions
from handstyle.finetuning.duration import Duration
from handstyle.finetuning.recipe import Recipe
from handstyle.inspection import extractor
from handstyle.inspection.extractor import Extractor
from handstyle.inspection.shipped_extractors import write_extractor
from handstyle.loading import current_collection
from handstyle.origination import text_encoder
from handstyle.origination.judge import TEMPERATURE, drawn_together, jittered
from handstyle.origination.learning import learned, parameters_of
from handstyle.origination.material import Material
from handstyle.origination.recipe import named
from handstyle.workspace import Workspace

THINGS, HANDS_EACH = 40, 3
OF_HANDS = 64  # numbers
SEEDS: dict[extractor.Build, int] = {"residual": 11, "patches": 12}
STEPS: dict[extractor.Build, int] = {"residual": 1900, "patches": 1500}


class WithHands(Extractor):
    """While it learns it also says in whose hand a picture is, so that its layers come to tell. That part is not
    shipped: it knows no hands but those it learnt from (docs/decisions/0008)."""

    def __init__(self, build: extractor.Build) -> None:
        super().__init__(build)
        self.hands = nn.Sequential(nn.Linear(self.trunk.early, 192), nn.SiLU(), nn.Linear(192, OF_HANDS))

    def both(self, pixels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        late, early = self.trunk(pixels_BCHW)
        return nn.functional.normalize(self.things(late), dim=-1), nn.functional.normalize(self.hands(early), dim=-1)


class Learning(nn.Module):
    """What learns: the extractor, and the way from the teacher's words to it."""

    def __init__(self, build: extractor.Build, taught: int) -> None:
        super().__init__()
        self.extractor, self.words = WithHands(build), nn.Linear(taught, extractor.OF_THINGS)


def loss_at(
    network: Learning,
    pixels_NHWC: np.ndarray,
    things: list[list[int]],
    hand_of: list[int],
    taught_ND: Tensor,
    seed: int,
) -> Callable[[int], tuple[Tensor, int]]:
    """`things`: of each, the places of its drawings, at least two."""

    def loss(step: int) -> tuple[Tensor, int]:
        chance = np.random.default_rng(generator(seed, "drawings", step).initial_seed())
        rows, names = [], []
        for thing in positions(step, THINGS, len(things), seed, "things"):
            chosen = chance.permutation(things[thing])[:HANDS_EACH]
            rows += [int(place) for place in chosen]
            names += [thing] * len(chosen)
        pixels = extractor.as_seen([Image.fromarray(pixels_NHWC[place]) for place in rows])
        with torch.autocast("cpu", torch.bfloat16):
            things_BD, hands_BD = network.extractor.both(jittered(pixels, generator(seed, "jitter", step)))
        things_BD, hands_BD = things_BD.float(), hands_BD.float()
        name_B, hand_B = torch.tensor(names), torch.tensor([hand_of[place] for place in rows])
        said_BD = nn.functional.normalize(network.words(taught_ND[name_B]), dim=-1)
        logits_BB = things_BD @ said_BD.T / TEMPERATURE
        same_BB = name_B[:, None] == name_B[None]
        wanted_BB = same_BB / same_BB.sum(1, keepdim=True)
        words = nn.functional.cross_entropy(logits_BB, wanted_BB)
        alike = drawn_together(things_BD, same_BB)
        return words + alike + drawn_together(hands_BD, hand_B[:, None] == hand_B[None]), len(rows)

    return loss


def trained(build: extractor.Build, material: Material, teacher: Path, steps: int, to: Path) -> Extractor:
    phrases, by_name = phrases_of(material), drawn(material)
    names = sorted(name for name, places in by_name.items() if len(places) > 1)
    hand_of = [phrases.index(said.phrase) for said in material.said]
    seed = SEEDS[build]
    torch.manual_seed(seed)
    taught_ND = text_encoder.taught(names, teacher)
    network = Learning(build, taught_ND.shape[1])
    recipe = Recipe(
        method="full", max_train=Duration(count=steps, unit="steps"), learning_rate=1.5e-3, lr_scheduler="cosine",
        lr_warmup_steps=100, adam_weight_decay=0.05, train_batch_size=THINGS, ema_decay=0.998, seed=seed,
    )  # fmt: skip
    small = np.stack([_small(material.pixels[n]) for n in range(len(material.said))])
    at = loss_at(network, small, [by_name[name] for name in names], hand_of, taught_ND, seed)
    learning = parameters_of(network)
    state = learned(f"extractor {build}", to / build, f"{build} {steps}", learning, recipe, at, print_now)
    learning.put(state.finished_weights())
    return network.extractor.eval().requires_grad_(False)


def phrases_of(material: Material) -> list[str]:
    return sorted({said.phrase for said in material.said})


def drawn(material: Material) -> dict[str, list[int]]:
    """Of each thing the places of its drawings, of those that are learnt from."""
    found: dict[str, list[int]] = defaultdict(list)
    for place in material.learnt:
        found[material.said[place].name].append(place)
    return found


def _small(pixels_HWC: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels_HWC).resize((extractor.SIDE,) * 2, Image.Resampling.BOX))


def print_now(what: str, done: int, of: int) -> None:
    if done % 100 == 0 or done == of:
        print(what, done, of, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--build", choices=sorted(SEEDS), action="append")
    options = parser.parse_args()
    use_all_cores()
    collection, works = current_collection(Workspace(options.workspace))
    material = Material(options.to / "works", works, collection, named("embedded"), print_now)
    for build in options.build or sorted(SEEDS):
        network = in_halves(build, trained(build, material, options.teacher, STEPS[build], options.to))
        known = known_hands(network, material)
        proof = proof_of(network, known, material, options.packages)
        print(build, proof.model_dump_json(indent=1), flush=True)
        write_extractor(network, build, known, proof, options.to)


if __name__ == "__main__":
    main()
