"""What do works by an artist who is not in the base say of it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handstyle.collection.beside import collect_beside
from handstyle.collection.intake import load_work
from handstyle.collection.rights_plan import in_folder
from handstyle.errors import CollectionFaulty


@dataclass(frozen=True)
class UnseenArtist:
    names: tuple[str, ...]
    pixels_NHWC: np.ndarray


def read(folders: Sequence[Path], side: int, learnt: frozenset[str]) -> UnseenArtist:
    """Pictures as the base sees them, and what they are called. `learnt`: digests of the pixels of the base's works.

    Raises RightsMissing where a folder says nothing of its permission, CollectionFaulty where a work is in the base.
    """
    names, rows = [], []
    for folder in folders:
        gathered = collect_beside(folder, in_folder(folder))
        found = gathered.collection
        if known := [work.name for work in found.works if work.pixels_sha256 in learnt]:
            raise CollectionFaulty(
                f"{len(known)} drawings in {folder} are among the base's own works",
                faults=known,
                hint="Name a folder by an artist who is not in the base.",
            )
        for work in found.works:
            image = load_work(gathered.folder, work, found.background)
            rows.append(np.asarray(image if image.size == (side, side) else image.resize((side, side), 4)))
            names.append(work.caption.partition(";")[0].strip())
    return UnseenArtist(tuple(names), np.stack(rows))
