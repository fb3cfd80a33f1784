"""Are latents that were halved those of halved pictures? What a grown denoiser meets inside depends on it.

    python -m benchmarks.base_growing --base BEGUN

`BEGUN` is a base that was begun (`handstyle originate base`), with latents of 64 and 128 pixels.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from handstyle.diffusion.checkpoints import read_tensors

PICTURES = 2000


def compared(small_NCHW: Tensor, large_NCHW: Tensor) -> dict[str, float]:
    """Deviations and correlation. Noise of deviation 1, halved in the same way, has 0.5."""
    halved_NCHW = torch.nn.functional.avg_pool2d(large_NCHW, 2)
    both = torch.stack([small_NCHW.flatten(), halved_NCHW.flatten()])
    return {
        "deviation of small": round(float(small_NCHW.std()), 3),
        "deviation of halved": round(float(halved_NCHW.std()), 3),
        "correlation": round(float(torch.corrcoef(both)[0, 1]), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", type=Path, required=True)
    options = parser.parse_args()
    small, large = (
        read_tensors(options.base / f"latents-{side}.safetensors")[0]["mean"][:PICTURES, 0].float()
        for side in (64, 128)
    )
    print(json.dumps(compared(small, large)))


if __name__ == "__main__":
    main()
