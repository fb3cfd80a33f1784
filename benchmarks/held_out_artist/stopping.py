"""How much of what could be gained is lost by the length that works left out in turn choose?

Works are drawn from an artist's candidates and tuning drawings; those that are not drawn are the truth. The run is then
followed to four times the chosen length, and the regret is the share of the highest gain on the truth that the chosen
length misses:

    python -m benchmarks.held_out_artist.stopping PACKAGES --artist game-icons --works 16 --to stopping.json

A benchmark that was stopped goes on where it was; draws that are in the file are not run again. Draws with another
base, another recipe, another number of works or another search stay in the file and count for nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.held_out_artist.artists import ARTISTS, opened, split_of, written
from benchmarks.held_out_artist.methods import Method
from benchmarks.held_out_artist.recipes import recipe_of
from handstyle import caching, digests, lengths, loading, planning, records, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.demonstration import EXAMPLE
from handstyle.encoding.cache import Cache
from handstyle.finetuning.fold import Fold
from handstyle.finetuning.how_long import FURTHEST
from handstyle.finetuning.material import example, material_of
from handstyle.finetuning.validation import NOISE_LEVELS, Drawings, yardstick
from handstyle.progress import silent
from handstyle.workspace import Workspace

DRAWS = 10
FURTHER, SNAPSHOTS = 4, 24  # times the chosen length; lengths that are looked at on the way
OF_THE_EXAMPLE = (EXAMPLE / "works", EXAMPLE / "held_out")


def drawn(folder: Path, works: int, draw: int, sources: Sequence[Path] = OF_THE_EXAMPLE) -> Path:
    """A folder with all drawings of `sources`, and in `chosen.json` beside them so many that chance chose."""
    target = folder / f"draw-{draw}-of-{works}"
    if target.is_dir():
        return target
    target.mkdir(parents=True)
    found = []
    for place in sources:
        shutil.copytree(place, target, dirs_exist_ok=True)
        text = (place / "metadata.jsonl").read_text(encoding="utf-8")
        found += [json.loads(line) for line in text.splitlines() if line.strip()]
    chance = torch.Generator().manual_seed(draw)
    order = [found[int(place)]["file_name"] for place in torch.randperm(len(found), generator=chance)]
    (target / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in found), encoding="utf-8")
    (target / "chosen.json").write_text(json.dumps(order[:works]), encoding="utf-8")
    return target


def of(everything: Sequence[dict[str, Any]], **wanted: object) -> list[dict[str, Any]]:
    """The draws that count, each once and in order; rows of before all of this was kept lack some of it."""
    found = {row["draw"]: row for row in everything if all(row.get(name) == value for name, value in wanted.items())}
    return [found[draw] for draw in sorted(found)]


def drawings_of(packages: Path, artist: str, pixels: int, folder: Path) -> Path:
    """All that works and truth are drawn from: no drawing of it is one that methods are tested on."""
    split = split_of(packages, ARTISTS[artist])
    icons = opened(packages, split.artist)
    return written(split, (*split.candidates, *split.tuning), icons, pixels, folder / f"of-{split.digest[:8]}-{pixels}")


def one_draw(
    folder: Path, taken_from: Path, works: int, draw: int, truth: int, trained_by: str, base: Path | None = None
) -> dict[str, Any]:
    source, workspace = drawn(folder, works, draw, [taken_from]), Workspace(folder / f"workspace-{draw}")
    chosen = set(json.loads((source / "chosen.json").read_text(encoding="utf-8")))
    rights = read_rights_toml(source / "rights.toml")
    names = sorted(path.name for path in source.glob("*.png"))
    others = [name for name in names if name not in chosen]
    kept = set(others[:: max(1, len(others) // truth)][:truth])
    stages.collect(workspace, source, rights, validation=None, without=set(names) - chosen)
    plan = planning.plan(workspace, base=base)
    caching.encode_for(workspace, plan.collection, plan.folder, plan.family, plan.recipe, silent)
    found = lengths.found(plan, "cross-fitted", 20, print, lambda *progress: None)
    assert found.fitted is not None
    stages.collect(workspace, source, rights, validation=None, without=set(names) - kept)
    held_out, _ = loading.current_collection(workspace)
    caching.encode_for(workspace, held_out, source, plan.family, plan.recipe, silent)
    cache = Cache(workspace.cache)
    left_out = [example(work, plan.family, plan.recipe, cache) for work in held_out.training]
    steps = found.fitted.chosen
    measured_at = sorted({max(1, round(steps * FURTHER * part / SNAPSHOTS)) for part in range(1, SNAPSHOTS + 1)})
    recipe = found.plan.recipe.changed(max_train=f"{steps * FURTHER} steps")
    material = replace(material_of(plan.collection, plan.family, recipe, cache, None, silent), recipe=recipe)
    followed = Fold(
        folder=folder / f"followed-{draw}",
        lineage=digests.of_json([found.manifest.lineage, measured_at, sorted(kept)]),
        family=plan.family, material=material, left_out=left_out, everything=material.works, measured_at=measured_at,
        sampled_at=frozenset(), levels=NOISE_LEVELS, plain=False,
    ).go(20, lambda step: None)  # fmt: skip

    drawings = Drawings(
        tuple(work.caption for work in held_out.training), tuple(work.variants[0].mean_BCHW for work in left_out)
    )
    measure = yardstick(plan.family, drawings, planning.base_templates(plan), recipe.mixed_precision, NOISE_LEVELS)
    whole = float(measure.base_errors_LN.mean())
    gains = np.array([1 - np.mean(one.errors) / whole for one in followed])
    at = int(np.argmin([abs(one.step - steps) for one in followed]))
    best = int(np.argmax(gains))
    return {
        "draw": draw, "base": plan.family.digest, "recipe": trained_by, "works": works, "truth": truth,
        "chosen": steps, "verdict": found.fitted.verdict, "steps": [one.step for one in followed],
        "gains": gains.tolist(),
        "best": followed[best].step, "passed its optimum": best < len(gains) - 1,
        "regret": float(1 - gains[at] / gains[best]) if gains[best] > 0 else None,
    }  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("packages", type=Path)
    arguments.add_argument("--artist", choices=tuple(ARTISTS), default="fxemoji")
    arguments.add_argument("--works", type=int, default=16)
    arguments.add_argument("--truth", type=int, default=48)
    arguments.add_argument("--draws", nargs="+", type=int, default=list(range(DRAWS)))
    arguments.add_argument("--folder", type=Path, default=Path("stopping-benchmark"))
    arguments.add_argument("--to", type=Path, default=Path("stopping.json"))
    arguments.add_argument("--base", type=Path)
    asked = arguments.parse_args()
    everything = json.loads(asked.to.read_text(encoding="utf-8")) if asked.to.is_file() else []
    family = loading.load_base(asked.base)
    recipe = recipe_of(family, Method("where it stops", works=asked.works, stop="cross-fitted"))
    of_the_run = {"base": family.digest, "recipe": recipe, "works": asked.works, "truth": asked.truth,
                  "furthest": FURTHEST}  # fmt: skip
    wanted: dict[str, object] = {"artist": asked.artist, **of_the_run}
    folder = asked.folder / asked.artist
    drawings = drawings_of(asked.packages, asked.artist, family.resolution, folder)
    known = {row["draw"] for row in of(everything, **wanted)}
    for draw in [draw for draw in asked.draws if draw not in known]:
        row = one_draw(folder, drawings, asked.works, draw, asked.truth, recipe, asked.base)
        everything.append({**wanted, **row})
        records.write(asked.to, (json.dumps(everything, indent=2) + "\n").encode())
        print(json.dumps({name: value for name, value in row.items() if name not in ("steps", "gains")}, indent=2))
    rows = of(everything, **wanted)
    regrets = [float(str(row["regret"])) for row in rows if row["regret"] is not None]
    passed = sum(bool(row["passed its optimum"]) for row in rows)
    print(f"median regret {np.median(regrets):.1%}; {passed} of {len(rows)} draws passed their optimum")


if __name__ == "__main__":
    main()
