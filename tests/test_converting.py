"""Is a converted style the style it was, and does a whole model hold what was merged into it?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from handstyle import digests, planning, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.converting import FORMS, Converted, convert
from handstyle.diffusion import adapter_places, adapters, catalogue, hardware, single_file
from handstyle.diffusion.pairs import Pair
from handstyle.errors import GateClosed, RecordDamaged, UsageMistake
from handstyle.finetuning.trained_style import WEIGHTS
from handstyle.generation import wardrobe
from handstyle.generation.generate import attached
from handstyle.publication import low_rank_files
from handstyle.publication.descent import descent
from handstyle.tensor_files import metadata_of
from handstyle.workspace import Workspace

Convert = Callable[..., Converted]
SETTINGS = {"max_train": "3 steps", "train_batch_size": 2, "rank": 2, "lora_alpha": 6, "learning_rate": 0.05,
            "lr_scheduler": "constant", "mixed_precision": "no", "train_text_encoder": True}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path, six_works: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(hardware, "use_all_cores", lambda: None)
    found = Workspace(tmp_path / "workspace")
    stages.collect(found, six_works, read_rights_toml(six_works / "rights.toml"), validation=None)
    return found


@pytest.fixture(params=["tiny_base", "xl_base"])
def base(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def style(workspace: Workspace, base: Path) -> str:
    return trained(workspace, base)


def trained(workspace: Workspace, base: Path, **settings: Any) -> str:
    plan = planning.plan(workspace, base, settings={**SETTINGS, **settings})
    return stages.finetune(plan, sample_every=0).run


def predicted(family: Any) -> torch.Tensor:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found: torch.Tensor = family.predict(latents, torch.tensor([300]), family.encode_texts(["a boat"]))
    return found


def worn(workspace: Workspace, style: str, base: Path) -> torch.Tensor:
    family = catalogue.load(base)
    with attached(wardrobe.worn(workspace, [style]), family):
        return predicted(family)


def test_a_style_goes_through_both_formats_and_keeps_its_bits(
    workspace: Workspace, style: str, base: Path, tmp_path: Path
) -> None:
    one = convert(workspace, [style], tmp_path / "one", "kohya", base=base)
    other = convert(workspace, [one.file], tmp_path / "other", "diffusers", base=base)
    again = convert(workspace, [other.file], tmp_path / "again", "kohya", base=base)
    assert digests.of_tensor_file(Path(one.file)) == digests.of_tensor_file(Path(again.file))
    own = load_file(workspace.run(style) / "style" / WEIGHTS)
    flat = {n.replace("text_encoder.text_model.", "text_encoder."): t for n, t in load_file(other.file).items()}
    assert flat.keys() == own.keys() and all(torch.equal(flat[name], own[name]) for name in own)
    for made in (one, other, again):
        assert (made.largest_rank, made.missed) == (2, 0) and made.largest_difference < 1e-5
    assert Path(one.file).name == "one.safetensors" and Path(other.file).name == "pytorch_lora_weights.safetensors"
    assert not one.notes and "not known" in other.notes[0], "of a file alone nobody knows whose works it was made from"


def test_headers_hold_neither_captions_nor_folders_nor_paths(
    workspace: Workspace, style: str, base: Path, tmp_path: Path, six_works: Path
) -> None:
    for form in ("kohya", "diffusers", "checkpoint"):
        made = convert(workspace, [style], tmp_path / f"as-{form}", form, base=base)
        header = json.dumps(metadata_of(Path(made.file)))
        works = [json.loads(line) for line in (six_works / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
        for secret in (str(tmp_path), f"/{six_works.name}", *(word for work in works for word in work.values())):
            assert str(secret) not in header


def test_a_merged_checkpoint_draws_as_the_base_with_the_style(
    workspace: Workspace, style: str, base: Path, tmp_path: Path
) -> None:
    made = convert(workspace, [style], tmp_path / "merged", "checkpoint", base=base)
    told = metadata_of(Path(made.file))
    assert style[:8] in told["modelspec.merged_from"]
    family = catalogue.load(single_file.folder_of(Path(made.file), str(base)))
    torch.testing.assert_close(predicted(family), worn(workspace, style, base), rtol=0, atol=1e-4)
    assert not torch.allclose(predicted(family), predicted(catalogue.load(base)), atol=1e-2)


def test_a_merged_folder_does_and_claims_nothing_of_its_base(
    workspace: Workspace, style: str, base: Path, tmp_path: Path
) -> None:
    (tmp_path / "half").mkdir()
    copy = Path(shutil.copytree(base, tmp_path / "base"))
    (copy / "handstyle.toml").write_text('name = "theirs"\nworks = "consented"\n', encoding="utf-8")
    made = convert(workspace, [f"{style}=0.5"], tmp_path / "merged", "folder", base=copy)
    family = catalogue.load(Path(made.file))
    assert family.card.works == "unknown"
    ours = catalogue.load(base)
    with attached([*wardrobe.worn(workspace, [f"{style}=0.5"])], ours):
        torch.testing.assert_close(predicted(family), predicted(ours), rtol=0, atol=1e-4)


def test_a_style_is_extracted_from_the_checkpoint_it_was_merged_into(
    workspace: Workspace, style: str, base: Path, tmp_path: Path
) -> None:
    merged = convert(workspace, [style], tmp_path / "merged", "folder", base=base)
    made = convert(workspace, [], tmp_path / "again", "kohya", base=base, extract=Path(merged.file), rank=2)
    assert made.missed < 1e-2 and made.largest_rank == 2 and "not known" in made.notes[0]
    found, shapes = adapters.read(Path(made.file), base), adapter_places.layers_of(base)
    with_one = adapters.read(Path(convert(workspace, [style], tmp_path / "k", "kohya", base=base).file), base)
    for layer, pair in with_one.items():
        assert isinstance(pair, Pair)
        delta = pair.delta(shapes[layer])
        if delta.abs().max() > 1e-4:
            twin = found[layer]
            assert isinstance(twin, Pair)
            torch.testing.assert_close(twin.delta(shapes[layer]), delta, rtol=0, atol=2e-2 * float(delta.abs().max()))


def test_a_full_finetuning_becomes_a_checkpoint_and_a_low_rank_file(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    style = trained(workspace, tiny_base, method="full", learning_rate=1e-3)
    whole = convert(workspace, [style], tmp_path / "whole", "checkpoint", base=tiny_base)
    family = catalogue.load(single_file.folder_of(Path(whole.file), str(tiny_base)))
    torch.testing.assert_close(predicted(family), worn(workspace, style, tiny_base), rtol=0, atol=1e-5)
    own = load_file(workspace.run(style) / "style" / WEIGHTS)
    assert all(torch.equal(own[f"unet.{name}"], tensor) for name, tensor in family.unet.named_parameters())
    narrow = convert(workspace, [style], tmp_path / "narrow", "kohya", base=tiny_base, rank=4)
    assert narrow.largest_rank == 4 and 0 < narrow.missed < 1


def test_a_smaller_rank_is_said_with_what_it_misses(
    workspace: Workspace, style: str, base: Path, tmp_path: Path
) -> None:
    made = convert(workspace, [style], tmp_path / "one", "kohya", base=base, rank=1)
    assert made.largest_rank == 1 and 0 < made.missed < 1
    assert convert(workspace, [style], tmp_path / "two", "kohya", base=base, rank=64).missed == 0


def test_two_styles_are_one_file(workspace: Workspace, tiny_base: Path, tmp_path: Path) -> None:
    style = trained(workspace, tiny_base)
    twice = convert(workspace, [f"{style}=0.5", f"{style}=0.25"], tmp_path / "two", "diffusers", base=tiny_base)
    assert twice.largest_rank == 4
    found, shapes = adapters.read(Path(twice.file), tiny_base), adapter_places.layers_of(tiny_base)
    one = convert(workspace, [style], tmp_path / "one", "diffusers", base=tiny_base)
    for layer, pair in adapters.read(Path(one.file), tiny_base).items():
        both = found[layer]
        assert isinstance(pair, Pair) and isinstance(both, Pair)
        torch.testing.assert_close(both.delta(shapes[layer]), pair.delta(shapes[layer], 0.75), rtol=0, atol=1e-6)


def test_a_base_in_half_precision_stays_so_and_is_rounded_once(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    half = Path(shutil.copytree(tiny_base, tmp_path / "half-base"))
    for path in half.glob("*/*.safetensors"):
        save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path, {"format": "pt"})
    style = trained(workspace, half)
    made = convert(workspace, [style], tmp_path / "merged", "checkpoint", base=half)
    assert {tensor.dtype for tensor in load_file(made.file).values()} == {torch.float16}
    assert made.largest_difference < 1e-6


@pytest.mark.parametrize("form", ["kohya", "diffusers", "checkpoint"])
def test_a_file_that_computes_otherwise_is_not_there(
    form: str, workspace: Workspace, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from handstyle.diffusion import merging

    style = trained(workspace, tiny_base)
    monkeypatch.setattr(low_rank_files, "scalar", lambda alpha: low_rank_files.Tensor("F32", (), b"\x00\x00\x80\x3f"))
    monkeypatch.setattr(low_rank_files, "_settings", lambda pairs: {"unet.r": 2, "unet.lora_alpha": 2})
    monkeypatch.setattr(merging, "merged", lambda file, part, deltas: merging.each_tensor(file))
    with pytest.raises(RecordDamaged):
        convert(workspace, [style], tmp_path / "out", form, base=tiny_base)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_is_refused(workspace: Workspace, tiny_base: Path, tmp_path: Path) -> None:
    style = trained(workspace, tiny_base)
    (tmp_path / "there").mkdir()
    for words, given in (
        ("there already", {"sources": [style], "to": tmp_path / "there"}),
        ("no format", {"sources": [style], "form": "ckpt"}),
        ("name either styles or", {"sources": []}),
        ("name either styles or", {"sources": [style], "extract": tiny_base}),
        ("no rank", {"sources": [style], "form": "folder", "rank": 2}),
        ("no style `nobody`", {"sources": ["nobody"]}),
    ):
        named: dict[str, Any] = {"to": tmp_path / "new", "form": "kohya", "base": tiny_base, **given}
        with pytest.raises(UsageMistake, match=words):
            convert(workspace, named.pop("sources"), named.pop("to"), named.pop("form"), **named)


def test_a_file_of_unknown_works_is_refused_where_a_policy_says_so(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    style = trained(workspace, tiny_base)
    made = convert(workspace, [style], tmp_path / "one", "kohya", base=tiny_base)
    (workspace.root / "policy.toml").write_text('unknown_base = "refuse"\n', encoding="utf-8")
    with pytest.raises(GateClosed):
        convert(workspace, [made.file], tmp_path / "two", "kohya", base=tiny_base)


def test_a_style_whose_work_was_withdrawn_is_not_converted(
    workspace: Workspace, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from handstyle import converting

    style = trained(workspace, tiny_base)
    asked: list[str] = []

    def refuse(workspace: Workspace, style: Any, family: Any) -> str:
        asked.append(style.tensors)
        raise GateClosed("it was taken back")

    monkeypatch.setattr(converting, "require_generating", refuse)
    with pytest.raises(GateClosed):
        convert(workspace, [style], tmp_path / "one", "kohya", base=tiny_base)
    assert asked and not (tmp_path / "one").exists()


@pytest.mark.parametrize("form", FORMS)
def test_what_was_made_of_a_style_is_found_when_its_works_are_taken_back(
    form: str, workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    style = trained(workspace, tiny_base)
    convert(workspace, [style], tmp_path / "out", form, base=tiny_base)
    found = descent([workspace], [tmp_path / "out"], lambda file, pixels: True).of("weights")
    assert found and all("merged from" in one.why or "holds" in one.why for one in found)
