"""Is no more said of a run's length than was tested?"""

from __future__ import annotations

import pytest

from handstyle.finetuning.how_long import verdict_of_log
from handstyle.finetuning.observers import LoggedStep


def looked(step: int, gain: float, half: float = 0.01) -> LoggedStep:
    return LoggedStep(
        step=step, loss=0.5, learning_rate=1e-4, gradient_norm=0.2, seconds=0.1, gain=gain,
        gain_interval=(gain - half, gain + half),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ((0.002, 0.004, 0.003), "nothing clear of chance was gained at the step where it gained most (20): 0.4 %"),
        ((0.02, 0.03, 0.04), "still falling at step 30: 4.0 % gained (3.0 to 5.0 %)"),
        ((0.02, 0.04, 0.03), "lowest at step 20: 4.0 % gained (3.0 to 5.0 %)"),
    ],
)
def test_the_step_that_was_tested_is_named_and_that_it_was_chosen(gains: tuple[float, ...], said: str) -> None:
    lines = [looked(10 * place, gain) for place, gain in enumerate(gains, 1)]
    (told,) = verdict_of_log(lines)
    assert said in told
    assert "That step was chosen among 3, so its interval is rather too narrow." in told


def test_of_one_look_nothing_is_said() -> None:
    assert verdict_of_log([looked(10, 0.04)]) == ()
