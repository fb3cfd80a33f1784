"""How does a record get to disk and back without a doubt about what it says?

Frozen pydantic models; unknown keys are errors that name the nearest known one; files appear whole or not at all.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import os
import re
import shutil
import stat
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handstyle import digests
from handstyle.errors import HandstyleError, RecordDamaged, UsageMistake, WriteFailed

LARGEST_RECORD = 64 << 20  # bytes; a record is read whole
PART = ".part"  # how the name of something not yet whole ends
LONGEST_WRITE = 3600  # seconds; what is older and not yet whole was left by a process that was killed
LARGEST_TOML = 4 << 20  # bytes; written by hand, and read slowly
DEEPEST = 100  # levels
MOST_SUGGESTIONS = 20  # as many as a screen shows; to look for each takes a while
LARGEST_NUMBER = 2**53 - 1  # as far as every reader of JSON counts, so as far as its canonical form does
# Python's reader of TOML takes a time that grows with the square of the parts of a key: a.b.c.d...
DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""", re.ASCII)


def later(default: Any, **how: Any) -> Any:
    """A field that joined its record after digests of it were made: at its default it is not written, so they stand."""
    return Field(default=default, exclude_if=lambda value: bool(value == default), **how)


class TooLarge(ValueError):
    """A file has more bytes than its kind may have."""


class Record(BaseModel):
    """A frozen set of facts. Its digest is that of its canonical JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    largest: ClassVar[int | None] = None  # bytes of its file; LARGEST_RECORD where nothing is said

    @property
    def digest(self) -> str:
        return digests.of_json(self.as_json())

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def save(self, path: Path) -> Path:
        return write(path, (json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls.read(load_json(path, cls.largest), where=str(path))

    @classmethod
    def read(cls, data: Any, *, where: str, error: type[HandstyleError] = RecordDamaged) -> Self:
        """`data` as this record, or `error` with every fault at once, each with the nearest known key."""
        try:
            return cls.model_validate(data)
        except ValidationError as invalid:
            raise error(
                f"{where} is not a valid {cls.__name__}",
                faults=[_fault(cls, entry, n < MOST_SUGGESTIONS) for n, entry in enumerate(invalid.errors())],
                hint="Correct the named keys and run the same command again.",
            ) from invalid


def _fault(record: type[BaseModel], entry: Any, suggest: bool) -> str:
    where = ".".join(str(part) for part in entry["loc"]) or "(top level)"
    if entry["type"] != "extra_forbidden":
        return f"{where}: {entry['msg'].removeprefix('Value error, ')}"
    name, known = str(entry["loc"][-1]), _known_keys(record)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5) if suggest else []
    return f"{where}: unknown key" + (f"; did you mean `{nearest[0]}`?" if nearest else "")


def _known_keys(record: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in record.model_fields.items()]


def read_whole(path: Path, largest: int) -> bytes:
    """The bytes of an ordinary file: a pipe may never end, and a device has no end. Raises OSError or ValueError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not an ordinary file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise TooLarge(f"it is larger than {largest >> 20} MB")
        return file.read(size)


def read_named(path: Path, largest: int) -> bytes:
    """The bytes of a file that somebody named. Raises UsageMistake where it cannot be read, and TooLarge."""
    try:
        return read_whole(path, largest)
    except TooLarge:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageMistake(f"{path} cannot be read: {reason}", hint="Check the path.") from error


def load_json(path: Path, largest: int | None = None) -> Any:
    try:
        text = read_whole(path, LARGEST_RECORD if largest is None else largest).decode("utf-8")
        numbers: dict[str, Any] = {"parse_int": _counted, "parse_float": _measured, "parse_constant": _measured}
        return _checked(json.loads(text, object_pairs_hook=digests.once, **numbers))
    except FileNotFoundError:
        raise RecordDamaged(f"{path} does not exist", hint="Run the stage that makes it, or check the path.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise RecordDamaged(f"{path} cannot be read: {error}", hint="Restore it, or run its stage again.") from error


def _checked(value: Any) -> Any:
    """What has a canonical form: neither nested deeper than it can be written, nor with half a letter in it."""
    waiting = [(value, 0)]
    while waiting:
        inner, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels")
        if isinstance(inner, str):
            inner.encode("utf-8")
        elif isinstance(inner, dict):
            waiting += [(part, depth + 1) for part in (*inner, *inner.values())]
        elif isinstance(inner, list):
            waiting += [(part, depth + 1) for part in inner]
    return value


def _counted(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > LARGEST_NUMBER:
        raise ValueError(f"the number {digits[:17]}… is too large")
    return int(digits)


def _measured(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:17]} is not a number")
    return number


def toml_in(text: str) -> dict[str, Any]:
    """Raises ValueError, also for what would keep Python's reader busy for hours, or fill its stack."""
    if DEEP_KEY.search(text):
        raise ValueError("a key in it has too many parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def load_toml(path: Path, error: type[HandstyleError] = RecordDamaged) -> dict[str, Any]:
    try:
        return toml_in(read_whole(path, LARGEST_TOML).decode("utf-8"))
    except FileNotFoundError:
        raise error(f"{path} does not exist", hint="Check the path.") from None
    except (OSError, ValueError) as fault:
        raise error(f"{path} cannot be read as TOML: {fault}", hint="Correct the file.") from fault


def write(path: Path, data: bytes) -> Path:
    """Whole or not at all: written beside the target, then renamed onto it."""
    return write_with(path, lambda beside: beside.write_bytes(data))


def write_with(path: Path, fill: Callable[[Path], object]) -> Path:
    """`fill` writes a file beside the target, which is then flushed to disk and renamed onto it.

    Raises WriteFailed, with what stood at `path` untouched and nothing left beside it.
    """
    beside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
        os.close(handle)
        beside = Path(name)
        fill(beside)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.chmod(0o644)  # mkstemp gives 0600, which a colleague or a web server could not read
        beside.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if beside is not None:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
    return path


def cannot_write(path: Path, error: OSError) -> WriteFailed:
    return WriteFailed(
        f"{path} could not be written: {error.strerror or error}",
        hint="Free some space or choose another folder; what was there before is untouched.",
    )


def remove_abandoned(folder: Path, pattern: str = f"**/.*{PART}", older_than: float = 0) -> None:
    """What processes that were killed left half-written in `folder`. Age in seconds; 0 where nobody else writes."""
    for path in list(folder.glob(pattern)):
        with contextlib.suppress(OSError):  # it is in nobody's way
            if time.time() - path.stat().st_mtime >= older_than:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
