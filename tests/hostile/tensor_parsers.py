"""Which parsers read tensors, and the bases, caches and snapshots that are made of them?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hostile import mutations
from tests.hostile.bench import (
    LARGEST_EXAMPLE,
    Bench,
    all_in,
    by_suffix,
    in_folder,
    mutating,
    of_one_file,
)

from handstyle import digests

if TYPE_CHECKING:
    pass


def tensor_files(folder: Path) -> Bench:
    """Without torch and with it: what both read must be the same."""
    from tests.publication.ingredients import low_rank_tensors

    from handstyle import tensor_files as ours
    from handstyle.diffusion.checkpoints import read_tensors

    whole = ours.write_tensors(folder / "whole.safetensors", low_rank_tensors(), {"format": "pt", "ä": '{"a": 1}'})
    small = ours.write_tensors(
        folder / "small.safetensors", {"a": ours.scalar(1.5), "b": ours.Tensor("BF16", (0, 2), b"")}, {}
    )

    def read(path: Path) -> object:
        digest = digests.of_tensor_file(path)
        with ours.tensors_in(path) as tensors:
            assert ours.digest(tensors) == digest
            shapes = {name: tensor.shape for name, tensor in tensors.items()}
        metadata = ours.metadata_of(path)
        loaded, told = read_tensors(path)
        assert {name: tuple(value.shape) for name, value in loaded.items()} == shapes and told == metadata
        return None

    examples = [whole.read_bytes(), small.read_bytes()]
    return of_one_file("style.safetensors", examples, read, mutations.tensorwise)(folder)


def cache(folder: Path) -> Bench:
    """A damaged entry counts as missing: what comes out is what went in, or nothing."""
    import torch

    from handstyle.encoding.cache import Cache

    key, held = "ab" + "c" * 62, {"mean": torch.arange(12.0).reshape(1, 3, 4), "std": torch.ones(1, 3, 4)}
    shelf = Cache(folder / "given")
    shelf.put(key, held, width=8)
    path = shelf.path(key)

    def read() -> object:
        for like in (None, {name: tuple(value.shape) for name, value in held.items()}):
            found = shelf.get(key, like)
            assert found is None or all(torch.equal(found[name], value) for name, value in held.items())
        return "missing" if found is None else "found"

    return Bench([path.read_bytes()], path.write_bytes, read, folder / "given", mutations.tensorwise)


def snapshots(folder: Path) -> Bench:
    import torch

    from handstyle.finetuning.snapshots import KINDS, Snapshots, State

    parts = [{"unet.a": torch.arange(6.0) + place, "unet.b": torch.ones(2, 2)} for place in range(3)]
    state = State(4, *parts, {})
    kept = Snapshots(folder / "given", "l" * 64)
    path = kept.save(state)

    def read() -> object:
        found = kept.newest()
        assert found is not None and found.step == state.step
        for kind in KINDS:
            one, other = getattr(found, kind), getattr(state, kind)
            assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
        return None

    return Bench([path.read_bytes()], path.write_bytes, read, folder / "given", mutations.tensorwise)


def bases(folder: Path) -> Bench:
    """The configurations, vocabularies and card of a base: it draws and encodes, or says why not."""
    from tests.conftest import save_tiny_base

    from handstyle import stages
    from handstyle.diffusion.catalogue import load
    from handstyle.workspace import Workspace

    given = save_tiny_base(folder / "base")
    (given / "handstyle.toml").write_text('name = "small"\nlicence = "MIT"\nnum_inference_steps = 2\n')
    files = {name: content for name, content in all_in(given).items() if not name.endswith(".safetensors")}
    examples, put, restore = in_folder(files, given)

    def read() -> object:
        import torch

        for place in ("workspace", "pictures"):
            shutil.rmtree(folder / place, ignore_errors=True)
        stages.generate(
            Workspace(folder / "workspace"), ["a boat"], base=given, styles=["none"], to=folder / "pictures",
            settings={"num_inference_steps": 1},
        )  # fmt: skip
        family = load(given)
        family.encode_pixels(torch.zeros(1, 3, family.pixel_multiple, family.pixel_multiple))
        assert family.low_rank_targets(["attention"]) and family.text_digest()
        return None

    short = [example for example in examples if len(example) < LARGEST_EXAMPLE]
    return Bench(short, put, read, given, mutating(by_suffix), restore)
