"""Does only what is ours reach the screen, and in full?"""

from __future__ import annotations

import os
import subprocess
import sys

PREPARED = "from handstyle.terminal.command_line import prepare; prepare()"


def python(code: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, env={**os.environ, **environment})


def test_libraries_are_told_to_be_quiet_and_offline_before_they_are_imported() -> None:
    probe = (
        "import os\n"
        "from handstyle.__main__ import main\n"
        "main(['--version'])\n"
        "print(os.environ['HF_HUB_OFFLINE'], os.environ['TOKENIZERS_PARALLELISM'])\n"
    )
    assert python(probe, HF_HUB_OFFLINE="0").stdout.split()[-2:] == [b"1", b"false"]


def test_the_hub_is_asked_only_where_that_was_typed() -> None:
    probe = (
        "import os; from handstyle.terminal.command_line import answer\n"
        "answer(['base', '--help'%s]); print(os.environ['HF_HUB_OFFLINE'])"
    )
    assert python(probe % "").stdout.split()[-1] == b"1"
    assert python(probe % ", '--allow-download'").stdout.split()[-1] == b"0"
    assert python(probe % ", '--push-to-hub=ana/ink'").stdout.split()[-1] == b"0"


def test_warnings_of_libraries_reach_nobody_who_did_not_ask() -> None:
    probe = f"{PREPARED}; import warnings; warnings.warn('x is deprecated', FutureWarning)"
    assert python(probe).stderr == b""
    assert b"deprecated" in python(probe, PYTHONWARNINGS="default").stderr


def test_words_come_out_in_utf_8_wherever_they_go() -> None:
    probe = f"{PREPARED}; print('Zoë \\u2026 \\udcff')"
    assert python(probe, PYTHONIOENCODING="ascii").stdout.split() == ["Zoë".encode(), "…".encode(), b"\\udcff"]
