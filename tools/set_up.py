"""How does .venv come to hold what pyproject.toml and constraints.txt ask for?

    python3 tools/set_up.py            what handstyle needs to run
    python3 tools/set_up.py --test     and what its tests need

`make` calls this when .venv is missing or stale; it needs nothing but Python. The environment variable TORCH_INDEX
may name a package index to take torch from.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PIP_INSTALL = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-c", "constraints.txt"]
OLDEST = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

GUARD = """
import importlib.metadata as packages, torch
cpu = torch.version.cuda is None
if not cpu and not torch.cuda.is_available():
    raise SystemExit("this is the CUDA build of torch, and there is no CUDA device here")
strays = sorted(name for d in packages.distributions() if (name := str(d.name)).startswith("nvidia-")) if cpu else []
if strays:
    raise SystemExit("this is the CPU build of torch, and yet there are " + ", ".join(strays))
print("torch", torch.__version__)
"""


def stop(what: str, hint: str) -> NoReturn:
    raise SystemExit(f"\n{what}\n{hint}")


def check_python() -> None:
    if sys.version_info < OLDEST:
        stop(
            f"handstyle needs Python 3.11 or later; {sys.executable} is {sys.version.split()[0]}.",
            "Name a later one, for example: make demo PYTHON=python3.12",
        )
    if importlib.util.find_spec("ensurepip") is None:
        stop("This Python cannot make a virtual environment.", "On Debian or Ubuntu: sudo apt-get install python3-venv")


def usable(python: Path) -> bool:
    question = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
    return python.exists() and subprocess.run([python, "-c", question], capture_output=True).returncode == 0


def install(*what: str) -> None:
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    if subprocess.run([*PIP_INSTALL, *quiet, *what], cwd=ROOT).returncode != 0:
        stop("pip did not finish; its reason is above.", "Check the connection and the space on disk, then try again.")


def torch_index() -> Sequence[str]:
    """Where torch comes from: what TORCH_INDEX says, else pip's own index, unless that would bring CUDA for nobody."""
    if named := os.environ.get("TORCH_INDEX"):
        return ["--extra-index-url", named]
    if sys.platform != "linux" or shutil.which("nvidia-smi"):
        return []
    return ["--extra-index-url", CPU_INDEX] if any(name.startswith("nvidia-") for name in torch_would_bring()) else []


def torch_would_bring() -> list[str]:
    """What pip would install for torch, without doing it; nothing when torch is there."""
    command = [*PIP_INSTALL, "--dry-run", "--quiet", "--report", "-", "torch"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return [item["metadata"]["name"] for item in json.loads(answer.stdout)["install"]] if answer.returncode == 0 else []


def check_torch() -> None:
    answer = subprocess.run([PYTHON, "-c", GUARD], capture_output=True, text=True)
    if answer.returncode != 0:
        stop(
            f"torch is not as it should be: {(answer.stderr.strip() or 'it does not start').splitlines()[-1]}.",
            f"Remove {VENV} and name where the build for this machine is, for the CPU: TORCH_INDEX={CPU_INDEX}",
        )
    print(answer.stdout.strip(), flush=True)


def what_tests_need() -> list[str]:
    import tomllib  # not before check_python: an older Python lacks it

    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [*groups["test"], *groups["records"]]


def main() -> None:
    check_python()
    if not usable(PYTHON):
        print("making .venv", flush=True)
        if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV]).returncode != 0:
            stop(f"{VENV} could not be made; the reason is above.", "Mend that, then run it again.")
    print("torch first, alone (about 200 MB where it is not here yet)", flush=True)
    install(*torch_index(), "torch")
    check_torch()
    print("then the rest", flush=True)
    if "--test" in sys.argv[1:]:
        install("-e", ".[publish,originate]", *what_tests_need())
    else:
        install("-e", ".")


if __name__ == "__main__":
    main()
