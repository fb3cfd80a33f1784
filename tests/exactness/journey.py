"""What is one journey from pictures to a release, as a person types it, and what is there at its end?"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from tests.conftest import copy_six_works, save_tiny_base
from tests.exactness.faults import Fault
from tests.exactness.processes import Desk, Ended, run

from handstyle import digests

VERBS = ("collect", "encode", "finetune", "generate", "inspect", "publish")
STEPS = 6
CARD = 'name = "tiny base"\nlicence = "Apache-2.0"\nnum_inference_steps = 3\nguidance_scale = 2.0\n'
EVERY: dict[str, Any] = {
    "max_train": f"{STEPS} steps", "train_batch_size": 2, "rank": 2, "learning_rate": 1e-3, "lr_warmup_steps": 2,
    "resolution": 16, "mixed_precision": "no", "caption_dropout": 0.3, "random_flip": True, "seed": 7,
}  # fmt: skip
# What a run keeps from step to step differs between these, and each must come back whole.
RECIPES: dict[str, dict[str, Any]] = {
    "lora": {"ema_decay": 0.9, "lora_dropout": 0.2, "gradient_accumulation_steps": 2},
    "full": {"method": "full", "ema_decay": 0.9, "lr_scheduler": "cosine", "mixed_precision": "bf16"},
    "prior": {"with_prior_preservation": True, "num_class_images": 3, "train_text_encoder": True},
}
AN_HOUR = 3600  # seconds; what is half-written and older than this is nobody's any more


@dataclass(frozen=True)
class Scene:
    """What is there before anybody types anything: a base, six works, recipes."""

    folder: Path

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def works(self) -> Path:
        return self.folder / "works"

    def make(self) -> Scene:
        self.folder.mkdir(parents=True, exist_ok=True)
        save_tiny_base(self.base)
        (self.base / "handstyle.toml").write_text(CARD, encoding="utf-8")
        copy_six_works(self.works)
        for name, own in RECIPES.items():
            self.write_recipe(name, own)
        return self

    def write_recipe(self, name: str, own: dict[str, Any]) -> str:
        path = self.folder / f"{name}.toml"
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in {**EVERY, **own}.items()]
        path.write_text("".join(lines), encoding="utf-8")
        return str(path)

    def originals(self) -> dict[str, tuple[str, int]]:
        """Content and time of each: a user's files are never touched."""
        return {path.name: (digests.of_file(path), path.stat().st_mtime_ns) for path in self.works.iterdir()}

    def line(self, verb: str, recipe: str = "lora") -> list[str]:
        """What a person types at a desk."""
        there, base = ["--workspace", "workspace"], ["--base", str(self.base)]
        return {
            "collect": ["collect", str(self.works), "--leave-out", "2", *there],
            "encode": ["encode", *base, *there],
            "finetune": ["finetune", "--recipe", str(self.folder / f"{recipe}.toml"), "--save-every", "2",
                         "--sample-every", "3", *base, *there],
            "generate": ["generate", "a fox", "--seeds", "1,2", "--to", "pictures", *base, *there],
            "inspect": ["inspect", *base, *there],
            "publish": ["publish", "--name", "Soft flat shapes", "--to", "release", *base, *there],
            "verify": ["verify", "release"],
        }[verb]  # fmt: skip

    def desk(self, name: str) -> Desk:
        return Desk(self.folder / "desks" / name).make()


@dataclass
class Undisturbed:
    """A journey that nobody disturbed: what it left behind, and how the desk looked before each of its verbs."""

    scene: Scene
    recipe: str
    ended: dict[str, Ended] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)

    def go(self) -> Undisturbed:
        desk = self.scene.desk(f"undisturbed-{self.recipe}")
        for verb in VERBS:
            shutil.copytree(desk.folder, self._before(verb))
            self.ended[verb] = run(desk, self.scene.line(verb, self.recipe), fault=Fault())
            assert self.ended[verb].code == 0, f"{verb}: {self.ended[verb].err}"
        self.left = left_behind(desk)
        return self

    def desk_before(self, verb: str, name: str) -> Desk:
        """A desk of its own, as it was before `verb`."""
        desk = self.scene.desk(name)
        shutil.copytree(self._before(verb), desk.folder, dirs_exist_ok=True)
        return desk

    def left_after(self, verb: str) -> dict[str, str]:
        following = VERBS[VERBS.index(verb) + 1 :]
        return left_behind(Desk(self._before(following[0]))) if following else self.left

    def _before(self, verb: str) -> Path:
        return self.scene.folder / "before" / self.recipe / verb


def left_behind(desk: Desk) -> dict[str, str]:
    """Everything at a desk by its digest, but for what may differ: seconds, signatures, names of new folders."""
    current = json.loads((desk.folder / "workspace" / "current.json").read_text(encoding="utf-8"))
    found = {f"current {name}": current[name] for name in ("collection", "run")}
    for path in sorted(path for path in desk.folder.rglob("*") if path.is_file()):
        name = path.relative_to(desk.folder).as_posix()
        # What a killed process had finished is kept, and made again under another name: all of these must be equal.
        name = re.sub(r"^workspace/inspections/[^./][^/]*/", "workspace/inspections/any/", name)
        if name.startswith("pictures/"):
            name = f"pictures/{_pixels(path)}"
        digest = _digest(path, name)
        if digest and found.setdefault(name, digest) != digest:
            found[f"{name}, in another way"] = digest
    return found


def _digest(path: Path, name: str) -> str | None:
    if path.suffix == ".safetensors":
        return digests.of_tensor_file(path)
    if path.name == "steps.jsonl":
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return digests.of_json([{key: value for key, value in line.items() if key != "seconds"} for line in lines])
    # By a key that is made anew, or naming it.
    signed = {"release/handstyle.json", "release/README.md", "release/TRAINING_SUMMARY.md"}
    # A ledger has times, and counts a picture before it is written: killed in between, it counts one too many.
    if (
        path.name in {"cost.json", "current.json", "ledger.jsonl"}
        or path.name.endswith(".lock")
        or name.startswith("home/")
    ):
        return None
    if name in signed or name.startswith(("workspace/credentials/", "release/credentials/")):
        return None
    if name in {"release/model.sig", "release/certificate.pem"}:
        return None
    if path.suffix == ".png":
        return _pixels(path)
    if path.name == "report.html":  # pictures are inside it, each with its signature
        return digests.of_bytes(re.sub(rb"data:image/png;base64,[A-Za-z0-9+/=]+", b"", path.read_bytes()))
    return digests.of_file(path)


def _pixels(path: Path) -> str:
    """What a picture carries besides is signed by a key that is made anew."""
    with Image.open(path) as image:
        return digests.of_pixels(*image.size, image.convert("RGB").tobytes())


def differences(left: dict[str, str], expected: dict[str, str]) -> list[str]:
    return [
        f"{name} is {'missing' if name not in left else 'too many' if name not in expected else 'different'}"
        for name in sorted(left.keys() | expected.keys())
        if left.get(name) != expected.get(name)
    ]


def half_written(desk: Desk) -> list[str]:
    """What has no business at a desk where everything is done."""
    return [
        f"{path.relative_to(desk.folder).as_posix()} was left"
        for path in sorted(desk.folder.rglob("*"))
        if path.name.endswith(".part") or path.parent == desk.folder / "tmp"
    ]


def an_hour_passes(desk: Desk) -> None:
    """For what is half-written: what others may still be writing is cleared away by its age."""
    for path in desk.folder.rglob("*.part"):
        os.utime(path, (time.time() - 2 * AN_HOUR,) * 2)
