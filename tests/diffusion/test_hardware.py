"""Is what we say of this machine possible?"""

from __future__ import annotations

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


def test_what_exact_weights_depend_on_is_written_down() -> None:
    assert {"torch", "diffusers", "peft", "threads", "processor"} <= hardware.environment().keys()
