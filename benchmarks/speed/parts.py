"""What does each choice gain, taken alone?

    python -m benchmarks.speed.parts [--sd15]

Attention forward and backward both ways, by size; with --sd15 also one low-rank step of the U-Net at the shape of
SD 1.5 (512 pixels, batch 1, rank 16 on attention), its page faults and its work.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.speed import sd15_shape
from benchmarks.speed.limit import PRECISIONS, seconds
from handstyle.diffusion import attention, low_rank
from handstyle.diffusion.hardware import keep_freed_memory, usable_cores

SIZES = (
    (8, 3, 256, 256, 32),
    (1, 8, 256, 256, 160),
    (1, 8, 1024, 1024, 80),
    (1, 8, 4096, 4096, 40),
    (1, 8, 4096, 77, 40),
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
                nn.functional.scaled_dot_product_attention(q, k, v).sum().backward()

            ways = f"products {1e3 * seconds(products):7.1f} ms  kernel {1e3 * seconds(kernel):7.1f} ms"
            print(f"{precision:5} batch {batch} heads {heads} {queries:5} x {keys:<5}{ways}", flush=True)


def sd15_step() -> None:
    from diffusers import UNet2DConditionModel
    from torch.utils.flop_counter import FlopCounterMode

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

    attention.use_plain_attention(unet)
    said("matrix products", step)
    attention.use_faster_attention(unet)
    said("faster attention", step)
    said("faster attention, bf16", lambda: step("bf16"))
    keep_freed_memory()
    said("faster attention, freed memory kept", step)
    with FlopCounterMode(display=False) as counter:
        step()
    print(f"work counted in one step: {counter.get_total_flops() / 1e12:.2f} TFLOP")


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
    if options.sd15:
        sd15_step()


if __name__ == "__main__":
    main()
