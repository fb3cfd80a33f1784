"""Does a collection hold together, and does it stay what it was?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handstyle.collection.intake import collect
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.collection.works import Collection
from handstyle.errors import RecordDamaged


@pytest.fixture
def collection(folder_of: Callable[..., Path]) -> Collection:
    return collect(folder_of("a.png", "b.png", "c.png"), rights=for_all(own_work("Ada")), validation=1)


def test_a_collection_is_the_same_after_a_round_to_disk(collection: Collection, tmp_path: Path) -> None:
    loaded = Collection.load(collection.save(tmp_path / "collection.json"))
    assert loaded == collection
    assert loaded.digest == collection.digest


def test_training_and_withheld_works_make_up_the_whole(collection: Collection) -> None:
    assert len(collection.withheld) == 1
    assert {*collection.training, *collection.withheld} == set(collection.works)


def test_each_work_has_its_rights_record(collection: Collection) -> None:
    assert {collection.rights_of(work).author for work in collection.works} == {"Ada"}


def test_any_change_changes_the_digest(collection: Collection) -> None:
    work = collection.works[0].model_copy(update={"caption": "another caption"})
    assert collection.model_copy(update={"works": (work, *collection.works[1:])}).digest != collection.digest


def broken(collection: Collection) -> list[tuple[str, dict[str, Any]]]:
    data = collection.as_json()
    first = data["works"][0]
    return [
        ("sorted by name", {"works": data["works"][::-1]}),
        ("each name may stand once", {"works": [first, first]}),
        ("no work of this collection", {"validation": ["z.png"]}),
        ("none is left to train on", {"validation": ["a.png", "b.png", "c.png"]}),
        ("both a work and left out", {"left_out": [{"name": "a.png", "reason": "left out by name"}]}),
        ("is not here", {"rights": {}}),
        ("has another digest", {"rights": {"0" * 64: next(iter(data["rights"].values()))}}),
        ("below the folder", {"works": [{**first, "name": "../a.png"}]}),
        ("below the folder", {"works": [{**first, "name": "/a.png"}]}),
        ("works", {"works": []}),
        ("did you mean `works`", {"work": []}),
        ("format", {"format": "handstyle/collection/9"}),
    ]


def test_a_record_that_contradicts_itself_is_refused(collection: Collection) -> None:
    for words, change in broken(collection):
        with pytest.raises(RecordDamaged, match=words):
            Collection.read({**collection.as_json(), **change}, where="the test")
