"""Is what we say of this machine possible?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from handstyle.diffusion import hardware


def test_this_machine_is_described() -> None:
    here = hardware.hardware()
    assert here.device in ("cpu", "cuda")
    assert here.processor and here.cores >= 1 and here.memory > 1 << 28


def test_the_peak_of_memory_is_in_bytes_and_never_falls() -> None:
    before = hardware.peak_memory()
    held = bytearray(1 << 20)
    assert 1 << 24 < before <= hardware.peak_memory()
    del held


def test_what_exact_weights_depend_on_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    here = hardware.environment()
    versions = {"handstyle", "C library", "python", "torch", "numpy", "pillow", "safetensors", "diffusers",
                "transformers", "peft"}  # fmt: skip
    machine = {"system", "processor", "features", "capability", "threads", "device", "oneDNN", "MKL"}
    assert here.keys() == versions | machine | {"switches", "fp32 products"}
    assert all(here.values())
    assert here["oneDNN"] == "none" or here["oneDNN"] in torch.__config__.show()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    changed = {name: value for name, value in hardware.environment().items() if value != here[name]}
    assert changed == {"switches": "ONEDNN_MAX_CPU_ISA=AVX2", "threads": "7"}


@pytest.mark.parametrize(
    ("cpuinfo", "features"),
    [
        ("flags\t\t: fpu sse avx2 avx avx512f amx_bf16 fma rdseed\nflags\t\t: avx2", "amx_bf16 avx avx2 avx512f fma"),
        ("Features\t: fp asimd aes bf16 sve2", "asimd bf16 sve2"),
        ("nothing of the kind", "none"),
    ],
)
def test_the_instructions_that_round_are_told_from_the_others(
    cpuinfo: str, features: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *given, **named: cpuinfo)
    monkeypatch.setattr(Path, "exists", lambda path: True)
    assert hardware._features() == features


@pytest.mark.parametrize(
    ("cpuinfo", "fast"),
    [
        ("vendor_id : AuthenticAMD\nflags : avx512f avx512_bf16", True),
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16 amx_bf16 amx_tile", True),
        ("vendor_id : GenuineIntel\nflags : avx512f avx512_bf16 avx512_fp16", False),
        ("Features : fp asimd bf16", True),
        ("vendor_id : GenuineIntel\nflags : avx2", False),
    ],
)
def test_bf16_is_chosen_only_where_it_is_the_faster_precision(
    cpuinfo: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An Intel processor whose AMX is hidden multiplies bf16 at half the rate of fp32."""
    monkeypatch.setattr(Path, "read_text", lambda *given, **named: cpuinfo)
    monkeypatch.setattr(Path, "exists", lambda path: True)
    assert hardware._processor_multiplies_bf16() is fast
