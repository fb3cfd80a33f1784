"""Is a snapshot whole, the right one, and never lost to a bad moment?"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import torch

from handstyle.diffusion.checkpoints import write_tensors
from handstyle.errors import SnapshotDamaged, WriteFailed
from handstyle.finetuning.snapshots import KINDS, Snapshots, State, _content


def state(step: int) -> State:
    def tensors(offset: float) -> dict[str, torch.Tensor]:
        return {"unet.b": torch.full((3,), step + offset), "unet.a": torch.full((2, 2), step - offset)}

    return State(step, tensors(0.1), tensors(0.2), tensors(0.3), tensors(0.4))


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots", "ours")


def test_a_state_comes_back_whole(snapshots: Snapshots) -> None:
    loaded = snapshots.load(snapshots.save(state(5)))
    assert loaded.step == 5
    for kind in KINDS:
        kept, back = getattr(state(5), kind), getattr(loaded, kind)
        assert kept.keys() == back.keys() and all(torch.equal(kept[name], back[name]) for name in kept)


def test_the_newest_by_number_is_resumed_and_the_oldest_go(snapshots: Snapshots) -> None:
    assert snapshots.newest() is None
    for step in (2, 999_999, 1_000_000, 30, 4, 1_000_001):
        snapshots.save(state(step))
    assert [path.name for path in snapshots.paths()] == [
        "step-000030.safetensors", "step-999999.safetensors", "step-1000000.safetensors", "step-1000001.safetensors",
    ]  # fmt: skip
    newest = snapshots.newest()
    assert newest is not None and newest.step == 1_000_001


def test_files_of_others_are_left_alone(snapshots: Snapshots) -> None:
    for step in range(1, 9):
        snapshots.save(state(step))
        (snapshots.folder / "notes.txt").write_text("mine")
        (snapshots.folder / "step-1.safetensors").write_text("mine")
    assert len(snapshots.paths()) == 4
    assert (snapshots.folder / "notes.txt").exists() and (snapshots.folder / "step-1.safetensors").exists()


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def test_a_torn_snapshot_is_passed_over_for_an_older_one(snapshots: Snapshots) -> None:
    snapshots.save(state(1))
    torn(snapshots.save(state(2)))
    newest = snapshots.newest()
    assert newest is not None and newest.step == 1


def test_where_all_are_torn_it_is_said(snapshots: Snapshots) -> None:
    for step in (1, 2):
        torn(snapshots.save(state(step)))
    with pytest.raises(SnapshotDamaged, match=r"step-000001\.safetensors"):
        snapshots.newest()


def test_a_flipped_bit_anywhere_in_the_file_is_noticed(snapshots: Snapshots) -> None:
    """Also in the numbers and in the facts beside them, where the format itself would notice nothing."""
    path = snapshots.save(state(1))
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(SnapshotDamaged):
            snapshots.load(path)
    path.write_bytes(whole)
    assert snapshots.load(path).step == 1


def test_a_flipped_bit_costs_only_the_steps_since_the_snapshot_before(snapshots: Snapshots) -> None:
    snapshots.save(state(1))
    damaged, told = snapshots.save(state(2)), []
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    newest = snapshots.newest(told.append)
    assert newest is not None and newest.step == 1
    assert len(told) == 1 and "step-000002.safetensors does not hold what was written into it" in told[0]


def test_a_snapshot_of_another_recipe_is_refused(snapshots: Snapshots) -> None:
    path = Snapshots(snapshots.folder, "theirs").save(state(1))
    with pytest.raises(SnapshotDamaged, match="belongs to another recipe, base or collection"):
        snapshots.load(path)
    with pytest.raises(SnapshotDamaged):
        snapshots.newest()


@pytest.mark.parametrize("metadata", [{}, {"lineage": "ours"}, {"lineage": "ours", "step": "soon"}], ids=str)
def test_tensors_that_are_no_snapshot_are_refused(snapshots: Snapshots, metadata: dict[str, str]) -> None:
    tensors = {"strange": torch.ones(1)}
    content = _content(metadata, tensors)
    path = write_tensors(snapshots.folder / "step-000001.safetensors", tensors, metadata | {"content": content})
    with pytest.raises(SnapshotDamaged):
        snapshots.load(path)


@pytest.mark.parametrize("moment", ["writing", "flushing", "renaming"])
def test_a_full_disk_leaves_the_earlier_snapshots(
    snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch, disk_full_at: Any, moment: str
) -> None:
    for step in range(1, 5):
        snapshots.save(state(step))
    before = {path: path.read_bytes() for path in snapshots.folder.iterdir()}

    def full(*given: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, disk_full_at(".step-000005" if moment == "writing" else "none"):
        if moment == "flushing":
            patch.setattr("os.fsync", full)
        elif moment == "renaming":
            patch.setattr(Path, "replace", full)
        with pytest.raises(WriteFailed, match="No space left on device"):
            snapshots.save(state(5))
    assert {path: path.read_bytes() for path in snapshots.folder.iterdir()} == before
    newest = snapshots.newest()
    assert newest is not None and newest.step == 4
