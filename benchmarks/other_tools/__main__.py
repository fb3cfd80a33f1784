"""What do other tools compute from the files of a release? `python -m benchmarks.other_tools FOLDER`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks.other_tools import made
from handstyle.generation.generate import attached
from handstyle.loading import load_base

TOOLS = ("comfyui", "forge", "sd-scripts")
EQUAL = 1e-3  # of the largest change that the style makes


def prepare(folder: Path) -> None:
    """The files, the questions, and what handstyle itself answers."""
    folder.mkdir(parents=True)
    base = made.base(folder)
    styles = {name: made.trained(folder, base, name) for name in made.STYLES}
    cases = {"the base": made.Case(base)}
    for name, style in styles.items():
        cases |= made.cases_of(name, style, base)
    cases["lora, merged into a checkpoint"] = made.Case(made.merged(folder, base, styles["lora"]), "lora")
    torch.manual_seed(0)
    loaded = load_base(base)
    latents = torch.randn(1, *loaded.latent_shape(made.SIDE, made.SIDE))
    save_file({"latents": latents, "tokens": made.tokens(loaded.tokenizers[0])}, folder / "question.safetensors")
    answers: dict[str, Tensor] = {}
    for name in ("", *styles):
        with attached(styles[name].worn(loaded) if name else [], loaded):
            for what, tensor in made.answer(loaded, made.words_of(name), latents).items():
                answers[f"{name}/{what}"] = tensor.contiguous()
    save_file(answers, folder / "expected.safetensors")
    written = {
        "timestep": made.TIMESTEP,
        "new_word": made.NEW_WORD,
        "cases": {name: case.as_json() for name, case in cases.items()},
    }
    (folder / "cases.json").write_text(json.dumps(written, indent=1) + "\n")


def ask(tool: str, checkout: Path, python: str, folder: Path) -> dict[str, Tensor]:
    script = Path(__file__).with_name(f"in_{tool.replace('-', '_')}.py")
    answers = folder / f"found-{tool}.safetensors"
    done = subprocess.run(
        [python, str(script), str(checkout), str(folder), str(answers)],
        cwd=folder, env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{tool} ended with {done.returncode}")
    found: dict[str, Tensor] = load_file(answers)
    return found


def compared(folder: Path, found: dict[str, Tensor]) -> dict[str, dict[str, Any]]:
    """Case -> largest difference from what was trained, as a share of the largest change that the style makes."""
    expected = load_file(folder / "expected.safetensors")
    cases = json.loads((folder / "cases.json").read_text())["cases"]
    rows: dict[str, dict[str, Any]] = {}
    for name, case in cases.items():
        row: dict[str, Any] = {}
        for what in ("conditioning", "prediction"):
            ours, theirs = expected[f"{case['style']}/{what}"], found.get(f"{name}/{what}")
            before = expected[f"/{what}"]
            change = (ours - before).abs().max()
            unit = change if change > 0 else ours.abs().max()  # the base, or a style that leaves the words alone
            row[what] = None if theirs is None else float((theirs - ours).abs().max() / unit)
        rows[name] = row
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for what is made; gigabytes")
    for tool in TOOLS:
        parser.add_argument(f"--{tool}", type=Path, metavar="CHECKOUT")
        parser.add_argument(f"--{tool}-python", default=sys.executable, metavar="PYTHON")
    options = parser.parse_args()
    folder = options.folder.resolve()
    if not (folder / "cases.json").is_file():
        prepare(folder)
    for tool in TOOLS:
        attribute = tool.replace("-", "_")
        checkout = getattr(options, attribute)
        if checkout is None:
            continue
        found = ask(tool, checkout.resolve(), getattr(options, f"{attribute}_python"), folder)
        for name, row in compared(folder, found).items():
            told = ", ".join(f"{what} {'—' if share is None else f'{share:.1e}'}" for what, share in row.items())
            differs = any(share is not None and share > EQUAL for share in row.values())
            print(f"{tool}: {name}: {told}{': IT DIFFERS' if differs else ''}")


if __name__ == "__main__":
    main()
