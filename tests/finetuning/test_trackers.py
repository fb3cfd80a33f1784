"""Does a run appear in other tools with its numbers, and with nothing of the works?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from handstyle.errors import UsageMistake
from handstyle.finetuning.observers import LoggedStep
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trackers import tracker, values_of

LINE = LoggedStep(step=3, loss=0.5, learning_rate=1e-4, gradient_norm=0.2, seconds=0.1)


class Told:
    """In place of a tool: what it hears."""

    def __init__(self, *where: Any, **how: Any) -> None:
        self.where, self.how, self.heard = where, how, [("made", None)]
        Told.last = self

    last: Told

    def start(self) -> None:
        print("Welcome!")
        self.heard.append(("started", None))

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.heard.append(("recipe", values))

    def log(self, values: dict[str, Any], step: int | None = None) -> None:
        self.heard.append((f"step {step}", values))

    def finish(self) -> None:
        self.heard.append(("finished", None))


@pytest.mark.parametrize("tool", ["tensorboard", "trackio", "wandb"])
def test_a_tool_hears_of_the_recipe_and_the_steps_and_of_the_end(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate import tracking

    monkeypatch.delenv("WANDB_MODE", raising=False)
    names = {"tensorboard": "TensorBoardTracker", "trackio": "TrackioTracker", "wandb": "WandBTracker"}
    monkeypatch.setattr(tracking, names[tool], Told)
    with pytest.raises(KeyboardInterrupt), tracker(tool, tmp_path / "run", Recipe(lora_blocks=("style",))) as beside:
        assert beside is not None
        beside.log(values_of(LINE), step=3)
        raise KeyboardInterrupt
    assert [what for what, _ in Told.last.heard] == ["made", "started", "recipe", "step 3", "finished"]
    recipe = dict(Told.last.heard)["recipe"]
    assert recipe and recipe["rank"] == 8 and all(isinstance(value, str | int | float) for value in recipe.values())
    if tool == "wandb":
        assert os.environ["WANDB_MODE"] == "offline"


def test_what_a_tool_says_does_not_mix_with_our_own_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from accelerate import tracking

    monkeypatch.setattr(tracking, "TrackioTracker", Told)
    with tracker("trackio", tmp_path / "run", Recipe()):
        pass
    told = capsys.readouterr()
    assert "Welcome!" in told.err and not told.out


def test_a_tool_may_use_the_log_of_accelerate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the tracker of wandb does, which raises where nobody has told it which process this is."""
    from accelerate import state, tracking

    class Logging(Told):
        def start(self) -> None:
            tracking.logger.debug("Initialized")

    monkeypatch.setattr(tracking, "WandBTracker", Logging)
    monkeypatch.setenv("WANDB_MODE", "offline")
    state.PartialState._reset_state()
    with tracker("wandb", tmp_path / "run", Recipe()) as beside:
        assert beside is not None


def test_without_a_tool_nobody_hears(tmp_path: Path) -> None:
    with tracker(None, tmp_path, Recipe()) as beside:
        assert beside is None


def test_a_tool_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "trackio", None)
    with pytest.raises(UsageMistake, match="trackio is not installed"), tracker("trackio", tmp_path, Recipe()):
        pass


def test_gains_stand_only_where_they_were_measured() -> None:
    assert not any(name.startswith("held_out") for name in values_of(LINE))
    measured = LINE.model_copy(update={"held_out": 0.3, "gain": 0.02})
    assert values_of(measured)["held_out/gain"] == 0.02


def test_tensorboard_itself_writes_what_it_hears(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tracker("tensorboard", tmp_path / "run", Recipe()) as beside:
        assert beside is not None
        beside.log(values_of(LINE), step=3)
    found = EventAccumulator(str(tmp_path / "run" / "tensorboard" / "run"))
    found.Reload()
    (loss,) = found.Scalars("train/loss")
    assert (loss.step, loss.value) == (3, 0.5)
