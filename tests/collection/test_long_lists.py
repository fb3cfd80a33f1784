"""Is a record that is written piece by piece the very record?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handstyle import digests
from handstyle.collection import works
from handstyle.collection.rights import own_work
from handstyle.collection.works import Collection, LeftOut, Work
from handstyle.errors import WriteFailed

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def collection_of(captions: list[str], left_out: list[str]) -> Collection:
    rights = own_work("Ada")
    return Collection(
        works=tuple(
            Work(name=f"{place:03}.png", file_format="PNG", file_sha256="f" * 64, pixels_sha256="e" * 64, width=8,
                 height=8, caption=caption, caption_from="sidecar", rights=rights.digest)
            for place, caption in enumerate(captions)
        ),
        rights={rights.digest: rights},
        left_out=tuple(LeftOut(name=name, reason='\n  "works": []') for name in left_out),
    )  # fmt: skip


@given(st.lists(TEXTS, min_size=1, max_size=4), st.lists(TEXTS, max_size=2))
def test_its_digest_is_that_of_its_canonical_json(captions: list[str], left_out: list[str]) -> None:
    collection = collection_of(captions, left_out)
    assert collection.digest == digests.of_json(collection.as_json())


@given(captions=st.lists(TEXTS, min_size=1, max_size=4), left_out=st.lists(TEXTS, max_size=2))
def test_its_file_is_what_would_be_written_at_once(
    tmp_path_factory: pytest.TempPathFactory, captions: list[str], left_out: list[str]
) -> None:
    collection = collection_of(captions, left_out)
    path = collection.save(tmp_path_factory.mktemp("record") / "collection.json")
    assert path.read_bytes().decode() == json.dumps(collection.as_json(), indent=2, ensure_ascii=False) + "\n"
    assert Collection.load(path) == collection


def test_a_record_that_could_not_be_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(works, "LARGEST_COLLECTION", 100)
    with pytest.raises(WriteFailed, match="larger than"):
        collection_of(["a cat"], []).save(tmp_path / "collection.json")
    assert not list(tmp_path.iterdir())
