"""Are works that are there twice found, whatever their names?"""

from __future__ import annotations

from handstyle.collection.curation import MOST_NOTES, duplicates, notes_on_parted
from handstyle.collection.rights import own_work
from handstyle.collection.works import Collection, Work


def work(name: str, pixels: str) -> Work:
    return Work(name=name, file_format="PNG", file_sha256="f" * 64, pixels_sha256=pixels * 64, width=8, height=8,
                caption="a cat", caption_from="sidecar", rights="e" * 64)  # fmt: skip


def test_each_later_work_with_the_same_pixels_points_at_the_first() -> None:
    works = [work("a.png", "0"), work("b.png", "1"), work("c.webp", "0"), work("d.png", "0")]
    assert duplicates(works) == {"c.webp": "a.png", "d.png": "a.png"}


def test_different_pixels_are_no_duplicates() -> None:
    assert duplicates([work("a.png", "0"), work("b.png", "1")]) == {}


def collection(number: int, kept_back: list[str]) -> Collection:
    rights = own_work("Ada")
    works = [work(f"{place:02}.png", f"{place % 10}").model_copy(update={"rights": rights.digest})
             for place in range(number)]  # fmt: skip
    return Collection(works=tuple(works), rights={rights.digest: rights}, validation=tuple(kept_back))


def test_a_work_that_is_kept_back_while_its_copy_is_trained_on_is_told() -> None:
    alike = {"02.png": "00.png", "03.png": "01.png"}
    assert list(notes_on_parted(alike, collection(5, ["00.png", "01.png", "03.png"]))) == [
        "00.png is kept back and 02.png, which looks nearly like it, is trained on: 00.png checks nothing"
    ]
    assert list(notes_on_parted(alike, collection(5, ["00.png", "02.png", "04.png"]))) == []


def test_of_many_that_were_parted_the_rest_is_counted() -> None:
    names = [f"{place:02}.png" for place in range(20)]
    told = list(notes_on_parted(dict.fromkeys(names[1:], names[0]), collection(20, names[:15])))
    assert len(told) == MOST_NOTES + 1 and told[-1].startswith("5 more are kept back")
