"""Do two processes in one workspace refuse each other where they must, and leave each other alone where they may?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.exactness.faults import Fault, When
from tests.exactness.journey import Scene, Undisturbed, differences, half_written, left_behind
from tests.exactness.processes import Desk, Ended, Running, run, start

pytestmark = pytest.mark.slow

Journeys = Callable[[str], Undisturbed]


def waiting(desk: Desk, line: list[str], where: str, when: When = "half") -> Running:
    """A process that stands still in the middle of what `where` says, until it may go on."""
    running = start(desk, line, fault=Fault("wait", where=where, when=when))
    running.wait_until_it_waits()
    return running


def to_its_end(running: Running) -> Ended:
    running.go_on()
    ended = running.wait()
    assert ended.code == 0, ended.err
    return ended


def test_a_second_run_of_the_same_recipe_is_refused_and_the_first_is_undisturbed(
    scene: Scene, undisturbed: Journeys
) -> None:
    desk, line = undisturbed("lora").desk_before("finetune", "two-runs"), scene.line("finetune")
    first = waiting(desk, line, r"write .*snapshots/\.step-000004")
    for second in (run(desk, line), run(desk, [*line, "--resume"])):
        assert second.code == 1 and "another handstyle process works in" in second.told
        assert "Wait for it, or stop it" in second.told
    to_its_end(first)
    assert differences(left_behind(desk), undisturbed("lora").left_after("finetune")) == []
    assert half_written(desk) == []


def test_a_run_whose_process_was_killed_is_refused_to_nobody(scene: Scene, undisturbed: Journeys) -> None:
    desk, line = undisturbed("lora").desk_before("finetune", "killed-run"), scene.line("finetune")
    first = waiting(desk, line, r"write .*snapshots/\.step-000004")
    first.process.kill()
    assert first.wait(kill_after=60).was_killed
    ended = run(desk, [*line, "--resume"])
    assert ended.code == 0, ended.err
    assert differences(left_behind(desk), undisturbed("lora").left_after("finetune")) == []


def test_two_publications_at_one_place_refuse_each_other(scene: Scene, undisturbed: Journeys) -> None:
    desk, line = undisturbed("lora").desk_before("publish", "two-publications"), scene.line("publish")
    first = waiting(desk, line, r"write .*weights/")
    second = run(desk, line)
    assert second.code == 1 and "another handstyle process is publishing" in second.told
    to_its_end(first)
    third = run(desk, line)
    assert third.code == 2 and "a release is never overwritten" in third.told
    assert run(desk, scene.line("verify")).code == 0
    assert differences(left_behind(desk), undisturbed("lora").left) == []
    assert half_written(desk) == []


def test_two_inspections_of_one_run_refuse_each_other(scene: Scene, undisturbed: Journeys) -> None:
    desk, line = undisturbed("lora").desk_before("inspect", "two-inspections"), scene.line("inspect")
    first = waiting(desk, line, r"write .*pictures/")
    second = run(desk, line)
    assert second.code == 1 and "another handstyle process makes" in second.told
    to_its_end(first)
    assert differences(left_behind(desk), undisturbed("lora").left_after("inspect")) == []


def test_two_that_encode_share_a_cache(scene: Scene, undisturbed: Journeys) -> None:
    desk, line = undisturbed("lora").desk_before("encode", "two-encodings"), scene.line("encode")
    first = waiting(desk, line, r"write .*cache/")
    second = run(desk, line)
    assert second.code == 0, second.err
    to_its_end(first)
    assert differences(left_behind(desk), undisturbed("lora").left_after("encode")) == []
    assert half_written(desk) == []


def test_collecting_anew_does_not_disturb_a_run(scene: Scene, undisturbed: Journeys) -> None:
    """The run ends with its own works; the next verb means the new collection and the run that ended last."""
    desk, whole = undisturbed("lora").desk_before("finetune", "collecting-meanwhile"), undisturbed("lora")
    running = waiting(desk, scene.line("finetune"), r"write .*snapshots/\.step-000002")
    other = [word if word != "2" else "none" for word in scene.line("collect")]
    assert run(desk, other).code == 0
    to_its_end(running)
    left, expected = left_behind(desk), whole.left_after("finetune")
    assert left["current run"] == expected["current run"]
    assert left["current collection"] != expected["current collection"]
    run_of = {name: digest for name, digest in expected.items() if name.startswith("workspace/runs/")}
    assert run_of and run_of.items() <= left.items()
