"""How does a line that was typed become words on the screen and an exit code?"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Sequence

from handstyle.terminal import failures
from handstyle.terminal.display import Display

# Libraries read these when they are imported, so they are set before anything else is.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # looking for them takes longer than most commands
}

ONLINE = ("--allow-download", "--push-to-hub")  # what has to be typed before anything is contacted


def answer(arguments: Sequence[str]) -> int:
    """The exit code: 0 done, 1 an error, 2 a mistake in the command, 3 a gate said no, 130 interrupted."""
    # Asked before the options are read, so that a mistake among them is told as JSON too.
    display = Display(as_json="--json" in arguments)
    try:
        prepare(online=any(one.split("=")[0] in ONLINE for one in arguments))
        from handstyle.terminal.commands import run

        with display:
            code = run(arguments, display)
            sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:
        return failures.tell(error, display, command=arguments[0] if arguments else "")


def prepare(*, online: bool = False) -> None:
    """Only our own words reach the screen, in an encoding that has all of them. `online` where `ONLINE` was typed."""
    os.environ.update(ENVIRONMENT | ({"HF_HUB_OFFLINE": "0"} if online else {}))
    if not sys.warnoptions:  # `python -W ...` still shows what libraries warn of
        warnings.simplefilter("ignore")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of a package that it can do without
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Windows pipes and old locales know few letters; a file name may hold what no encoding has.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
