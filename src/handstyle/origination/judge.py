"""Does a picture show what its words say, and in whose hand?

Small networks that learn from real works to tell words and hands, and judge what a base draws. They share nothing
with the base but the sentence encoder that all were taught by. Of each common concept one drawing is kept from them:
how often they are right about those is the most that any base can be asked for (docs/decisions/0011).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from handstyle import digests
from handstyle.encoding.batches import generator, positions
from handstyle.inspection.extractor import Block
from handstyle.origination.autoencoder import to_network

SIDE = 64  # pixels: it looks at pictures of this size
WIDTHS = (32, 64, 128, 256)
EACH = 3  # drawings of a thing that stand in a batch together
TEMPERATURE = 0.1  # of drawings beside drawings


class Judge(nn.Module):
    """Pictures, B x 3 x 64 x 64 in [-1, 1], and texts, as the sentence encoder says them, in one space."""

    def __init__(self, taught_width: int, hands: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(a, b) for a, b in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False))
        self.norm = nn.GroupNorm(8, WIDTHS[-1])
        features = WIDTHS[-1] * 16
        self.words, self.texts = nn.Linear(features, 256), nn.Linear(taught_width, 256)
        self.hands = nn.Linear(WIDTHS[-1] + WIDTHS[1], hands)
        self.scale = nn.Parameter(torch.tensor(2.7))  # of logits, as its logarithm (Radford et al. 2021, figure 3)

    def forward(self, pixels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Where the picture stands among texts, of length 1; and what speaks for each hand."""
        x, early = self.stem(pixels_BCHW), None
        for number, block in enumerate(self.blocks):
            x = block(x)
            early = x.mean((2, 3)) if number == 1 else early
        x = nn.functional.silu(self.norm(x))
        assert early is not None
        seen = nn.functional.normalize(self.words(x.flatten(1)), dim=-1)
        return seen, self.hands(torch.cat([x.mean((2, 3)), early], 1))

    def of_texts(self, taught_ND: Tensor) -> Tensor:
        return nn.functional.normalize(self.texts(taught_ND), dim=-1)

    @torch.no_grad()
    def of_things(self, taught_ND: Tensor, drawings: Sequence[np.ndarray]) -> Tensor:
        """N x 256: between the words for each thing and the mean of real drawings of it, NHWC each, that the judge
        learnt from (Snell et al. 2017, eq. 1)."""
        said_ND = self.of_texts(taught_ND)
        for place, pixels_NHWC in enumerate(drawings):
            if len(pixels_NHWC):
                said_ND[place] += nn.functional.normalize(judged(self, pixels_NHWC)[0].mean(0), dim=0)
        return nn.functional.normalize(said_ND, dim=-1)


@dataclass(frozen=True)
class Panel:
    """Judges that learnt from different seeds, asked together: what one believes by chance the others do not
    (Lakshminarayanan et al. 2017). Its space is theirs side by side, so that likeness in it is the mean of theirs."""

    judges: tuple[Judge, ...]

    def of_texts(self, taught_ND: Tensor) -> Tensor:
        return self._side_by_side([one.of_texts(taught_ND) for one in self.judges])

    def of_things(self, taught_ND: Tensor, drawings: Sequence[np.ndarray]) -> Tensor:
        return self._side_by_side([one.of_things(taught_ND, drawings) for one in self.judges])

    def judged(self, pixels_NHWC: np.ndarray) -> tuple[Tensor, Tensor]:
        """Of each picture: where it stands among texts, and the number of the hand it looks like."""
        seen, hands = zip(*(judged(one, pixels_NHWC) for one in self.judges), strict=True)
        return self._side_by_side(seen), torch.stack(hands).mean(0).argmax(1)

    def _side_by_side(self, places_ND: Sequence[Tensor]) -> Tensor:
        return torch.cat([*places_ND], 1).div(len(self.judges) ** 0.5)


@dataclass(frozen=True)
class Shown:
    """A picture to learn from: its place among the pixels, and the numbers of its text and of its hand."""

    pixels: int
    text: int
    hand: int


def common_concepts(names: Sequence[str], hands: Sequence[int], number: int, seed: int) -> list[str]:
    """Names that most hands have drawn, each in at most two words, no word in two of them: a grinning face and a
    grimacing one are one thing to be asked for, and so are a note and notes. Among equals chance decides."""
    drawn: dict[str, set[int]] = defaultdict(set)
    for name, hand in zip(names, hands, strict=True):
        if len(name.split()) <= 2:
            drawn[name].add(hand)
    found: list[str] = []
    taken: set[str] = set()
    for name in sorted(drawn, key=lambda name: (-len(drawn[name]), digests.of_json([seed, name]))):
        words = {_singular(word) for word in name.split()}
        if not words & taken and len(found) < number:
            found.append(name)
            taken |= words
    return found


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def kept_back(names: Sequence[str], concepts: Sequence[str], seed: int) -> list[int]:
    """One drawing of each concept, which chance decides."""
    places: dict[str, list[int]] = {concept: [] for concept in concepts}
    for place, name in enumerate(names):
        if name in places:
            places[name].append(place)
    return [min(found, key=lambda n: digests.of_json([seed, n])) for found in places.values() if found]


def seen_as(pixels_BHWC: np.ndarray) -> Tensor:
    """At the judge's size: B x 3 x 64 x 64 in [-1, 1]."""
    pixels_BCHW = to_network(torch.from_numpy(np.ascontiguousarray(pixels_BHWC)))
    return nn.functional.interpolate(pixels_BCHW, (SIDE, SIDE), mode="area")


def loss_at(
    judge: Judge,
    pixels_NHWC: np.ndarray,
    shown: Sequence[Shown],
    things: Sequence[Sequence[int]],
    taught_ND: Tensor,
    batch: int,
    seed: int,
) -> Callable[[int], tuple[Tensor, int]]:
    """For `loop.learn`: each picture finds its text among the batch's (van den Oord et al. 2018), the other drawings
    of the same thing (Khosla et al. 2020), and, where its colours are its own, its hand. `things`: of each, the places
    of its drawings, at least two; they make three quarters of a batch. There may be none."""

    def loss(step: int) -> tuple[Tensor, int]:
        chance = np.random.default_rng(generator(seed, "drawings", step).initial_seed())
        places = []
        for thing in positions(step, batch // 4, len(things), seed, "things") if things else ():
            places += [int(place) for place in chance.permutation(things[thing])[:EACH]]
        places += positions(step, batch - len(places), len(shown), seed, "judged")
        chosen = [shown[place] for place in places]
        recoloured_B = torch.arange(len(chosen)) % 2 == 1  # hands are half known by their colours
        pixels_BCHW = seen_as(pixels_NHWC[[one.pixels for one in chosen]])
        pixels_BCHW = roughened(pixels_BCHW, recoloured_B, generator(seed, "jitter", step))
        texts = torch.tensor([one.text for one in chosen])
        with torch.autocast("cpu", torch.bfloat16):
            seen_BD, hands_BH = judge(pixels_BCHW)
        seen_BD, said_BD = seen_BD.float(), judge.of_texts(taught_ND[texts])
        logits_BB = (seen_BD @ said_BD.T) * judge.scale.exp().clamp_max(100)
        same_BB = texts[:, None] == texts[None]
        wanted_BB = same_BB / same_BB.sum(1, keepdim=True)
        both_ways = [nn.functional.cross_entropy(logits, wanted_BB) for logits in (logits_BB, logits_BB.T)]
        hands_B = torch.tensor([one.hand for one in chosen])
        hands = nn.functional.cross_entropy(hands_BH.float()[~recoloured_B], hands_B[~recoloured_B])
        return sum(both_ways, hands) / 2 + drawn_together(seen_BD, same_BB), len(chosen)

    return loss


def drawn_together(seen_BD: Tensor, alike_BB: Tensor) -> Tensor:
    """Khosla et al. 2020, eq. 2: each picture against all others of the batch; 0 where none is like another."""
    logits_BB = seen_BD @ seen_BD.T / TEMPERATURE
    itself = torch.eye(len(seen_BD), dtype=torch.bool)
    logs_BB = nn.functional.log_softmax(logits_BB.masked_fill(itself, -torch.inf), dim=1)
    wanted_BB = alike_BB & ~itself
    sums_B = logs_BB.masked_fill(~wanted_BB, 0).sum(1)
    counted_B = wanted_BB.sum(1)
    return -(sums_B / counted_B.clamp_min(1)).sum() / (counted_B > 0).sum().clamp_min(1)


def roughened(pixels_BCHW: Tensor, recoloured_B: Tensor, chance: torch.Generator) -> Tensor:
    """Moved, some soft, some with a part covered, and these with paler or stronger colours: a judge that learnt from a
    few thousand drawings knows each of them by heart otherwise."""
    pixels_BCHW = jittered(pixels_BCHW, chance)
    batch = len(pixels_BCHW)
    grey_B1HW = pixels_BCHW.mean(1, keepdim=True)
    other_BCHW = grey_B1HW + (pixels_BCHW - grey_B1HW) * (0.3 + torch.rand(batch, 1, 1, 1, generator=chance))
    gamma_B111 = 0.7 + 0.7 * torch.rand(batch, 1, 1, 1, generator=chance)
    other_BCHW = ((other_BCHW + 1) / 2).clamp(0, 1) ** gamma_B111 * 2 - 1
    pixels_BCHW = torch.where(recoloured_B[:, None, None, None], other_BCHW, pixels_BCHW)
    soft_B = torch.rand(batch, generator=chance) < 0.25
    padded = nn.functional.pad(pixels_BCHW[soft_B], (1, 1, 1, 1), mode="replicate")
    pixels_BCHW[soft_B] = nn.functional.avg_pool2d(padded, 3, stride=1)
    for row in torch.nonzero(torch.rand(batch, generator=chance) < 0.5).flatten().tolist():
        height, width = (int(n) for n in torch.randint(12, 28, (2,), generator=chance))
        top, left = (int(torch.randint(0, SIDE - size, (), generator=chance)) for size in (height, width))
        colour = torch.rand((), generator=chance) * 2 - 1
        pixels_BCHW[row, :, top : top + height, left : left + width] = colour
    return pixels_BCHW


def jittered(pixels_BCHW: Tensor, chance: torch.Generator) -> Tensor:
    """Moved and scaled a little, some of them mirrored: what is drawn does not depend on it."""
    batch = len(pixels_BCHW)
    theta_B23 = torch.zeros(batch, 2, 3)
    scale_B = 0.9 + 0.25 * torch.rand(batch, generator=chance)
    theta_B23[:, 0, 0] = scale_B * torch.where(torch.rand(batch, generator=chance) < 0.5, -1.0, 1.0)
    theta_B23[:, 1, 1] = scale_B
    theta_B23[:, :, 2] = 0.16 * torch.rand(batch, 2, generator=chance) - 0.08
    grid = nn.functional.affine_grid(theta_B23, list(pixels_BCHW.shape), align_corners=False)
    # White outside: the page goes on.
    return nn.functional.grid_sample(pixels_BCHW - 1, grid, align_corners=False) + 1


@torch.no_grad()
def judged(judge: Judge, pixels_NHWC: np.ndarray, at_once: int = 128) -> tuple[Tensor, Tensor]:
    """Of each picture: where it stands among texts, and the logarithm of how likely each hand is."""
    seen, hands = [], []
    for begin in range(0, len(pixels_NHWC), at_once):
        one, other = judge(seen_as(pixels_NHWC[begin : begin + at_once]))
        seen.append(one)
        hands.append(other.log_softmax(1))
    return torch.cat(seen), torch.cat(hands)


def right_first(seen_ND: Tensor, said_ND: Tensor) -> Tensor:
    """N, true where a picture is nearest to what was said of it among all N."""
    return (seen_ND @ said_ND.T).argmax(1) == torch.arange(len(seen_ND))
