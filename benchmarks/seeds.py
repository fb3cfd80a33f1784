"""How many pictures of each prompt does the distance to the real drawing need?

    python -m benchmarks.seeds demo-output/workspace [--seeds 4]

Base and style of a workspace's current run draw the example's held-out captions with so many seeds, the base with the
caption alone. Of what comes nearer, the part that varies with the seed is told from the part that varies with the
prompt (one-way analysis of variance); for each number of seeds it says how wide that makes the interval, and for how
many prompts the style was nearer, by every choice of so many of the seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handstyle import loading
from handstyle.demonstration import EXAMPLE
from handstyle.diffusion.hardware import use_all_cores
from handstyle.encoding.cache import Cache
from handstyle.inspectees import inspectee
from handstyle.inspection import likeness, material, subject
from handstyle.inspection.drawing import draw
from handstyle.picture_marks import own_mark
from handstyle.workspace import Workspace

Distances = NDArray[np.float64]


def nearer_by(workspace: Workspace, seeds: Sequence[int]) -> Distances:
    """Prompt x seed: how much nearer the style comes to the real drawing than the base."""
    family = loading.load_base(None)
    asked = inspectee(workspace, None, family)
    run, cache = workspace.run(asked.run), Cache(workspace.cache)
    seen = subject.Subject(asked.collection, asked.folder, family, asked.worn, run, cache, own_mark())
    held = material.further_drawings(asked.collection, EXAMPLE / "held_out")
    real = [
        likeness.strokes(material.as_seen(work, held.folder, held.collection.background, seen.resolution))
        for work in held.works
    ]
    far = []
    for template, worn in ((subject.templates_for_base(seen)[0], []), (subject.style_template(seen), [asked.worn])):
        rows = draw(seen, template, held.captions, worn, lambda *_: None, seeds).pictures
        far.append(
            [
                [likeness.distance(likeness.strokes(image), truth) for image in row]
                for row, truth in zip(rows, real, strict=True)
            ]
        )
    return np.subtract(far[0], far[1], dtype=np.float64)


def lines(nearer_PS: Distances) -> list[str]:
    prompts, seeds = nearer_PS.shape
    of_seed = float(nearer_PS.var(axis=1, ddof=1).mean())
    of_prompt = max(0.0, float(nearer_PS.mean(axis=1).var(ddof=1)) - of_seed / seeds)
    found = [f"variance between seeds {of_seed:.2e}, between prompts {of_prompt:.2e}"]
    for number in range(1, seeds + 1):
        wider = ((of_prompt + of_seed / number) / (of_prompt + of_seed / seeds)) ** 0.5
        counts = [int((nearer_PS[:, chosen].mean(axis=1) > 0).sum()) for chosen in combinations(range(seeds), number)]
        found.append(
            f"{number} of {seeds} seeds: interval {wider:.2f} times as wide; nearer for {min(counts)} to {max(counts)} "
            f"of {prompts} prompts, {np.mean(counts):.1f} in the mean"
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    use_all_cores()
    print("\n".join(lines(nearer_by(Workspace(options.workspace), range(1, options.seeds + 1)))))


if __name__ == "__main__":
    main()
