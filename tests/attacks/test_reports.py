"""Is a report refused that speaks of something else than what is published?"""

from __future__ import annotations

from typing import Any

from consents import TODAY, signed
from ingredients import report_on, style_of
from tests.attacks.scene import Attack, Scene, collection_of, each

from handstyle.publication.clearance import clearance


def publishing(**change: Any) -> Any:
    """A style with a report that speaks of something else."""

    def attempt(scene: Scene) -> object:
        collection = collection_of(signed())
        style = style_of(collection, scene.ingredients.style.tensors)
        report = report_on(style).model_copy(update=change)
        return clearance(collection, style, report, "Soft outline", on=TODAY)

    return attempt


def uninspected(scene: Scene) -> object:
    collection = collection_of(signed())
    return clearance(collection, style_of(collection, "a" * 64), None, "Soft outline", on=TODAY)


def signed_with(**change: Any) -> Any:
    return lambda scene: scene.edited("report.json", lambda report: report.update(change))


def without_a_report(scene: Scene) -> object:
    release = scene.release()
    (release / "report.json").unlink()

    def leave_out(statement: dict[str, Any]) -> None:
        statement["files"] = [file for file in statement["files"] if file["path"] != "report.json"]

    return scene.resigned(release, leave_out)


ATTACKS = [
    Attack(108, "a style is published with a report on other tensors", publishing(style="c" * 64),
           "the report speaks of other weights"),
    Attack(109, "a style is published with a report on another collection", publishing(collection="c" * 64),
           "the report speaks of another collection"),
    Attack(110, "a style is published without a report", uninspected, "has not been inspected"),
    Attack(111, "a release is signed with a report on other tensors", signed_with(style="c" * 64),
           "speaks of other tensors"),
    Attack(112, "a release is signed with a report on another collection", signed_with(collection="c" * 64),
           "speaks of another collection"),
    Attack(113, "a release is signed without a report", without_a_report, "belongs to every release"),
    Attack(114, "a release is signed with a style of other tensors",
           lambda s: s.edited("style.json", lambda it: it.update(tensors="c" * 64)), "speaks of other tensors"),
    Attack(115, "a release is signed with a recipe of another rank",
           lambda s: s.edited("style.json", lambda it: it["recipe"].update(rank=64)), "speaks of another recipe"),
]  # fmt: skip


@each(ATTACKS)
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)
