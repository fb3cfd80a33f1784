"""Which of two bases comes nearer to what an artist really drew, once both have learnt from the same works?

    git worktree add ../first FIRST_BASE_COMMIT       # docs/base.md names the commit with the first base
    python -m benchmarks.held_out_artist.bases ../first/src/handstyle/diffusion/embedded --to FOLDER

The example's 32 works, its 64 further drawings and the seeds that every inspection draws with. Pictures are compared at
64 pixels, whatever a base draws at. The unit of the distance is common to both: 0 is the real drawing, 1 what the first
base draws without any training. The interval is of the difference, from 10,000 draws of prompts (percentiles).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from handstyle import loading, planning, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.demonstration import EXAMPLE
from handstyle.diffusion.catalogue import EMBEDDED
from handstyle.encoding.cache import Cache
from handstyle.generation import wardrobe
from handstyle.inspection import likeness
from handstyle.inspection.drawing import draw
from handstyle.inspection.material import as_seen, further_drawings, given_back
from handstyle.inspection.subject import Subject, style_template, templates_for_base
from handstyle.picture_marks import own_mark
from handstyle.progress import silent
from handstyle.workspace import Workspace

DRAWS = 10_000


def distances(base: Path, workspace: Workspace) -> dict[str, Any]:
    """Of each real drawing: the base's pictures, the style's, and the drawing itself through the autoencoder."""
    stages.collect(workspace, EXAMPLE / "works", read_rights_toml(EXAMPLE / "works" / "rights.toml"), validation=None)
    plan = planning.plan(workspace, base=base)
    run = stages.finetune(plan, stop="max_train", save_every=10_000, sample_every=10_000)
    worn = wardrobe.worn(workspace, [workspace.needs("run", "finetune")])[0]
    collection, folder = loading.current_collection(workspace)
    family = loading.load_base(base)
    subject = Subject(collection, folder, family, worn, workspace.run(run.run), Cache(workspace.cache), own_mark())
    real = further_drawings(collection, EXAMPLE / "held_out")
    truth = [as_seen(work, real.folder, real.collection.background, subject.resolution) for work in real.works]
    strokes = [likeness.strokes(image) for image in truth]
    template = templates_for_base(subject)[-1]
    drawn = {
        "base": draw(subject, template, real.captions, [], silent).pictures,
        "style": draw(subject, style_template(subject), real.captions, [worn], silent).pictures,
    }
    far = {name: likeness.mean_distances(pictures, strokes) for name, pictures in drawn.items()}
    far["autoencoder"] = likeness.mean_distances([[image] for image in given_back(family, truth)], strokes)
    return {"name": family.card.name, "steps": run.steps, **far}


def compared(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """`nearer` is by how much the second base's style lies nearer, of the first base's own distance."""
    unit = float(first["base"].mean())
    chance = np.random.default_rng(0)
    number = len(first["style"])
    rows = chance.integers(number, size=(DRAWS, number))
    units = first["base"][rows].mean(1)
    by_prompt = first["style"] - second["style"]
    low, high = np.quantile(by_prompt[rows].mean(1) / units, [0.025, 0.975])
    return {
        "prompts": number,
        **{f"{name}: {one['name']}": round(float(one[name].mean()) / unit, 4)
           for one in (first, second) for name in ("base", "style", "autoencoder")},
        "nearer": round(float(by_prompt.mean()) / unit, 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "prompts where the second is nearer": int((by_prompt > 0).sum()),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("first", type=Path, help="folder of the base that is compared against")
    parser.add_argument("--second", type=Path, default=EMBEDDED)
    parser.add_argument("--to", type=Path, required=True)
    options = parser.parse_args()
    found = [distances(base, Workspace(options.to / name)) for name, base in vars(options).items() if name != "to"]
    result = compared(*found)
    (options.to / "bases.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
