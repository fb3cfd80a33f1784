"""Do tensors come back from disk as they went?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from handstyle.diffusion.checkpoints import digest_of, each_tensor, read_tensors, write_tensors
from handstyle.errors import RecordDamaged, SnapshotDamaged, WriteFailed


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    tensors = {
        "b": torch.randn(2, 3).t(),  # not in one piece
        "a": torch.tensor([float("nan"), -0.0]).bfloat16(),
        "empty": torch.empty(0, 4),
        "learning": torch.nn.Parameter(torch.ones(1)),
    }
    back, metadata = read_tensors(write_tensors(tmp_path / "x.safetensors", tensors, {"key": "Zoë"}))
    assert metadata == {"key": "Zoë"}
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        torch.testing.assert_close(back[name], tensor.detach(), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("damage", ["gone", "empty", "torn", "a pickle", "a folder"])
def test_a_damaged_file_is_named_and_not_believed(tmp_path: Path, damage: str) -> None:
    path = write_tensors(tmp_path / "x.safetensors", {"a": torch.ones(100)})
    if damage == "gone":
        path.unlink()
    elif damage == "a folder":
        path.unlink()
        path.mkdir()
    else:
        torn = {"empty": b"", "torn": path.read_bytes()[:-1], "a pickle": b"\x80\x04\x95"}
        path.write_bytes(torn[damage])
    with pytest.raises(RecordDamaged, match=r"x\.safetensors is not a whole safetensors file"):
        read_tensors(path)
    with pytest.raises(SnapshotDamaged):
        read_tensors(path, SnapshotDamaged)


def test_a_file_that_cannot_be_written_leaves_the_earlier_one(tmp_path: Path, disk_full_at: Any) -> None:
    path = write_tensors(tmp_path / "x.safetensors", {"a": torch.ones(1)})
    with disk_full_at(".x"), pytest.raises(WriteFailed, match="No space left"):
        write_tensors(path, {"a": torch.zeros(1)})
    assert torch.equal(read_tensors(path)[0]["a"], torch.ones(1))
    assert list(tmp_path.iterdir()) == [path]


def test_tensors_are_read_one_by_one_as_they_were_written(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(0.1).bfloat16(), "c": torch.tensor([2**40])}
    path = write_tensors(tmp_path / "x.safetensors", tensors, {"some": "facts"})
    found = dict(each_tensor(path))
    assert found.keys() == tensors.keys()
    assert all(
        torch.equal(found[name], tensor) and found[name].dtype == tensor.dtype for name, tensor in tensors.items()
    )


def test_tensors_have_one_digest_before_and_after_the_disk_and_another_when_anything_differs(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3).t(), "b": torch.tensor(0.1).bfloat16(), "none": torch.empty(0, 2)}
    back, _ = read_tensors(write_tensors(tmp_path / "x.safetensors", tensors))
    assert digest_of(back) == digest_of(tensors) == digest_of(dict(reversed(tensors.items())))
    others = [
        {**tensors, "a": tensors["a"].reshape(2, 3)},
        {**tensors, "b": tensors["b"].view(torch.int16)},
        {**tensors, "b": torch.tensor(0.1)},
        {**tensors, "none": torch.empty(2, 0)},
        {"c": tensors["a"], "b": tensors["b"], "none": tensors["none"]},
        {**tensors, "a": torch.nextafter(tensors["a"], torch.tensor(9.0))},
    ]
    assert len({digest_of(other) for other in [tensors, *others]}) == 1 + len(others)
