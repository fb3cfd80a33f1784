"""Is a style what its record says?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from handstyle import digests
from handstyle.diffusion.checkpoints import write_tensors
from handstyle.errors import RecordDamaged
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import RECORD, WEIGHTS, BaseIdentity, TrainedStyle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = write_tensors(tmp_path / WEIGHTS, {"unet.a.lora_A.weight": torch.ones(2, 2)})
    TrainedStyle(
        name="style",
        base=BaseIdentity(name="base", family="stable-diffusion-1", sha256="b" * 64, licence="CC0-1.0"),
        collection="c" * 64,
        number_of_works=3,
        recipe=Recipe(snr_gamma=None),
        steps=7,
        resolution=16,
        tensors=digests.of_tensor_file(path),
        environment={"torch": "2"},
    ).save(tmp_path / RECORD)
    return tmp_path


def test_a_style_opens_as_it_was_saved(folder: Path) -> None:
    style = TrainedStyle.open(folder)
    assert (style.name, style.steps, style.recipe.snr_gamma) == ("style", 7, None)


def test_other_weights_beside_the_record_are_noticed(folder: Path) -> None:
    write_tensors(folder / WEIGHTS, {"unet.a.lora_A.weight": torch.full((2, 2), 1 + 1e-6)})
    with pytest.raises(RecordDamaged, match="does not hold the tensors its record names"):
        TrainedStyle.open(folder)


def test_a_note_in_the_file_does_not_make_it_another_style(folder: Path) -> None:
    write_tensors(folder / WEIGHTS, {"unet.a.lora_A.weight": torch.ones(2, 2)}, {"title": "renamed"})
    assert TrainedStyle.open(folder).name == "style"


@pytest.mark.parametrize("name", [RECORD, WEIGHTS])
def test_a_style_that_is_not_whole_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:-5])
    with pytest.raises(RecordDamaged, match=name):
        TrainedStyle.open(folder)
