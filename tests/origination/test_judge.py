"""The judge asks for different things, knows them by words and drawings, and learns nothing by heart."""

from __future__ import annotations

import numpy as np
import torch

from handstyle.encoding.batches import generator
from handstyle.origination import judge
from handstyle.origination.judge import Judge, Panel


def test_no_word_stands_in_two_concepts() -> None:
    names = [
        "cat",
        "cat",
        "cat",
        "cat face",
        "cat face",
        "musical note",
        "musical note",
        "musical notes",
        "grass",
        "a b c",
    ]
    hands = [0, 1, 2, 0, 1, 0, 1, 0, 0, 0]
    assert judge.common_concepts(names, hands, 10, seed=1) == ["cat", "musical note", "grass"]


def test_what_most_hands_have_drawn_comes_first_and_no_more_than_asked_for() -> None:
    assert judge.common_concepts(["dog", "cow", "cow"], [0, 0, 1], 1, seed=1) == ["cow"]


def test_a_thing_stands_between_its_words_and_its_drawings() -> None:
    torch.manual_seed(0)
    network = Judge(taught_width=8, hands=2).eval()
    drawings = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    taught_ND = torch.randn(2, 8)
    found_ND = network.of_things(taught_ND, [drawings, drawings[:0]])
    said_ND = network.of_texts(taught_ND).detach()
    mean_D = torch.nn.functional.normalize(judge.judged(network, drawings)[0].mean(0), dim=0)
    torch.testing.assert_close(found_ND[0], torch.nn.functional.normalize(said_ND[0] + mean_D, dim=0))
    torch.testing.assert_close(found_ND[1], said_ND[1])  # nobody drew it: its words alone


def test_judges_that_are_asked_together_find_two_as_alike_as_they_do_in_the_mean() -> None:
    torch.manual_seed(0)
    judges = tuple(Judge(taught_width=8, hands=3).eval() for _ in range(3))
    pixels = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), dtype=np.uint8)
    taught_ND = torch.randn(5, 8)
    panel = Panel(judges)
    (seen_ND, hands_N), said_ND = panel.judged(pixels), panel.of_texts(taught_ND)
    each = [judge.judged(one, pixels) for one in judges]
    mean_NN = sum(seen @ one.of_texts(taught_ND).T for one, (seen, _) in zip(judges, each, strict=True)) / 3
    torch.testing.assert_close(seen_ND @ said_ND.T, mean_NN)
    assert hands_N.tolist() == sum(hands for _, hands in each).argmax(1).tolist()  # type: ignore[union-attr]


def test_right_is_what_is_nearest_to_its_own_words() -> None:
    seen_ND, said_ND = torch.eye(3), torch.eye(3)[[0, 2, 1]]
    assert judge.right_first(seen_ND, said_ND).tolist() == [True, False, False]


def test_drawings_of_one_thing_draw_together() -> None:
    alike_BB = torch.eye(4, dtype=torch.bool)
    alike_BB[0, 1] = alike_BB[1, 0] = True
    near, far = torch.eye(4), torch.eye(4)
    near[1] = near[0]
    assert judge.drawn_together(near, alike_BB) < judge.drawn_together(far, alike_BB)
    by_hand = -10 + np.log(np.exp(10) + 2)  # cosine 1 at temperature 0.1 beside two at 0, of both drawings alike
    assert np.isclose(float(judge.drawn_together(near, alike_BB)), by_hand, atol=1e-5)
    assert float(judge.drawn_together(near, torch.eye(4, dtype=torch.bool))) == 0


def test_roughened_pictures_are_the_same_for_the_same_step_and_stay_pictures() -> None:
    pixels = torch.rand(16, 3, 64, 64) * 2 - 1
    recoloured = torch.arange(16) < 8
    once, again, other = (
        judge.roughened(pixels.clone(), recoloured, generator(1, "jitter", step)) for step in (5, 5, 6)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert float(once.min()) >= -1.0001
    assert float(once.max()) <= 1.0001


def test_only_those_that_are_to_be_recoloured_change_their_colours() -> None:
    brown = torch.tensor([0.3, -0.4, -0.5])[None, :, None, None].expand(16, 3, 64, 64)
    recoloured = torch.arange(16) < 8
    middles = judge.roughened(brown.clone(), recoloured, generator(1, "jitter", 5))[:, :, 32, 32]
    own = (middles - brown[:, :, 0, 0]).abs().amax(1) < 1e-3
    covered = (middles - middles[:, :1]).abs().amax(1) < 1e-3  # with grey
    assert (own | covered)[8:].all() and own[8:].any()
    assert not own[:8].any()
