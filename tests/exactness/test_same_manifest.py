"""Does the same manifest give the same tensors: twice in a row, and in an environment that has nothing in common?"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.exactness.journey import Scene
from tests.exactness.processes import PATIENT, Desk, run

from handstyle import digests

pytestmark = pytest.mark.slow

SHORT = {"max_train": "3 steps", "ema_decay": 0.9, "lora_dropout": 0.2}


def trained(desk: Desk, lines: list[list[str]], **how: Any) -> tuple[str, str]:
    """The manifest, and the digest of the tensors that came of it."""
    for line in lines:
        ended = run(desk, line, **how)
        assert ended.code == 0, ended.err
    [folder] = (desk.folder / "workspace" / "runs").iterdir()
    style = json.loads((folder / "style" / "style.json").read_text(encoding="utf-8"))
    assert style["tensors"] == digests.of_tensor_file(folder / "style" / "style.safetensors")
    return (folder / "run.json").read_text(encoding="utf-8"), style["tensors"]


def lines(scene: Scene, recipe: str, works: Path) -> list[list[str]]:
    collect, finetune = scene.line("collect"), scene.line("finetune", recipe)
    finetune[finetune.index("--sample-every") + 1] = "0"
    return [[str(works) if word == str(scene.works) else word for word in collect], finetune]


def nothing_in_common(desk: Desk) -> dict[str, str]:
    """Of the variables only what a process cannot do without; folders, language, time and hashes are others."""
    other = {"PYTHONHASHSEED": "4242", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Pacific/Apia"}
    needed = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return needed | other | PATIENT | {"HOME": str(desk.folder), "TMPDIR": str(desk.folder)}


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_same_manifest_gives_the_same_tensors_twice_in_a_row_and_in_a_fresh_environment(
    method: str, precision: str, scene: Scene
) -> None:
    recipe = f"same-{method}-{precision}"
    scene.write_recipe(recipe, {**SHORT, "method": method, "mixed_precision": precision})
    once, again = (trained(scene.desk(f"{recipe}-{n}"), lines(scene, recipe, scene.works)) for n in (1, 2))
    assert once == again
    elsewhere = scene.desk(f"{recipe} ülkü")
    works = elsewhere.folder / "in another order"
    works.mkdir()
    for path in sorted(scene.works.iterdir(), reverse=True):
        shutil.copy(path, works)
    own = nothing_in_common(elsewhere)
    fresh = trained(elsewhere, lines(scene, recipe, works), fresh=True, environment=lambda inherited: own)
    assert fresh == once
