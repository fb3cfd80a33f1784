"""Does a journey that was killed at drawn moments end with the same bits? The long form: `make soak`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.exactness.campaign import Moment, Player
from tests.exactness.journey import VERBS, Undisturbed

pytestmark = pytest.mark.slow

# Whose first five moments are all at touches of the disk, so that none comes too late on a fast machine: in the steps
# and snapshots of all three recipes, in a cache, in a publication, and twice in one run.
SEED = 1913
MOMENTS = 5


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_killed_journey_is_gone_on_with_to_the_same_bits(number: int, player: Player) -> None:
    played = player.play(Moment.draw(SEED, number))
    assert not played.troubles, f"\n{played}"
    assert played.died, f"it was not killed:\n{played}"


def test_no_touch_of_the_disk_escapes_the_campaign(undisturbed: Callable[[str], Undisturbed]) -> None:
    for verb in VERBS:
        touches = undisturbed("lora").ended[verb].touches
        assert len(touches) > 10
        assert not [touch for touch in touches if touch.startswith("unseen")]
