"""What is an attack on permission, and when has it been refused?

An attack does something and hands back what came of it. It is refused if one of our gates said no, or if the release
it made does not hold, and in both cases in words that name what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from consents import TODAY, signed
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ingredients import Ingredients, report_on, signed_again, style_of
from PIL import Image

from handstyle.collection import intake, permission
from handstyle.collection.consent import Consent
from handstyle.collection.rights import from_consent
from handstyle.collection.rights_plan import from_consents
from handstyle.collection.scope import Distribution
from handstyle.collection.terms import Named
from handstyle.collection.works import Collection, Work
from handstyle.consenting import look_at
from handstyle.errors import HandstyleError
from handstyle.keys import fingerprint
from handstyle.publication.clearance import clearance
from handstyle.publication.verification import Verification, verify

THIEF = Ed25519PrivateKey.from_private_bytes(bytes(range(3, 35)))
GATE = 3  # the exit code of a gate that said no
WORKS = ("lighthouse", "cliff")


@dataclass(frozen=True)
class Attack:
    """`number` is its own for ever; `name` is a sentence; `words` stand in the refusal."""

    number: int
    name: str
    attempt: Callable[[Scene], object]
    words: str
    code: int = GATE

    def check(self, scene: Scene) -> None:
        try:
            came = self.attempt(scene)
        except HandstyleError as refused:
            code, said = refused.exit_code, str(refused)
        else:
            assert isinstance(came, Verification), f"nobody refused it: {came}"
            code, said = 0 if came.holds else GATE, f"{came.words} {came.findings}"
        assert code == self.code, said
        assert self.words in said, said


def each(attacks: list[Attack]) -> Any:
    """As the table of a test."""
    return pytest.mark.parametrize("attack", [pytest.param(one, id=f"{one.number} {one.name}") for one in attacks])


@dataclass
class Scene:
    """A folder of two drawings by Ada Example, whom Example Press owns together with her; and a place to publish."""

    place: Path
    ingredients: Ingredients
    make_base: Callable[[], Path]

    @property
    def base(self) -> Path:
        """A model that can be loaded; it takes torch, which not every attack does."""
        return self.make_base()

    @property
    def folder(self) -> Path:
        folder = self.place / "works"
        if not folder.is_dir():
            folder.mkdir()
            for seed, name in enumerate(WORKS):
                pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{name}.png")
        return folder

    @property
    def work(self) -> Path:
        return self.folder / f"{WORKS[0]}.png"

    def works(self) -> list[Named]:
        return look_at(self.folder, "white", pictures=False)[0]

    def consent(self, *holders: dict[str, Any], **scope: Any) -> Consent:
        """Signed by everybody, on exactly these works."""
        return signed(*holders, works=self.works(), **scope)

    def file(self, data: bytes, name: str = "ada.consent.json") -> Path:
        path = self.place / name
        path.write_bytes(data)
        return path

    def collect(self, data: bytes, on: date = TODAY) -> Collection:
        """The works, under what lies in an envelope."""
        return intake.collect(self.folder, rights=from_consents([self.file(data)]), validation=None, on=on)

    def kept(self, given: Consent) -> tuple[Collection, Path]:
        """A collection, and the copy of its consent in the workspace."""
        collection = self.collect(given.data)
        permission.keep([given], collection, self.place / "workspace")
        (file,) = (self.place / "workspace" / permission.CONSENTS).iterdir()
        return collection, file

    def in_its_place(self, other: bytes) -> object:
        """Something else in place of the consent that the workspace keeps; then the next stage asks."""
        collection, file = self.kept(self.consent())
        file.write_bytes(other)
        return permission.kept(collection, self.place / "workspace")

    # A release on the consents that tests share: their works are digests alone.

    def release(self, given: Consent | None = None, distribution: Distribution = "public", **changes: Any) -> Path:
        """A good one: what is refused here is no attack yet."""
        given = given or signed()
        collection = collection_of(given)
        style = style_of(collection, self.ingredients.style.tensors)
        report = report_on(style)
        try:
            cleared = clearance(collection, style, report, "Soft outline", on=TODAY, distribution=distribution)
            mine = self.ingredients._replace(collection=collection, style=style, report=report, cleared=cleared)
            return mine.assemble(self.place / "soft-outline", consents={given.digest: given}, **changes)
        except HandstyleError as refused:
            raise AssertionError(f"the release to begin with was refused: {refused}") from refused

    def resigned(self, release: Path, change: Any = lambda statement: None, **how: Any) -> Verification:
        """By its publisher, who lists the files as they are now, and says what `change` makes of it."""
        signed_again(release, self.ingredients.key, change, **how)
        return verify(release, on=TODAY)

    def edited(
        self, name: str, change: Callable[[dict[str, Any]], object], also: Any = lambda statement: None
    ) -> Verification:
        """A record of a good release says something else, and the publisher signs that."""
        release = self.release()
        edit(release / name, change)
        return self.resigned(release, also)

    def carrying(self, other: bytes) -> Verification:
        """A release with another envelope in place of the consent it stands on."""
        release = self.release()
        (file,) = (release / permission.CONSENTS).iterdir()
        file.write_bytes(other)
        return self.resigned(release)

    @property
    def publisher(self) -> str:
        return fingerprint(self.ingredients.key.public_key())


def collection_of(given: Consent) -> Collection:
    """A work for each that the consent names."""
    rights = from_consent(given)
    works = tuple(
        Work(name=f"{place}.png", file_format="PNG", file_sha256=subject.of.file, pixels_sha256=subject.of.pixels,
             width=64, height=64, caption=f"hidden caption {place}", caption_from="file name", rights=rights.digest)
        for place, subject in enumerate(given.statement.subject)
    )  # fmt: skip
    return Collection(works=works, rights={rights.digest: rights})


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads(path.read_bytes())
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")
