"""Is it told how strongly words steer, for each prompt, as the audit measures it, and at no more than a few steps?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.inspection.test_prompt_meters import layer_of, worn

from handstyle import stages
from handstyle.errors import RecordDamaged
from handstyle.finetuning.recipe import Recipe
from handstyle.generation.generate import Picture, attached, generate, steered
from handstyle.generation.meters import FIRST, NONE, Meter, Meters, meters
from handstyle.generation.request import GenerationRequest
from handstyle.inspection.prompt_meters import magnitudes
from handstyle.workspace import Workspace


def request(prompt: str, seed: int = 1, **changes: Any) -> GenerationRequest:
    return GenerationRequest(prompt=prompt, seed=seed, width=16, height=16, num_inference_steps=6, **changes)


def asked(drawn: list[Picture]) -> list[tuple[str, float | None]]:
    return [(picture.request.prompt, picture.steered) for picture in drawn]


def test_the_audit_measures_the_same(family: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    card = family.card.model_copy(update={"num_inference_steps": 6, "guidance_scale": 3.0})
    monkeypatch.setattr(family, "card", card)
    style = worn(family, layer_of(family), 3.0)
    recipe = Recipe(rank=2, lora_alpha=2, mixed_precision="no")
    audited = magnitudes(family, [style], ["a boat", "a kite"], (1, 2), 16, recipe)
    with attached([style], family):
        drawn = list(generate([request(words, seed) for words in ("a boat", "a kite") for seed in (1, 2)], family))
    told = meters(asked(drawn), [1.0] * 4)
    assert [one.prompt for one in told] == ["a boat", "a kite"] and {one.pictures for one in told} == {2}
    assert [one.steered for one in told] == pytest.approx(audited.tolist(), rel=1e-4)


def test_the_base_is_asked_for_the_first_steps_alone_and_says_what_its_pictures_say(
    family: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [request("a boat"), request("a kite", 2)]
    whole = [picture.steered for picture in generate(requests, family)]
    calls: list[int] = []
    predict = type(family).predict

    def counting(self: Any, *given: Any, **named: Any) -> Any:
        calls.append(1)
        return predict(self, *given, **named)

    monkeypatch.setattr(type(family), "predict", counting)
    assert steered(requests, family) == pytest.approx(whole)
    assert len(calls) == 2 * FIRST


def test_where_nothing_is_predicted_without_words_nothing_is_told(family: Any) -> None:
    (alone,) = generate([request("a boat", guidance_scale=1.0)], family)
    assert alone.steered is None and meters(asked([alone]), [0.3]) == ()


def test_a_prompt_is_told_in_words_and_kept_as_numbers(tmp_path: Path) -> None:
    picture = Picture(request("a boat"), Image.new("RGB", (2, 2)), 0.6)
    (told,) = meters(asked([picture, Picture(request("a boat", 2), Image.new("RGB", (2, 2)), 0.4)]), [0.2, 0.2])
    assert told == Meter(prompt="a boat", pictures=2, steered=0.5, base=0.2)
    assert told.words == "“a boat”: its words steer 2.50 times as strongly as they steer the base."
    record = Meters(styles=("a" * 64,), base="b" * 64, prompts=(told,))
    assert Meters.load(record.save(tmp_path / "prompt-meters.json")) == record
    (tmp_path / "prompt-meters.json").write_text('{"prompts": []}', encoding="utf-8")
    with pytest.raises(RecordDamaged):
        Meters.load(tmp_path / "prompt-meters.json")


def test_generate_keeps_them_beside_the_pictures_where_they_are_asked_for(tmp_path: Path, tiny_base: Path) -> None:
    workspace, few = Workspace(tmp_path / "w"), {"num_inference_steps": 5, "width": 16, "height": 16}
    plain = stages.generate(workspace, ["a boat"], base=tiny_base, styles=["none"], settings=few)
    assert plain.meters == () and not list(Path(plain.folder).glob("*.json"))
    told = stages.generate(workspace, ["a boat", "a kite"], base=tiny_base, styles=["none"], settings=few, meter=True)
    record = Meters.load(Path(told.folder) / "prompt-meters.json")
    assert record.prompts == told.meters and [one.prompt for one in told.meters] == ["a boat", "a kite"]
    assert all(one.steered == pytest.approx(one.base) for one in told.meters), "the base beside itself"
    assert "1.00 times as strongly" in told.notes[-3] and "prompt-meters.json" in told.notes[-1]
    without = stages.generate(
        workspace, ["a boat"], base=tiny_base, styles=["none"], settings=few | {"guidance_scale": 1.0}, meter=True
    )
    assert without.meters == () and without.notes[-1] == NONE
