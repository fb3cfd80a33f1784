"""Does every work have its turn, with its own words?"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from handstyle.diffusion.family import LatentDistribution
from handstyle.encoding.batches import Batch, Example, batch_at, positions

EMPTY = torch.full((2, 3), -1.0)


def examples(number: int, kind: str = "work", variants: int = 1) -> list[Example]:
    """Each carries its number in everything that belongs to it; a mirrored variant has another deviation."""
    return [
        Example(
            f"{kind} {n}",
            tuple(
                LatentDistribution(torch.full((1, 2, 2), float(n)), torch.full((1, 2, 2), float(v)))
                for v in range(variants)
            ),
            f"caption of {kind} {n}",
            torch.full((2, 3), float(n)),
        )
        for n in range(number)
    ]


def batch(step: int, works: list[Example], class_images: list[Example] | None = None, **settings: Any) -> Batch:
    chosen: dict[str, Any] = {
        "empty_LD": EMPTY, "seed": 0, "batch_size": 4, "class_images_per_batch": 4, "caption_dropout": 0.0,
        "prior_loss_weight": 1.0,
    }  # fmt: skip
    return batch_at(step, works, class_images or [], **{**chosen, **settings})


@pytest.mark.parametrize("batch_size", [1, 3, 5, 7, 8, 20])
@pytest.mark.parametrize("number", [1, 2, 7])
def test_in_each_epoch_each_work_has_exactly_one_turn(number: int, batch_size: int) -> None:
    steps = 3 * number  # whole epochs, whatever the size of a batch
    turns = [place for step in range(steps) for place in positions(step, batch_size, number, 0, "works")]
    epochs = [turns[start : start + number] for start in range(0, len(turns), number)]
    assert all(sorted(epoch) == list(range(number)) for epoch in epochs)


def test_epochs_are_shuffled_differently_and_so_are_seeds() -> None:
    orders = [tuple(positions(epoch, 10, 10, seed, "works")) for epoch in range(5) for seed in range(5)]
    assert len(set(orders)) == 25
    assert positions(0, 10, 10, 0, "works") != positions(0, 10, 10, 0, "class images")


def test_a_batch_depends_on_its_step_alone() -> None:
    works, settings = examples(5, variants=2), {"caption_dropout": 0.5}
    in_order = [batch(step, works, **settings) for step in range(6)]
    for step in (4, 0, 5, 2):
        again = batch(step, works, **settings)
        assert (again.names, again.texts) == (in_order[step].names, in_order[step].texts)
        assert torch.equal(again.latents.deviation_BCHW, in_order[step].latents.deviation_BCHW)


def test_two_works_never_swap_captions_over_three_epochs() -> None:
    works = examples(7)
    seen: Counter[str] = Counter()
    for step in range(7):
        drawn = batch(step, works, batch_size=3)
        for row, name in enumerate(drawn.names):
            number = float(name.split()[1])
            assert drawn.texts[row] == f"caption of {name}"
            assert (drawn.conditioning_BLD[row] == number).all()
            assert (drawn.latents.mean_BCHW[row] == number).all()
            seen[name] += 1
    assert set(seen.values()) == {3}


def test_a_share_of_the_works_is_shown_without_words() -> None:
    works = examples(8)
    texts = []
    for step in range(250):
        drawn = batch(step, works, batch_size=8, caption_dropout=0.1)
        for row, text in enumerate(drawn.texts):
            without = bool((drawn.conditioning_BLD[row] == EMPTY).all())
            assert without == (text == ""), "text and conditioning say the same"
        texts += drawn.texts
    assert texts.count("") / len(texts) == pytest.approx(0.1, abs=0.03)  # 4.5 standard deviations


def test_with_no_dropout_every_work_keeps_its_words() -> None:
    assert all(all(batch(step, examples(3)).texts) for step in range(20))


def test_both_variants_are_shown_equally_often() -> None:
    works = examples(4, variants=2)
    shown = torch.cat([batch(step, works).latents.deviation_BCHW[:, 0, 0, 0] for step in range(250)])
    assert set(shown.tolist()) == {0.0, 1.0}
    assert float(shown.mean()) == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("per_batch", [1, 2, 6])
def test_class_images_follow_the_works_with_a_weight_of_their_own(per_batch: int) -> None:
    class_images = examples(3, kind="class")
    drawn = batch(0, examples(5), class_images, class_images_per_batch=per_batch, prior_loss_weight=0.25)
    assert [name.split()[0] for name in drawn.names] == ["work"] * 4 + ["class"] * per_batch
    assert drawn.weight_B.tolist() == [1.0] * 4 + [0.25] * per_batch
    assert drawn.number_of_works == 4
    assert [f"caption of {name}" for name in drawn.names] == list(drawn.texts)


def test_without_class_images_a_batch_holds_works_only() -> None:
    drawn = batch(0, examples(5))
    assert len(drawn.names) == drawn.number_of_works == 4


def test_class_images_do_not_change_which_works_come() -> None:
    works = examples(5)
    assert batch(3, works, examples(3, kind="class")).names[:4] == batch(3, works).names
