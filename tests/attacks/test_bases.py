"""Can a release say of its base what nothing shows?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).parents[1] / "publication"))  # what releases are made from in tests

from ingredients import TODAY, Ingredients, gathered, report_on, signed_again

from handstyle.diffusion.base_provenance import KNOWN, BaseStatement, provenance_of, sign
from handstyle.keys import fingerprint
from handstyle.publication.clearance import clearance
from handstyle.publication.verification import strictly, verify

BASE = "b" * 64  # of every style in these tests
MAKER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MAKERS = frozenset({fingerprint(MAKER.public_key())})
STATEMENT = sign(BaseStatement(base=BASE, made_from="consented", because="works of forty people, all asked"), MAKER)

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture
def made(tmp_path: Path) -> Ingredients:
    (tmp_path / "made").mkdir()
    return gathered(tmp_path / "made")


@pytest.fixture
def vouched(made: Ingredients, tmp_path: Path) -> Path:
    """A release on a base for which its maker signed."""
    known = provenance_of(BASE, STATEMENT, "", MAKERS)
    cleared = clearance(made.collection, made.style, report_on(made.style), "Soft outline", on=TODAY, base=known)
    return made.assemble(tmp_path / "vouched", cleared=cleared, base_statement=STATEMENT)


def test_a_statement_goes_along_and_counts_for_whoever_named_its_signer(vouched: Path, made: Ingredients) -> None:
    keeper = fingerprint(made.key.public_key())
    answer = verify(vouched, MAKERS | {keeper})
    assert (answer.status, answer.base and answer.base.made_from) == ("trusted", "consented")
    assert strictly(answer) == answer
    assert "works of forty people, all asked" in (vouched / "README.md").read_text(encoding="utf-8")


def test_for_anybody_else_the_base_is_unknown_and_the_strict_refuse_it(vouched: Path, made: Ingredients) -> None:
    for trusted in (None, frozenset({fingerprint(made.key.public_key())})):
        answer = verify(vouched, trusted)
        assert answer.holds and answer.base is not None and answer.base.made_from == "unknown"
        assert "nobody you named" in answer.base.because
        refused = strictly(answer)
        assert (refused.status, refused.holds, refused.findings[-1].kind) == ("unknown", False, "base")


def test_an_unknown_base_is_told_on_the_card(made: Ingredients, tmp_path: Path) -> None:
    release = made.assemble(tmp_path / "release")
    text = (release / "README.md").read_text(encoding="utf-8")
    assert "made from works that are not known, so nobody knows who was asked" in text
    assert "A permission for the works of this style is none for those in its base." in text


def claims(made_from: str, because: str, **more: Any) -> Edit:
    def edit(content: dict[str, Any]) -> None:
        content["lineage"]["base_provenance"].update(made_from=made_from, because=because, **more)

    return edit


def of_the_shipped_one(content: dict[str, Any]) -> None:
    shipped, (made_from, because) = next(iter(KNOWN.items()))
    content["lineage"]["base_provenance"].update(base=shipped, made_from=made_from, because=because)


EDITS: dict[str, Edit] = {
    "a class out of thin air": claims("consented", "everybody was asked"),
    "somebody's word that is not there": claims("own", "on the word of SHA256:x: mine", signer="SHA256:x"),
    "the words of the shipped base": claims("open-licensed", next(iter(KNOWN.values()))[1]),
    "the digest of the shipped base": of_the_shipped_one,
}


@pytest.mark.parametrize("way", EDITS)
def test_a_claim_without_a_ground_breaks_a_release(way: str, made: Ingredients, tmp_path: Path) -> None:
    release = made.assemble(tmp_path / "release")
    signed_again(release, made.key, EDITS[way])
    findings = verify(release).findings
    assert ("record", "handstyle.json") in {(finding.kind, finding.where) for finding in findings}


@pytest.mark.parametrize("change", [{"made_from": "own"}, {"because": "on the word of nobody"}])
def test_a_claim_says_what_the_statement_beside_it_says(
    change: dict[str, str], vouched: Path, made: Ingredients
) -> None:
    signed_again(vouched, made.key, lambda content: content["lineage"]["base_provenance"].update(change))
    assert verify(vouched).status == "broken"


def test_a_statement_on_another_base_is_no_ground(vouched: Path, made: Ingredients) -> None:
    other = BaseStatement(base="c" * 64, made_from="consented", because="works of forty people, all asked")
    (vouched / "base.json").write_bytes(sign(other, MAKER))
    signed_again(vouched, made.key)
    assert verify(vouched).status == "broken"


def test_a_card_that_hides_what_the_base_was_made_from_does_not_verify(made: Ingredients, tmp_path: Path) -> None:
    release = made.assemble(tmp_path / "release")
    card = release / "README.md"
    text = card.read_text(encoding="utf-8").replace("works that are not known", "works that are lovely")
    card.write_text(text, encoding="utf-8")
    signed_again(release, made.key)
    assert [(finding.kind, finding.where) for finding in verify(release).findings] == [("record", "README.md")]
