"""Does a journey that was killed at drawn moments end with the same bits? The long form: `make soak`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.exactness.campaign import Moment, Player
from tests.exactness.faults import Fault
from tests.exactness.journey import VERBS, Undisturbed, an_hour_passes, differences, half_written, left_behind
from tests.exactness.processes import run

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


def test_a_killed_extension_is_gone_on_with_to_the_same_bits(
    player: Player, undisturbed: Callable[[str], Undisturbed]
) -> None:
    """Before its first own snapshot it starts from the run it extends, afterwards from its own."""
    base = ["--base", str(player.scene.base), "--workspace", "workspace"]
    line = ["finetune", "--extend", "4 steps", "--save-every", "2", "--sample-every", "0", *base]
    whole, killed = (undisturbed("lora").desk_before("generate", name) for name in ("extended", "extension-killed"))
    assert run(whole, line).code == 0
    for place in (r"write .*snapshots/\.step-000008", r"rename .*snapshots/step-000010"):
        assert run(killed, line, fault=Fault("kill", where=place, when="half")).was_killed
        an_hour_passes(killed)
    told = run(killed, line)
    assert told.code == 1 and "an unfinished run of the same recipe, at step 8" in told.told
    assert run(killed, [*line, "--resume"]).code == 0
    assert differences(left_behind(killed), left_behind(whole)) == []
    assert half_written(killed) == []


def test_no_touch_of_the_disk_escapes_the_campaign(undisturbed: Callable[[str], Undisturbed]) -> None:
    for verb in VERBS:
        touches = undisturbed("lora").ended[verb].touches
        assert len(touches) > 10
        assert not [touch for touch in touches if touch.startswith("unseen")]
