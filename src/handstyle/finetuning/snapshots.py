"""How is the complete state of a run kept, and resumed exactly?

One safetensors file a snapshot: the weights that learn, the optimiser's moments, the moving average. Randomness needs
no state, as each step draws its own from the seed. A file appears whole or not at all, and says what it holds: the
digest in its metadata tells a flipped bit, which the format itself would not notice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from handstyle import digests
from handstyle.diffusion.checkpoints import digest_of, read_tensors, write_tensors
from handstyle.errors import SnapshotDamaged

FORMAT = "handstyle/snapshot/2"
NAME = re.compile(r"step-(\d{6,})\.safetensors")
KINDS = ("weights", "exp_avg", "exp_avg_sq", "ema", "optimizer")


@dataclass(frozen=True)
class State:
    """Everything that changes while a run goes on. `exp_avg` and `exp_avg_sq` are Adam's two moments."""

    step: int
    weights: dict[str, Tensor]
    exp_avg: dict[str, Tensor]
    exp_avg_sq: dict[str, Tensor]
    ema: dict[str, Tensor]  # what is kept in place of the weights; empty where it is they
    optimizer: dict[str, Tensor] = field(default_factory=dict)  # of one that is not AdamW, by `optimizers.kept`

    def finished_weights(self) -> dict[str, Tensor]:
        return self.ema or self.weights

    def copied(self) -> State:
        """Which stays as it is while the run goes on."""
        parts = ({name: value.clone() for name, value in getattr(self, kind).items()} for kind in KINDS)
        return State(self.step, *parts)


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of one run; `lineage` names the recipe and works they belong to."""

    folder: Path
    lineage: str
    keep: int = 4

    def save(self, state: State) -> Path:
        tensors = {f"{kind}/{name}": value for kind in KINDS for name, value in getattr(state, kind).items()}
        facts = {"format": FORMAT, "lineage": self.lineage, "step": str(state.step)}
        path = self.folder / f"step-{state.step:06d}.safetensors"
        write_tensors(path, tensors, facts | {"content": _content(facts, tensors)})
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
        """Raises SnapshotDamaged for a file with a bit out of place, or one of another recipe, base or collection."""
        tensors, metadata = read_tensors(path, SnapshotDamaged)
        if metadata.get("content") != _content(metadata, tensors):
            raise SnapshotDamaged(
                f"{path} does not hold what was written into it", hint="Move it away; an older one is used."
            )
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

    def newest(self, tell: Callable[[str], object] = lambda words: None) -> State | None:
        """The newest snapshot that is whole. `tell` hears of a damaged one, which is passed over for an older one.

        Raises SnapshotDamaged when none is whole.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                return self.load(path)
            except SnapshotDamaged as damaged:
                if path == paths[0]:
                    raise
                tell(f"{damaged.what}: the snapshot before it is used")
        return None


def _content(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """Of the tensors and of the facts beside them: a wrong step would be resumed from in silence."""
    facts = {name: value for name, value in metadata.items() if name != "content"}
    return digests.of_json({"facts": facts, "tensors": digest_of(tensors)})
