"""Can a style be named after somebody who has not agreed, by writing the name so that only a reader sees it?"""

from __future__ import annotations

from typing import Any

from consents import TODAY, signed
from ingredients import report_on, style_of
from tests.attacks.scene import Attack, Scene, collection_of, each

from handstyle.publication.clearance import Clearance, clearance


def titled(title: str = "Soft outline", yes: dict[str, bool] | None = None, **recipe: Any) -> Clearance:
    collection = collection_of(signed(name=yes or {}))
    style = style_of(collection, "a" * 64, **recipe)
    return clearance(collection, style, report_on(style), title, on=TODAY)


def title(text: str) -> Any:
    return lambda scene: titled(text)


def words(**recipe: str) -> Any:
    return lambda scene: titled(**recipe)


TITLE = "which takes a yes to `name-in-title`"
TRIGGER = "which takes a yes to `name-as-trigger`"
ATTACKS = [
    Attack(116, "a title is the name", title("Ada Example"), TITLE),
    Attack(117, "a title is a part of the name", title("Lines by Ada"), TITLE),
    Attack(118, "a title has a Cyrillic letter", title("\u0410da lines"), TITLE),
    Attack(119, "a title has Greek letters", title("\u0391d\u03b1 lines"), TITLE),
    Attack(120, "a title is full-width", title("\uff21\uff44\uff41 lines"), TITLE),
    Attack(121, "a title has digits for letters", title("4d4 lines"), TITLE),
    Attack(122, "a title has accents", title("\u00c0d\u00e0 lines"), TITLE),
    Attack(123, "a title has a space of no width", title("A\u200bda lines"), TITLE),
    Attack(124, "a title has dots between the letters", title("A.d.a lines"), TITLE),
    Attack(125, "a title has spaces between the letters", title("A d a lines"), TITLE),
    Attack(126, "a title has the name in the middle of a word", title("neoadaexampleism"), TITLE),
    Attack(127, "a title is the name of the co-owner", title("Examplepress"), TITLE),
    Attack(128, "an identifier is the name", words(identifier="adaexample"), TRIGGER),
    Attack(129, "an identifier looks like the name", words(identifier="\u0430d\u0430"), TRIGGER),
    Attack(130, "the name is split between identifier and class words",
           words(identifier="adaex", class_words="ample drawing"), TRIGGER),
    Attack(131, "the name is split between identifier and template",
           words(identifier="adaexam", template="{caption}, {identifier}ple {class_words}"), TRIGGER),
    Attack(132, "the name stands in the class words", words(class_words="Ada drawing"), TRIGGER),
    Attack(133, "the name stands in the template", words(template="{caption} by Ada, {identifier} {class_words}"),
           TRIGGER),
    Attack(134, "a yes to the title is used for the trigger word",
           lambda s: titled(yes={"in_title": True}, identifier="adaexample"), TRIGGER),
    Attack(135, "a yes to the trigger word is used for the title",
           lambda s: titled("Ada lines", yes={"as_trigger": True}), TITLE),
    Attack(136, "a yes to the author's name is used for the co-owner's",
           lambda s: titled("Examplepress lines", yes={"in_title": True}), TITLE),
]  # fmt: skip


@each(ATTACKS)
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)


def test_what_was_agreed_to_and_what_names_nobody_is_taken() -> None:
    assert titled("Ada lines", yes={"in_title": True}).title == "Ada lines"
    assert titled().title == "Soft outline"
