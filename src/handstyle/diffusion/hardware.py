"""Which device is there, how precisely does it compute, and how much memory has it?"""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch


@dataclass(frozen=True)
class Hardware:
    device: str
    processor: str
    cores: int  # that this process may use
    memory: int  # bytes
    fast_bf16: bool

    @property
    def threads(self) -> int:
        return self.cores


def hardware() -> Hardware:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        memory, fast = properties.total_memory, torch.cuda.is_bf16_supported()
    else:
        memory, fast = psutil.virtual_memory().total, _processor_multiplies_bf16()
    return Hardware(device, processor_name(), usable_cores(), memory, fast)


def usable_cores() -> int:
    """Physical cores, or fewer when this process is confined: a second thread on a core slows matrix products."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def use_all_cores() -> None:
    torch.set_num_threads(usable_cores())


def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _processor_multiplies_bf16() -> bool:
    """AVX-512 BF16, AMX or Arm's BF16; elsewhere bf16 is emulated and slower than fp32."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
        return bool(flags & {"amx_bf16", "avx512_bf16", "bf16"})
    return False


def peak_memory() -> int:
    """Bytes this process has held at most."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def environment() -> dict[str, str]:
    """What the exact weights of a run depend on besides its inputs."""
    import diffusers
    import peft
    import transformers

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "processor": processor_name(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }
