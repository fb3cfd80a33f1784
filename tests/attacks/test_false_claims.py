"""Is a release refused that says more of a permission than was given?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingredients import TODAY, signed_again
from tests.attacks.scene import Attack, Scene, each, edit

from handstyle.publication.verification import verify


def claims(record: dict[str, Any], change: dict[str, Any]) -> None:
    next(iter(record["rights"].values())).update(change)


def of_the_signed(**change: Any) -> Any:
    """What two holders signed, told otherwise in the list of works."""
    return lambda scene: scene.edited("collection.json", lambda record: claims(record, change))


def of_the_open(**change: Any) -> Any:
    """A work under Apache-2.0, which no signature covers."""
    return lambda scene: openly(scene, lambda record: claims(record, change))


def openly(scene: Scene, change: Any) -> object:
    release = scene.ingredients.assemble(scene.place / "open")
    edit(release / "collection.json", change)
    works = len(json.loads((release / "collection.json").read_bytes())["works"])
    return signed_anew(scene, release, works)


def signed_anew(scene: Scene, release: Path, works: int) -> object:
    signed_again(release, scene.ingredients.key, lambda it: it["lineage"].update(number_of_works=works))
    return verify(release, on=TODAY)


OTHERWISE = "says something else of a permission than follows from its basis"
NOBODY = "names a permission that nobody can have given"
ATTACKS = [
    Attack(137, "a signed permission is called open", of_the_signed(basis="open-licence"), OTHERWISE),
    Attack(138, "a signed permission is called own work", of_the_signed(basis="own-work"), OTHERWISE),
    Attack(139, "a permission without its consent is called signed", of_the_signed(consent=None), NOBODY),
    Attack(140, "commerce is added to what was signed",
           of_the_signed(permits=["train", "publish-model", "commercial"]), OTHERWISE),
    Attack(141, "another author is named than was signed", of_the_signed(author="Somebody"), OTHERWISE),
    Attack(142, "everybody is said to have signed", of_the_signed(standing="signed by everybody"), OTHERWISE),
    Attack(143, "the last day is put off", of_the_signed(valid_until="2099-01-01"), OTHERWISE),
    Attack(144, "the last day is left out", of_the_signed(valid_until=None), OTHERWISE),
    Attack(145, "the co-owner is left out", of_the_signed(holders=["Ada Example"]), OTHERWISE),
    Attack(146, "a caption of a work that may not be shown is told",
           lambda s: s.edited("collection.json", lambda it: it["works"][0].update(caption="a cliff")),
           "shows names or captions"),
    Attack(147, "a work under an open licence is said to be signed for", of_the_open(standing="signed by Mozilla"),
           OTHERWISE),
    Attack(148, "a flag says that an open licence was signed", of_the_open(is_signed=True), OTHERWISE),
    Attack(149, "a permission has a basis that nobody knows", of_the_open(basis="a-handshake"), "basis"),
    Attack(150, "a written permission has no letter",
           of_the_open(basis="written-permission", evidence=[], licence=None, source=None), NOBODY),
    Attack(151, "a licence gives the author's name", of_the_open(permits=["train", "publish-model", "name-in-title"]),
           NOBODY),
    Attack(152, "what is not for sale is sold", of_the_open(licence="CC-BY-NC-4.0"), NOBODY),
    Attack(153, "what may not be changed is trained on", of_the_open(licence="CC-BY-ND-4.0"), NOBODY),
    Attack(154, "of two licences nobody chose one", of_the_open(licence="MIT OR CC-BY-NC-4.0"), NOBODY),
    Attack(155, "a licence is made up", of_the_open(licence="Made-Up-1.0"), NOBODY),
    Attack(156, "an open licence has no source", of_the_open(source=None), NOBODY),
    Attack(157, "own work has a co-owner", of_the_open(basis="own-work", holders=["Mozilla", "Somebody"]), NOBODY),
    Attack(158, "an author is nobody", of_the_open(author=""), NOBODY),
    Attack(159, "an author hides a sign", of_the_open(author="Mozilla\u202e"), NOBODY),
    Attack(160, "works that may not be trained on are published", of_the_open(permits=["publish-model"]),
           "clause: use"),
    Attack(161, "a permission is written in another order",
           of_the_open(permits=["show-works", "train", "publish-model"]), OTHERWISE),
    Attack(162, "a day is a number of seconds", of_the_open(valid_until=4102444800), "write the day as"),
    Attack(163, "a letter has no digest", of_the_open(evidence=[{"sha256": "a letter", "seen": None}]), "evidence"),
    Attack(164, "the works have no permission", lambda s: openly(s, lambda it: it.update(rights={})),
           "refer to a permission that is not here"),
    Attack(165, "there are no works", lambda s: openly(s, lambda it: it.update(works=[])), "works"),
    Attack(166, "a work refers to a permission that is not there",
           lambda s: openly(s, lambda it: it["works"][0].update(rights="0" * 64)), "not here"),
    Attack(167, "a permission covers no work", lambda s: openly(s, lambda it: it["rights"].update(
        {"0" * 64: next(iter(it["rights"].values()))})), "covers no work"),
    Attack(168, "a work stands there twice",
           lambda s: openly(s, lambda it: it["works"].append(it["works"][0])), "stands in it twice"),
]  # fmt: skip


@each(ATTACKS)
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)
