"""Are works that are there twice found, whatever their names?"""

from __future__ import annotations

from handstyle.collection.curation import duplicates
from handstyle.collection.works import Work


def work(name: str, pixels: str) -> Work:
    return Work(name=name, file_format="PNG", file_sha256="f" * 64, pixels_sha256=pixels * 64, width=8, height=8,
                caption="a cat", caption_from="sidecar", rights="e" * 64)  # fmt: skip


def test_each_later_work_with_the_same_pixels_points_at_the_first() -> None:
    works = [work("a.png", "0"), work("b.png", "1"), work("c.webp", "0"), work("d.png", "0")]
    assert duplicates(works) == {"c.webp": "a.png", "d.png": "a.png"}


def test_different_pixels_are_no_duplicates() -> None:
    assert duplicates([work("a.png", "0"), work("b.png", "1")]) == {}
