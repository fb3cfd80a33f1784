"""How is the complete state of a run kept, and resumed exactly?

One safetensors file a snapshot: the weights that learn, the optimiser's moments, the moving average. Randomness needs
no state, as each step draws its own from the seed. A file appears whole or not at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from handstyle.diffusion.checkpoints import read_tensors, write_tensors
from handstyle.errors import SnapshotDamaged

NAME = re.compile(r"step-(\d{6,})\.safetensors")
KINDS = ("weights", "exp_avg", "exp_avg_sq", "ema")


@dataclass(frozen=True)
class State:
    """Everything that changes while a run goes on. `exp_avg` and `exp_avg_sq` are Adam's two moments."""

    step: int
    weights: dict[str, Tensor]
    exp_avg: dict[str, Tensor]
    exp_avg_sq: dict[str, Tensor]
    ema: dict[str, Tensor]  # empty without a moving average

    def finished_weights(self) -> dict[str, Tensor]:
        return self.ema or self.weights


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of one run; `lineage` names the recipe and works they belong to."""

    folder: Path
    lineage: str
    keep: int = 4

    def save(self, state: State) -> Path:
        tensors = {f"{kind}/{name}": value for kind in KINDS for name, value in getattr(state, kind).items()}
        metadata = {"format": "handstyle/snapshot/1", "lineage": self.lineage, "step": str(state.step)}
        path = write_tensors(self.folder / f"step-{state.step:06d}.safetensors", tensors, metadata)
        for old in self.paths()[: -self.keep]:
            old.unlink(missing_ok=True)
        return path

    def paths(self) -> list[Path]:
        """Oldest first."""
        if not self.folder.is_dir():
            return []
        found = [(int(match[1]), path) for path in self.folder.iterdir() if (match := NAME.fullmatch(path.name))]
        return [path for _, path in sorted(found)]

    def load(self, path: Path) -> State:
        """Raises SnapshotDamaged for a torn file or one of another recipe, base or collection."""
        tensors, metadata = read_tensors(path, SnapshotDamaged)
        if metadata.get("lineage") != self.lineage:
            raise SnapshotDamaged(
                f"{path} belongs to another recipe, base or collection",
                hint="Start a new run; leave --resume out.",
            )
        parts: dict[str, dict[str, Tensor]] = {kind: {} for kind in KINDS}
        try:
            for name, value in tensors.items():
                kind, _, parameter = name.partition("/")
                parts[kind][parameter] = value
            return State(int(metadata["step"]), **parts)
        except (KeyError, ValueError) as fault:
            raise SnapshotDamaged(f"{path} is not a snapshot", hint="Move it away; an older one is used.") from fault

    def newest(self) -> State | None:
        """The newest snapshot that is whole: a damaged one is passed over, as long as an older one stands."""
        paths = self.paths()
        for path in reversed(paths):
            try:
                return self.load(path)
            except SnapshotDamaged:
                if path == paths[0]:
                    raise
        return None
