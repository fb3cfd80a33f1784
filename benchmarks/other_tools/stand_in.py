"""What stands in for torchvision, where it is not installed and tools import it for what is not asked of them here?"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from typing import Any


class Nothing(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *given, **named: None


def where_missing() -> None:
    if importlib.util.find_spec("torchvision") is not None:
        return
    import transformers.utils.import_utils as libraries

    libraries.is_torchvision_available()  # asked now: it is not there, whatever stands in for it
    for name in ("torchvision", "torchvision.transforms"):
        sys.modules[name] = Nothing(name)
        sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
    sys.modules["torchvision"].transforms = sys.modules["torchvision.transforms"]  # type: ignore[attr-defined]
