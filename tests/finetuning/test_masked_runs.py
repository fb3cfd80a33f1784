"""Does a mask reach the weights where it is asked for, and nothing else change?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from handstyle import planning, stages
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.errors import UsageMistake
from handstyle.workspace import Workspace

QUICK: dict[str, Any] = {"max_train": "2 steps", "train_batch_size": 2, "rank": 2, "mixed_precision": "no",
                         "resolution": 16, "lr_warmup_steps": 0}  # fmt: skip


def workspace_of(folder: Path, *, with_mask: bool, with_alpha: bool) -> Workspace:
    works = folder / "works"
    works.mkdir(parents=True)
    for seed, name in enumerate(("ant", "bee")):
        image = Image.new("RGBA", (16, 16), (seed * 90, 40, 200, 255))
        image.paste((250, 250, 0, 255), (0, 0, 8, 8))
        if with_alpha:
            image.paste((0, 0, 0, 0), (8, 0, 16, 16))
        image.save(works / f"{name}.png")
    if with_mask:
        mask = Image.new("L", (16, 16), 0)
        mask.paste(255, (0, 0, 8, 8))
        mask.save(works / "ant-masklabel.png")
    workspace = Workspace(folder / "workspace")
    stages.collect(workspace, works, for_all(own_work("Ada")), validation=None)
    return workspace


def trained(workspace: Workspace, base: Path, **settings: Any) -> str:
    plan = planning.plan(workspace, base, settings={**QUICK, **settings})
    return stages.finetune(plan, stop="max_train", sample_every=0).tensors


def test_masks_change_the_weights_only_where_they_are_asked_for(tmp_path: Path, tiny_base: Path) -> None:
    masked = workspace_of(tmp_path / "masked", with_mask=True, with_alpha=True)
    bare = workspace_of(tmp_path / "bare", with_mask=False, with_alpha=True)
    plain = trained(masked, tiny_base)
    assert trained(bare, tiny_base) == plain, "a mask that is not asked for decides nothing"
    by_mask, by_alpha = trained(masked, tiny_base, masked_loss=True), trained(masked, tiny_base, alpha_mask=True)
    both = trained(masked, tiny_base, masked_loss=True, alpha_mask=True)
    stronger = trained(masked, tiny_base, masked_loss=True, unmasked_weight=0)
    assert len({plain, by_mask, by_alpha, both, stronger}) == 5


def test_a_recipe_that_asks_for_masks_where_there_are_none_is_refused(tmp_path: Path, tiny_base: Path) -> None:
    bare = workspace_of(tmp_path, with_mask=False, with_alpha=False)
    for choice in ("masked_loss", "alpha_mask"):
        with pytest.raises(UsageMistake, match="none of the 2 works has a mask"):
            trained(bare, tiny_base, **{choice: True})
