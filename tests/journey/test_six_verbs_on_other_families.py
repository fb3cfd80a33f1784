"""Do the six verbs lead to a release that verifies on bases of other families, too?"""

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


# Base, its family, and how many files of weights a low-rank style and a full one have.
BASES = {
    "xl_base": ("stable-diffusion-xl", {"lora": 2, "full": 3}),
    "sd3_base": ("stable-diffusion-3", {"lora": 2, "full": 4}),
    "flux_base": ("flux", {"lora": 2, "full": 3}),
}


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("name", BASES)
def test_six_verbs_make_a_release_that_verifies(
    name: str,
    method: str,
    six_works: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    base, (family, files) = request.getfixturevalue(name), BASES[name]
    monkeypatch.setattr(hardware, "use_all_cores", lambda: None)
    workspace = Workspace(tmp_path / "workspace")
    stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"), validation=2)
    settings: dict[str, Any] = {
        "method": method, "max_train": "4 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no",
        "train_text_encoder": True, "with_prior_preservation": True, "num_class_images": 2, "random_flip": True,
        "resolution": 16,
    }  # fmt: skip
    run = stages.finetune(planning.plan(workspace, base, settings=settings))
    style = TrainedStyle.open(Path(run.style))
    assert style.base.family == family
    drawn = stages.generate(workspace, ["a fox"], base=base, seeds=[1])
    assert len(drawn.pictures) == 1
    stages.inspect(workspace, base=base, quick=True)
    published = stages.publish(workspace, "Soft flat shapes", base=base)
    assert checking.verify(Path(published.release)).status == "intact"
    assert len(published.weights) == files[method]
    made = renaming.rename(workspace, published.release, "Quiet shapes")
    assert checking.verify(Path(made.folder)).status == "intact"
