"""Which openly licensed sets may the shipped base be made from?

These ten and no other: every other artist is kept for evaluation, which would mean nothing on a hand the base knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from handstyle.collection.rights import RightsRecord
from handstyle.collection.works import Collection
from handstyle.origination.recipe import folder_of


@dataclass(frozen=True)
class OpenSet:
    """One artist's set, as the package `@iconify-json/<name>` carries it."""

    name: str
    artist: str
    licence: str  # SPDX; the package must say the same
    source: str
    phrase: str  # the words that call this hand
    has_names_of_emoji: bool = True  # else names are of anything, and only those that are emoji's words are drawn

    @property
    def package(self) -> str:
        return f"@iconify-json/{self.name}"


SETS = (
    OpenSet("twemoji", "Twitter (Twemoji)", "CC-BY-4.0", "https://github.com/jdecked/twemoji", "twemoji style"),
    OpenSet("noto", "Google (Noto Emoji)", "Apache-2.0", "https://github.com/googlefonts/noto-emoji", "noto style"),
    OpenSet(
        "noto-v1",
        "Google (Noto Emoji, first version)",
        "Apache-2.0",
        "https://github.com/googlefonts/noto-emoji",
        "old noto style",
    ),
    OpenSet("emojione", "Emoji One", "CC-BY-4.0", "https://github.com/EmojiTwo/emojitwo", "emojione style"),
    OpenSet(
        "fluent-emoji-flat",
        "Microsoft (Fluent Emoji Flat)",
        "MIT",
        "https://github.com/microsoft/fluentui-emoji",
        "fluent flat style",
    ),
    OpenSet(
        "fluent-emoji",
        "Microsoft (Fluent Emoji)",
        "MIT",
        "https://github.com/microsoft/fluentui-emoji",
        "fluent 3d style",
    ),
    OpenSet(
        "streamline-emojis",
        "Streamline (Streamline Emojis)",
        "CC-BY-4.0",
        "https://github.com/webalys-hq/streamline-vectors",
        "streamline style",
    ),
    OpenSet(
        "meteocons",
        "Bas Milius (Meteocons)",
        "MIT",
        "https://github.com/basmilius/weather-icons",
        "meteocons style",
        has_names_of_emoji=False,
    ),
    OpenSet(
        "icon-park",
        "ByteDance (IconPark)",
        "Apache-2.0",
        "https://github.com/bytedance/IconPark",
        "icon park style",
        has_names_of_emoji=False,
    ),
    OpenSet(
        "streamline-ultimate-color",
        "Streamline (Ultimate Color)",
        "CC-BY-4.0",
        "https://github.com/webalys-hq/streamline-vectors",
        "ultimate color style",
        has_names_of_emoji=False,
    ),
)


def set_of(rights: RightsRecord) -> OpenSet | None:
    """The one of the ten that this permission is for."""
    said = (rights.author, rights.licence, rights.source)
    return next((one for one in SETS if (one.artist, one.licence, one.source) == said), None)


def are_the_ten(collection: Collection) -> bool:
    """Is it made of these sets, all of them and nothing else, each in the folder that carries its name?"""
    found = {(set_of(collection.rights_of(work)), folder_of(work.name)) for work in collection.works}
    return found == {(one, one.name) for one in SETS}
