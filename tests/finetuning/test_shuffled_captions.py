"""Do the parts of a caption change places, those that are to keep theirs do, and the words say what is trained on?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from handstyle import caching, planning, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.encoding.cache import Cache
from handstyle.finetuning.loop import Step
from handstyle.finetuning.material import Material, material_of
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.snapshots import Snapshots
from handstyle.finetuning.trainable import trainable
from handstyle.loading import current_collection
from handstyle.progress import silent
from handstyle.workspace import Workspace

SHUFFLED: dict[str, Any] = {"rank": 2, "mixed_precision": "no", "resolution": 16, "train_batch_size": 3,
                            "max_train": "4 steps", "shuffle_caption": True, "keep_tokens": 1}  # fmt: skip


def backwards(number: int) -> list[int]:
    return list(range(number))[::-1]


@pytest.mark.parametrize(
    ("keep", "words"),
    [(0, "d, c, b, a"), (1, "a, d, c, b"), (3, "a, b, c, d"), (9, "a, b, c, d")],
)
def test_so_many_parts_keep_their_place(keep: int, words: str) -> None:
    assert Recipe(shuffle_caption=True, keep_tokens=keep).shuffled("a, b,c ,, d", backwards) == words


@given(st.lists(st.text("abc ", min_size=1).filter(str.strip), max_size=6), st.integers(0, 7), st.randoms())
def test_no_part_is_lost_and_none_is_added(parts: list[str], keep: int, chance: Any) -> None:
    def order(number: int) -> list[int]:
        return list(chance.sample(range(number), number))

    found = Recipe(shuffle_caption=True, keep_tokens=keep).shuffled(",".join(parts), order)
    assert sorted(filter(None, found.split(", "))) == sorted(part.strip() for part in parts)


@pytest.fixture
def workspace(tmp_path: Path, six_works: Path) -> Workspace:
    lines = [f'{{"file_name": "{path.name}", "text": "{path.stem[:4]}, red, blue, green"}}'
             for path in sorted(six_works.glob("*.png"))]  # fmt: skip
    (six_works / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    found = Workspace(tmp_path / "workspace")
    stages.collect(found, six_works, read_rights_toml(six_works / "rights.toml"), validation=None)
    return found


@pytest.fixture
def material(workspace: Workspace, family: Any) -> Callable[[Recipe], Material]:
    def made(recipe: Recipe) -> Material:
        collection, folder = current_collection(workspace)
        caching.encode_for(workspace, collection, folder, family, recipe, silent)
        return material_of(collection, family, recipe, Cache(workspace.cache), None, silent)

    return made


def test_a_batch_says_what_its_conditioning_says_and_depends_on_its_step_alone(
    material: Callable[[Recipe], Material], family: Any
) -> None:
    recipe = Recipe().changed(**SHUFFLED, caption_dropout=0.2)
    learnt, seen = material(recipe), set()
    batches = [learnt.batch_at(step) for step in range(12)]
    for batch in batches:
        for text, conditioning_LD in zip(batch.texts, batch.conditioning_BLD, strict=True):
            with torch.no_grad():
                assert torch.equal(conditioning_LD, family.encode_texts([text])[0])
            if text:
                first, *rest = text.removesuffix(", hndst drawing").split(", ")
                assert len(first) <= 4 and sorted(rest) == ["blue", "green", "red"]
                seen.add(tuple(rest))
    assert len(seen) == 6, "every order comes"
    for step in (7, 2, 11):
        again = material(recipe).batch_at(step)
        assert again.texts == batches[step].texts
        assert torch.equal(again.conditioning_BLD, batches[step].conditioning_BLD)


def test_shuffling_changes_words_and_nothing_else(material: Callable[[Recipe], Material]) -> None:
    plain, shuffled = (material(Recipe().changed(**{**SHUFFLED, "shuffle_caption": on})) for on in (False, True))
    for step in range(4):
        one, other = plain.batch_at(step), shuffled.batch_at(step)
        assert one.names == other.names and [not t for t in one.texts] == [not t for t in other.texts]
        assert torch.equal(one.latents.mean_BCHW, other.latents.mean_BCHW)


def test_a_run_with_shuffled_captions_is_resumed_to_the_bit(
    material: Callable[[Recipe], Material], family: Any, tmp_path: Path
) -> None:
    from handstyle.finetuning.loop import finetune

    recipe, snapshots = Recipe().changed(**SHUFFLED), Snapshots(tmp_path, "lineage", keep=4)

    def steps(state: Any = None) -> list[Step]:
        found = []
        with trainable(family, recipe) as learning:
            for step in finetune(family, material(recipe).batch_at, learning, recipe, 4, state):
                snapshots.save(step.state()) if state is None else None
                found.append(step)
        return found

    losses = [step.loss for step in steps()]
    assert [step.loss for step in steps(snapshots.load(snapshots.paths()[1]))] == losses[2:]


@pytest.mark.parametrize("settings", [{"clip_skip": 1}, {"shuffle_caption": True}])
def test_a_style_is_trained_and_drawn_so(settings: dict[str, Any], workspace: Workspace, tiny_base: Path) -> None:
    quick = {**SHUFFLED, "shuffle_caption": False, "keep_tokens": 0, "max_train": "2 steps"}
    plain, one, other = (
        stages.finetune(planning.plan(workspace, tiny_base, settings={**quick, **more}), stop="max_train")
        for more in ({}, settings, {**settings, "seed": 1})
    )
    assert len({plain.tensors, one.tensors, other.tensors}) == 3
    pictures = [
        stages.generate(workspace, ["a cat"], base=tiny_base, styles=[one.run], settings=chosen).pictures[0]
        for chosen in ({"num_inference_steps": 2}, {"num_inference_steps": 2, "clip_skip": 1})
    ]
    shown = [Image.open(picture).convert("RGB").tobytes() for picture in pictures]
    assert (shown[0] == shown[1]) == (settings.get("clip_skip") == 1), "drawn as it was trained, unless told otherwise"
