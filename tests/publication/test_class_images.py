"""Do pictures of the class, from somebody's folder, need a permission as the works do, and are they named?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ingredients import TODAY, Ingredients, assert_broken, collected, mozilla, report_on, signed_again, style_of

sys.path.insert(0, str(Path(__file__).parents[1] / "collection"))  # what consents are made from in tests

from consents import signed

from handstyle.collection.rights import RightsRecord, from_consent, open_licence
from handstyle.collection.works import Collection
from handstyle.errors import GateClosed, RightsMissing
from handstyle.keys import fingerprint
from handstyle.publication import card
from handstyle.publication.clearance import clearance
from handstyle.publication.verification import verify

Permission = Callable[..., RightsRecord]
WIKIMEDIA = open_licence("CC0-1.0", "Wiki Hands", "https://commons.wikimedia.org")


def with_class_images(ingredients: Ingredients, class_images: Collection, title: str = "Soft outline") -> Ingredients:
    style = style_of(ingredients.collection, ingredients.style.tensors).model_copy(
        update={"class_images": class_images.digest}
    )
    report = report_on(style)
    cleared = clearance(ingredients.collection, style, report, title, on=TODAY, class_images=class_images)
    return ingredients._replace(style=style, report=report, cleared=cleared)


@pytest.fixture
def release(ingredients: Ingredients, tmp_path: Path) -> Path:
    found = collected(WIKIMEDIA)
    mine = with_class_images(ingredients, found)
    text = card.text(mine.style, mine.collection, mine.report, mine.cleared, mine.weights,
                     fingerprint(mine.key.public_key()), found)  # fmt: skip
    return mine.assemble(tmp_path / "soft-outline", class_images=found, card_text=text)


def test_the_card_and_the_answer_name_them(release: Path) -> None:
    text = (release / "README.md").read_text(encoding="utf-8")
    assert "trained on pictures of its class. The class image is by Wiki Hands, openly licensed under CC0-1.0" in text
    assert "1 class image by Wiki Hands" in text
    answer = verify(release, on=TODAY)
    assert (answer.status, answer.findings) == ("intact", ())
    assert answer.permission[1] == "1 class image by Wiki Hands: stated, not signed: published under CC0-1.0"


def edited(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads(path.read_bytes())
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def claims(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda record: next(iter(record["rights"].values())).update(change)


@pytest.mark.parametrize(
    ("name", "change", "kind", "where"),
    [
        ("class-images.json", claims(licence="CC-BY-ND-4.0"), "permission", "class-images.json"),
        ("class-images.json", claims(standing="signed by everybody"), "permission", "class-images.json"),
        ("class-images.json", lambda record: record.update(collection="0" * 64), "record", "class-images.json"),
        ("style.json", lambda record: record.update(class_images=""), "record", "class-images.json"),
        ("style.json", lambda record: record.update(class_images="none"), "record", "style.json"),
    ],
    ids=["not to be changed", "called signed", "others", "kept silent", "no digest"],
)
def test_a_release_that_says_something_else_of_them_does_not_hold(
    release: Path, ingredients: Ingredients, name: str, change: Callable[[dict[str, Any]], None], kind: str, where: str
) -> None:
    edited(release / name, change)
    signed_again(release, ingredients.key)
    assert_broken(release, kind, where)


def test_a_release_without_their_record_does_not_hold(release: Path, ingredients: Ingredients) -> None:
    (release / "class-images.json").unlink()

    def unlisted(statement: dict[str, Any]) -> None:
        statement["files"] = [file for file in statement["files"] if file["path"] != "class-images.json"]

    signed_again(release, ingredients.key, unlisted)
    assert_broken(release, "record", "class-images.json")


def test_they_are_asked_for_publication_like_the_works(ingredients: Ingredients, permission: Permission) -> None:
    with pytest.raises(RightsMissing, match=r"class image: secret-0\.png.*publishing"):
        with_class_images(ingredients, collected(permission(permits=("train",))))
    with pytest.raises(RightsMissing, match="clause: base"):
        with_class_images(ingredients, collected(from_consent(signed(bases=["another-family"]))))


def test_their_licences_and_names_count_like_those_of_the_works(
    ingredients: Ingredients, permission: Permission
) -> None:
    sharing = open_licence("CC-BY-SA-4.0", "Wiki Hands", "https://commons.wikimedia.org")
    assert with_class_images(ingredients, collected(sharing)).cleared.licence.name == "CC-BY-SA-4.0"
    with pytest.raises(GateClosed, match="name of a person"):
        with_class_images(ingredients, collected(permission()), title="Ruiz lines")


def test_other_class_images_than_were_trained_with_are_refused(ingredients: Ingredients) -> None:
    style = style_of(ingredients.collection, "a" * 64)
    with pytest.raises(GateClosed, match="other class images"):
        clearance(ingredients.collection, style, report_on(style), "Soft", on=TODAY, class_images=collected(mozilla()))
