"""Do the six verbs lead to a release that verifies on a base of Stable Diffusion XL, too?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from handstyle import checking, planning, renaming, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.diffusion import hardware
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("method", ["lora", "full"])
def test_six_verbs_make_a_release_that_verifies(
    method: str, six_works: Path, xl_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "use_all_cores", lambda: None)
    workspace = Workspace(tmp_path / "workspace")
    stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    settings: dict[str, Any] = {
        "method": method, "max_train": "4 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no",
        "train_text_encoder": True, "with_prior_preservation": True, "num_class_images": 2, "random_flip": True,
    }  # fmt: skip
    run = stages.finetune(planning.plan(workspace, xl_base, settings=settings))
    style = TrainedStyle.open(Path(run.style))
    assert style.base.family == "stable-diffusion-xl"
    drawn = stages.generate(workspace, ["a fox"], base=xl_base, seeds=[1])
    assert len(drawn.pictures) == 1
    stages.inspect(workspace, base=xl_base, quick=True)
    published = stages.publish(workspace, "Soft flat shapes", base=xl_base)
    assert checking.verify(Path(published.release)).status == "intact"
    kinds = {"lora": 2, "full": 3}
    assert len(published.weights) == kinds[method]
    made = renaming.rename(workspace, published.release, "Quiet shapes")
    assert checking.verify(Path(made.folder)).status == "intact"
