"""What does each choice gain, taken alone?

    python -m benchmarks.speed.parts [--sd15]

Attention and single layers, forward and backward, by size; with --sd15 also one low-rank step of the U-Net at the
shape of SD 1.5 (512 pixels, batch 1, rank 16 on attention) and its page faults.
"""

from __future__ import annotations

import argparse
import copy
import resource
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from benchmarks.speed import sd15_shape
from benchmarks.speed.limit import PRECISIONS, seconds
from handstyle.diffusion import attention, faster_layers, group_norm, low_rank
from handstyle.diffusion.hardware import keep_freed_memory, usable_cores

SIZES = (
    (8, 3, 256, 256, 32),
    (1, 8, 256, 256, 160),
    (1, 8, 1024, 1024, 80),
    (1, 8, 4096, 4096, 40),
    (1, 8, 4096, 77, 40),
)
LAYERS: tuple[tuple[str, Callable[[], nn.Module], tuple[int, ...]], ...] = (
    ("3x3, 1280 channels, 16 x 16", lambda: nn.Conv2d(1280, 1280, 3, padding=1), (1, 1280, 16, 16)),
    ("3x3, 320 channels, 64 x 64", lambda: nn.Conv2d(320, 320, 3, padding=1), (1, 320, 64, 64)),
    ("3x3, 96 channels, 8 of 16 x 16", lambda: nn.Conv2d(96, 96, 3, padding=1), (8, 96, 16, 16)),
    ("linear, 320 -> 320, 4096 rows", lambda: nn.Linear(320, 320), (4096, 320)),
    ("group norm, 320 channels, 64 x 64", lambda: nn.GroupNorm(32, 320), (1, 320, 64, 64)),
    ("group norm, 96 channels, 8 of 16 x 16", lambda: nn.GroupNorm(32, 96), (8, 96, 16, 16)),
)


def attention_both_ways() -> None:
    for precision, dtype in PRECISIONS.items():
        for batch, heads, queries, keys, width in SIZES:
            q, k, v = (
                torch.randn(batch, heads, rows, width, dtype=dtype, requires_grad=True)
                for rows in (queries, keys, keys)
            )

            def products(q: torch.Tensor = q, k: torch.Tensor = k, v: torch.Tensor = v) -> None:
                scores = (q.flatten(0, 1) @ k.flatten(0, 1).transpose(1, 2)) * q.shape[-1] ** -0.5
                (scores.softmax(-1) @ v.flatten(0, 1)).sum().backward()

            def kernel(q: torch.Tensor = q, k: torch.Tensor = k, v: torch.Tensor = v) -> None:
                nn.functional.scaled_dot_product_attention(q, k, v).sum().backward()  # type: ignore[no-untyped-call]

            def blocks(q: torch.Tensor = q, k: torch.Tensor = k, v: torch.Tensor = v) -> None:
                one, two, three = (part.flatten(0, 1) for part in (q, k, v))
                attention.attention(one, two, three, q.shape[-1] ** -0.5).sum().backward()  # type: ignore[no-untyped-call]

            ways = "  ".join(f"{way.__name__} {1e3 * seconds(way):7.1f} ms" for way in (products, kernel, blocks))
            print(f"{precision:5} batch {batch} heads {heads} {queries:5} x {keys:<5}{ways}", flush=True)


def attention_without_a_way_back() -> None:
    """Of a picture with guidance by the embedded base, and of 64 of them: in blocks, and in the fused kernel."""
    for batch, heads, queries, keys in ((2, 6, 16, 16), (2, 6, 16, 77), (2, 9, 4, 77), (128, 6, 16, 77)):
        q, k, v = (torch.randn(batch, rows, heads * 32).bfloat16() for rows in (queries, keys, keys))

        def in_blocks(
            q: torch.Tensor = q, k: torch.Tensor = k, v: torch.Tensor = v, batch: int = batch, heads: int = heads
        ) -> torch.Tensor:
            one, two, three = (x.reshape(batch, -1, heads, 32).transpose(1, 2).flatten(0, 1) for x in (q, k, v))
            mixed = attention.attention(one, two, three, 32**-0.5)
            return mixed.reshape(batch, heads, -1, 32).transpose(1, 2).flatten(2)

        with torch.no_grad():
            times = [1e6 * seconds(way, 200) for way in (in_blocks, partial(attention.fused, q, k, v, heads, 32**-0.5))]
        name = f"attention, batch {batch}, {heads} heads, {queries} x {keys}, drawing"
        print(f"{'bf16':5} {name:50} blocks {times[0]:6.0f} us  fused {times[1]:6.0f} us", flush=True)


def layers_both_ways() -> None:
    """Forward and back to the input, as diffusers has them and exchanged."""
    for precision, dtype in PRECISIONS.items():
        for name, make, shape in LAYERS:
            plain = make().requires_grad_(False).to(dtype)
            faster = nn.Sequential(copy.deepcopy(plain))
            faster_layers.exchange(faster)
            times = []
            for layer, layout in ((plain, torch.contiguous_format), (faster, torch.channels_last)):
                x = torch.randn(shape, dtype=dtype)
                x = (x.contiguous(memory_format=layout) if x.ndim == 4 else x).requires_grad_()
                y = layer(x).detach()
                times.append(1e3 * seconds(lambda x=x, y=y, layer=layer: layer(x).backward(y)))  # type: ignore[misc]
            print(f"{precision:5} {name:38} {times[0]:7.2f} ms  exchanged {times[1]:7.2f} ms", flush=True)


def norms_without_a_way_back() -> None:
    """In bf16, channels side by side: in one pass, as where there is a way back, and as they are when drawing."""
    for shape in ((2, 96, 16, 16), (2, 288, 2, 2), (128, 96, 16, 16), (4, 32, 128, 128)):
        x = torch.randn(shape, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
        layer = group_norm.ChannelsLastGroupNorm(32, shape[1]).bfloat16().requires_grad_(False)

        def one_pass(x: torch.Tensor = x, layer: nn.GroupNorm = layer) -> None:
            group_norm.GroupNorm.apply(x, layer.weight, layer.bias, 32, layer.eps)  # type: ignore[no-untyped-call]

        with torch.no_grad():
            times = [1e3 * seconds(way) for way in (one_pass, lambda x=x, layer=layer: layer(x))]
        name = f"group norm, {shape[0]} of {' x '.join(map(str, shape[1:]))}, drawing"
        print(f"{'bf16':5} {name:38} {times[0]:7.2f} ms  exchanged {times[1]:7.2f} ms", flush=True)


def small_grids() -> None:
    """Convolutions that learn, in bf16, a batch of 64: forward and back to input and weights."""
    for into, out, side in ((288, 288, 2), (576, 288, 2), (480, 192, 4)):
        plain = nn.Conv2d(into, out, 3, padding=1)
        faster = nn.Sequential(copy.deepcopy(plain))
        faster_layers.exchange(faster)
        x, y = torch.randn(64, into, side, side, requires_grad=True), torch.randn(64, out, side, side).bfloat16()

        def both_ways(layer: nn.Module, x: torch.Tensor = x, y: torch.Tensor = y) -> None:
            with torch.autocast("cpu", torch.bfloat16):
                found = layer(x)
            found.backward(y)

        times = [1e3 * seconds(partial(both_ways, layer)) for layer in (plain, faster)]
        name = f"3x3, {into} to {out}, 64 of {side} x {side}, learning"
        print(f"{'bf16':5} {name:38} {times[0]:7.2f} ms  exchanged {times[1]:7.2f} ms", flush=True)


def sd15_step() -> None:
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(**sd15_shape.UNET)
    unet.load_state_dict(sd15_shape.by_chance(unet), assign=True)
    unet.requires_grad_(False)
    layers = [
        name
        for name, _ in unet.named_modules()
        if ".attn" in name and name.endswith(("to_q", "to_k", "to_v", "to_out.0"))
    ]
    low_rank.attach_trainable(unet, layers, 16, 16, 0.0)
    latents, words, level = torch.randn(1, 4, 64, 64), torch.randn(1, 77, 768), torch.tensor([500])

    def step(precision: str = "no") -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            predicted = unet(latents, level, words).sample
        predicted.float().square().mean().backward()

    for precision in PRECISIONS:
        said(f"{precision}, as diffusers and PEFT compute it", lambda precision=precision: step(precision))  # type: ignore[misc]
    keep_freed_memory()
    low_rank.detach_trainable(unet)
    faster_layers.exchange(unet)
    low_rank.attach_trainable(unet, layers, 16, 16, 0.0)
    for precision in PRECISIONS:
        said(f"{precision}, as handstyle does", lambda precision=precision: step(precision))  # type: ignore[misc]


def said(what: str, step: Callable[[], None]) -> None:
    step()
    faults, began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
    step()
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    print(f"{what:36} {took:6.2f} s  {after - faults:8} page faults", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sd15", action="store_true")
    torch.set_num_threads(usable_cores())
    options = parser.parse_args()
    attention_both_ways()
    attention_without_a_way_back()
    layers_both_ways()
    norms_without_a_way_back()
    small_grids()
    if options.sd15:
        sd15_step()


if __name__ == "__main__":
    main()
