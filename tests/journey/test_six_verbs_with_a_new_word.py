"""Do the six verbs lead to a release that verifies where a new word is taught, alone and beside an adapter?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handstyle import checking, planning, renaming, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.converting import convert
from handstyle.diffusion import hardware
from handstyle.errors import UsageMistake
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.workspace import Workspace

ALONE: dict[str, Any] = {"algo": "textual-inversion"}
BESIDE: dict[str, Any] = {"train_text_encoder_ti": True}
TO_THE_END = {"rescale_betas_zero_snr": True}
CASES = [
    ("tiny_base", ALONE, ["embedding"]),
    ("v_base", BESIDE | TO_THE_END, ["diffusers-lora", "kohya-lora", "embedding"]),
    ("tiny_base", BESIDE | {"algo": "lokr"}, ["peft", "lycoris", "embedding"]),
    ("xl_base", BESIDE, ["diffusers-lora", "kohya-lora", "embedding"]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings", "formats"), CASES, ids=str)
def test_six_verbs_make_a_release_that_verifies(
    name: str,
    settings: dict[str, Any],
    formats: list[str],
    six_works: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    base = request.getfixturevalue(name)
    monkeypatch.setattr(hardware, "use_all_cores", lambda: None)
    workspace = Workspace(tmp_path / "workspace")
    stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    short = {"max_train": "4 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no", "num_vectors": 2,
             "resolution": 16, "shuffle_caption": True}  # fmt: skip
    run = stages.finetune(planning.plan(workspace, base, settings=short | settings))
    recipe = TrainedStyle.open(Path(run.style)).recipe
    assert recipe.teaches_a_word
    drawn = stages.generate(workspace, ["a fox"], base=base, seeds=[1])
    assert len(drawn.pictures) == 1
    stages.inspect(workspace, base=base, quick=True)
    published = stages.publish(workspace, "Soft flat shapes", base=base)
    release = Path(published.release)
    assert checking.verify(release).status == "intact"
    assert (release / "weights" / "scheduler").exists() is ("rescale_betas_zero_snr" in settings)
    file = str(release / "weights" / "learned_embeds.safetensors")
    stages.generate(workspace, ["a fox"], base=base, seeds=[1], styles=[file])
    if settings == ALONE:
        with pytest.raises(UsageMistake, match="changes no weights"):
            convert(workspace, [run.run], tmp_path / "kohya", "kohya", base=base)
    else:
        notes = convert(workspace, [run.run], tmp_path / "kohya", "kohya", base=base).notes
        assert f"The word `{recipe.identifier}` is no part of it" in notes[0]
        assert ("rescale_betas_zero_snr" in notes[0]) is ("rescale_betas_zero_snr" in settings)
    made = renaming.rename(workspace, published.release, "Quiet shapes", identifier="qshapes")
    assert checking.verify(Path(made.folder)).status == "intact"


def test_a_base_that_cannot_be_taught_says_so_before_anything_is_encoded(
    flux_base: Path, six_works: Path, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    with pytest.raises(UsageMistake, match="cannot be taught a new word"):
        planning.plan(workspace, flux_base, settings=dict(ALONE))
