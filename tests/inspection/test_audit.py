"""Does an audit say what it found, no more, and does it train what it says it trains?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from handstyle import auditing, digests, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.demonstration import EXAMPLE
from handstyle.diffusion.checkpoints import read_tensors
from handstyle.encoding.cache import Cache
from handstyle.finetuning.material import material_of
from handstyle.finetuning.preparing import encode_pictures, encode_words
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.generation.generate import Worn
from handstyle.inspection import audit, twins
from handstyle.inspection.audit import Judge
from handstyle.inspection.audit_report import Audit, Judged, Proposal
from handstyle.inspection.copy_distances import Looked
from handstyle.inspection.report import InspectionReport
from handstyle.inspection.subject import Subject
from handstyle.loading import collection_named
from handstyle.publication.marking import Marking
from handstyle.workspace import Workspace

FRAME = Audit(works=32, learnt=16, held_out=16, units=32, chosen_by="chance", smallest_p=1e-4, outputs=64, near=1,
              most_near=0.0719)  # fmt: skip


def it(p: float, forced: float | None = 0.5, model: str = "it") -> Judged:
    return Judged(model=model, steps=480, outputs_p=p, extraction_p=forced)


def found(style: float, positive: float, negative: float = 0.4, forced: float = 0.5, **more: Any) -> Audit:
    parts = {"style": it(style, forced), "positive": it(positive), "negative": it(negative, None)}
    return FRAME.model_copy(update=parts | more)


def test_what_is_said_follows_from_the_controls_first() -> None:
    assert found(0.3, 0.0001).finding == "no copying found"
    assert found(0.0001, 0.0001).finding == "copies"
    assert found(0.3, 0.0001, forced=0.001).finding == "copies", "also by what was forced out"
    assert found(0.007, 0.0001).finding == "no copying found", "each of two tests has half the level"
    assert found(0.0001, 0.3).finding == "not able to tell"
    assert found(0.0001, 0.0001, negative=0.005).finding == "not able to tell"
    assert FRAME.finding == "not able to tell"


def test_it_speaks_in_counts_and_bounds() -> None:
    clean = found(0.3, 0.0001).words
    assert "Of 64 outputs 1 lie nearer" in clean and "below 7%" in clean and "says nothing" in clean
    assert "does not even recognise a twin" in found(0.3, 0.3).words
    guilty = found(0.0001, 0.0001, proposal=Proposal(weight=0.6, steps=60)).words
    assert "passed when worn at the weight 0.6." in guilty
    assert 'at the length of --set "max_train=60 steps": train that long and audit again.' in guilty
    assert "None of the weaker weights" in found(0.0001, 0.0001, proposal=Proposal()).words
    everything = (clean, guilty, FRAME.words, found(0.3, 0.3).words, found(0.3, 0.0001, negative=0.001).words)
    assert not any("stores no" in words for words in everything)


@pytest.fixture(scope="module")
def works() -> list[Image.Image]:
    found = []
    for path in sorted((EXAMPLE / "works").glob("*.png"))[:24]:
        with Image.open(path) as image:
            page = Image.new("RGB", image.size, "white")
            page.paste(image, mask=image.convert("RGBA").getchannel("A"))
            found.append(page.resize((32, 32)))
    return found


def noisy(image: Image.Image, chance: np.random.Generator, strength: float) -> Image.Image:
    pixels = np.asarray(image) + chance.normal(0, strength, (32, 32, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(("copies", "expected"), [(True, 1.0), (False, 0.05)])
def test_a_copier_is_found_and_one_who_only_resembles_is_not(
    works: list[Image.Image], copies: bool, expected: float
) -> None:
    """A copier draws a learnt work for its words, and the nearest learnt work for others. Whoever knows the hand draws
    a new mixture for all."""
    alarms, draws = 0, 20
    for seed in range(draws):
        chance = np.random.default_rng(seed)
        learnt = sorted(chance.choice(24, 12, replace=False).tolist())
        judge = Judge(Looked(works), [[place] for place in range(24)], learnt)

        def mixture(chance: np.random.Generator = chance) -> Image.Image:
            one, other = chance.choice(24, 2, replace=False)
            return Image.blend(works[one], works[other], 0.5)

        judge.measure_base([noisy(mixture(), chance, 20) for _ in range(24)])
        drawn = [noisy(works[place] if copies and place in learnt else mixture(), chance, 20) for place in range(24)]
        alarms += judge.p(drawn) <= 0.005
    assert alarms / draws >= expected if copies else alarms / draws <= expected


@pytest.fixture
def subject(family: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, Subject]:
    """Ten works, so that a test at its level is possible at all, and pictures of two steps."""
    monkeypatch.setattr(family, "card", family.card.model_copy(update={"num_inference_steps": 2}))
    monkeypatch.setattr(audit, "BY_HEART", 2)
    monkeypatch.setattr(audit, "SEEDS", (1,))
    monkeypatch.setattr(audit, "ATTACKS", (11, 12))
    folder = tmp_path / "works"
    shutil.copytree(EXAMPLE / "works", folder)
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines[10:]:
        (folder / json.loads(line)["file_name"]).unlink()
    (folder / "metadata.jsonl").write_text("\n".join(lines[:10]) + "\n", encoding="utf-8")
    workspace = Workspace(tmp_path / "workspace")
    made = stages.collect(workspace, folder, read_rights_toml(folder / "rights.toml"), validation=None)
    collection, _ = collection_named(workspace, made.collection)
    recipe = Recipe(rank=2, mixed_precision="no", train_batch_size=2, resolution=16, max_train="4 steps")  # type: ignore[arg-type]
    style = TrainedStyle(
        name="style-1", base=BaseIdentity(name="tiny", family=family.kind, sha256=family.digest, licence="CC0-1.0"),
        collection=collection.digest, number_of_works=10, recipe=recipe, steps=4, resolution=16, tensors="a" * 64,
        environment={},
    )  # fmt: skip
    mark = Marking(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
    return workspace, Subject(collection, folder, family, Worn(style, {}), tmp_path, Cache(workspace.cache), mark)


def test_an_audit_of_a_tiny_style_goes_through_and_leaves_the_base_alone(
    subject: tuple[Workspace, Subject], tmp_path: Path, family: Any
) -> None:
    workspace, inspected = subject
    before = {name: parameter.clone() for name, parameter in family.denoiser.named_parameters()}
    told: set[str] = set()
    result = auditing.audited(workspace, inspected, tmp_path / "pictures", lambda what, done, of: told.add(what))
    assert (result.works, result.learnt, result.held_out, result.units) == (10, 5, 5, 10)
    assert result.style is not None and result.positive is not None and result.negative is not None
    assert (result.style.steps, result.positive.steps) == (2, 4)
    assert Audit.load(result.save(tmp_path / "audit.json")) == result
    assert result.outputs == 10 and result.smallest_p == 1 / 252
    assert result.collage is not None and (tmp_path / "pictures" / result.collage.picture).is_file()
    assert told >= {"training a twin on half of the works", "trying to get the works out"}
    assert all(torch.equal(parameter, before[name]) for name, parameter in family.denoiser.named_parameters())
    assert not list(tmp_path.rglob("style*.safetensors"))


def test_the_half_is_chosen_by_the_collection_and_the_signatures(subject: tuple[Workspace, Subject]) -> None:
    workspace, inspected = subject
    seed, whose = auditing.chance(workspace, inspected.collection)
    assert seed == auditing.chance(workspace, inspected.collection)[0]
    assert "nobody has signed" in whose


def test_too_few_works_are_not_even_trained_on(subject: tuple[Workspace, Subject], tmp_path: Path) -> None:
    workspace, inspected = subject
    alike = {work.name: inspected.collection.works[0].name for work in inspected.collection.works[:6]}
    (workspace.collection(inspected.collection.digest) / "near-duplicates.json").write_text(
        json.dumps({"works": alike}), encoding="utf-8"
    )
    result = auditing.audited(workspace, inspected, tmp_path / "pictures", lambda *told: None)
    assert result.finding == "not able to tell" and result.style is None and result.units == 5


def test_what_an_audit_found_holds_when_the_same_weights_are_inspected_again(
    tmp_path: Path, report: InspectionReport
) -> None:
    """Else a second look without an audit would open the gate that the first one closed."""
    workspace = Workspace(tmp_path / "workspace")
    place = workspace.inspection("one")
    guilty = report.with_audit(found(0.0001, 0.0001))
    assert guilty.verdict[-1].startswith("It copies")
    place.mkdir(parents=True)
    guilty.save(place / "report.json")
    assert InspectionReport.load(place / "report.json") == guilty
    workspace.point_to(inspection="one")
    again = auditing.earlier(workspace, report.style)
    assert again is not None and again.finding == "copies"
    assert auditing.earlier(workspace, "f" * 64) is None


def test_a_control_on_works_that_were_left_out_can_overturn_everything() -> None:
    """A test that tells apart what the twin never saw tells something else than copying."""
    fooled = found(0.0001, 0.0001, left_out=it(0.004, None))
    assert fooled.finding == "not able to tell"
    assert "two halves of works that the twin did not learn from" in fooled.words
    assert found(0.0001, 0.0001, left_out=it(0.4, None)).finding == "copies"


def test_works_that_were_left_out_are_told_apart_as_rarely_as_chance_allows(works: list[Image.Image]) -> None:
    """Also by a twin that copies the other half to the pixel."""
    alarms = 0
    for seed in range(40):
        chance = np.random.default_rng(seed)
        learnt = sorted(chance.choice(24, 12, replace=False).tolist())
        judge = Judge(Looked(works), [[place] for place in range(24)], learnt)
        judge.measure_base([noisy(works[int(place)], chance, 60) for place in chance.choice(24, 24)])
        copies = [noisy(works[place], chance, 8) for place in learnt for _ in range(2)]
        asked = judge.on_left_out(120, copies, copies[:1], f"seed {seed}")
        assert asked is not None
        alarms += asked.outputs_p <= 0.05
    assert alarms <= 6, f"{alarms} of 40, where 2 are expected"


@pytest.mark.parametrize(("left_out", "can_tell"), [(8, False), (10, True)])
def test_too_few_works_left_out_are_not_asked_about(works: list[Image.Image], left_out: int, can_tell: bool) -> None:
    """Of eight, the smallest p is 1 in 70: a control that cannot fail is none."""
    judge = Judge(Looked(works), [[place] for place in range(24)], list(range(left_out, 24)))
    judge.measure_base(works)
    asked = judge.on_left_out(120, works, works, "seed")
    assert (asked is not None) == can_tell
    if asked is not None:
        assert asked.extraction_p == asked.outputs_p, "the attack is asked the same"


def test_the_bound_counts_prompts_and_stands_beside_the_base() -> None:
    by_prompts = found(0.3, 0.0001, near=9, prompts=32, near_prompts=5, near_prompts_of_base=3, most_near=0.29).words
    assert (
        "Of 64 outputs 9 lie nearer to a work learnt from than any held-out work does, for 5 of 32 prompts"
        in by_prompts
    )
    assert "(the base, which learnt from none of the works, for 3)" in by_prompts and "below 29%" in by_prompts


def test_how_words_steer_is_told_and_decides_nothing() -> None:
    judge = Judge(Looked([Image.new("RGB", (32, 32), (20 * n, 0, 0)) for n in range(10)]), [[n] for n in range(10)],
                  [0, 1, 2, 3, 4])  # fmt: skip
    pictures = [Image.new("RGB", (32, 32), "white")]
    judge.measure_base(pictures, np.ones(10))
    steered = np.array([2.0] * 5 + [1.0] * 5)
    assert judge.prompts_p(steered) == pytest.approx(1 / 252)
    assert judge.prompts_p(np.ones(10)) == 1
    told = judge.tested("it", 3, pictures, pictures, steered)
    assert told.prompts_p == pytest.approx(1 / 252) and not told.is_flagged


def test_what_is_proposed_passes_the_attack_as_well(
    subject: tuple[Workspace, Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures pass from the weight 0.6 on and the attack from 0.4 on; of shorter trainings the attack passes one."""
    _, inspected = subject
    asked: list[tuple[str, int, float]] = []

    class Counted(audit.Auditing):
        def _drawn(self, twin: Any, weight: float = 1.0) -> Any:
            asked.append(("drawn", twin.step, weight))
            return weight <= 0.6 or twin.step < 4

        def _forced(self, twin: Any, weight: float = 1.0) -> Any:
            asked.append(("forced", twin.step, weight))
            return weight <= 0.4 or twin.step < 3

    class Passing:
        def p(self, passes: bool) -> float:
            return 0.5 if passes else 0.001

    auditing_ = Counted(inspected, None, {}, "s", "chance", None, lambda *told: None, tmp_path)  # type: ignore[arg-type]
    kept = [twins.Twin(step, None, tmp_path) for step in (4, 3, 2, 1)]  # type: ignore[arg-type]
    proposal = auditing_._proposal(Passing(), kept[0], kept[1:])  # type: ignore[arg-type]
    assert (proposal.weight, proposal.steps) == (0.4, 2)
    assert ("forced", 4, 0.8) not in asked, "what its pictures give away is not attacked as well"


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_twin_is_kept_on_its_way_too_with_no_more_than_its_weights(
    subject: tuple[Workspace, Subject], tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that an earlier step can be proposed of a full finetuning as well."""
    _, inspected = subject
    recipe, cache = inspected.worn.trained.recipe.changed(method=method), inspected.cache
    collection, family = inspected.collection, inspected.family
    for _ in encode_pictures(collection, inspected.folder, family, recipe, cache):
        pass
    for _ in encode_words(collection, family, recipe, cache):
        pass
    material = material_of(collection, family, recipe, cache, None, lambda *told: None)
    monkeypatch.setattr("handstyle.finetuning.origin.of_run", lambda *given: None)
    made = twins.Twins(inspected, material, tmp_path / "twins", lambda *told: None)
    found = made.trained(recipe, [0, 1], 4, (0.75, 0.5))
    assert [twin.step for twin in found] == [4, 3, 2]
    held, _ = read_tensors(found[0].path)
    assert {name.partition("/")[0] for name in held} == {"weights"}
    differ = [any(not torch.equal(value, found[1].weights[name]) for name, value in found[0].weights.items())]
    assert differ == [True], "each is of its own step"


@pytest.mark.slow
def test_an_audit_that_was_stopped_goes_on_from_its_twins_to_the_same_numbers(
    subject: tuple[Workspace, Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, inspected = subject
    whole = auditing.audited(workspace, inspected, tmp_path / "one", lambda *told: None)
    assert not list(workspace.folds("").rglob("*.safetensors")), "the twins' weights are not kept"
    trained: list[int] = []
    finetune = twins.finetune

    def counting(*given: Any, **named: Any) -> Any:
        for step in finetune(*given, **named):
            trained.append(step.index)
            yield step

    monkeypatch.setattr(twins, "finetune", counting)

    def stop(what: str, done: int, of: int) -> None:
        if what == "trying to get the works out":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        auditing.audited(workspace, inspected, tmp_path / "two", stop)
    before = len(trained)
    again = auditing.audited(workspace, inspected, tmp_path / "three", lambda *told: None)
    assert before == 2 + 4 and len(trained) == before, "no twin was trained a second time"
    assert again.model_copy(update={"seconds": 0}) == whole.model_copy(update={"seconds": 0})


def test_the_number_drawn_for_a_consent_has_its_part_in_the_half(
    subject: tuple[Workspace, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    workspace, inspected = subject

    def kept(nonce: str | None) -> Any:
        statement = SimpleNamespace(predicate=SimpleNamespace(nonce=nonce))
        return lambda *given: {"d": SimpleNamespace(statement=statement, signatures=({"sig": "s"},))}

    seeds = []
    for nonce in (None, "1" * 64, "2" * 64):
        monkeypatch.setattr("handstyle.collection.permission.kept", kept(nonce))
        seed, whose = auditing.chance(workspace, inspected.collection)
        assert ("the number drawn for it" in whose) is (nonce is not None)
        seeds.append(seed)
    assert len(set(seeds)) == 3
    without = {"collection": inspected.collection.digest, "signatures": ["s"]}
    assert seeds[0] == digests.of_json(without), "as before there were such numbers"
