"""Which device is there, how precisely does it compute, and how much memory has it?"""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from handstyle import __version__

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # glibc's malloc.h


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
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Tells glibc to keep large buffers for the next step: else each comes from the kernel page by page, every time.

    A step at the shape of SD 1.5 had 291,000 page faults without, none with, and took a ninth less (docs/speed.md).
    Other C libraries decide for themselves.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return
    import ctypes

    mallopt = ctypes.CDLL(None).mallopt
    for option, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_ARENA_MAX, 1)):
        mallopt(option, value)


def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _processor_multiplies_bf16() -> bool:
    """AMX, Arm's BF16, or AVX-512 BF16 as AMD builds it: twice the rate of fp32.

    Intel's AVX-512 BF16 without AMX, as in virtual machines that hide AMX, has half the rate of its fp32: 0.17 against
    0.33 TFLOP/s on two cores (`make bench`, section "limit"). Elsewhere bf16 is emulated.
    """
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
        return bool(flags & {"amx_bf16", "bf16"}) or {"avx512_bf16", "AuthenticAMD"} <= flags
    return False


def peak_memory() -> int:
    """Bytes this process has held at most."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def resident_memory() -> int:
    """Bytes this process holds."""
    return int(psutil.Process().memory_info().rss)


def freed_memory() -> int:
    """Bytes of it that the C library keeps for what will be asked next; 0 where it does not say."""
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return 0
    import ctypes

    class Mallinfo2(ctypes.Structure):
        """glibc's malloc.h, since 2.33."""

        _fields_ = tuple(
            (name, ctypes.c_size_t)
            for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
        )

    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return 0
    library.mallinfo2.restype = Mallinfo2
    return int(library.mallinfo2().fordblks)


def environment() -> dict[str, str]:
    """What the exact weights of a run depend on besides its inputs."""
    import diffusers
    import numpy
    import peft
    import PIL
    import safetensors
    import transformers

    return {
        "handstyle": __version__,
        "system": f"{platform.system()} {platform.machine()}",
        "C library": " ".join(platform.libc_ver()).strip() or NONE,  # sines and logarithms
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,  # shrinks the works
        "safetensors": safetensors.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "peft": peft.__version__,
        "oneDNN": _built_with(r"MKL-DNN v(\S+)") if torch.backends.mkldnn.enabled else NONE,
        "MKL": _built_with(r"Math Kernel Library Version ([\d.]+)"),
        "processor": processor_name(),
        "features": _features(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
        "device": _graphics_card(),
        "switches": " ".join(f"{name}={os.environ[name]}" for name in SWITCHES if name in os.environ) or NONE,
        "fp32 products": torch.get_float32_matmul_precision(),
    }


NONE = "none"
# A matrix product adds up in the order, and rounds with the width, of the instructions that are there.
FEATURE = re.compile(r"amx_\w+|avx\w*|fma|f16c|asimd\w*|sve\w*|bf16|i8mm")
# With these a person tells the libraries below torch which instructions to use, or how to round.
SWITCHES = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "OMP_DYNAMIC",  # as many threads as the load leaves
    "OMP_THREAD_LIMIT",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)


def _built_with(pattern: str) -> str:
    found = re.search(pattern, torch.__config__.show())
    return found[1] if found else NONE


def _features() -> str:
    """The processor's, as the system names them; nothing where it does not."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else ""
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return " ".join(sorted({flag for flag in line[1].split() if FEATURE.fullmatch(flag)})) if line else NONE


def _graphics_card() -> str:
    if not torch.cuda.is_available():
        return "cpu"
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}, cuDNN {cudnn}"
