"""Are tensors written as the safetensors library reads them, and always alike?"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open

from handstyle import digests
from handstyle.errors import RecordDamaged
from handstyle.tensor_files import Tensor, data_digest, digest, metadata_of, tensors_in, write_tensors


def low_rank_tensors() -> dict[str, Tensor]:
    """A narrow pair, and a scalar."""
    numbers = {"to_q.lora_A.weight": (2, 3), "to_q.lora_B.weight": (3, 2), "alpha": ()}
    return {
        name: Tensor("F32", shape, struct.pack(f"<{math.prod(shape)}f", *range(math.prod(shape))))
        for name, shape in numbers.items()
    }


def test_the_library_reads_what_was_written(tmp_path: Path) -> None:
    tensors = low_rank_tensors()
    path = write_tensors(tmp_path / "x.safetensors", tensors, {"b": "2", "a": "1"})
    with safe_open(path, framework="np") as file:
        assert file.metadata() == {"a": "1", "b": "2"} == metadata_of(path)
        for name, tensor in tensors.items():
            assert file.get_tensor(name).tobytes() == tensor.data
            assert file.get_tensor(name).shape == tensor.shape


def test_the_same_tensors_are_the_same_file(tmp_path: Path) -> None:
    tensors = low_rank_tensors()
    one = write_tensors(tmp_path / "one", tensors, {"a": "1", "b": "2"})
    two = write_tensors(tmp_path / "two", dict(reversed(tensors.items())), {"b": "2", "a": "1"})
    assert one.read_bytes() == two.read_bytes()


def test_both_digests_are_those_of_the_file(tmp_path: Path) -> None:
    tensors = low_rank_tensors()
    path = write_tensors(tmp_path / "x", tensors, {})
    _, start = digests.safetensors_header(path)
    assert digest(tensors) == digests.of_tensor_file(path)
    assert data_digest(tensors) == digests.of_bytes(path.read_bytes()[start:])


def test_tensors_are_read_back_as_they_were(tmp_path: Path) -> None:
    tensors = low_rank_tensors()
    with tensors_in(write_tensors(tmp_path / "x", tensors, {})) as found:
        assert {name: bytes(tensor.data) for name, tensor in found.items()} == {
            name: tensor.data for name, tensor in tensors.items()
        }


@pytest.mark.parametrize("entry", [{"dtype": "F32"}, {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}, 7])
def test_a_header_that_makes_no_sense_is_a_damaged_file(tmp_path: Path, entry: object) -> None:
    header = json.dumps({"x": entry}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(RecordDamaged), tensors_in(path):
        pass


@given(st.binary(max_size=300))
def test_no_bytes_at_all_make_the_reader_fall_over(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "x.safetensors"
    path.write_bytes(data)
    try:
        with tensors_in(path) as tensors:
            digest(tensors)
    except RecordDamaged:
        pass
