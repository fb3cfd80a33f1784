"""Does the arithmetic of a blind test hold, with judges of whom it is known how they guess?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from handstyle.inspection.blind_page import order
from handstyle.inspection.blind_test import Answers, BlindTest, Guesses, Hand, Judge, judged, rate

Simulated = Callable[[Hand, np.random.Generator], Hand]


def answers(number: int = 12, nonce: int = 0) -> Answers:
    return order(number, f"{nonce:064x}", "a" * 64)


def one(given: Answers, guess: Simulated, chance: np.random.Generator, judge: Judge = "somebody else") -> Guesses:
    return Guesses(
        test=given.commitment, sheet=chance.bytes(16).hex(), judge=judge, saw_works_before=False, seconds=60,
        guesses=tuple(guess(hand, chance) for hand in given.hands),
    )  # fmt: skip


def at_random(hand: Hand, chance: np.random.Generator) -> Hand:
    return "artist" if chance.random() < 0.5 else "model"


def expert(hand: Hand, chance: np.random.Generator) -> Hand:
    return hand


def fond_of_everything(hand: Hand, chance: np.random.Generator) -> Hand:
    return "artist"


def mistaken(hand: Hand, chance: np.random.Generator) -> Hand:
    return "model" if hand == "artist" else "artist"


def found(given: Answers, guess: Simulated, judges: int = 5, seed: int = 0) -> BlindTest:
    chance = np.random.default_rng(seed)
    result = judged(given, [one(given, guess, chance) for _ in range(judges)])
    assert result is not None
    return result


def test_an_expert_is_not_fooled_and_it_shows() -> None:
    result = found(answers(), expert)
    assert (result.fooled.count, result.fooled.of, result.recognised.share) == (0, 60, 1)
    assert result.can_tell and "They can tell them apart" in result.words
    assert result.fooled.interval.high == pytest.approx(1 - 0.025 ** (1 / 60))


def test_who_takes_everything_for_real_is_fooled_each_time_and_shows_nothing() -> None:
    """A rate alone would call that a triumph."""
    result = found(answers(), fond_of_everything)
    assert result.fooled.share == result.recognised.share == 1
    assert result.p == 1 and not result.can_tell
    assert "of 60 looks at a drawing by the artist, 60 did: 100%" in result.words


def test_to_be_fooled_more_often_than_by_the_real_is_no_sign_of_telling_them_apart() -> None:
    result = found(answers(), mistaken)
    assert result.fooled.share == 1 and result.p == 1


def test_nothing_ever_says_that_nobody_can_tell() -> None:
    words = found(answers(), at_random).words
    assert "is not shown" in words and "that they cannot is not shown by that either" in words


def test_guessers_by_chance_are_said_to_tell_in_one_of_twenty_draws_at_most() -> None:
    """Also where all of them fall for the same drawings: looks at one drawing are anything but independent."""
    alarms, draws = 0, 400
    for seed in range(draws):
        chance = np.random.default_rng(seed)
        looks_real = chance.random(24)  # of each place, whoever drew it
        given = answers(nonce=seed)
        everybody = [
            one(given, lambda hand, chance: "artist", chance).model_copy(
                update={"guesses": tuple("artist" if chance.random() < looks else "model" for looks in looks_real)}
            )
            for _ in range(6)
        ]
        result = judged(given, everybody)
        assert result is not None
        alarms += result.can_tell
    assert alarms <= 30, f"{alarms} of {draws}, where 20 are expected"


def test_the_interval_holds_the_true_rate_at_least_as_often_as_it_says() -> None:
    chance = np.random.default_rng(3)
    for truth in (0.02, 0.2, 0.5, 0.9):
        counts = chance.binomial(40, truth, 400)
        held = sum((found := rate(int(count), 40)).interval.low <= truth <= found.interval.high for count in counts)
        assert held >= 0.94 * 400, truth


def test_the_interval_is_that_of_the_tables() -> None:
    """Clopper and Pearson 1934: 3 of 10 is 0.0667 to 0.6525."""
    assert (rate(3, 10).interval.low, rate(3, 10).interval.high) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert (rate(0, 10).interval.low, rate(10, 10).interval.high) == (0, 1)


def test_only_other_people_count() -> None:
    given, chance = answers(), np.random.default_rng(0)
    own = [one(given, fond_of_everything, chance, judge) for judge in ("the artist", "who trained it")]
    assert judged(given, own) is None
    result = judged(given, [*own, one(given, expert, chance)])
    assert result is not None and (result.judges, result.not_counted) == (1, 2)
    assert result.fooled.count == 0
    assert result.words.startswith("1 other person")


def test_a_result_carries_no_name() -> None:
    given = answers()
    guesses = one(given, expert, np.random.default_rng(0)).model_copy(update={"name": "Ada Somebody"})
    result = judged(given, [guesses])
    assert result is not None and "Ada" not in result.model_dump_json()


def test_what_was_sealed_cannot_be_changed_afterwards_nor_guessed_from_the_seal() -> None:
    given = answers(4)
    swapped = given.model_copy(update={"hands": (*given.hands[1:], given.hands[0])})  # both hands are there: it differs
    assert swapped.commitment != given.commitment
    again = given.model_copy(update={"nonce": "f" * 64})
    assert again.hands == given.hands and again.commitment != given.commitment
