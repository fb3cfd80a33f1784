"""Does handstyle have one of the nine faults that were read in the reference scripts?

diffusers, `examples/dreambooth` and `examples/advanced_diffusion_training` at 58eb52c. One test a fault, each of which
fails where the fault is put in; docs/faults-of-others.md lists them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from handstyle.collection.intake import gather
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all
from handstyle.diffusion.noise import NoiseSchedule
from handstyle.encoding.cache import Cache
from handstyle.encoding.class_images import ClassImages, draw_class_images, drawn_examples
from handstyle.encoding.encode import encode_texts
from handstyle.finetuning.objective import batch_loss, loss_of
from handstyle.finetuning.trainable import trainable
from handstyle.publication.style_licence import licence_of_style


def test_the_page_lists_every_test_here() -> None:
    page = (Path(__file__).parents[2] / "docs" / "faults-of-others.md").read_text(encoding="utf-8")
    tests = [name for name in globals() if name.startswith("test_") and name != "test_the_page_lists_every_test_here"]
    assert len(tests) == 9 and not [name for name in tests if f"`{name}`" not in page]


def test_a_shuffled_order_never_gives_a_work_the_words_of_another(recipe: Any, material: Any) -> None:
    """`--cache_latents` with `shuffle=True`: latents were filled in one order and read in another (#14430)."""
    made = material(recipe(train_batch_size=3, caption_dropout=0.0))
    own = {example.name: example for example in made.works}
    orders = set()
    for step in range(10):
        batch = made.batch_at(step)
        orders.add(batch.names)
        for row, name in enumerate(batch.names):
            assert batch.texts[row] == own[name].text
            assert torch.equal(batch.conditioning_BLD[row], own[name].conditioning_LD)
            assert any(torch.equal(batch.latents.mean_BCHW[row], v.mean_BCHW) for v in own[name].variants)
    assert len(orders) > 5, "the order must change for this test to mean anything"


@pytest.mark.parametrize("rows", [1, 2])
def test_min_snr_weights_each_work_and_each_class_image_by_its_own(rows: int, recipe: Any, material: Any) -> None:
    """`snr_gamma` with prior preservation: 2B weights met B losses; one row was weighted wrongly, more crashed."""
    batch = material(recipe(train_batch_size=rows, with_prior_preservation=True, prior_loss_weight=1.0)).batch_at(0)
    missed = torch.arange(1.0, 2 * rows + 1)
    predicted = missed.sqrt()[:, None, None, None].expand(-1, 4, 8, 8)
    weights = torch.linspace(0.1, 0.9, 2 * rows)
    expected = (missed * weights)[:rows].mean() + (missed * weights)[rows:].mean()
    assert torch.isclose(loss_of(batch, predicted, torch.zeros_like(predicted), weights), expected)


def test_min_snr_for_v_is_the_papers() -> None:
    """`min(snr, gamma) / snr + 1` in one script, `min(snr, gamma) / (snr + 1)` in another (Hang et al. 2023)."""
    signal = torch.tensor([0.999, 0.9, 0.5, 0.1])
    snr = signal.double() / (1 - signal.double())
    weights = NoiseSchedule(signal, "v_prediction").min_snr_weight(torch.arange(4), 5.0)
    torch.testing.assert_close(weights, (snr.clamp(max=5.0) / (snr + 1)).float())
    assert (weights <= 1).all(), "the other formula gives more than one"


def test_what_learns_stays_in_fp32_under_bf16(family: Any, recipe: Any, material: Any) -> None:
    """LoRA weights were cast up under `fp16` alone, so that AdamW worked on bf16 weights under `bf16`."""
    chosen = recipe(mixed_precision="bf16", train_text_encoder=True)
    with trainable(family, chosen) as learning:
        batch = material(chosen).batch_at(0)
        loss = batch_loss(batch, family, seed=0, step=0, snr_gamma=5.0, precision="bf16", live_text=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in learning.parameters.values():
            assert parameter.dtype == torch.float32 and parameter.grad is not None
            assert parameter.grad.dtype == torch.float32


def test_texts_of_any_length_share_a_batch(family: Any, tmp_path: Path) -> None:
    """`--text_encoder_use_attention_mask` left a list in the batch, on which `.to()` was called."""
    texts, cache = ["a", "", "a red boat on a blue lake", "word " * 60], Cache(tmp_path)
    assert len(list(encode_texts(texts, family, cache))) == 4
    with torch.no_grad():
        together = family.encode_texts(texts)
        alone = torch.cat([family.encode_texts([text]) for text in texts])
    assert isinstance(together, torch.Tensor)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "other", [{"prompt": "icon"}, {"base": "another base"}], ids=["another prompt", "another base"]
)
def test_class_images_of_another_prompt_or_base_are_not_used_again(
    other: dict[str, str], family: Any, tmp_path: Path
) -> None:
    """They were counted, and enough files of whatever kind were taken."""
    plan, cache = ClassImages("drawing", "base", 16, 3, 2, 3.0, 0.7, "no", False), Cache(tmp_path)
    assert list(draw_class_images(plan, 2, family, cache))[-1] == 2
    changed = replace(plan, **other)
    assert drawn_examples(changed, 2, family, cache) == []
    assert next(draw_class_images(changed, 2, family, cache)) == 0, "none is there yet"


def test_notes_between_the_works_are_no_works_and_the_folder_has_no_order(tmp_path: Path) -> None:
    """`iterdir()` took any file, in the order of the file system: a `.txt` or a `.DS_Store` crashed the run."""
    folders = [tmp_path / "one", tmp_path / "other"]
    names = ["b.png", "a.png", "c.png"]
    for folder, order in zip(folders, (names, names[::-1]), strict=True):
        folder.mkdir()
        (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
        (folder / "a.txt").write_text("a red square", encoding="utf-8")
        for name in order:
            Image.new("RGB", (8, 8), {"a": "red", "b": "green", "c": "blue"}[name[0]]).save(folder / name)
    found = [gather(folder, rights=for_all(own_work("Ada")), validation=None).collection for folder in folders]
    assert [[work.name for work in each.works] for each in found] == [sorted(names)] * 2
    assert found[0].digest == found[1].digest and found[0].works[0].caption == "a red square"


def test_a_resumed_run_sees_the_works_it_would_have_seen(recipe: Any, run: Any) -> None:
    """The current epoch began anew, so that works were seen twice and others not at all."""
    chosen = recipe(train_batch_size=2)  # five works: no epoch ends with a step
    stopped: list[Any] = []

    def keep(step: Any) -> None:
        if step.index == 4:
            stopped.append(step.state().copied())

    whole, _ = run(chosen, watch=keep)
    rest, _ = run(chosen, state=stopped[0])
    assert [step.loss for step in rest] == [step.loss for step in whole[4:]]


@pytest.mark.parametrize(
    ("works", "base", "licence"),
    [("Apache-2.0", "Apache-2.0", "Apache-2.0"), ("CC-BY-4.0", "creativeml-openrail-m", "creativeml-openrail-m"),
     ("CC-BY-4.0", "openrail++", "openrail++")],
)  # fmt: skip
def test_the_licence_on_the_card_follows_from_works_and_base(works: str, base: str, licence: str) -> None:
    """It was `creativeml-openrail-m`, whatever the base. (Their card forgot its pictures, too: ours points to the
    report that has them, and tests/publication/test_card.py holds that.)"""
    assert licence_of_style({works}, base, permitted=False, commercial=True).name.lower() == licence.lower()
