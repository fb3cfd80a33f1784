"""Is the identity of a thing its content and nothing else?"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handstyle import digests
from handstyle.errors import RecordDamaged

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def tensor_file(path: Path, tensors: dict[str, tuple[str, tuple[int, ...], bytes]], metadata: Any = None) -> Path:
    """Written here by the format's own description, not by its library."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, (kind, shape, content) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


TENSORS = {"b": ("F32", (2,), b"12345678"), "a": ("U8", (3, 1), b"abc")}


def test_the_digest_of_a_file_is_the_sha256_others_compute(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000  # several chunks
    (tmp_path / "x").write_bytes(data)
    assert digests.of_file(tmp_path / "x") == digests.of_bytes(data) == hashlib.sha256(data).hexdigest()


def test_pixels_of_another_shape_are_other_pixels() -> None:
    rgb = bytes(48)
    assert len({digests.of_pixels(4, 4, rgb), digests.of_pixels(2, 8, rgb), digests.of_pixels(8, 2, rgb)}) == 3


@given(JSON)
def test_json_has_one_digest_however_it_was_written(value: Any) -> None:
    again = json.loads(json.dumps(value, indent=3, sort_keys=True))
    assert digests.of_json(again) == digests.of_json(value)
    assert json.loads(digests.canonical(value)) == value


def test_what_json_means_counts_not_how_python_holds_it() -> None:
    assert digests.of_json({"b": 1, "a": 5.0}) == digests.of_json({"a": 5, "b": 1.0})
    assert digests.of_json(["é"]) != digests.of_json(["e\u0301"])


def test_tensors_have_one_digest_whatever_their_order_and_file(tmp_path: Path) -> None:
    one = tensor_file(tmp_path / "1", TENSORS)
    other = tensor_file(tmp_path / "2", dict(reversed(TENSORS.items())), {"title": "renamed"})
    assert one.read_bytes() != other.read_bytes()
    assert digests.of_tensor_file(one) == digests.of_tensor_file(other)
    assert digests.of_tensor_file(one) == digests.of_tensors((name, *rest) for name, rest in TENSORS.items())


@pytest.mark.parametrize(
    "changed",
    [{"b": ("F32", (2,), b"12345679")}, {"b": ("I32", (2,), b"12345678")}, {"b": ("F32", (2, 1), b"12345678")},
     {"c": ("U8", (0,), b"")}],
    ids=["a bit", "the type", "the shape", "one more"],
)  # fmt: skip
def test_every_change_of_the_tensors_is_seen(tmp_path: Path, changed: dict[str, Any]) -> None:
    one, other = tensor_file(tmp_path / "1", TENSORS), tensor_file(tmp_path / "2", {**TENSORS, **changed})
    assert digests.of_tensor_file(one) != digests.of_tensor_file(other)


def test_our_reading_of_the_format_is_its_librarys(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    tensors = {"w": torch.arange(6.0).view(2, 3), "h": torch.ones(3).bfloat16(), "empty": torch.empty(0)}
    save_file(tensors, tmp_path / "x", {"format": "pt"})
    entries, _ = digests.safetensors_header(tmp_path / "x")
    assert {name: entry["shape"] for name, entry in entries.items() if name != "__metadata__"} == {
        "w": [2, 3], "h": [3], "empty": [0],
    }  # fmt: skip
    save_file(tensors, tmp_path / "y")
    assert digests.of_tensor_file(tmp_path / "x") == digests.of_tensor_file(tmp_path / "y")


def test_a_file_without_tensors_has_a_digest_too(tmp_path: Path) -> None:
    assert digests.of_tensor_file(tensor_file(tmp_path / "x", {})) == digests.of_tensors([])


def torn(data: bytes) -> dict[str, bytes]:
    length = struct.pack("<Q", len(b"[]"))
    return {
        "empty": b"",
        "seven bytes": data[:7],
        "cut in its header": data[:30],
        "cut by a byte": data[:-1],
        "a byte too long": data + b"x",
        "a header too long to be one": struct.pack("<Q", 2**63) + data[8:],
        "a list for a header": length + b"[]",
        "no JSON": struct.pack("<Q", 2) + b"{x",
        "no offsets": struct.pack("<Q", 8) + b'{"a":{}}',
        "offsets that are words": struct.pack("<Q", 35) + b'{"a":{"data_offsets":["x","y"]    }}'[:35],
        "deep": struct.pack("<Q", 200_000) + b"[" * 200_000,
    }


@pytest.mark.parametrize("kind", list(torn(b"")))
def test_a_torn_file_is_named(tmp_path: Path, kind: str) -> None:
    path = tensor_file(tmp_path / "x.safetensors", TENSORS)
    path.write_bytes(torn(path.read_bytes())[kind])
    with pytest.raises(RecordDamaged, match=r"x\.safetensors is not a whole safetensors file"):
        digests.of_tensor_file(path)
