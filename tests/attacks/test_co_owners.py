"""Can one holder give what two of them own?"""

from __future__ import annotations

from consents import ADA, ADA_HOLDS, PRESS_HOLDS, draft, signed
from tests.attacks.scene import Attack, Scene, each

from handstyle.collection import consent
from handstyle.collection.rights import RightsRecord


def alone(scene: Scene | None = None) -> bytes:
    """The artist has signed, and the press that owns the works with her has not."""
    return consent.signed(draft(works=scene.works()) if scene else draft(), ADA).data


def without_the_press(scene: Scene | None = None) -> bytes:
    """A text of its own, in which the artist is the only holder. It is signed by everybody whom it names."""
    return (scene.consent(ADA_HOLDS) if scene else signed(ADA_HOLDS)).data


def own_work(scene: Scene) -> object:
    stated = {"author": "Ada Example", "basis": "own-work", "holders": ["Ada Example", "Example Press"]}
    return RightsRecord.read(stated, where="rights.toml")


MISSING = "the signature of Example Press is missing"
ATTACKS = [
    Attack(21, "the artist alone signs for works with a co-owner", lambda s: s.collect(alone(s)), MISSING),
    Attack(22, "the artist's signature alone is put into a workspace", lambda s: s.in_its_place(alone(s)), MISSING),
    Attack(23, "the artist's signature alone is put into a release", lambda s: s.carrying(alone()),
           "lacks the signature of Example Press"),
    Attack(24, "a text without the co-owner is put into a workspace", lambda s: s.in_its_place(without_the_press(s)),
           "something else than was signed"),
    Attack(25, "a text without the co-owner is put into a release", lambda s: s.carrying(without_the_press()),
           "another consent than the collection names"),
    Attack(26, "the artist signs for the co-owner with her own key",
           lambda s: draft(ADA_HOLDS, {**PRESS_HOLDS, "key": ADA_HOLDS["key"]}), "two holders have the same key", 2),
    Attack(27, "the co-owner is written with a letter of another alphabet",
           lambda s: draft(ADA_HOLDS, {**PRESS_HOLDS, "name": "Ex\u0430mple Press"}), "mixes alphabets", 1),
    Attack(28, "the artist stands there twice under names that look the same",
           lambda s: draft(ADA_HOLDS, {**PRESS_HOLDS, "name": "Ada Exampie"}), "look the same", 2),
    Attack(29, "somebody who made the works and owns nothing signs alone",
           lambda s: draft({**ADA_HOLDS, "roles": ["creator"]}), "nobody among the holders owns the copyright", 2),
    Attack(30, "works with a co-owner are stated to be own work", own_work, "others hold rights too", 1),
    Attack(31, "a co-owner gives a key with which anything passes as signed", lambda s: draft(ADA_HOLDS, {
        **PRESS_HOLDS,
        "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    }), "anything could pass as signed", 1),
    Attack(32, "a client who owns the works lends the artist's name",
           lambda s: draft(PRESS_HOLDS, name={"in_title": True}), "the name is Ada Example's", 2),
    Attack(33, "another maker of works lends the artist's name",
           lambda s: draft({**PRESS_HOLDS, "roles": ["creator", "copyright-owner"]}, name={"as_trigger": True}),
           "the name is Ada Example's", 2),
]  # fmt: skip


@each(ATTACKS)
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)
