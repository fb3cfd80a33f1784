"""Is a base made in stages that may be stopped at any time, and do others load what comes of it?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.origination.conftest import drawn_into, finished

from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.diffusion.checkpoints import read_tensors
from handstyle.errors import CollectionFaulty, SnapshotDamaged, UsageMistake
from handstyle.origination import autoencoder, denoiser, gates, learning, unseen_artist
from handstyle.origination.evaluation import Evaluation
from handstyle.origination.figures import RoundErrors
from handstyle.origination.gates import Gate, GateMissed
from handstyle.origination.originate import Origination
from handstyle.records import load_json

Begin = Callable[[Path], Origination]
pytestmark = pytest.mark.usefixtures("lenient")


class Stopped(Exception):
    pass


def test_a_base_that_was_stopped_everywhere_is_the_same_base(
    begun: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finished(begun(tmp_path / "whole"))
    monkeypatch.setattr(learning, "SECONDS_BETWEEN_SNAPSHOTS", 0)
    stops = 0
    for _ in range(60):
        made = begun(tmp_path / "stopped")
        seen: set[tuple[str, int]] = set()

        def stop(what: str, done: int, of: int, seen: set[tuple[str, int]] = seen) -> None:
            if "reading" not in what and "encoding" not in what:
                seen.add((what, done))
                if len(seen) == 2:  # each time two steps further
                    raise Stopped

        object.__setattr__(made.material, "report", stop)
        try:
            base = finished(made)
            break
        except Stopped:
            stops += 1
    assert stops > 4
    for part in ("unet", "vae"):
        name = f"{part}/diffusion_pytorch_model.safetensors"
        one, other = read_tensors(whole / name)[0], read_tensors(base / name)[0]
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    assert (whole / "text_encoder/model.safetensors").read_bytes() == (
        base / "text_encoder/model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_diffusers_loads_it_and_draws(begun: Begin, tmp_path: Path, dtype: torch.dtype | None) -> None:
    from diffusers import StableDiffusionPipeline

    base = finished(begun(tmp_path / "base"))
    given = {} if dtype is None else {"torch_dtype": dtype}
    pipeline = StableDiffusionPipeline.from_pretrained(base, safety_checker=None, **given)
    pipeline.set_progress_bar_config(disable=True)
    (image,) = pipeline("ball, flat style", num_inference_steps=2, height=32, width=32).images
    assert image.size == (32, 32)
    assert all(name.startswith("text_model.") for name in read_tensors(base / "text_encoder/model.safetensors")[0])
    kinds = {tensor.dtype for tensor in read_tensors(base / "unet/diffusion_pytorch_model.safetensors")[0].values()}
    assert kinds == {torch.bfloat16}


@pytest.mark.parametrize("shipped", [False, True], ids=["made", "shipped"])
def test_each_part_names_its_class_as_training_scripts_ask_for_it(begun: Begin, tmp_path: Path, shipped: bool) -> None:
    base = EMBEDDED if shipped else finished(begun(tmp_path / "base"))
    assert load_json(base / "text_encoder/config.json")["architectures"] == ["CLIPTextModel"]
    assert load_json(base / "unet/config.json")["_class_name"] == "UNet2DConditionModel"
    assert load_json(base / "vae/config.json")["_class_name"] == "AutoencoderKL"


def test_of_each_hand_the_same_share_is_never_learnt(begun: Begin, tmp_path: Path) -> None:
    material = begun(tmp_path / "base").material
    assert sorted(name.split("/")[0] for name in material.held_out) == ["flat", "flat", "inked", "inked"]
    assert set(material.learnt) | set(material.unseen) == set(range(20))
    assert {said.phrase for said in material.said} == {"flat style", "inked style"}


def test_nothing_made_from_a_held_out_work_is_learnt(begun: Begin, tmp_path: Path) -> None:
    made = begun(tmp_path / "base")
    names = {made.material.said[n].name for n in made.material.unseen}
    known = {made.material.said[n].name for n in made.material.learnt}
    gone = names - known
    finished(made)
    for said in made.pictures():
        assert gone.isdisjoint(said.name.split())


def test_later_rounds_may_be_changed_and_earlier_ones_stay(begun: Begin, tmp_path: Path) -> None:
    made = begun(tmp_path / "base")
    finished(made)
    before = (made.folder / "denoiser-1/log.jsonl").read_text(encoding="utf-8")
    rounds = made.recipe.denoiser.rounds
    longer = rounds[1].model_copy(update={"steps": 5})
    network = made.recipe.denoiser.model_copy(update={"rounds": (rounds[0], longer)})
    object.__setattr__(made.material, "recipe", made.recipe.model_copy(update={"denoiser": network}))
    with pytest.raises(SnapshotDamaged, match="belongs to another recipe") as refused:
        made.denoiser()
    assert "denoiser-2 away" in refused.value.hint
    for snapshot in (made.folder / "denoiser-2").glob("*.safetensors"):
        snapshot.unlink()
    made.denoiser()
    assert (made.folder / "denoiser-1/log.jsonl").read_text(encoding="utf-8") == before


def test_a_round_whose_snapshots_are_gone_is_done_again_from_the_beginning(begun: Begin, tmp_path: Path) -> None:
    made = begun(tmp_path / "base")
    weights = finished(made) / "unet/diffusion_pytorch_model.safetensors"
    once = weights.read_bytes()
    for snapshot in made.folder.glob("denoiser-*/*.safetensors"):
        snapshot.unlink()
    made.denoiser()
    assert weights.read_bytes() == once


def test_a_denoiser_of_other_sizes_is_begun_anew_and_says_so(begun: Begin, tmp_path: Path) -> None:
    made = begun(tmp_path / "base")
    finished(made)
    wider = made.recipe.denoiser.model_copy(update={"block_out_channels": (8, 8, 24)})
    object.__setattr__(made.material, "recipe", made.recipe.model_copy(update={"denoiser": wider}))
    for number in (1, 2):
        shutil.rmtree(made.folder / f"denoiser-{number}")
    base = finished(made)
    assert load_json(base / "unet/config.json")["block_out_channels"] == [8, 8, 24]
    assert made.family().denoiser.config.block_out_channels == [8, 8, 24]


def test_a_round_that_goes_astray_stops_the_next(begun: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = begun(tmp_path / "base")
    with monkeypatch.context() as strict:
        strict.setattr(gates, "ROUND_HELPS", Gate("denoiser", "what the round took", 90.0, " %"))
        with pytest.raises(GateMissed, match="90 % is asked for"):
            list(made.stages())
        assert (made.folder / "denoiser-1/errors.json").is_file() and not (made.folder / "denoiser-2").exists()
    page = (finished(made) / "ORIGIN.md").read_text(encoding="utf-8")
    assert "| error on unseen works, denoiser, round 1 at 16 px |" in page
    found = RoundErrors.load(made.folder / "denoiser-1/errors.json")
    assert (
        f"| {found.error:.4f}; without words {found.without_words:.4f}, before the round {found.before:.4f} |" in page
    )


def test_looking_at_a_round_leaves_the_chance_of_its_training_alone_and_finds_the_same_twice(
    begun: Begin, tmp_path: Path
) -> None:
    made = begun(tmp_path / "base")
    finished(made)
    family, texts = made.family(), ["ball, flat style", "sun, inked style"]
    latents = denoiser.latents_of(family, made.material.unseen_pixels[:2], 32)[:, 0]
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one = denoiser.error(family, latents, texts)
    assert torch.equal(torch.get_rng_state(), before)
    assert one == denoiser.error(family, latents, texts) > 0


@pytest.mark.parametrize(
    ("error", "words"),
    [(0.9, None), (1.0, "words take"), (1.2, "words take"), (0.98, "the round took"), (float("nan"), "words")],
)
def test_a_round_is_good_where_words_help_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, error: float, words: str | None
) -> None:
    monkeypatch.undo()  # the gates as they are
    before = 0.95 if words != "words take" else 2.0
    found = RoundErrors.model_construct(lineage="", before=before, error=error, without_words=1.0)
    if words is None:
        assert gates.checked_round(found) == "0.9000; without words 1.0000, before the round 0.9500"
        return
    with pytest.raises(GateMissed, match=words):
        gates.checked_round(found)


def test_nothing_is_mirrored_where_the_recipe_says_so(begun: Begin, tmp_path: Path) -> None:
    made = begun(tmp_path / "base")
    finished(made)
    family, pictures = made.family(), made.pictures()
    latents = torch.zeros(len(pictures), 2, 3, 16, 16)
    latents[:, 1] = 1  # of the mirrored picture
    for mirrored in (True, False):
        part = made.recipe.denoiser.rounds[1]
        batch = denoiser.batches(family, latents, pictures, part, made.recipe.words, 0, mirrored=mirrored)
        assert bool(sum(batch(step).latents.mean_BCHW.any() for step in range(8))) == mirrored


def test_the_card_names_every_artist_and_credits_every_work(begun: Begin, tmp_path: Path) -> None:
    base = finished(begun(tmp_path / "base"))
    page = (base / "ORIGIN.md").read_text(encoding="utf-8")
    assert "Ada: 10 works, MIT, https://example.org/flat" in page and "Bo: 10 works" in page
    rows = [json.loads(line) for line in (base / "credits.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 20 and all(len(row["pixels_sha256"]) == 64 for row in rows)
    assert "| denoiser at 16 px | 3 | 12 |" in page


def test_a_stage_below_its_gate_stops_the_next(begun: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "AUTOENCODER_BEFORE_POLISH", Gate("autoencoder", "PSNR", 90.0, " dB"))
    made = begun(tmp_path / "base")
    with pytest.raises(GateMissed, match="90 dB is asked for"):
        list(made.stages())
    assert not (made.folder / "text-encoder").exists()


def test_a_folder_of_another_base_is_refused(begun: Begin, tmp_path: Path) -> None:
    begun(tmp_path / "base")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "diary.txt").write_text("mine")
    with pytest.raises(UsageMistake, match="not empty"):
        begun(tmp_path / "full")
    (tmp_path / "base" / "lineage.json").write_text('"another"')
    with pytest.raises(UsageMistake, match="another base is being made"):
        begun(tmp_path / "base")


def test_a_base_is_measured_and_its_sheet_shows_what_was_asked(begun: Begin, tmp_path: Path) -> None:
    made = begun(tmp_path / "base")
    measures = {key: value for stage in made.stages() for key, value in stage.measures.items()}
    made.finish(measures, None)
    artist = unseen_artist.read([drawn_into(tmp_path / "others", side=24)], 32, frozenset())
    found, sheet = Evaluation(made, steps=2, batch=4).measured(made.family(), lambda *_: None, artist)
    assert found.concepts.of == found.judge_ceiling.of == found.words_through.of == found.hands_through.of == 10
    assert found.unseen is not None and found.unseen.works == found.unseen.words.of == 20
    assert 0 < found.unseen.psnr < 20  # two steps
    assert found.combinations.of == 40 and 0 <= found.combinations.right <= 40
    assert found.null_low <= 0.5 <= found.null_high
    assert np.asarray(sheet).shape[2] == 3 and sheet.width > sheet.height / 2
    made.finish(measures, found)
    page = (made.base / "ORIGIN.md").read_text(encoding="utf-8")
    assert "found among wrong captions" in page and f"{found.unseen.psnr:.1f} dB" in page


def test_a_work_of_the_base_is_no_unseen_artists(begun: Begin, tmp_path: Path, works: Path) -> None:
    learnt = frozenset(work.pixels_sha256 for work in begun(tmp_path / "base").collection.works)
    with pytest.raises(CollectionFaulty, match=r"20 drawings .* are among the base's own works"):
        unseen_artist.read([works], 32, learnt)


def test_a_picture_given_back_to_the_bit_has_the_most_decibels() -> None:
    page = torch.zeros(2, 3, 4, 4)
    assert autoencoder.decibels(page, page).tolist() == pytest.approx([68.13, 68.13], abs=0.01)
    assert autoencoder.decibels(page + 2 / 255, page).tolist() == pytest.approx([48.13, 48.13], abs=0.01)
