"""Is a consent refused for another base, method, day or circle of people than it was given for?"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import tomli_w
from consents import TODAY, signed
from PIL import Image
from tests.attacks.scene import Attack, Scene, each, edit

from handstyle import digests, planning, stages
from handstyle.collection import permission
from handstyle.collection.rights_plan import from_consents
from handstyle.collection.scope import Act
from handstyle.publication.verification import verify
from handstyle.workspace import Workspace

GOOD = Act("train", TODAY, "lora", "stable-diffusion-1", "b" * 64)


def asked(scope: dict[str, Any] | None = None, **act: Any) -> Callable[[Scene], object]:
    """The gate that every stage asks."""

    def attempt(scene: Scene) -> object:
        collection = scene.collect(scene.consent(**(scope or {})).data)
        return permission.require(collection, replace(GOOD, **act), "what somebody is about to do")

    return attempt


def on_day(day: date) -> Callable[[Scene], object]:
    return lambda scene: scene.collect(scene.consent().data, on=day)


def a_release_of_another_base(scene: Scene) -> object:
    return scene.edited("style.json", lambda it: it["base"].update(sha256="c" * 64),
                        lambda it: it["lineage"].update(base="c" * 64))  # fmt: skip


def a_release_of_a_style(change: Callable[[dict[str, Any]], object]) -> Callable[[Scene], object]:
    """The style, its recipe and the lineage say the same, so that only the consent could say no."""

    def attempt(scene: Scene) -> object:
        release = scene.release()
        edit(release / "style.json", change)
        style = json.loads((release / "style.json").read_bytes())
        recipe = tomllib.loads((release / "recipe.toml").read_text(encoding="utf-8"))
        kept = {key: style["recipe"][key] for key in recipe if key in style["recipe"]}
        (release / "recipe.toml").write_text(tomli_w.dumps(kept), encoding="utf-8")
        lineage = {"recipe": digests.of_json(style["recipe"]), "base": style["base"]["sha256"]}
        return scene.resigned(release, lambda it: it["lineage"].update(lineage))

    return attempt


def a_release_that_says(**change: Any) -> Callable[[Scene], object]:
    return lambda scene: scene.resigned(scene.release(), lambda it: it.update(change))


def for_named_people(**change: Any) -> Callable[[Scene], object]:
    """Cleared for a museum; then the publisher writes somebody else into the list that is signed."""

    def attempt(scene: Scene) -> object:
        named = signed(distribution="named", recipients=["A Museum"])
        release = scene.release(named, distribution="named")
        assert scene.resigned(release).status == "intact"
        return scene.resigned(release, lambda it: it.update(change))

    return attempt


def with_torch(stage: Callable[[Workspace, Scene], object], **scope: Any) -> Callable[[Scene], object]:
    """The stages themselves, on a base that can be loaded."""

    def attempt(scene: Scene) -> object:
        given = scene.consent(**{"bases": ["stable-diffusion-1"], "valid_until": None, **scope})
        workspace = Workspace(scene.place / "workspace")
        stages.collect(workspace, scene.folder, from_consents([scene.file(given.data)]), validation=None)
        try:
            return stage(workspace, scene)
        finally:
            assert not workspace.cache.exists(), "something was encoded before anybody asked"

    return attempt


def class_images_of_others(workspace: Workspace, scene: Scene) -> object:
    folder = scene.place / "class"
    folder.mkdir()
    Image.new("RGB", (16, 16), "green").save(folder / "a-house.png")
    settings = {"with_prior_preservation": True}
    return planning.plan(workspace, scene.base, settings=settings, class_images=folder)


def for_one_country(change: Callable[[dict[str, Any]], object]) -> Callable[[Scene], object]:
    def attempt(scene: Scene) -> object:
        release = scene.release(signed(territory=["DE"]))
        assert scene.resigned(release).status == "intact"
        return scene.resigned(release, change)

    return attempt


ATTACKS = [
    Attack(48, "a consent for one base is used on another", asked(base_sha256="c" * 64), "clause: base"),
    Attack(49, "a consent for one family of bases is used on another", asked({"bases": ["stable-diffusion-xl"]}),
           "clause: base"),
    Attack(50, "a consent for an addition is used to train a whole model", asked(method="full"), "clause: method"),
    Attack(51, "a consent that permits no training is used to train", asked({"methods": [], "bases": []}),
           "does not cover"),
    Attack(52, "a consent is used before its first day", on_day(date(2025, 12, 31)), "clause: first day"),
    Attack(53, "a consent is used after its last day", on_day(date(2031, 1, 1)), "clause: last day"),
    Attack(54, "a consent that ended since it was collected is used", asked(on=date(2031, 1, 1)), "clause: last day"),
    Attack(55, "a model that must stay in the house is published",
           asked({"distribution": "private"}, use="publish-model", distribution="public"), "clause: distribution"),
    Attack(56, "a model for particular people is published for all",
           asked({"distribution": "named", "recipients": ["A Museum"]}, use="publish-model", distribution="public"),
           "clause: distribution"),
    Attack(57, "a consent without commerce is used for commerce", asked(use="commercial"), "clause: use"),
    Attack(58, "a consent for the title is used for the trigger word",
           asked({"name": {"in_title": True}}, use="name-as-trigger"), "clause: use"),
    Attack(59, "a consent that permits more is put into a workspace",
           lambda s: s.in_its_place(s.consent(commercial=True).data), "something else than was signed"),
    Attack(60, "a consent for other works is put into a workspace", lambda s: s.in_its_place(signed().data),
           "neither its file nor its pixels"),
    Attack(61, "a consent that permits more is put into a release",
           lambda s: s.carrying(signed(commercial=True).data), "another consent than the collection names"),
    Attack(62, "a release names another base than the consent", a_release_of_another_base, "clause: base"),
    Attack(63, "a release names another method than the consent",
           a_release_of_a_style(lambda it: it["recipe"].update(method="full")), "clause: method"),
    Attack(64, "a release keeps silent about its method",
           a_release_of_a_style(lambda it: it["recipe"].update(method="")), "recipe.method"),
    Attack(65, "a release keeps silent about its base", a_release_of_a_style(lambda it: it["base"].update(sha256="")),
           "base.sha256"),
    Attack(66, "a release is dated before the first day", a_release_that_says(published="2025-12-31"),
           "clause: first day"),
    Attack(67, "a release is dated after the last day", a_release_that_says(published="2031-01-01"),
           "clause: last day"),
    Attack(68, "a release is dated on a day that has not come", a_release_that_says(published="2027-11-25"),
           "a day that has not come"),
    Attack(69, "a release keeps silent about the family of its base",
           a_release_of_a_style(lambda it: it["base"].update(family="")), "base.family"),
    Attack(70, "a release for a museum is passed on to everybody", for_named_people(distribution="public"),
           "clause: distribution"),
    Attack(71, "a release for a museum names a friend", for_named_people(recipients=["A Museum", "A Friend"]),
           "does not name the people"),
    Attack(209, "a release for one country is passed on to the world", 
           for_one_country(lambda it: it.update(territory=["everywhere"])),
           "clause: territory"),
    Attack(210, "a release for one country names another one, too", 
           for_one_country(lambda it: it.update(territory=["DE", "FR"])),
           "clause: territory"),
    Attack(211, "a release keeps silent about where it may be used", 
           for_one_country(lambda it: it.pop("territory")), "clause: territory"),
    Attack(72, "a release is shown again after its consent ended", lambda s: verify(s.release(), on=date(2031, 1, 1)),
           "ended on 2030-12-31"),
    Attack(73, "works are encoded on another base", with_torch(lambda w, s: stages.encode(w, s.base),
           bases=["sha256:" + "c" * 64]), "clause: base"),
    Attack(74, "works are trained on in another base", with_torch(lambda w, s: planning.plan(w, s.base),
           bases=["sha256:" + "c" * 64]), "clause: base"),
    Attack(75, "works are trained on by another method",
           with_torch(lambda w, s: planning.plan(w, s.base, settings={"method": "full"})), "clause: method"),
    Attack(76, "class images are trained on that nobody was asked about", with_torch(class_images_of_others),
           "no permission names it"),
]  # fmt: skip


@each(ATTACKS)
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)


def test_for_what_it_was_given_it_is_taken(scene: Scene) -> None:
    asked()(scene)
