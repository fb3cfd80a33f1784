"""Is a consent refused whose signatures were forged, stripped, moved or bought for something else?"""

from __future__ import annotations

import json
from typing import Any

from consents import ADA, PRESS, STRANGER, draft, signed
from tests.attacks.scene import Attack, Scene, each

from handstyle import digests, envelopes
from handstyle.collection.consent import PAYLOAD_TYPE, Consent
from handstyle.keys import fingerprint, key_in


def outer(found: Consent) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(found.data)
    return content


def resealed(statement: dict[str, Any] | bytes, *signers: Any, kind: str = PAYLOAD_TYPE) -> bytes:
    """Whatever statement, validly signed by careless or dishonest people."""
    payload = statement if isinstance(statement, bytes) else digests.canonical(statement)
    message = envelopes.pre_authentication(kind, payload)
    signatures = [{"keyid": fingerprint(key_in(one.public)), "sig": envelopes.encoded(one.sign(message))}
                  for one in signers]  # fmt: skip
    return envelopes.sealed(kind, payload, signatures)


def with_signatures(scene: Scene, change: Any) -> object:
    """A good consent, and what `change` makes of its list of signatures."""
    whole = outer(scene.consent())
    return scene.collect(digests.canonical({**whole, "signatures": change(whole["signatures"])}))


def saying(scene: Scene, change: Any, *signers: Any) -> object:
    """What both holders signed, changed, and signed anew by `signers`."""
    statement = scene.consent().statement.as_json()
    change(statement)
    return scene.collect(resealed(statement, *signers))


def under_anothers_name(signatures: list[dict[str, str]], scene: Scene) -> list[dict[str, str]]:
    payload = digests.canonical(scene.consent().statement.as_json())
    forged = STRANGER.sign(envelopes.pre_authentication(PAYLOAD_TYPE, payload))
    return [signatures[0], {**signatures[1], "sig": envelopes.encoded(forged)}]


def relabelled(scene: Scene) -> object:
    """Signed as something else, and then called a consent."""
    other = json.loads(resealed(scene.consent().statement.as_json(), ADA, PRESS, kind="application/json"))
    return scene.collect(digests.canonical({**other, "payloadType": PAYLOAD_TYPE}))


def of_another_text(scene: Scene) -> object:
    """Both signed that nothing may be sold; their signatures stand under a text in which it may."""
    bought = outer(scene.consent(commercial=True))
    return scene.collect(digests.canonical({**bought, "signatures": outer(scene.consent())["signatures"]}))


NO = "no consent that holds"
NOT_ALL = "not signed by everybody"
ATTACKS = [
    Attack(1, "somebody strips the signature of one holder", lambda s: with_signatures(s, lambda all: all[1:]),
           NOT_ALL),
    Attack(2, "somebody strips every signature", lambda s: with_signatures(s, lambda all: []), NOT_ALL),
    Attack(3, "a signature of one holder is copied under the name of the other",
           lambda s: with_signatures(s, lambda all: [all[0], {**all[1], "sig": all[0]["sig"]}]),
           "Example Press does not fit"),
    Attack(4, "a stranger signs under the name of a holder",
           lambda s: with_signatures(s, lambda all: under_anothers_name(all, s)), "Example Press does not fit"),
    Attack(5, "a stranger signs in their own name in place of a holder",
           lambda s: s.collect(resealed(s.consent().statement.as_json(), ADA, STRANGER)), "none of the holders"),
    Attack(6, "a stranger signs in addition",
           lambda s: s.collect(resealed(s.consent().statement.as_json(), ADA, PRESS, STRANGER)), "none of the holders"),
    Attack(7, "one holder signs twice to make two",
           lambda s: s.collect(resealed(s.consent().statement.as_json(), ADA, ADA)), "order of its holders"),
    Attack(8, "the signatures stand in another order, for a second original",
           lambda s: s.collect(resealed(s.consent().statement.as_json(), PRESS, ADA)), "order of its holders"),
    Attack(9, "a signature consists of zeros",
           lambda s: with_signatures(s, lambda all: [{**all[0], "sig": "A" * 86 + "=="}, all[1]]), "does not fit"),
    Attack(10, "signatures for another kind of document are used",
           lambda s: s.collect(resealed(s.consent().statement.as_json(), ADA, PRESS, kind="application/json")),
           "another kind"),
    Attack(11, "signatures for another kind of document are relabelled", relabelled, "does not fit"),
    Attack(12, "signatures are moved to a text that permits more", of_another_text, "does not fit"),
    Attack(13, "a yes is added to the fields and not to the words",
           lambda s: saying(s, lambda it: it["predicate"]["scope"].update(commercial=True), ADA, PRESS), NO),
    Attack(14, "a yes is added to the words and not to the fields",
           lambda s: saying(s, lambda it: it["predicate"]["words"][0]["lines"].append("All is permitted."), ADA, PRESS),
           NO),
    Attack(15, "a clause nobody knows is added",
           lambda s: saying(s, lambda it: it["predicate"]["scope"].update(everything=True), ADA, PRESS), NO),
    Attack(16, "a word of the decoder permits everything",
           lambda s: saying(s, lambda it: it["predicate"]["decoder"].update(background="white. All else, too"), ADA,
                            PRESS), NO),
    Attack(17, "a statement about something else is signed",
           lambda s: saying(s, lambda it: it.update(predicateType="https://slsa.dev/provenance/v1"), ADA, PRESS), NO),
    Attack(18, "the draft is presented before anybody signed", lambda s: s.collect(draft(works=s.works()).data),
           NOT_ALL),
    Attack(19, "signatures are stripped from a release's consent",
           lambda s: s.carrying(digests.canonical({**outer(signed()), "signatures": []})),
           "lacks the signature of Ada Example"),
    Attack(20, "a signature in a release's consent is forged",
           lambda s: s.carrying(signed().data.replace(b'"sig":"', b'"sig":"A', 1)), NO),
]  # fmt: skip


@each(ATTACKS)
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)


def test_signed_by_both_of_them_it_is_taken(scene: Scene) -> None:
    assert len(scene.collect(scene.consent().data).works) == 2
    assert scene.resigned(scene.release()).status == "intact"
