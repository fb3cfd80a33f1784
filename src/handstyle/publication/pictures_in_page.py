"""Which pictures does a report's page carry, so that the page can be written anew?"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handstyle.errors import RecordDamaged
from handstyle.generation.signature import file_name_in
from handstyle.records import read_whole

LARGEST_PAGE = 256 << 20  # bytes
PICTURE = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/]+={0,2})")


@contextmanager
def pictures(page: Path) -> Iterator[Path]:
    """A folder with all of them, named as in the report; it is gone after the `with`."""
    try:
        data = read_whole(page, LARGEST_PAGE)
    except (OSError, ValueError) as error:
        raise RecordDamaged(f"{page} cannot be read: {error}", hint="Fetch the release again.") from error
    with tempfile.TemporaryDirectory(prefix="handstyle-") as folder:
        for found in PICTURE.finditer(data):
            picture = base64.b64decode(found[1])
            (Path(folder) / file_name_in(picture, str(page))).write_bytes(picture)
        yield Path(folder)
