"""Is a style published only when everybody has said yes and somebody has looked?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from ingredients import TODAY, Ingredients, collected, mozilla, report_on, style_of

from handstyle.collection.rights import RightsRecord
from handstyle.errors import GateClosed, RightsMissing
from handstyle.inspection.audit_report import Audit, Judged, Proposal
from handstyle.publication.clearance import Clearance, clearance, what_may_pass

Permission = Callable[..., RightsRecord]


def cleared(*rights: RightsRecord, on: date = TODAY, title: str = "Soft outline", **changes: Any) -> Clearance:
    collection = collected(*rights)
    style = style_of(collection, "a" * 64, **changes)
    return clearance(collection, style, report_on(style), title, on=on)


def test_permitted_and_inspected_works_are_cleared_with_reasons() -> None:
    found = cleared(mozilla())
    assert found.name == "soft-outline"
    assert found.licence.name == "Apache-2.0"
    assert any("2026-11-22" in reason for reason in found.reasons)


def test_a_work_that_may_not_be_published_is_named_with_its_holder(permission: Permission) -> None:
    with pytest.raises(RightsMissing) as refused:
        cleared(mozilla(), permission(permits=("train",), holders=("Ana Ruiz", "Casa Press")))
    (fault,) = refused.value.faults
    assert "secret-1.png" in fault and "Casa Press" in fault and "publishing" in fault
    assert refused.value.exit_code == 3


def test_the_first_and_the_last_day_of_a_permission_count(permission: Permission) -> None:
    dated = permission(valid_from=date(2026, 1, 1), valid_until=TODAY)
    cleared(dated, on=TODAY)
    cleared(dated, on=date(2026, 1, 1))
    with pytest.raises(RightsMissing, match="ended"):
        cleared(dated, on=date(2026, 11, 23))
    with pytest.raises(RightsMissing, match="begins"):
        cleared(dated, on=date(2025, 12, 31))


def test_another_collection_is_refused(ingredients: Ingredients, permission: Permission) -> None:
    with pytest.raises(GateClosed, match="belong together"):
        clearance(collected(permission()), ingredients.style, ingredients.report, "Soft", on=TODAY)


@pytest.mark.parametrize("base", ["CreativeML-OpenRAIL-M", "CC-BY-SA-4.0", "A Licence Of Its Own"])
def test_a_base_whose_licence_binds_cannot_sell_what_may_not_be_sold(permission: Permission, base: str) -> None:
    unsold = permission(permits=("train", "publish-model"))
    with pytest.raises(GateClosed, match=r"secret-0\.png.*Ana Ruiz.*clause: commercial"):
        on_base(base, unsold)
    with pytest.raises(GateClosed, match="cannot be given away under other"):
        on_base(base, unsold, model_licence="other")
    assert on_base(base, permission()).licence.name == base
    assert on_base("CC-BY-NC-SA-4.0", unsold).licence.name == "CC-BY-NC-SA-4.0"
    assert on_base("Apache-2.0", unsold).licence.name == "all-rights-reserved"


def test_works_under_an_open_licence_narrowed_to_no_commerce_are_not_given_under_it() -> None:
    with pytest.raises(GateClosed, match="clause: commercial"):
        cleared(mozilla().model_copy(update={"permits": ("train", "publish-model")}))


def on_base(licence: str, *rights: RightsRecord, **asked: Any) -> Clearance:
    collection = collected(*rights)
    style = style_of(collection, "a" * 64)
    style = style.model_copy(update={"base": style.base.model_copy(update={"licence": licence})})
    return clearance(collection, style, report_on(style), "Soft outline", on=TODAY, **asked)


@pytest.mark.parametrize(
    ("outputs_p", "positive_p", "published"), [(0.0001, 0.0001, False), (0.4, 0.0001, True), (0.0001, 0.4, True)]
)
def test_a_style_that_an_audit_found_to_copy_is_not_published(
    outputs_p: float, positive_p: float, published: bool
) -> None:
    """Where the audit could not tell, the report says so, and the person decides."""
    collection = collected(mozilla())
    style = style_of(collection, "a" * 64)

    def judged(p: float) -> Judged:
        return Judged(model="a twin", steps=60, outputs_p=p)

    audit = Audit(
        works=32, learnt=16, held_out=16, units=32, chosen_by="chance", smallest_p=1e-4, outputs=64,
        style=judged(outputs_p), positive=judged(positive_p), negative=judged(0.5), proposal=Proposal(weight=0.6),
    )  # fmt: skip
    report = report_on(style).model_copy(update={"audit": audit})
    if published:
        assert clearance(collection, style, report, "Soft outline", on=TODAY)
        return
    with pytest.raises(GateClosed, match="copies") as refused:
        clearance(collection, style, report, "Soft outline", on=TODAY)
    assert "worn at the weight 0.6" in refused.value.faults[0]
    assert "A release can be worn at any weight" in refused.value.hint


@pytest.mark.parametrize(
    ("proposal", "said"),
    [
        (Proposal(weight=0.6, steps=60), '`--set "max_train=60 steps"`'),
        (Proposal(steps=60), '`--set "max_train=60 steps"`'),
        (Proposal(weight=0.6), "train for fewer steps"),
        (Proposal(), "The audit proposes nothing"),
        (None, "The audit proposes nothing"),
    ],
)
def test_what_is_advised_against_copying_is_what_the_audit_proposed(proposal: Proposal | None, said: str) -> None:
    hint = what_may_pass(proposal)
    assert said in hint and "`handstyle inspect --audit` again" in hint


def test_everybody_is_credited_with_the_number_of_works(permission: Permission) -> None:
    assert cleared(mozilla(), permission()).attributions == (
        "1 work by Ana Ruiz, used by written permission (stated, not signed)",
        "1 work by Mozilla, Apache-2.0, https://github.com/mozilla/fxemoji",
    )
