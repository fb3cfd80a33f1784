"""Do extractors learn what they are meant to, without the artists on whom they are measured?"""

from __future__ import annotations

import math

import pytest
import torch
from benchmarks.held_out_artist.artists import ARTISTS
from benchmarks.held_out_artist.extractor_proof import drawings_in
from benchmarks.held_out_artist.extractors import TEMPERATURE, drawn_together

from handstyle.demonstration import EXAMPLE
from handstyle.inspection.extractor import seen
from handstyle.inspection.feature_likeness import HAND_RIGHT, OTHERS_TAKEN, THING_RIGHT
from handstyle.inspection.hands import told_apart
from handstyle.inspection.shipped_extractors import CHOOSES, REPORTS, shipped
from handstyle.origination.recipe import named


def test_drawing_together_is_the_cited_equation() -> None:
    """Khosla et al. 2020, eq. 2, term by term."""
    torch.manual_seed(0)
    seen_BD = torch.nn.functional.normalize(torch.randn(5, 4), dim=1)
    kinds = [0, 0, 1, 0, 1]
    terms = []
    for i in range(5):
        others = [a for a in range(5) if a != i]
        whole = sum(math.exp(float(seen_BD[i] @ seen_BD[a]) / TEMPERATURE) for a in others)
        alike = [p for p in others if kinds[p] == kinds[i]]
        logs = [math.log(math.exp(float(seen_BD[i] @ seen_BD[p]) / TEMPERATURE) / whole) for p in alike]
        terms.append(-sum(logs) / len(alike))
    kind_B = torch.tensor(kinds)
    found = drawn_together(seen_BD, kind_B[:, None] == kind_B[None])
    assert float(found) == pytest.approx(sum(terms) / 5, rel=1e-4)


def test_nobody_who_is_measured_on_was_learnt_from() -> None:
    learnt = {hand.folder for hand in named("embedded").hands}
    assert not learnt & set(ARTISTS)
    phrases = {hand.phrase for hand in named("embedded").hands}
    for build in (CHOOSES, REPORTS):
        assert set(shipped(build).known.names) <= phrases


def test_what_is_told_of_the_examples_artist_is_found_again_on_the_example() -> None:
    """Its drawings are smaller files of the same ones, so that a few may fall otherwise."""
    it = shipped(REPORTS)
    works, real = (drawings_in(EXAMPLE / name) for name in ("works", "held_out"))
    own, truth = (it.known.projected(seen(it.network, list(one.values())).manner_ND) for one in (works, real))
    told, proof = told_apart(truth, list(real), own, it.known), it.proof.artists["fxemoji"]
    assert told.own_right == pytest.approx(proof.own_right, abs=0.1)
    assert told.others_taken == pytest.approx(proof.others_taken, abs=0.05)


def test_what_reports_is_right_about_things_and_accuses_few() -> None:
    proof = shipped(REPORTS).proof
    assert proof.thing_right >= THING_RIGHT
    assert all(artist.others_taken <= OTHERS_TAKEN for artist in proof.artists.values())
    assert proof.artists["game-icons"].own_right >= HAND_RIGHT > proof.artists["fxemoji"].own_right, "as the docs say"
