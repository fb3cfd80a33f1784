"""Is a file of another tool worn as it is meant, measured, and never taken for one that is permitted?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from handstyle import checking, digests, gates, planning, retraining, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.collection.scope import Scope
from handstyle.collection.works import Collection
from handstyle.converting import convert
from handstyle.diffusion import adapters, catalogue, hardware, merging
from handstyle.diffusion.adapter_places import layers_of
from handstyle.errors import GateClosed, RightsMissing, UsageMistake
from handstyle.finetuning import origin
from handstyle.finetuning.manifest import RunManifest
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trainable import at_rest, trainable
from handstyle.finetuning.trained_style import WEIGHTS, BaseIdentity, TrainedStyle
from handstyle.generation import wardrobe
from handstyle.generation.generate import attached
from handstyle.generation.signature import read_signature
from handstyle.inspection.report import InspectionReport
from handstyle.publication.taken_back import Taken
from handstyle.vouching import vouch
from handstyle.workspace import Workspace

QUICK: dict[str, Any] = {"max_train": "2 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no"}
COMPUTE: dict[str, Any] = {"train_batch_size": 2, "mixed_precision": "no", "learning_rate": 1e-3}
SMALL: dict[str, Any] = {"num_inference_steps": 2}


@pytest.fixture
def workspace(tmp_path: Path, six_works: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(hardware, "use_all_cores", lambda: None)
    found = Workspace(tmp_path / "workspace")
    stages.collect(found, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    return found


def of_kohya(shapes: dict[str, tuple[int, ...]], chance: torch.Generator) -> dict[str, Tensor]:
    tensors = {}
    for layer, (out, *into) in shapes.items():
        part, _, inside = layer.partition(".")
        name = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + inside.replace(".", "_")
        tail = (1, 1) if len(into) == 3 else ()
        tensors |= {
            f"{name}.lora_down.weight": 0.3 * torch.randn(3, *into, generator=chance),
            f"{name}.lora_up.weight": 0.3 * torch.randn(out, 3, *tail, generator=chance),
            f"{name}.alpha": torch.tensor(2.0),
        }
    return tensors


def of_diffusers(shapes: dict[str, tuple[int, ...]], chance: torch.Generator) -> dict[str, Tensor]:
    tensors = {}
    for layer, (out, *into) in shapes.items():
        tail = (1, 1) if len(into) == 3 else ()
        tensors[f"{layer}.lora_A.weight"] = 0.3 * torch.randn(3, *into, generator=chance)
        tensors[f"{layer}.lora_B.weight"] = 0.3 * torch.randn(out, 3, *tail, generator=chance)
    return tensors


def of_lycoris(shapes: dict[str, tuple[int, ...]], chance: torch.Generator) -> dict[str, Tensor]:
    """LoHa on every other layer, LoKr on the others."""
    tensors = {}
    for number, (layer, (out, *into)) in enumerate(shapes.items()):
        part, _, inside = layer.partition(".")
        name = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + inside.replace(".", "_")
        wide = int(np.prod(into))
        kinds = (
            {"hada_w1_a": (out, 2), "hada_w1_b": (2, wide), "hada_w2_a": (out, 2), "hada_w2_b": (2, wide)},
            {"lokr_w1": (2, 2), "lokr_w2": (out // 2, into[0] // 2, *into[1:])},
        )
        for key, shape in kinds[number % 2].items():
            tensors[f"{name}.{key}"] = 0.3 * torch.randn(shape, generator=chance)
        tensors[f"{name}.alpha"] = torch.tensor(2.0)
    return tensors


Made = Callable[..., dict[str, Tensor]]


def file_of(base: Path, folder: Path, made: Made = of_kohya, metadata: dict[str, str] | None = None) -> Path:
    """What another tool could have made for this base: linear layers and filters, also of the text encoder."""
    wanted = ("attn1.to_q", "attn2.to_out.0", "conv1", "q_proj", "time_emb_proj")
    shapes = {
        layer: shape for layer, shape in layers_of(base).items()
        if any(word in layer for word in wanted) and not layer.startswith("text_encoder_2")
    }  # fmt: skip
    path = folder / "theirs.safetensors"
    save_file(made(shapes, torch.Generator().manual_seed(0)), path, metadata or {})
    return path


@pytest.mark.parametrize("made", [of_kohya, of_diffusers, of_lycoris])
@pytest.mark.parametrize("kind", ["tiny_base", "xl_base"])
def test_it_changes_every_weight_as_it_says_and_leaves_no_trace(
    kind: str, made: Made, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base: Path = request.getfixturevalue(kind)
    family = catalogue.load(base)
    if kind == "xl_base" and made is not of_diffusers:
        made = partial_of_xl(made)
    path = file_of(base, tmp_path, made)
    before = {f"{p}.{n}": t.clone() for p, net in family.networks.items() for n, t in net.named_parameters()}
    expected = merging.deltas(adapters.read(path, base), base)
    worn = wardrobe.worn(Workspace(tmp_path / "none"), [f"{path}=0.5"], family)
    touched = 0
    with attached(worn, family):
        for part, network in family.networks.items():
            for name, parameter in network.named_parameters():
                long = f"{part}.{name}" if part == "unet" else f"{part}.text_model.{name.removeprefix('text_model.')}"
                delta = expected.get(long, expected.get(f"{part}.{name}"))
                was = before[f"{part}.{name}"]
                wanted = was if delta is None else was + 0.5 * delta.reshape(was.shape)
                torch.testing.assert_close(parameter.detach(), wanted, rtol=1e-5, atol=1e-6)
                touched += delta is not None
    assert touched == len(expected) > 6
    for part, network in family.networks.items():
        assert all(torch.equal(tensor, before[f"{part}.{name}"]) for name, tensor in network.named_parameters())


def partial_of_xl(made: Made) -> Made:
    """With the names that kohya's format has for the first text encoder of XL."""

    def of_xl(shapes: dict[str, tuple[int, ...]], chance: torch.Generator) -> dict[str, Tensor]:
        return {name.replace("lora_te_", "lora_te1_"): tensor for name, tensor in made(shapes, chance).items()}

    return of_xl


def test_pictures_are_drawn_with_it_and_say_that_nothing_is_known_of_its_permission(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    path = file_of(tiny_base, tmp_path)
    drawn = {}
    for style in ("none", str(path), f"{path}=0"):
        made = stages.generate(workspace, ["a red boat"], base=tiny_base, styles=[style], settings=SMALL)
        drawn[style] = np.asarray(Image.open(made.pictures[0]))
    assert (drawn["none"] == drawn[f"{path}=0"]).all() and (drawn["none"] != drawn[str(path)]).any()
    made = stages.generate(workspace, ["a red boat"], base=tiny_base, styles=[str(path)], settings=SMALL)
    record = read_signature(Path(made.pictures[0])).record
    assert "another tool" in record.involvement and "no permission came with it" in record.involvement
    [style] = record.request.styles if record.request else ()
    assert style.name == "theirs" and record.styles == (style.tensors,) and record.collections == ()
    assert record.request and record.request.prompt == "a red boat", "no words are added that nobody knows to call it"


def test_words_that_call_it_are_added_where_its_header_says_them(tiny_base: Path, tmp_path: Path) -> None:
    family = catalogue.load(tiny_base)
    path = file_of(tiny_base, tmp_path, metadata={"modelspec.trigger_phrase": "in inks"})
    worn = wardrobe.worn(Workspace(tmp_path / "none"), [str(path)], family)
    assert wardrobe.in_style("a fox", worn) == "a fox, in inks" and worn[0].style.template == "{caption}, in inks"
    path = file_of(tiny_base, tmp_path, metadata={"modelspec.trigger_phrase": "no\x00text"})
    worn = wardrobe.worn(Workspace(tmp_path / "none"), [str(path)], family)
    assert wardrobe.in_style("a fox", worn) == "a fox"


def test_it_is_worn_beside_a_style_of_ones_own(workspace: Workspace, tiny_base: Path, tmp_path: Path) -> None:
    own = stages.finetune(planning.plan(workspace, tiny_base, settings=QUICK), sample_every=0).run
    path = file_of(tiny_base, tmp_path)
    made = stages.generate(workspace, ["a boat"], base=tiny_base, styles=[f"{own}=0.7", f"{path}=0.5"], settings=SMALL)
    record = read_signature(Path(made.pictures[0])).record
    assert len(record.styles) == 2 and record.request and [s.weight for s in record.request.styles] == [0.7, 0.5]
    assert "another tool" in record.involvement and record.involvement.index("another") > 20


def test_a_workspace_that_refuses_what_is_unknown_refuses_it(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    path = file_of(tiny_base, tmp_path)
    base = Path(shutil.copytree(tiny_base, tmp_path / "known"))
    vouch(base, "own", "random numbers")
    (workspace.root / "policy.toml").write_text('unknown_base = "refuse"\n', encoding="utf-8")
    assert stages.generate(workspace, ["a boat"], base=base, styles=["none"], settings=SMALL).pictures
    with pytest.raises(GateClosed, match="nobody knows whose works"):
        stages.generate(workspace, ["a boat"], base=base, styles=[str(path)], settings=SMALL)
    with pytest.raises(GateClosed, match="nobody knows whose works"):
        stages.inspect(workspace, str(path), base=base, quick=True)


def test_a_style_does_not_lose_its_permission_by_being_converted(
    workspace: Workspace, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = stages.finetune(planning.plan(workspace, tiny_base, settings=QUICK), sample_every=0).run
    files = [convert(workspace, [own], tmp_path / form, form, base=tiny_base).file for form in ("kohya", "diffusers")]
    assert stages.generate(workspace, ["a boat"], base=tiny_base, styles=files[:1], settings=SMALL).pictures

    def refused(*given: Any, **named: Any) -> None:
        raise RightsMissing("it ended yesterday", hint="Ask again.")

    monkeypatch.setattr(gates, "require_standing", refused)
    for file in files:
        with pytest.raises(RightsMissing, match="it ended yesterday"):
            stages.generate(workspace, ["a boat"], base=tiny_base, styles=[file], settings=SMALL)
        with pytest.raises(RightsMissing):
            convert(workspace, [file], tmp_path / "again", "kohya", base=tiny_base)


def test_it_is_measured_against_the_works_and_the_report_says_what_nobody_knows(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    path = file_of(tiny_base, tmp_path)
    made = stages.inspect(workspace, str(path), base=tiny_base, quick=True)
    report = InspectionReport.load(Path(made.report))
    assert (
        "no permission came with it" in report.verdict[0]
        and "nothing is known of its training" in report.cannot_tell[0]
    )
    assert report.style == wardrobe.worn(workspace, [str(path)], catalogue.load(tiny_base))[0].style.tensors
    assert report.held_out_gain and report.prompt_template == "{caption}" and len(report.copying.outputs) >= 2
    assert "no permission came with it" in Path(made.page).read_text(encoding="utf-8")
    assert workspace.current().inspection is None, "publishing goes by the report of a style of one's own"
    with pytest.raises(UsageMistake, match="how another tool trained this one is not known"):
        stages.inspect(workspace, str(path), base=tiny_base, audit=True)


def test_a_named_run_is_inspected(workspace: Workspace, tiny_base: Path) -> None:
    first = stages.finetune(planning.plan(workspace, tiny_base, settings=QUICK), sample_every=0).run
    stages.finetune(planning.plan(workspace, tiny_base, settings={**QUICK, "seed": 1}), sample_every=0)
    made = stages.inspect(workspace, first, base=tiny_base, quick=True)
    assert json.loads(Path(made.report).read_text(encoding="utf-8"))["style_name"].endswith(first[:8])


# Going on from it


@pytest.mark.parametrize("made", [of_kohya, of_diffusers, of_lycoris])
@pytest.mark.parametrize("kind", ["tiny_base", "xl_base"])
def test_before_the_first_step_it_computes_what_the_file_computes(
    kind: str, made: Made, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base: Path = request.getfixturevalue(kind)
    family = catalogue.load(base)
    path = file_of(base, tmp_path, partial_of_xl(made) if kind == "xl_base" and made is not of_diffusers else made)
    asked = origin.settings_of(path, base)
    assert asked["train_text_encoder"] is True
    assert made is of_lycoris or (asked["rank"], asked["lora_alpha"]) == (3, 3 if made is of_diffusers else 2)
    recipe = Recipe(**{**asked, "rank": 64 if made is of_lycoris else 5, "lora_alpha": 7, "mixed_precision": "no"})
    began = origin.origin(path, family, recipe)
    assert began.missed < 1e-4
    plain = predicted(family)
    with attached(wardrobe.worn(Workspace(tmp_path / "none"), [str(path)], family), family):
        expected = predicted(family)
    with trainable(family, recipe, began) as learning, at_rest(family):
        found = predicted(family)
        assert all(name in learning.parameters for name in began.tensors)
        layers = {name.removesuffix(".lora_A.weight") for name in learning.parameters if name.endswith("A.weight")}
        assert any("time_emb_proj" in name for name in layers), "what the file changes learns, whatever the recipe says"
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-4 * scale)
    assert float((expected - plain).abs().max()) > 0.05 * scale, "else the comparison would show nothing"
    assert torch.equal(predicted(family), plain)


def predicted(family: Any) -> Tensor:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found: Tensor = family.predict(latents, torch.tensor([300]), family.encode_texts(["a boat"]))
    return found


def test_a_run_goes_on_from_it_and_records_that_nothing_is_known_of_its_permission(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    path = file_of(tiny_base, tmp_path)
    plan = planning.plan(workspace, tiny_base, settings={"max_train": "3 steps", **COMPUTE}, network_weights=path)
    assert plan.recipe.rank == 3 and "another tool" in plan.notes[-1]
    made = stages.finetune(plan, sample_every=0)
    style = TrainedStyle.open(Path(made.style))
    assert style.origin == digests.of_tensor_file(path)
    tensors = load_file(Path(made.style) / WEIGHTS)
    began = load_file(workspace.run(made.run) / origin.FILE)
    moved = {name: float((tensors[name] - began[name]).abs().max()) for name in began}
    assert 0 < max(moved.values()) < 0.1, "a few small steps lead a little way from where it began"
    assert "time_emb_proj" in " ".join(tensors)
    drawn = stages.generate(workspace, ["a boat"], base=tiny_base, settings=SMALL)
    said = read_signature(Path(drawn.pictures[0])).record.involvement
    assert style.origin[:16] in said and "no permission came with it" in said
    assert made.run != stages.finetune(planning.plan(workspace, tiny_base, settings=QUICK), sample_every=0).run


def test_it_is_extended_resumed_and_trained_again_without_a_work(
    workspace: Workspace, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(tiny_base, tmp_path)
    settings = {"max_train": "2 steps", **COMPUTE}
    short = stages.finetune(
        planning.plan(workspace, tiny_base, settings=settings, network_weights=path), sample_every=0
    )
    path.unlink()  # the run keeps what it needs
    longer = stages.finetune(planning.plan(workspace, tiny_base, extend="2 steps"), sample_every=0)
    style = TrainedStyle.open(Path(longer.style))
    assert (style.origin, style.extends, style.steps) == (TrainedStyle.open(Path(short.style)).origin, short.run, 4)
    assert origin.of_run(workspace.run(longer.run), style.origin)

    def withdrawn(workspace: Workspace, collection: Collection) -> list[Taken]:
        work = collection.works[0]
        return [Taken(work.name, work.pixels_sha256, "Ada Example", date(2026, 1, 1))]

    monkeypatch.setattr(retraining, "withdrawn_of", withdrawn)
    monkeypatch.setattr(gates, "require_standing", lambda *given: None)
    made = retraining.retrain_without(workspace, tiny_base, run=short.run, quick=True)
    assert TrainedStyle.open(Path(made.style)).origin == style.origin
    began, again = (load_file(workspace.run(run) / origin.FILE) for run in (short.run, made.run))
    assert all(torch.equal(again[name], tensor) for name, tensor in began.items())


def test_a_recipe_without_it_has_the_lineage_it_always_had(tiny_base: Path) -> None:
    base = {"name": "b", "family": "stable-diffusion-1", "sha256": "b" * 64, "licence": "MIT"}
    asked = RunManifest.model_validate(
        {
            "collection": "c" * 64,
            "works": 5,
            "base": base,
            "recipe": {},
            "resolution": 16,
            "steps": 7,
            "environment": {},
        }
    )
    old = ("collection", "works", "base", "recipe", "class_images", "resolution", "steps", "extends")
    decisive = {name: value for name, value in asked.as_json().items() if name in old}
    assert asked.lineage == digests.of_json(decisive)
    assert asked.model_copy(update={"origin": "a" * 64}).lineage != asked.lineage


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "full"}, "a full finetuning goes on from a model"),
        ({"train_text_encoder": False}, "changes the text encoder"),
    ],
)
def test_a_recipe_that_cannot_go_on_from_it_is_refused(
    settings: dict[str, Any], words: str, workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageMistake, match=words):
        planning.plan(workspace, tiny_base, settings=settings, network_weights=file_of(tiny_base, tmp_path))


def test_works_cannot_be_left_out_of_what_another_tool_trained(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    plan = planning.plan(workspace, tiny_base, settings=COMPUTE, network_weights=file_of(tiny_base, tmp_path))
    with pytest.raises(UsageMistake, match="may know them all"):
        stages.finetune(plan, stop="cross-fitted")


def test_a_rank_too_small_says_what_it_misses(workspace: Workspace, tiny_base: Path, tmp_path: Path) -> None:
    path = file_of(tiny_base, tmp_path)
    plan = planning.plan(workspace, tiny_base, settings={"rank": 1, **COMPUTE}, network_weights=path)
    assert plan.origin and plan.origin.missed > 0.1 and "%" in plan.notes[-1]


def test_a_consent_for_one_base_is_none_for_what_another_tool_made_of_it() -> None:
    style = style_on("b" * 64, origin="")
    assert style.stands_on == "b" * 64 != style_on("b" * 64, origin="a" * 64).stands_on
    scope = Scope(methods=("lora",), bases=(f"sha256:{'b' * 64}",), territory=("DE",), valid_from=date(2026, 1, 1))
    assert scope.covers_base("stable-diffusion-1", style.stands_on)
    assert not scope.covers_base("stable-diffusion-1", style_on("b" * 64, origin="a" * 64).stands_on)


def style_on(base: str, origin: str) -> TrainedStyle:
    return TrainedStyle(
        name="style-1", base=BaseIdentity(name="tiny", family="stable-diffusion-1", sha256=base, licence="CC0-1.0"),
        collection="c" * 64, number_of_works=5, recipe=Recipe(), steps=7, resolution=16, tensors="a" * 64,
        environment={}, origin=origin,
    )  # fmt: skip


def test_publishing_asks_what_the_policy_asks_of_an_unknown_base(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny_base, tmp_path / "known"))
    vouch(base, "own", "random numbers")
    path = file_of(base, tmp_path)
    plan = planning.plan(workspace, base, settings={"max_train": "2 steps", **COMPUTE}, network_weights=path)
    style = TrainedStyle.open(Path(stages.finetune(plan, sample_every=0).style))
    stages.inspect(workspace, base=base, quick=True)
    made = stages.publish(workspace, "harbour lines", base=base)
    assert any(style.origin[:16] in reason and "not known" in reason for reason in made.reasons)
    assert any("licence of that file is not known" in reason for reason in made.reasons)
    card = (Path(made.release) / "README.md").read_text(encoding="utf-8")
    assert style.origin[:16] in card and "none for those in its base" in card
    trusted = tmp_path / "trusted.txt"
    trusted.write_text(made.signer + "\n", encoding="utf-8")  # who signed for the base as well
    answer = checking.verify(Path(made.release), trusted)
    assert answer.holds and answer.base and answer.base.made_from == "unknown"
    assert not checking.verify(Path(made.release), trusted, refuse_unknown_base=True).holds
    (workspace.root / "policy.toml").write_text('unknown_base = "refuse"\n', encoding="utf-8")
    with pytest.raises(GateClosed, match="not known what it was made from"):
        stages.publish(workspace, "harbour lines", base=base, to=tmp_path / "second")
    with pytest.raises(GateClosed, match="nobody knows whose works"):
        stages.generate(workspace, ["a boat"], base=base, settings=SMALL)
    with pytest.raises(GateClosed, match="nobody knows whose works"):
        planning.plan(workspace, base, extend="2 steps")


@pytest.mark.parametrize("base", ["sd3_base", "flux_base"])
def test_a_file_for_another_family_finds_no_layer(
    base: str, tmp_path: Path, tiny_base: Path, request: pytest.FixtureRequest
) -> None:
    family = catalogue.load(request.getfixturevalue(base))
    with pytest.raises(UsageMistake, match="was made for another base"):
        wardrobe.worn(Workspace(tmp_path / "none"), [str(file_of(tiny_base, tmp_path))], family)


def test_layers_of_the_text_encoder_are_skipped_as_its_header_says(tiny_base: Path, tmp_path: Path) -> None:
    for said, skipped in (("2", 1), ("1", 0), ("None", None), ("-1", None)):
        path = file_of(tiny_base, tmp_path, metadata={"ss_clip_skip": said})
        [worn] = wardrobe.worn(Workspace(tmp_path / "none"), [str(path)], catalogue.load(tiny_base))
        assert worn.style.clip_skip == skipped
        assert origin.settings_of(path, tiny_base).get("clip_skip") == (skipped or None)
