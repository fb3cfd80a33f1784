"""Does a consent hold only where every holder signed exactly this?"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported one by one, so what they share needs a place

from consents import ADA, ADA_HOLDS, PRESS, PRESS_HOLDS, TODAY, WORKS, asked, draft, signed

from handstyle import digests, envelopes
from handstyle.collection import consent
from handstyle.collection.consent import PAYLOAD_TYPE, Consent, Decoder
from handstyle.collection.scope import NameUses, Scope
from handstyle.collection.terms import statement
from handstyle.errors import ConsentBroken, HandstyleError, RecordDamaged, UsageMistake
from handstyle.keys import fingerprint, key_in, public_line


def outer(found: Consent) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(found.data)
    return content


def content(found: Consent) -> dict[str, Any]:
    return found.statement.as_json()


def resealed(payload: bytes, *signers: Any, kind: str = PAYLOAD_TYPE) -> bytes:
    """Whatever bytes, validly signed by careless or dishonest holders."""
    message = envelopes.pre_authentication(kind, payload)
    return envelopes.sealed(
        kind,
        payload,
        [{"keyid": fingerprint(key_in(one.public)), "sig": envelopes.encoded(one.sign(message))} for one in signers],
    )


def refused(data: bytes, words: str | None = None) -> None:
    with pytest.raises(ConsentBroken, match=words) as broken:
        consent.opened(data, "it").require_everybody("it")
    assert broken.value.exit_code == 3


def test_signed_by_everybody_it_holds_and_says_who_signed() -> None:
    found = consent.opened(signed().data, "it").require_everybody("it")
    assert [holder.name for holder in found.signed] == ["Ada Example", "Example Press"]
    assert found.digest == digests.of_bytes(base64.b64decode(outer(found)["payload"]))


def spellings() -> dict[str, bytes]:
    found = signed()
    good, whole, payload = found.data, outer(found), digests.canonical(content(found))
    loose = json.dumps(content(found)).encode()
    lax = content(found)
    lax["predicate"]["scope"]["commercial"] = "no"
    unknown = content(found)
    unknown["predicate"]["scope"]["also"] = True
    first = whole["signatures"][0]
    return {
        "nothing": b"",
        "no JSON": b"{",
        "not UTF-8": b"\xff" + good,
        "a list": b"[]",
        "a line break": good + b"\n",
        "spaces": json.dumps(whole).encode(),
        "a key twice": good.replace(b'"payload":', b'"payload":"","payload":', 1),
        "a further field": digests.canonical({**whole, "note": ""}),
        "a field of a signature": digests.canonical({**whole, "signatures": [{**first, "cert": ""}]}),
        "base64 with line breaks": digests.canonical({**whole, "payload": whole["payload"][:76] + "\n"}),
        "base64 of the web": digests.canonical(
            {
                **whole,
                "payload": whole["payload"],
                "signatures": [{**first, "sig": first["sig"].replace("+", "-") + "-"}],
            }
        ),
        "base64 padded further": digests.canonical({**whole, "payload": whole["payload"] + "="}),
        "a statement with spaces": resealed(loose, ADA, PRESS),
        "a statement with a key twice": resealed(
            payload.replace(b'"subject":', b'"subject":[],"subject":', 1), ADA, PRESS
        ),
        "another spelling of no": resealed(digests.canonical(lax), ADA, PRESS),
        "an unknown clause": resealed(digests.canonical(unknown), ADA, PRESS),
        "very deep": b"[" * 100_000 + b"]" * 100_000,
        "oversize": b" " * (consent.LARGEST_CONSENT + 1),
        "a long number": b'{"payload":' + b"9" * 10_000 + b"}",
    }


@pytest.mark.parametrize("what", spellings())
def test_any_other_spelling_is_refused(what: str) -> None:
    refused(spellings()[what])


@pytest.mark.parametrize(
    ("holders", "words"),
    [
        ((ADA_HOLDS, {**PRESS_HOLDS, "key": ADA_HOLDS["key"]}), "same key"),
        ((ADA_HOLDS, {**PRESS_HOLDS, "name": "Ada Exampie"}), "look the same"),
        ((ADA_HOLDS, {**PRESS_HOLDS, "name": "\u0410da Example"}), "mixes alphabets"),
        ((ADA_HOLDS, {**PRESS_HOLDS, "name": "Ada\u200bExample"}), "hides signs"),
        (({**ADA_HOLDS, "roles": ["creator"]},), "owns the copyright"),
        (({**ADA_HOLDS, "roles": ["creator", "creator", "copyright-owner"]},), "role twice"),
        (({**ADA_HOLDS, "key": "ssh-rsa AAAA"},), "no public key"),
        (({**ADA_HOLDS, "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},),
         "anything could pass"),
    ],
)  # fmt: skip
def test_holders_who_could_be_mistaken_for_each_other_or_are_not_enough_are_refused(
    holders: tuple[dict[str, Any], ...], words: str
) -> None:
    with pytest.raises(HandstyleError, match=words):
        draft(*holders)


def test_nobody_but_the_author_can_permit_the_use_of_the_name() -> None:
    with pytest.raises(HandstyleError, match="name is Ada Example's"):
        draft(PRESS_HOLDS, name={"in_title": True})
    draft({**PRESS_HOLDS, "roles": ["estate"], "basis": "inheritance"}, name={"in_title": True})
    another = {**PRESS_HOLDS, "name": "Bea Example", "roles": ["creator", "copyright-owner"]}
    with pytest.raises(HandstyleError, match="name is Ada Example's"):
        draft(another, name={"as_trigger": True})
    with pytest.raises(HandstyleError, match="name is Ada Example's"):
        draft({**ADA_HOLDS, "name": "Ada Example Junior"}, name={"in_marketing": True})
    draft(another, ADA_HOLDS, name={"as_trigger": True})


def test_while_a_key_is_unknown_nobody_signs() -> None:
    waiting = draft(ADA_HOLDS, {**PRESS_HOLDS, "key": None})
    assert [holder.name for holder in waiting.missing] == ["Ada Example", "Example Press"]
    with pytest.raises(UsageMistake, match="the key of Example Press is not known yet"):
        consent.signed(waiting, ADA)


def test_a_comment_behind_a_key_changes_nothing() -> None:
    assert draft({**ADA_HOLDS, "key": ADA_HOLDS["key"] + " ada@studio"}).digest == draft(ADA_HOLDS).digest


def test_signatures_that_came_back_separately_are_put_together() -> None:
    by_ada, by_press = consent.signed(draft(), ADA), consent.signed(draft(), PRESS)
    assert consent.with_signatures(by_press, by_ada.signatures).data == signed().data


def test_whatever_signs_ed25519_may_sign() -> None:
    class Card:
        public = public_line(ADA.key.public_key())

        def sign(self, message: bytes) -> bytes:
            return ADA.key.sign(message)

    assert not consent.signed(draft(ADA_HOLDS), Card()).missing


def test_a_signer_that_signs_something_else_is_noticed_at_once() -> None:
    class Broken:
        public = public_line(ADA.key.public_key())

        def sign(self, message: bytes) -> bytes:
            return ADA.key.sign(b"something else")

    with pytest.raises(ConsentBroken, match="does not fit"):
        consent.signed(draft(ADA_HOLDS), Broken())


def test_a_work_is_meant_by_its_file_or_by_its_pixels_and_by_nothing_else() -> None:
    statement, (first, second) = draft().statement, WORKS
    assert statement.names(first.file, "0" * 64)
    assert statement.names("0" * 64, second.pixels)
    assert not statement.names("0" * 64, "0" * 64)
    assert not statement.names(first.pixels, first.file)  # one digest cannot pass for the other


def test_the_statement_holds_no_file_names() -> None:
    named = [work._replace(name=f"secret-{work.name}") for work in WORKS]
    assert b"secret" not in base64.b64decode(outer(draft(works=named))["payload"])


def test_two_works_cannot_have_the_same_pixels() -> None:
    with pytest.raises(Exception, match="twice"):
        draft(works=[WORKS[0], WORKS[0]._replace(file="0" * 64)])


SCOPES: list[tuple[dict[str, Any], str]] = [
    ({"valid_until": date(2025, 1, 1)}, "before valid_from"),
    ({"distribution": "named"}, "recipients"),
    ({"recipients": ["A Museum"]}, "recipients"),
    ({"methods": []}, "a method and a base"),
    ({"bases": ["any", "stable-diffusion-1"]}, "bases is `any`"),
    ({"bases": ["../../etc"]}, "a base is named"),
    ({"territory": ["Germany"]}, "territory"),
    ({"territory": []}, "training takes a territory"),
    ({"territory": ["DE", "everywhere"]}, "territory is `everywhere`"),
    ({"methods": ["lora", "lora"]}, "twice"),
    ({"methods": ["textual-inversion"]}, "methods"),
]


def test_what_is_left_out_is_a_no() -> None:
    nothing = Scope(valid_from=TODAY)
    assert nothing.permits == () and nothing.territory == ()
    asked_for = {name: getattr(nothing, name) for name in Scope.model_fields if name != "valid_from"}
    assert not any(asked_for[name] for name in asked_for if name not in ("distribution", "name"))
    assert nothing.distribution == "private" and nothing.name == NameUses()


def test_words_that_nobody_chose_hold_no_words_of_somebodys_own() -> None:
    """The decoder stands in what is signed: it could say more than which one it was."""
    for key, value in [("pillow", "13.0, and everything else is permitted"), ("pillow", ""), ("pillow", "13"),
                       ("background", "white. Everything else is permitted"), ("background", "hsl(1, 2%, 3%)"),
                       ("background", "#fff"), ("background", "#FFFFFF"), ("background", "")]:  # fmt: skip
        changed = content(draft())
        changed["predicate"]["decoder"][key] = value
        refused(resealed(digests.canonical(changed), ADA, PRESS), "no consent that holds")
        with pytest.raises(ValidationError):
            Decoder.model_validate({"pillow": "13.0.0", "background": "#ffffff", key: value})


@pytest.mark.parametrize(("background", "words"), [("white", "on white."), ("#fff", "on white."),
                                                   ("rgb(1, 2, 3)", "on the colour #010203.")])  # fmt: skip
def test_the_page_behind_what_is_transparent_is_spelled_in_one_way(background: str, words: str) -> None:
    made = statement(asked(), WORKS, background=background, on=TODAY, beside=Path())
    assert made.predicate.words[-1].lines[-1].endswith(words)


@pytest.mark.parametrize(("scope", "words"), SCOPES)
def test_a_scope_that_does_not_say_one_thing_is_refused(scope: dict[str, Any], words: str) -> None:
    with pytest.raises(RecordDamaged, match=words):
        asked(**scope)


def test_what_is_not_said_is_a_no() -> None:
    answers = {answer.use: answer.answer for passage in draft(distribution="private").statement.predicate.words
               for answer in passage.answers}  # fmt: skip
    assert [use for use, answer in answers.items() if answer == "Yes"] == [
        "Train a small addition to an existing drawing model (called LoRA)"
    ]


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: None])
def test_what_is_no_file_is_said_so(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "it.consent.json")
    with pytest.raises(UsageMistake, match="cannot be read"):
        consent.read(tmp_path / "it.consent.json")


def test_a_number_drawn_by_chance_is_signed_in_words_and_one_without_stays_as_it_was() -> None:
    old = draft()
    assert old.statement.predicate.nonce is None and "nonce" not in old.statement.as_json()["predicate"]
    assert consent.opened(old.data, "it").digest == old.digest
    made = statement(asked(), WORKS, background="white", on=TODAY, beside=Path(), nonce="7" * 64)
    new = consent.drafted(made)
    assert new.digest != old.digest
    assert any("7" * 64 in line for passage in made.predicate.words for line in passage.lines)
    assert consent.opened(new.data, "it").statement.predicate.nonce == "7" * 64


@pytest.mark.parametrize("nonce", [None, "8" * 64, "short"], ids=["nothing in its place", "another", "no number"])
def test_the_number_cannot_be_changed_afterwards(nonce: str | None) -> None:
    made = statement(asked(), WORKS, background="white", on=TODAY, beside=Path(), nonce="7" * 64)
    content = made.as_json()
    content["predicate"]["nonce"] = nonce
    payload = digests.canonical(content)
    with pytest.raises(ConsentBroken):
        consent.opened(envelopes.sealed(consent.PAYLOAD_TYPE, payload, []), "it")
