"""How many attacks are there, and is each one of its own?"""

from __future__ import annotations

from tests.attacks import (
    test_co_owners,
    test_false_claims,
    test_other_pixels,
    test_paths_and_sizes,
    test_release_files,
    test_replays,
    test_reports,
    test_signatures,
    test_use_of_a_name,
)
from tests.attacks.scene import Attack

ALL: list[Attack] = [
    *test_signatures.ATTACKS,
    *test_co_owners.ATTACKS,
    *test_other_pixels.ATTACKS,
    *test_replays.ATTACKS,
    *test_release_files.SIGNED_AGAIN,
    *test_release_files.IN_THE_FOLDER,
    *test_release_files.WEIGHTS,
    *test_reports.ATTACKS,
    *test_use_of_a_name.ATTACKS,
    *test_false_claims.ATTACKS,
    *test_paths_and_sizes.ATTACKS,
]


def test_there_are_at_least_two_hundred_and_no_two_are_the_same() -> None:
    assert len({attack.number for attack in ALL}) == len({attack.name for attack in ALL}) == len(ALL) >= 200
