"""Where do the two feature extractors come from that inspection looks with, and do they see what they should?

    python -m benchmarks.held_out_artist.extractors --workspace DESK --teacher FOLDER --to FOLDER [--build residual]

On the collection that the shipped base is made from (docs/originate.md), less the works it never learns: no drawing by
the artists that styles are measured on is in it. Each batch holds the same things by several hands, so that neither can
be told by the other: things draw together with their words and with the same thing by others (van den Oord et al. 2018),
hands with other things by the same hand (Khosla et al. 2020).

Then it is measured on real drawings that it never saw: the example's 64, by an artist it does not know. Whose they are is
asked among that artist, as the 32 works show them, and the ten known ones; which thing, of another artist's drawing of
it. Nothing is shown in a report unless the first is right for nine tenths and the second for seven.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from handstyle.demonstration import EXAMPLE
from handstyle.diffusion.checkpoints import write_tensors
from handstyle.diffusion.hardware import use_all_cores
from handstyle.encoding.batches import generator, positions
from handstyle.finetuning.recipe import Duration, Recipe
from handstyle.inspection import extractor
from handstyle.inspection.extractor import KNOWN, Extractor
from handstyle.loading import current_collection
from handstyle.origination import text_encoder
from handstyle.origination.judge import jittered
from handstyle.origination.learning import learned, parameters_of
from handstyle.origination.material import Material
from handstyle.origination.recipe import named
from handstyle.workspace import Workspace

THINGS, HANDS_EACH, TEMPERATURE = 40, 3, 0.1
SEEDS = {"residual": 11, "patches": 12}


class Learning(nn.Module):
    """What learns: the extractor, and the way from the teacher's words to it."""

    def __init__(self, build: extractor.Build, taught: int) -> None:
        super().__init__()
        self.extractor, self.words = Extractor(build), nn.Linear(taught, extractor.OF_THINGS)


def drawn_together(seen_BD: Tensor, alike_BB: Tensor) -> Tensor:
    """Khosla et al. 2020, eq. 2: each picture against all others of the batch."""
    logits_BB = seen_BD @ seen_BD.T / TEMPERATURE
    itself = torch.eye(len(seen_BD), dtype=torch.bool)
    logs_BB = nn.functional.log_softmax(logits_BB.masked_fill(itself, -torch.inf), dim=1)
    wanted_BB = alike_BB & ~itself
    sums_B = logs_BB.masked_fill(~wanted_BB, 0).sum(1)
    counted_B = wanted_BB.sum(1)
    return -(sums_B / counted_B.clamp_min(1))[counted_B > 0].mean()


def loss_at(
    network: Learning, pixels_NHWC: np.ndarray, things: list[list[int]], hand_of: list[int], taught_ND: Tensor, seed: int
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
            things_BD, hands_BD = network.extractor(jittered(pixels, generator(seed, "jitter", step)))
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


def trained(build: extractor.Build, material: Material, teacher: Path, steps: int, to: Path) -> tuple[Extractor, Tensor]:
    phrases = sorted({said.phrase for said in material.said})
    by_name: dict[str, list[int]] = defaultdict(list)
    for place in material.learnt:
        by_name[material.said[place].name].append(place)
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
    network.eval().requires_grad_(False)
    hands = extractor.seen(network.extractor, [Image.fromarray(small[n]) for n in material.learnt]).hands_ND
    of = torch.tensor([hand_of[n] for n in material.learnt])
    known = torch.stack([nn.functional.normalize(hands[of == hand].mean(0), dim=0) for hand in range(len(phrases))])
    return network.extractor, known


def _small(pixels_HWC: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels_HWC).resize((extractor.SIDE,) * 2, Image.Resampling.BOX))


def measured(network: Extractor, known_AD: Tensor, material: Material) -> dict[str, object]:
    """On the example's artist, and on known hands' works that were never learnt."""
    works, real = (drawings_in(EXAMPLE / name) for name in ("works", "held_out"))
    own = extractor.seen(network, list(works.values())).hands_ND
    truth = extractor.seen(network, list(real.values()))
    others: dict[str, list[int]] = defaultdict(list)
    for place, said in enumerate(material.said):
        others[said.name].append(place)
    asked = [(n, place) for n, name in enumerate(real) for place in others.get(name, [])]
    pictures = [Image.fromarray(material.pixels[place]) for _, place in asked]
    alike = extractor.seen(network, pictures).things_ND @ truth.things_ND.T
    right = alike.argmax(1) == torch.tensor([n for n, _ in asked])
    return {
        "hand right, of 64": round(float(extractor.right_hand(truth.hands_ND, own, known_AD).float().mean()), 3),
        "thing right": round(float(right.float().mean()), 3),
        "asked": len(asked),
    }


def drawings_in(folder: Path) -> dict[str, Image.Image]:
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.strip()]
    return {entry["text"]: Image.open(folder / entry["file_name"]).convert("RGB") for entry in entries}


def print_now(what: str, done: int, of: int) -> None:
    if done % 100 == 0 or done == of:
        print(what, done, of, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--build", choices=sorted(SEEDS), action="append")
    parser.add_argument("--steps", type=int, default=3000)
    options = parser.parse_args()
    use_all_cores()
    collection, works = current_collection(Workspace(options.workspace))
    material = Material(options.to / "works", works, collection, named("embedded"), print_now)
    for build in options.build or sorted(SEEDS):
        network, known = trained(build, material, options.teacher, options.steps, options.to)
        tensors = {name: tensor.bfloat16().contiguous() for name, tensor in network.state_dict().items()}
        write_tensors(options.to / f"{build}.safetensors", {**tensors, KNOWN: known}, {"format": "pt"})
        print(json.dumps({"build": build, **measured(network, known, material)}), flush=True)


if __name__ == "__main__":
    main()
