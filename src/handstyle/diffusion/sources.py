"""Where does a base lie: in a folder, in one file, or in the cache of the Hugging Face Hub?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from handstyle.diffusion import single_file
from handstyle.errors import BaseUnusable, UsageMistake

NAME_ON_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
# Of a pipeline in the diffusers layout, and nothing in which code can lie.
FETCHED = ("model_index.json", "*/*.json", "*/*.txt", "*/*.safetensors")
NOT_FETCHED = (
    *("*.bin", "*.ckpt", "*.msgpack", "*.onnx", "*non_ema*", "*/openvino*", "*/flax*"),
    *("safety_checker/*", "vae_1_0/*", "vae_encoder/*", "vae_decoder/*"),
)
HALVES = "*.fp16.*"  # the same weights once more, which are fetched where there are no others


def folder_of(base: str | Path, *, configuration: str | None = None, allow_download: bool = False) -> Path:
    """The diffusers folder of a base. Raises BaseUnusable or UsageMistake; downloads only where that is asked for."""
    path = Path(base)
    if path.is_file():
        return single_file.folder_of(path, configuration)
    single_file.refuse_pickle(path)
    if configuration is not None:
        raise UsageMistake("a configuration goes with a checkpoint in one file", hint="Leave --config out.")
    if path.exists() or not NAME_ON_HUB.fullmatch(path.as_posix()):
        return path
    return _from_hub(path.as_posix(), allow_download=allow_download)


def _from_hub(name: str, *, allow_download: bool) -> Path:
    try:
        if not allow_download:
            return _fetched(name, local_files_only=True)
        folder = _fetched(name, HALVES)
        return (
            folder
            if any(any(folder.glob(f"{part}/*.safetensors")) for part in ("unet", "transformer"))
            else _fetched(name)
        )
    except Exception as error:  # the cache, the network, and what the Hub answers
        if allow_download:
            raise BaseUnusable(
                f"{name} could not be downloaded: {error}",
                hint="Look at its name, and at what its page asks you to accept.",
            ) from error
        raise BaseUnusable(
            f"there is no base model folder {name}, and no such model in the Hugging Face cache of this computer",
            hint=f"Name a folder or a file; or let it be downloaded: handstyle base {name} --allow-download.",
        ) from error


def _fetched(name: str, *but: str, local_files_only: bool = False) -> Path:
    import huggingface_hub

    wanted: dict[str, Any] = {"allow_patterns": list(FETCHED), "ignore_patterns": [*NOT_FETCHED, *but]}
    return Path(huggingface_hub.snapshot_download(name, local_files_only=local_files_only, **wanted))
