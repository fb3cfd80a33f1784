"""What is dear to make (a base, a run, a release), made once and copied for each case that wants to break it?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hostile.case import Words, typed
from tests.hostile.png_files import whole

KEY = Ed25519PrivateKey.from_private_bytes(b"a key for tests, thirty-two long")
QUICK = ["max_train=4 steps", "train_batch_size=2", "rank=2", "mixed_precision=no", "num_class_images=2"]


class Shelf:
    """Torch is not imported before somebody asks for the base."""

    def __init__(self, folder: Path, make_base: Callable[[], Path]) -> None:
        self.folder, self._make_base = folder, make_base

    @cached_property
    def base(self) -> Path:
        """Tiny, of the real classes; loaded once, so that no case pays for the imports."""
        base = self._make_base()
        from handstyle.diffusion import catalogue

        catalogue.load(base)
        return base

    @cached_property
    def release(self) -> Path:
        from tests.publication.ingredients import gathered

        (self.folder / "ingredients").mkdir()
        return gathered(self.folder / "ingredients")._replace(key=KEY).assemble(self.folder / "release")

    @cached_property
    def works(self) -> Path:
        """Six pictures, named for what they show."""
        folder = self.folder / "works"
        folder.mkdir()
        for seed, name in enumerate(["ant", "bee", "cow", "dog", "elk", "fox"]):
            pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
            (folder / f"{name}.png").write_bytes(whole(pixels))
        return folder

    @cached_property
    def collected(self) -> Path:
        """A workspace in which the works are a collection, and nothing more."""
        return self._workspace("collected", ["collect", self.works, "--mine", "Ada", "--leave-out", "none"])

    @cached_property
    def finished(self) -> Path:
        """A workspace with a collection, its cache, and a run that has come to its end."""
        collect = ["collect", self.works, "--mine", "Ada", "--leave-out", "none"]
        return self._workspace("finished", collect, ["encode", "--base", self.base], finetuning(self.base))

    @cached_property
    def inspected(self) -> Path:
        """The same, with a report on its style."""
        from handstyle import stages
        from handstyle.workspace import Workspace

        workspace = Path(shutil.copytree(self.finished, self.folder / "inspected"))
        stages.inspect(Workspace(workspace), base=self.base, quick=True)
        return workspace

    def _workspace(self, name: str, *commands: Words) -> Path:
        for words in commands:
            code, _, error = typed([*words, "-w", self.folder / name])
            assert code == 0, error
        return self.folder / name


def finetuning(base: Path, *more: object) -> list[object]:
    settings = [word for setting in QUICK for word in ("--set", setting)]
    return ["finetune", "--base", base, *settings, "--save-every", 2, "--sample-every", 0, *more]


def put_workspace(shelved: Path, works: Path, place: Any) -> None:
    """A copy of a workspace, whose originals are a copy too, in `given/works`."""
    shutil.copytree(works, place.given / "works")
    shutil.copytree(shelved, place.workspace)
    for record in place.workspace.glob("collections/*/folder.json"):
        record.write_text(json.dumps({"folder": str((place.given / "works").resolve())}), encoding="utf-8")
