"""Does the environment get what it should, and does a person learn what to do when it cannot?"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/set_up.py, on Linux without a graphics card, with nothing said about where torch comes from."""
    spec = importlib.util.spec_from_file_location("set_up", ROOT / "tools" / "set_up.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("shutil.which", lambda name: None)
    return module


def pip_would_bring(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    report = json.dumps({"install": [{"metadata": {"name": name}} for name in names]})
    answer = SimpleNamespace(returncode=0, stdout=report)
    monkeypatch.setattr(subprocess, "run", lambda *command, **options: answer)


def requirements() -> list[Requirement]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    groups = [project["project"]["dependencies"], *extras, *project["dependency-groups"].values()]
    return [Requirement(line) for group in groups for line in group]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("requirement", requirements(), ids=lambda requirement: requirement.name)
def test_every_requirement_is_pinned_to_a_version_it_allows(requirement: Requirement) -> None:
    version = pins().get(canonicalize_name(requirement.name))
    assert version is not None, f"constraints.txt does not name {requirement.name}"
    assert requirement.specifier.contains(version)


def test_make_brings_every_package_without_which_a_test_would_be_skipped() -> None:
    asked = {
        canonicalize_name(package)
        for path in (ROOT / "tests").rglob("test_*.py")
        for package in re.findall(r"importorskip\(\s*\"(\w+)", path.read_text(encoding="utf-8"))
    }
    assert {"tensorboard", "bitsandbytes"} <= asked
    called = {"c2pa": "c2pa-python", "cyclonedx": "cyclonedx-python-lib"}
    assert {called.get(package, package) for package in asked} <= {
        canonicalize_name(requirement.name) for requirement in requirements()
    }


def test_pins_hold_for_every_build_and_every_place_packages_come_from() -> None:
    assert all(re.fullmatch(r"[0-9a-z.]+", version) for version in pins().values())


def test_an_old_python_is_told_what_to_name(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_up, "OLDEST", (99, 0))
    with pytest.raises(SystemExit, match=r"PYTHON=python3"):
        set_up.check_python()


def test_a_python_without_venv_is_told_the_one_line_that_brings_it(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="sudo apt-get install python3-venv"):
        set_up.check_python()


def test_torch_comes_from_where_pip_looks_when_that_brings_no_cuda(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_would_bring(monkeypatch, "torch", "numpy")
    assert set_up.torch_index() == []


def test_cuda_is_not_brought_to_a_machine_that_cannot_use_it(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_would_bring(monkeypatch, "torch", "nvidia-cudnn-cu13")
    assert set_up.torch_index() == ["--extra-index-url", set_up.CPU_INDEX]


def test_cuda_is_brought_to_a_machine_that_can_use_it(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pip_would_bring(monkeypatch, "torch", "nvidia-cudnn-cu13")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert set_up.torch_index() == []


def test_a_named_index_is_taken_at_its_word(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_INDEX", "https://example.org/wheels")
    assert set_up.torch_index() == ["--extra-index-url", "https://example.org/wheels"]


def test_a_torch_that_cannot_compute_here_stops_the_set_up(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = SimpleNamespace(returncode=1, stderr="this is the CUDA build of torch, and there is no CUDA device here\n")
    monkeypatch.setattr(subprocess, "run", lambda *command, **options: answer)
    with pytest.raises(SystemExit, match="no CUDA device here") as stopped:
        set_up.check_torch()
    assert "TORCH_INDEX=" in str(stopped.value)
