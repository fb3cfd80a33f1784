"""Are only those characters refused that break things?"""

from __future__ import annotations

import pytest

from handstyle.collection.plain_text import unwelcome_in


@pytest.mark.parametrize("text", ["grey cat", "Zoë", "猫", "👩\u200d🎨", "3\u202f pm", ""])
def test_letters_of_all_kinds_are_welcome(text: str) -> None:
    assert unwelcome_in(text) is None


@pytest.mark.parametrize("text", ["a\nb", "a\0b", "a\udce9b", "a\u2028b", "\x1b[31m"])
def test_what_breaks_lists_and_json_is_not(text: str) -> None:
    assert unwelcome_in(text)
