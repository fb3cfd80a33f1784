"""Whose is a drawing: the artist's, or that of a hand an extractor knows?

Each known hand has a mean, from all of its works that were learnt; the artist's is that of the works. A drawing goes to
whichever is nearest, by distances in which all hands vary alike in all directions (Fisher 1936: linear discriminants,
with the covariance within known hands, drawn towards a diagonal one: Ledoit and Wolf 2004). docs/decisions/0008 says why.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHRINKAGE = 0.3  # towards a covariance without correlations
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

    def projected(self, manner_ND: Tensor) -> Tensor:
        return (manner_ND - self.centre_D) @ self.projection_DR


def known_from(
    names: tuple[str, ...],
    manner_ND: Tensor,
    of_N: Tensor,
    unseen_MD: Tensor,
    of_M: Tensor,
    directions: int = DIRECTIONS,
) -> KnownHands:
    """`of_N` are the hands of the drawings that are learnt from. Hands count alike, however much each drew."""
    means_AD = torch.stack([manner_ND[of_N == hand].mean(0) for hand in range(len(names))])
    within_DD = torch.zeros(manner_ND.shape[1], manner_ND.shape[1])
    for hand in range(len(names)):
        away = manner_ND[of_N == hand] - means_AD[hand]
        within_DD += away.T @ away / len(away) / len(names)
    unit_D = within_DD.diagonal().sqrt() + 1e-4
    values_D, vectors_DD = torch.linalg.eigh(within_DD / unit_D[:, None] / unit_D)
    kept = torch.arange(len(values_D) - min(directions, len(values_D)), len(values_D))
    spread_R = ((1 - SHRINKAGE) * values_D[kept].clamp_min(0) + SHRINKAGE).sqrt()
    projection_DR = vectors_DD[:, kept] / unit_D[:, None] / spread_R
    centre_D = means_AD.mean(0)
    return KnownHands(
        names, centre_D, projection_DR, (means_AD - centre_D) @ projection_DR,
        (unseen_MD - centre_D) @ projection_DR, of_M,
    )  # fmt: skip


def whose(asked_NR: Tensor, own_WR: Tensor, means_AR: Tensor) -> Tensor:
    """N: the number of the known hand, or A where a drawing is the artist's, who has `own_WR`."""
    own_R = own_WR.mean(0)
    # A mean of W works lies off the true one by a W-th of their spread; known hands have hundreds.
    off = (own_WR - own_R).pow(2).sum() / max(1, len(own_WR) - 1) / len(own_WR)
    far_NA = torch.cdist(asked_NR, means_AR, compute_mode="donot_use_mm_for_euclid_dist").pow(2)
    far_N1 = (asked_NR - own_R).pow(2).sum(1, keepdim=True) - off
    return torch.cat([far_NA, far_N1], 1).argmin(1)


@dataclass(frozen=True)
class ToldApart:
    """How often the artist and others are told apart, on drawings that nothing learnt from."""

    own_right: float  # of the artist's drawings: given to the artist
    others_taken: float  # of drawings by known hands: given to the artist, hands counting alike


def told_apart(own_unseen_NR: Tensor, own_WR: Tensor, known: KnownHands) -> ToldApart:
    artist = len(known.names)
    given_M = whose(known.unseen_MR, own_WR, known.means_AR) == artist
    taken = [given_M[known.of_M == hand].float().mean() for hand in known.of_M.unique()]
    return ToldApart(
        own_right=float((whose(own_unseen_NR, own_WR, known.means_AR) == artist).float().mean()),
        others_taken=float(torch.stack(taken).mean()),
    )
