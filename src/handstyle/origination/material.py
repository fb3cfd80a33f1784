"""Which works is a base made from, which of them does nothing learn, and how do they look at its size?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from handstyle import digests
from handstyle.collection.intake import load_work
from handstyle.collection.works import Collection
from handstyle.errors import UsageMistake
from handstyle.origination.learning import Report
from handstyle.origination.recipe import BaseRecipe, folder_of
from handstyle.origination.words import Said, said
from handstyle.records import write


@dataclass(frozen=True)
class Material:
    """Of one base. What was read is kept in `folder`."""

    folder: Path
    works_folder: Path
    collection: Collection
    recipe: BaseRecipe
    report: Report

    def lineage(self, *sections: str) -> str:
        """Digest of what a stage depends on: the works, and these sections of the recipe."""
        recipe = self.recipe.as_json()
        common = {name: recipe[name] for name in ("resolution", "held_out", "seed")}
        own = {name: recipe[name] for name in sections}
        if "autoencoder" in own:  # what it is polished by comes after everything that was learnt from its latents
            own["autoencoder"] = {**own["autoencoder"], "polish": None}
        return digests.of_json({"collection": self.collection.digest, **common, **own})

    def claim(self) -> None:
        """The folder is this base's alone. Raises UsageMistake when another one is made there."""
        record = self.folder / "lineage.json"
        if record.is_file() and json.loads(record.read_text(encoding="utf-8")) != self.lineage():
            raise UsageMistake(
                f"another base is being made in {self.folder}: of other works, or at another size",
                hint="Name a new folder with --to, or give the works and the recipe it was begun with.",
            )
        if not record.is_file() and self.folder.is_dir() and any(self.folder.iterdir()):
            raise UsageMistake(f"{self.folder} is not empty", hint="Name a new folder with --to.")
        write(record, json.dumps(self.lineage()).encode())

    @cached_property
    def held_out(self) -> frozenset[str]:
        """Names of the works that nothing learns: of each hand the same share, chosen by their pixels and the seed."""
        found: set[str] = set()
        for hand in {folder_of(work.name) for work in self.collection.works}:
            own = [work for work in self.collection.works if folder_of(work.name) == hand]
            own.sort(key=lambda work: digests.of_json([self.recipe.seed, work.pixels_sha256]))
            found |= {work.name for work in own[: round(len(own) * self.recipe.held_out)]}
        return frozenset(found)

    @cached_property
    def pixels(self) -> np.ndarray:
        """NHWC, uint8, in the order of the collection."""
        path = self.folder / "works.npy"
        if not path.is_file():
            side, works = self.recipe.resolution, self.collection.works
            rows = np.empty((len(works), side, side, 3), np.uint8)
            for index, work in enumerate(works):
                image = load_work(self.works_folder, work, self.collection.background)
                rows[index] = np.asarray(image if image.size == (side, side) else image.resize((side, side), 4))
                self.report("reading works", index + 1, len(works))
            self.folder.mkdir(parents=True, exist_ok=True)
            np.save(path.with_suffix(".part.npy"), rows)
            path.with_suffix(".part.npy").replace(path)
        return np.asarray(np.load(path, mmap_mode="r"))

    @cached_property
    def learnt(self) -> list[int]:
        return [n for n, work in enumerate(self.collection.works) if work.name not in self.held_out]

    @cached_property
    def unseen(self) -> list[int]:
        return [n for n, work in enumerate(self.collection.works) if work.name in self.held_out]

    @property
    def known_pixels(self) -> np.ndarray:
        return np.asarray(self.pixels[self.learnt])

    @property
    def unseen_pixels(self) -> np.ndarray:
        return np.asarray(self.pixels[self.unseen])

    @cached_property
    def said(self) -> list[Said]:
        return [
            said(work.caption, self.recipe.phrase_of(folder_of(work.name)), self.pixels[n])
            for n, work in enumerate(self.collection.works)
        ]
