"""Does a disk that is full or read-only cost nothing but the time until it is not?"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.exactness.faults import Fault
from tests.exactness.journey import VERBS, Scene, Undisturbed, differences, half_written, left_behind
from tests.exactness.processes import Desk, Ended, run

pytestmark = pytest.mark.slow

FULL, READ_ONLY = "No space left on device", "Read-only file system"

# What is being written when the disk is full: in one run after the other, each going on where the last one ended.
FULL_AT = {
    "collect": (r"/folder\.json", r"/\.collection\.json", r"/\.current\.json"),
    "encode": (r"mkdir .*cache/", r"write .*cache/.*\.safetensors"),
    "finetune": (
        r"home/.*signing-key",
        r"/\.run\.json", r"samples/\.step-000000", r"snapshots/\.step-000002", r"write .*steps\.jsonl$",
        r"/\.cost\.json", r"style/\.style\.safetensors", r"style/\.style\.json",
    ),
    "generate": (r"write .*pictures/",),
    "inspect": (r"mkdir .*inspections/", r"pictures/", r"/\.report\.json", r"/\.report\.html"),
    "publish": (r"weights/", r"/\.README\.md", r"/\.handstyle\.json"),
}  # fmt: skip


def assert_told(ended: Ended, why: str) -> None:
    assert ended.code == 1, ended.err
    assert why in ended.told and "our fault" not in ended.told and "Traceback" not in ended.told, ended.err
    assert "could not be written" in ended.told or "No signing key could be made" in ended.told, ended.err


def goes_on(desk: Desk, line: list[str], fault: Fault) -> Ended:
    """The same line again, with --resume where the tool asks for it."""
    ended = run(desk, line, fault=fault)
    return run(desk, [*line, "--resume"], fault=fault) if "Continue it with --resume" in ended.told else ended


@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_loses_nothing_and_with_room_again_the_bits_are_the_same(
    verb: str, scene: Scene, undisturbed: Callable[[str], Undisturbed]
) -> None:
    desk, line = undisturbed("lora").desk_before(verb, f"full-{verb}"), scene.line(verb)
    originals = scene.originals()
    for place in FULL_AT[verb]:
        assert_told(goes_on(desk, line, Fault("full", where=place, when="half")), FULL)
        assert half_written(desk) == [], place
    ended = goes_on(desk, line, Fault())
    assert ended.code == 0, ended.err
    assert differences(left_behind(desk), undisturbed("lora").left_after(verb)) == []
    assert scene.originals() == originals


@pytest.mark.parametrize("verb", VERBS)
def test_a_read_only_disk_is_told_and_everything_on_it_stays(
    verb: str, scene: Scene, undisturbed: Callable[[str], Undisturbed]
) -> None:
    desk = undisturbed("lora").desk_before(verb, f"read-only-{verb}")
    before = {path: path.stat().st_mtime_ns for path in desk.folder.rglob("*")}
    assert_told(run(desk, scene.line(verb), fault=Fault("read-only")), READ_ONLY)
    assert {path: path.stat().st_mtime_ns for path in desk.folder.rglob("*")} == before


def test_a_workspace_below_a_file_is_told(scene: Scene) -> None:
    desk = scene.desk("below-a-file")
    (desk.folder / "workspace").write_text("a file, where a folder is wanted")
    assert_told(run(desk, scene.line("collect")), "Not a directory")


# On a real file system of its own, where this system lets us mount one.


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, options: str) -> bool:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)], capture_output=True)
        return done.returncode == 0

    def used(self) -> int:
        return shutil.disk_usage(self.folder).used


@pytest.fixture
def small_disk(scene: Scene, request: pytest.FixtureRequest) -> Iterator[tuple[Desk, SmallDisk]]:
    desk = scene.desk(f"mounted-{request.node.name}")
    disk = SmallDisk(desk.folder)
    if shutil.which("mount") is None or not disk.mount("size=1m"):
        pytest.skip("no file system can be mounted here")
    try:
        yield desk.make(), disk
    finally:
        subprocess.run(["umount", "-l", str(desk.folder)], check=True)


def test_a_real_disk_that_fills_up_costs_nothing(
    small_disk: tuple[Desk, SmallDisk], scene: Scene, undisturbed: Callable[[str], Undisturbed]
) -> None:
    desk, disk = small_disk
    for verb in VERBS:
        failed = 0
        for room in (4, 200, 4000):  # KB
            assert disk.mount(f"remount,size={disk.used() // 1024 + room}k")
            ended = goes_on(desk, scene.line(verb), Fault())
            if ended.code == 0:
                break
            assert_told(ended, FULL)
            assert half_written(desk) == []
            failed += 1
        assert ended.code == 0 and failed, f"{verb} failed {failed} times, then: {ended.err}"
    assert differences(left_behind(desk), undisturbed("lora").left) == []
    assert run(desk, scene.line("verify")).code == 0


def test_from_a_real_read_only_disk_nothing_is_made_that_could_not_be_counted(
    small_disk: tuple[Desk, SmallDisk], scene: Scene, undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    """Also not to another disk: the ledger of pictures made and released lies in the workspace."""
    desk, disk = small_disk
    undisturbed("lora")
    assert disk.mount("remount,size=64m")
    shutil.copytree(scene.desk("undisturbed-lora").folder, desk.folder, dirs_exist_ok=True)
    assert disk.mount("remount,ro")
    for verb in ("collect", "finetune", "generate", "inspect", "publish"):
        line = [*scene.line(verb), *(["--set", "seed=8"] if verb == "finetune" else [])]
        line = [str(tmp_path / word) if word in ("pictures", "release") else word for word in line]
        assert_told(run(desk, line), READ_ONLY)
    assert not list(tmp_path.glob("pictures/*.png")) and not (tmp_path / "release").exists()
    assert run(desk, ["verify", "release"]).code == 0
