"""How does any of a base's networks learn, so that it can be stopped at any time and goes on with the same bits?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from handstyle.errors import SnapshotDamaged
from handstyle.finetuning.loop import Run, Step, learn
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots, State
from handstyle.finetuning.trainable import Trainable

SECONDS_BETWEEN_SNAPSHOTS = 240.0
STEPS_BETWEEN_LINES = 20
Report = Callable[[str, int, int], None]


def parameters_of(network: nn.Module, only: tuple[str, ...] = ("",)) -> Trainable:
    """Those whose names begin so, as what learns."""
    parameters = {name: parameter for name, parameter in network.named_parameters() if name.startswith(only)}
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    return Trainable(parameters, {})


def learned(
    name: str,
    folder: Path,
    lineage: str,
    learning: Trainable,
    recipe: Recipe,
    loss_at: Callable[[int], tuple[Tensor, int]],
    report: Report,
    each: Callable[[Step], None] = lambda step: None,
) -> State:
    """The finished state. Snapshots lie in `folder`, and beside them `log.jsonl` with a line every few steps.

    Stopped at any time, it goes on from its last snapshot.
    """
    snapshots = Snapshots(folder, lineage, keep=2)
    try:
        state = snapshots.newest()
    except SnapshotDamaged as fault:
        raise SnapshotDamaged(
            fault.what, hint=f"Take {folder} away and the stage is done again, or name a new folder with --to."
        ) from fault
    steps = recipe.max_train.count
    if state is not None and state.step >= steps:
        return state
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(learning, recipe, steps)
    saved, losses = time.monotonic(), []
    seconds = 0.0
    last: Step | None = None
    for step in learn(run, loss_at, state):
        losses.append(step.loss)
        seconds += step.seconds
        if step.index % STEPS_BETWEEN_LINES == 0 or step.index == steps:
            line = {
                "step": step.index,
                "pictures": step.pictures,
                "loss": round(sum(losses) / len(losses), 6),
                "pictures_per_second": round(step.pictures * len(losses) / seconds, 1),
                "learning_rate": step.learning_rate,
                "gradient_norm": round(step.gradient_norm, 4),
            }
            with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
            losses, seconds = [], 0.0
        if step.index == steps or time.monotonic() - saved > SECONDS_BETWEEN_SNAPSHOTS:
            snapshots.save(step.state())
            saved = time.monotonic()
        report(name, step.index, steps)
        each(step)
        last = step
    assert last is not None
    return last.state()
