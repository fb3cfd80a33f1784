"""Whose is a drawing: the artist's, or that of a hand an extractor knows?

Each known hand has a mean, from all of its works that were learnt; the artist's is that of the works. A drawing goes
to whichever is nearest, by distances in which all hands vary alike in all directions (linear discriminants, Fisher
1936, with the covariance within known hands, drawn towards a diagonal one, Ledoit and Wolf 2004). Those come into
question who drew the same thing, where at least two did, else all. docs/decisions/0008 says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SHRINKAGE = 0.2  # towards a covariance without correlations
DIRECTIONS = 384  # in which hands are compared, of those in which they vary most


@dataclass(frozen=True)
class KnownHands:
    """R are directions, A known hands, M drawings by these that nothing was learnt from."""

    names: tuple[str, ...]
    centre_D: Tensor
    projection_DR: Tensor
    means_AR: Tensor
    unseen_MR: Tensor
    of_M: Tensor  # the number of the hand that drew each
    things_M: tuple[str, ...]  # and what
    drew: Mapping[str, tuple[int, ...]]  # which hands drew a thing

    def projected(self, manner_ND: Tensor) -> Tensor:
        return (manner_ND - self.centre_D) @ self.projection_DR

    def asked_about(self, things: Sequence[str]) -> Tensor:
        """N x A: which hands come into question for a drawing of each."""
        rows = torch.ones(len(things), len(self.names), dtype=torch.bool)
        for row, thing in zip(rows, things, strict=True):
            drew = self.drew.get(thing.strip().lower(), ())
            if len(drew) > 1:
                row[:] = False
                row[list(drew)] = True
        return rows


def known_from(
    names: tuple[str, ...], manner_ND: Tensor, of_N: Tensor, things: Sequence[str], unseen: Sequence[int]
) -> KnownHands:
    """Of all drawings by known hands, `unseen` ones are not learnt from. Hands count alike, however much each drew."""
    learnt = torch.ones(len(of_N), dtype=torch.bool)
    learnt[list(unseen)] = False
    by_hand = [manner_ND[learnt & (of_N == hand)] for hand in range(len(names))]
    means_AD = torch.stack([own.mean(0) for own in by_hand])
    within_DD = sum((torch.cov(own.T, correction=0) for own in by_hand), torch.zeros(())) / len(names)
    unit_D = within_DD.diagonal().sqrt() + 1e-4
    values_D, vectors_DD = torch.linalg.eigh(within_DD / unit_D[:, None] / unit_D)
    values_R, vectors_DR = values_D[-DIRECTIONS:], vectors_DD[:, -DIRECTIONS:]
    spread_R = ((1 - SHRINKAGE) * values_R.clamp_min(0) + SHRINKAGE).sqrt()
    projection_DR = vectors_DR / unit_D[:, None] / spread_R
    centre_D = means_AD.mean(0)
    drew: dict[str, set[int]] = {}
    for thing, hand in zip(things, of_N.tolist(), strict=True):
        drew.setdefault(thing.strip().lower(), set()).add(hand)
    return KnownHands(
        names=names,
        centre_D=centre_D,
        projection_DR=projection_DR,
        means_AR=(means_AD - centre_D) @ projection_DR,
        unseen_MR=(manner_ND[list(unseen)] - centre_D) @ projection_DR,
        of_M=of_N[list(unseen)],
        things_M=tuple(things[n] for n in unseen),
        drew={thing: tuple(sorted(hands)) for thing, hands in drew.items() if len(hands) > 1},
    )


def whose(asked_NR: Tensor, own_WR: Tensor, means_AR: Tensor, in_question_NA: Tensor) -> Tensor:
    """N: the number of the known hand, or A where a drawing is the artist's, who has `own_WR`."""
    own_R = own_WR.mean(0)
    # A mean of W works lies off the true one by a W-th of their spread; known hands have hundreds.
    off = (own_WR - own_R).pow(2).sum() / max(1, len(own_WR) - 1) / len(own_WR)
    far_NA = torch.cdist(asked_NR, means_AR, compute_mode="donot_use_mm_for_euclid_dist").pow(2)
    far_N1 = (asked_NR - own_R).pow(2).sum(1, keepdim=True) - off
    return torch.cat([far_NA.masked_fill(~in_question_NA, torch.inf), far_N1], 1).argmin(1)


@dataclass(frozen=True)
class ToldApart:
    """How often the artist and others are told apart, on drawings that nothing learnt from."""

    own_right: float  # of the artist's drawings: given to the artist
    others_taken: float  # of drawings by known hands: given to the artist, hands counting alike


def told_apart(own_unseen_NR: Tensor, things: Sequence[str], own_WR: Tensor, known: KnownHands) -> ToldApart:
    artist = len(known.names)
    own = whose(own_unseen_NR, own_WR, known.means_AR, known.asked_about(things)) == artist
    others = whose(known.unseen_MR, own_WR, known.means_AR, known.asked_about(known.things_M)) == artist
    return ToldApart(float(own.float().mean()), by_hand(others, known.of_M))


def by_hand(true_M: Tensor, of_M: Tensor) -> float:
    """The share that is true, hands counting alike."""
    hands = sorted(set(of_M.tolist()))
    return float(torch.stack([true_M[of_M == hand].float().mean() for hand in hands]).mean())
