"""How fast is handstyle beside diffusers' own scripts, on this machine?

    python -m benchmarks.speed --to bench.json --reference PATH [--only embedded_lora …] [--repeats 3]

PATH is a checkout of diffusers, whose `examples/dreambooth` import torchvision: both sides then run in the one
environment that has it. Without PATH the reference's columns are left out. The section `ratios` of the file is
replaced; what else is in it stays.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from pathlib import Path
from typing import Any

import psutil

from benchmarks.speed import finetuning, generation, limit, sd15_shape
from benchmarks.speed.finetuning import Setting, Task
from handstyle.demonstration import EXAMPLE
from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.diffusion.hardware import processor_name, usable_cores, use_all_cores

BUSY = 25  # per cent of the processors; above it, times would be worthless


def tasks(sd15: Path) -> dict[str, Task]:
    return {
        "embedded_lora": Task("embedded_lora", None, "lora", 64, 8, 60, rank=8),
        "embedded_full": Task("embedded_full", None, "full", 64, 8, 60),
        "sd15_lora": Task("sd15_lora", sd15, "lora", 512, 1, 6, works=8),
        "sd15_lora_prior": Task("sd15_lora_prior", sd15, "lora", 512, 1, 6, prior=True, works=8),
        "sd15_full": Task("sd15_full", sd15, "full", 256, 1, 6, works=8, in_backward=True),
    }


def measure(only: list[str], reference: Path | None, repeats: int, folder: Path) -> dict[str, Any]:
    use_all_cores()
    limits = limit.limits()
    precision = limit.faster_precision(limits)
    limit_here = max(limits[precision].values())
    setting = Setting(EXAMPLE / "works", EMBEDDED, precision, usable_cores(), folder, reference, limit_here)
    found: dict[str, Any] = {
        "machine": {
            "processor": processor_name(),
            "cores": usable_cores(),
            "memory_bytes": psutil.virtual_memory().total,
            "system": platform.platform(),
        },
        "limit_tflops": limits,
        "precision": precision,
        "repeats": repeats,
    }
    known = tasks(folder / "sd15")
    if any(name.startswith("sd15") for name in only):
        (folder / "sd15").mkdir()
        sd15_shape.save(folder / "sd15", EMBEDDED)
    for name in only:
        if name == "generation":
            found[name] = generation.compare(EMBEDDED, precision, repeats)
        else:
            found[name] = finetuning.compare(known[name], setting, repeats)
        print(line(name, found[name]), flush=True)
    return found


def line(name: str, found: dict[str, Any]) -> str:
    own, theirs = found["handstyle"], found.get("reference", {})
    columns = [name.ljust(16), f"{own['pictures_per_second']:9.2f} pictures/s"]
    if "seconds_in_all" in own:
        columns += [f"{own['seconds_in_all']:7.1f} s", f"{own['peak_memory_bytes'] / 1e9:5.2f} GB"]
    if "share_of_limit" in own:
        columns += [f"{own['share_of_limit']:4.0%} of the limit"]
    if theirs:
        columns += [f"reference {theirs['pictures_per_second']:8.2f} pictures/s", f"ratio {found['ratio']:.2f}"]
        if "memory_ratio" in found:
            columns += [f"{theirs['peak_memory_bytes'] / 1e9:5.2f} GB"]
        columns += [f"({theirs['options'] or 'as it comes'})"]
    return "  ".join(columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    names = [*tasks(Path()), "generation"]
    parser.add_argument("--to", type=Path, default=Path("bench.json"))
    parser.add_argument("--reference", type=Path, help="a checkout of diffusers")
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--busy", action="store_true", help="measure although the machine is not idle")
    options = parser.parse_args()
    if psutil.cpu_percent(interval=2) > BUSY and not options.busy:
        raise SystemExit("the machine is busy, so times would mean nothing; wait, or pass --busy")
    if options.reference is None:
        print("no --reference: the columns of diffusers' scripts are left out")
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(options.only, options.reference, options.repeats, Path(temporary))
    before = json.loads(options.to.read_text(encoding="utf-8")) if options.to.is_file() else {}
    ratios = {**before.get("ratios", {}), **found}
    options.to.write_text(json.dumps({**before, "ratios": ratios}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
