"""What do the tests of publication start from?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle.collection.rights import RightsRecord
from handstyle.publication import exports
from handstyle.publication.clearance import clearance
from handstyle.publication.provenance import Weights
from handstyle.tensor_files import digest, write_tensors

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported one by one, so what they share needs a place

from ingredients import (
    EMBEDDED,
    TODAY,
    Ingredients,
    collected,
    low_rank_tensors,
    mozilla,
    report_on,
    style_of,
)


@pytest.fixture(scope="session")
def ingredients(tmp_path_factory: pytest.TempPathFactory) -> Ingredients:
    place = tmp_path_factory.mktemp("ingredients")
    collection = collected(mozilla(place))
    tensors = low_rank_tensors()
    own = write_tensors(place / "style.safetensors", tensors, {})
    style = style_of(collection, digest(tensors))
    report = report_on(style)
    cleared = clearance(collection, style, report, "Soft outline", on=TODAY)
    written = exports.write_files(place / "weights", style, own, EMBEDDED, cleared)
    weights = tuple(
        Weights(path=path, format=format, tensors=of_file, largest_difference=0.0) for path, format, of_file in written
    )
    key = Ed25519PrivateKey.from_private_bytes(b"a key for tests, thirty-two long")
    return Ingredients(collection, style, report, cleared, place / "weights", weights, place, key)


@pytest.fixture
def release(ingredients: Ingredients, tmp_path: Path) -> Path:
    return ingredients.assemble(tmp_path / "soft-outline")


@pytest.fixture
def permission() -> Callable[..., RightsRecord]:
    """A written permission by Ana Ruiz, changed as a test asks."""

    def make(**changes: Any) -> RightsRecord:
        return RightsRecord.model_validate(
            {
                "author": "Ana Ruiz",
                "basis": "written-permission",
                "permits": ("train", "publish-model", "commercial", "show-works"),
                "evidence": ({"file": "letter.pdf", "sha256": "e" * 64, "says": "a letter"},),
                **changes,
            }
        )

    return make
