"""Can a log be kept at the command line?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image


def test_from_the_start_to_a_witness(typed: Any) -> None:
    assert typed("log", "show").code == 2
    started = typed("log", "start", "my-log", "--origin", "studio.example/log", "--json")
    assert started.code == 0
    key = json.loads(started.out)["key"]
    assert typed("log", "start", "other").code == 2
    Path("drawings").mkdir()
    Image.new("RGB", (8, 8), "red").save("drawings/red-hat.png")
    assert typed("collect", "drawings", "--mine", "Ada").code == 0
    shown = typed("log", "show")
    assert "permission" in shown.out and "stated by Ada, not signed" in shown.out and "my-log/log.txt" in shown.out
    signed = typed("log", "witness", "my-log/log.txt", "--name", "witness.example/w1", "--log-key", key)
    assert signed.code == 0 and "1 entries, seen for the first time" in signed.out
    assert typed("log", "accept", "checkpoint.txt").code == 0
    assert "witness.example/w1" in Path("my-log/log.txt").read_text(encoding="utf-8")
    assert typed("log", "refresh").code == 0
    erased = typed("log", "erase", "0")
    assert (erased.code, "not taken back" in erased.err) == (2, True)


def test_a_log_that_lost_entries_stops_the_journey(typed: Any) -> None:
    typed("log", "start", "my-log")
    Path("drawings").mkdir()
    Image.new("RGB", (8, 8), "red").save("drawings/red-hat.png")
    assert typed("collect", "drawings", "--mine", "Ada").code == 0
    Path("my-log/entries.jsonl").write_bytes(b"")
    refused = typed("collect", "drawings", "--mine", "Ada")
    assert refused.code == 3 and "has lost 1 of 1 entries" in refused.err
