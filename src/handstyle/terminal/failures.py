"""What does a person hear when a command did not come to its end, and what does the shell?"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
from collections import namedtuple
from pathlib import Path

from handstyle.errors import HandstyleError, UsageMistake
from handstyle.terminal.display import INTERRUPTED, Display

SHOW_TRACEBACK = "HANDSTYLE_TRACEBACK"

# What stands after Ctrl-C, and how to go on.
AFTER_INTERRUPTION = {
    "collect": "Your files are as they were, and what was read is remembered. Run the same command again to go on.",
    "encode": "What is encoded is kept. Run the same command again to go on.",
    "finetune": "Everything up to the last snapshot is kept. Add --resume to the same command to go on.",
    "generate": "The pictures drawn so far are kept.",
    "inspect": "The style is as it was. Run the same command again.",
    "doctor": "Your files are as they were. Run the same command again.",
    "influence": "What was measured is kept. Run the same command again to go on.",
    "compare": "The styles are as they were. Run the same command again.",
    "blind-test": "No test was made. Run the same command again.",
    "publish": "No release was written. Run the same command again.",
    "verify": "Nothing was changed. Run the same command again.",
    "detect": "Nothing was changed. Run the same command again.",
    "demo": "What was finished is kept. Run the same command again.",
}


def tell(error: BaseException, display: Display, command: str) -> int:
    """Say what happened, and return the exit code."""
    if isinstance(error, BrokenPipeError):  # whoever read our words has gone, so there is nobody to tell
        _let_go_of_stdout()
        return 1
    try:
        if _was_interrupted(error):
            _prepare_to_leave()
            exit_code = INTERRUPTED
            display.interrupted(AFTER_INTERRUPTION.get(command, ""))
        else:
            told = _in_our_words(error)
            exit_code = told.exit_code
            display.error(told)
        sys.stdout.flush()
    except OSError:
        _let_go_of_stdout()
    return exit_code


def _was_interrupted(error: BaseException) -> bool:
    """Also where a library that was just being imported has turned Ctrl-C into an error of its own."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or seen.__context__
    return seen is not None


def _prepare_to_leave() -> None:
    with contextlib.suppress(ValueError):  # not the main thread
        # From here on a further Ctrl-C ends the process at once, without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # When Ctrl-C came while a library ran code out of a string, Python remembers, and would end by the signal instead
    # of with our exit code. It forgets when such code runs to its end, which this is the plainest to have.
    namedtuple("Forgotten", [])


def _in_our_words(error: BaseException) -> HandstyleError:
    if isinstance(error, HandstyleError):
        return error
    if _is_lack_of_memory(error):
        return HandstyleError(
            "there is not enough memory",
            hint="Close other programs, or ask for less: a smaller train_batch_size, resolution, width or height.",
        )
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("handstyle"):
        return HandstyleError(f"{error.name} is not installed here", hint="Install handstyle again, with all it needs.")
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return UsageMistake(f"`{str(error.filename)[:100]}…` is too long for a path", hint="Give a shorter one.")
    if isinstance(error, OSError):
        return HandstyleError(
            f"the system refused: {error}",
            hint=f"Check the path, its permissions and the free space. {_details(error)}",
        )
    return HandstyleError(
        f"this is our fault, not yours: {type(error).__name__}: {error}",
        hint=f"Nothing that was finished before is lost. {_details(error)}",
    )


def _is_lack_of_memory(error: BaseException) -> bool:
    # torch raises a class of its own on a GPU and a plain RuntimeError on a CPU.
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and (type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error))
    )


def _details(error: BaseException) -> str:
    """Where the traceback is."""
    text = "".join(traceback.format_exception(error))
    if os.environ.get(SHOW_TRACEBACK):
        print(text, file=sys.stderr)
        return "The traceback stands above."
    import tempfile

    try:
        handle, name = tempfile.mkstemp(prefix="handstyle-", suffix=".txt")
        os.close(handle)
        Path(name).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return f"Set {SHOW_TRACEBACK}=1 to see where it happened."
    return f"Where it happened is written in {name}: please send it along when you report this."


def _let_go_of_stdout() -> None:
    """Python flushes stdout once more when it ends, and would complain that nobody reads."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
