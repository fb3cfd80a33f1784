"""What may stand where a record wants a name, or a sentence, on one line?"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from handstyle.collection.plain_text import unwelcome_in


def _one_line(text: str) -> str:
    line = text.strip()
    if not line or unwelcome_in(line):
        raise ValueError("write it on one line, with at least one letter")
    return line


Line = Annotated[str, AfterValidator(_one_line)]
