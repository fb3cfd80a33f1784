"""Can a single byte of what was signed be another one, be there twice, or be gone?"""

from __future__ import annotations

from pathlib import Path

import pytest
from consents import signed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tests.attacks.scene import Scene

from handstyle.collection import consent
from handstyle.errors import ConsentBroken
from handstyle.publication.verification import verify

MANY = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def changed(data: bytes, draw: some.DataObject) -> bytes:
    """One byte is replaced, removed or inserted; what is put in differs from what stood there."""
    place = draw.draw(some.integers(0, len(data) - 1), "place")
    how = draw.draw(some.sampled_from(["replace", "remove", "insert"]), "how")
    byte = bytes([draw.draw(some.integers(0, 255).filter(lambda value: value != data[place]), "byte")])
    kept = data[place:] if how == "insert" else data[place + 1 :]
    return data[:place] + (b"" if how == "remove" else byte) + kept


@pytest.fixture
def release(scene: Scene) -> Path:
    return scene.release()


@MANY
@given(draw=some.data())
def test_no_byte_of_a_release_can_change_unnoticed(release: Path, draw: some.DataObject) -> None:
    """The signed list, the consent, the card, the records, the weights: whatever file is drawn."""
    path = draw.draw(some.sampled_from(sorted(path for path in release.rglob("*") if path.is_file())), "file")
    original = path.read_bytes()
    try:
        path.write_bytes(changed(original, draw))
        assert verify(release).status == "broken"
    finally:
        path.write_bytes(original)


@MANY
@given(draw=some.data())
def test_no_byte_of_a_consent_can_change_unnoticed(draw: some.DataObject) -> None:
    with pytest.raises(ConsentBroken) as broken:
        consent.opened(changed(signed().data, draw), "it").require_everybody("it")
    assert broken.value.exit_code == 3
