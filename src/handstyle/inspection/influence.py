"""Which works shaped a picture, and which quick score may be believed about it?

The ground truth are trainings without some of the works: the works are dealt out into two halves, a style learns from
each, and what one errs less on a picture than the other is credited to the works of that half. Over many halves every
work gets its part (Ilyas et al. 2022, "Datamodels"; as a mean of differences it is the Banzhaf value, Wang and Jia
2023). All of it is done twice, with other halves and another seed. A score that needs no training is believed only as
far as it ranks the works as these trainings do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handstyle.finetuning.gain import student_mean
from handstyle.finetuning.measured import LEVEL, Interval
from handstyle.inspection.report import Shown
from handstyle.records import Record

RESAMPLES, SEED = 2_000, 2022
ENOUGH = 0.5  # of the rank correlation that the trainings have with themselves

Values = NDArray[np.float64]  # picture x work


class Agreement(Record):
    """A rank correlation over the works, averaged over the pictures; the interval resamples both."""

    correlation: float
    interval: Interval


class Score(Record):
    """One quick score, and how well it ranks the works as the trainings do. Without trainings nobody knows."""

    name: str
    how: str
    agreement: Agreement | None = None
    with_leaving_one_out: Agreement | None = None
    may_be_used: bool = False  # by the rule of `passes`


class Part(Record):
    """One work's part in one picture: by how much less of the picture's error the trainings with it end, as a share of
    that error; and its place by each score, from 1."""

    work: str
    caption: str = ""
    picture: Shown = Shown(file="", caption="")
    part: float | None = None
    interval: Interval | None = None  # over the pairs of halves
    is_clear: bool = False  # of chance, also as one of so many works
    places: dict[str, int]


class Influence(Record):
    format: Literal["handstyle/influence/1"] = "handstyle/influence/1"
    run: str
    style: str
    collection: str
    prompt: str
    picture: Shown
    pictures: int  # that the scores were judged on, this one among them
    trainings: int
    steps: int
    seeds: Agreement | None  # of the trainings with themselves, under another seed and with other halves
    leaving_one_out: Agreement | None
    scores: tuple[Score, ...]
    judged_before: str = ""  # the record in which scores were judged, where nothing was trained for this picture
    works: tuple[Part, ...]  # whose part is largest first
    seconds: float

    @property
    def order_is_by(self) -> str:
        """What the works stand in the order of: the trainings, a score that passed, or one that nobody judged."""
        if self.works and self.works[0].part is not None:
            return "trainings"
        return next((one.name for one in self.scores if one.may_be_used), self.scores[0].name)

    @property
    def words(self) -> str:
        if self.order_is_by == "trainings":
            clear = [one.work for one in self.works if one.is_clear and (one.part or 0) > 0]
            if not clear:
                return (
                    "No work's part in this picture is clear of chance: more halves may tell, or many works share it."
                )
            named = ", ".join(clear[:5]) + (f" and {len(clear) - 5} more" if len(clear) > 5 else "")
            return (
                "Styles that learnt from these works predict this picture better than styles without them, clear of "
                f"chance: {named}."
            )
        known = next(one for one in self.scores if one.name == self.order_is_by)
        if known.may_be_used and known.agreement:
            return (
                f"Ranked by {known.how}. On other pictures of this style its ranking agreed with trainings without "
                f"works (rank correlation {known.agreement.correlation:.2f}); for this picture nothing was trained."
            )
        return (
            f"Ranked by {known.how}, which no training without works has borne out: a guess. "
            "`--retrain` trains without works and says how far it holds."
        )


def halves(units: Sequence[Sequence[int]], chance: np.random.Generator) -> tuple[list[int], list[int]]:
    """All works dealt out into two halves. A unit is works that are nearly alike, and stays together."""
    found: tuple[list[int], list[int]] = ([], [])
    for place in chance.permutation(len(units)):
        min(found, key=len).extend(units[int(place)])
    return sorted(found[0]), sorted(found[1])


def parts_by_pair(errors_PHQ: NDArray[np.float64], in_first_PN: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pair x picture x work: what the half with the work errs less than the half without it, as a share of what both
    err. `errors_PHQ` are of each pair's two halves on each picture."""
    first_PQ, second_PQ = errors_PHQ[:, 0], errors_PHQ[:, 1]
    less_PQ = (second_PQ - first_PQ) / errors_PHQ.mean(axis=(0, 1))
    signs_PN = np.where(in_first_PN, 1.0, -1.0)
    return np.asarray(less_PQ[:, :, None] * signs_PN[:, None, :])


def rank_correlations(one_QN: Values, other_QN: Values) -> NDArray[np.float64]:
    """Spearman's, picture by picture, also of several tables at once; nothing where all works are alike."""
    from scipy.stats import rankdata

    one_QN, other_QN = (_centred(rankdata(values, axis=-1)) for values in (one_QN, other_QN))
    return np.asarray((one_QN * other_QN).sum(axis=-1))


def agreement(pairs: Sequence[tuple[Values, Values]]) -> Agreement:
    """The mean rank correlation of pairs of rankings of the same works for the same pictures. Pictures and works are
    both what chance drew, so both are resampled (Owen 2007, "The pigeonhole bootstrap")."""
    pictures, works = pairs[0][0].shape
    chance = np.random.default_rng(SEED)
    rows = chance.integers(pictures, size=(RESAMPLES, pictures, 1))
    columns = chance.integers(works, size=(RESAMPLES, 1, works))
    drawn_R = np.mean([rank_correlations(a[rows, columns], b[rows, columns]).mean(axis=1) for a, b in pairs], axis=0)
    low, high = np.quantile(drawn_R, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Agreement(correlation=_mean(pairs), interval=Interval(low=float(low), high=float(high)))


def among_themselves(truths: Sequence[Values]) -> Agreement:
    return agreement(list(combinations(truths, 2)))


def passes(of_score: Agreement, of_seeds: Agreement) -> bool:
    """Its interval leaves zero out, and it has at least half of the correlation that the trainings have with
    themselves. Where those do not agree with themselves, they can bear out nothing."""
    return (
        of_seeds.interval.is_above_zero
        and of_score.interval.is_above_zero
        and of_score.correlation >= ENOUGH * of_seeds.correlation
    )


def judged(
    score: Score, values_QN: Values, truths: Sequence[Values], seeds: Agreement, left_out: Sequence[Values] = ()
) -> Score:
    found = agreement([(values_QN, truth) for truth in truths])
    one_out = agreement([(values_QN, truth) for truth in left_out]) if left_out else None
    return score.model_copy(
        update={"agreement": found, "with_leaving_one_out": one_out, "may_be_used": passes(found, seeds)}
    )


def parts(
    names: Sequence[str], scores_of_picture: Mapping[str, NDArray[np.float64]], by_pair_PN: Values | None, order: str
) -> list[Part]:
    """Of one picture; `by_pair_PN` of the trainings where there were any, else in the order of the named score."""
    places = {name: _places(values_N) for name, values_N in scores_of_picture.items()}
    found = []
    for n, name in enumerate(names):
        own = {score: int(of_score[n]) for score, of_score in places.items()}
        if by_pair_PN is None:
            found.append(Part(work=name, places=own))
        else:
            part_P = by_pair_PN[:, n]
            # Pairs of halves are few; the level for many works at once is Bonferroni's.
            own_interval, among_all = student_mean(part_P), student_mean(part_P, 1 - (1 - LEVEL) / len(names))
            clear = among_all.low > 0 or among_all.high < 0
            found.append(Part(work=name, part=float(part_P.mean()), interval=own_interval, is_clear=clear, places=own))
    return sorted(found, key=lambda one: one.places[order] if one.part is None else -one.part)


def _places(values_N: NDArray[np.float64]) -> NDArray[np.int_]:
    places_N = np.empty(len(values_N), dtype=int)
    places_N[np.argsort(-values_N, kind="stable")] = np.arange(1, len(values_N) + 1)
    return places_N


def _mean(pairs: Sequence[tuple[Values, Values]]) -> float:
    return float(np.mean([rank_correlations(one, other).mean() for one, other in pairs]))


def _centred(ranks_QN: Values) -> Values:
    centred_QN = ranks_QN - ranks_QN.mean(axis=-1, keepdims=True)
    lengths_Q1 = np.sqrt((centred_QN**2).sum(axis=-1, keepdims=True))
    return np.asarray(centred_QN / np.where(lengths_Q1 == 0, 1, lengths_Q1))
