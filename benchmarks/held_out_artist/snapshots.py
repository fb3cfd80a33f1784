"""Does the held-out gain rank snapshots as their likeness to the real drawings does?

    python -m benchmarks.held_out_artist.snapshots PACKAGES --to snapshots.jsonl [--draws 0 1 2 3 4] [--each 12]

The default recipe is followed to four times its length on each draw of FxEmoji. At every snapshot the tuning drawings
are denoised and drawn. One row a run; the interval of the rank correlation resamples drawings, as both numbers are
means over the same ones. What comes out is printed, whatever it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.held_out_artist import rows as kept
from benchmarks.held_out_artist.artists import ARTISTS, DRAWS, split_of
from benchmarks.held_out_artist.bench import Bench, Measure, prepared
from benchmarks.held_out_artist.methods import DEFAULT, METHODS
from benchmarks.held_out_artist.recipes import recipe_of
from handstyle import caching, planning
from handstyle.encoding.cache import Cache
from handstyle.finetuning.loop import finetune
from handstyle.finetuning.material import material_of
from handstyle.finetuning.trainable import as_kept, at_rest, trainable
from handstyle.loading import load_base
from handstyle.progress import silent
from handstyle.records import Record

FURTHER, EACH = 4, 12  # times the default length; snapshots a run
RESAMPLES, SEED = 2_000, 2022


class Followed(Record):
    """One run: at each step the errors and the distances, drawing by drawing."""

    draw: int
    base: str
    recipe: str = ""  # digest; runs of before it was kept have none, and count for nothing
    steps: tuple[int, ...]
    base_errors: tuple[float, ...]
    errors: tuple[tuple[float, ...], ...]
    distances: tuple[tuple[float, ...], ...]


def followed(bench: Bench, draw: int, each: int, settings: dict[str, object]) -> Followed:
    method = METHODS[DEFAULT]
    of_settings = recipe_of(bench.family, replace(method, settings=settings))
    workspace = prepared(bench, draw, method, DEFAULT, f"followed-{draw}")
    plan = planning.plan(workspace, base=bench.base, settings=settings)
    caching.encode_for(workspace, plan.collection, plan.folder, plan.family, plan.recipe, silent)
    recipe, family = plan.recipe, plan.family
    own = recipe.max_train.in_steps(plan.collection.pictures_in_an_epoch, recipe.train_batch_size)
    last = own * FURTHER
    points = sorted({max(1, round(last * part / each)) for part in range(1, each + 1)})
    bench = replace(bench, family=family)
    measure = Measure.of(bench, workspace, recipe.mixed_precision, recipe.class_words)
    template = recipe.template.replace("{identifier}", recipe.identifier).replace("{class_words}", recipe.class_words)
    material = replace(
        material_of(plan.collection, family, recipe, Cache(workspace.cache), None, silent), recipe=recipe
    )
    errors, distances = [], []
    with trainable(family, recipe) as learning:
        for step in finetune(family, material.batch_at, learning, recipe, last, None):
            if step.index in points:
                with as_kept(learning, step.state().ema), at_rest(family):
                    errors.append(measure.errors(template))
                    found = measure.distances(measure.pictures(template))
                    distances.append(tuple(float(value or 0.0) for value in found))
    return Followed(
        draw=draw, base=family.digest, recipe=of_settings, steps=tuple(points),
        base_errors=measure.of_base["base_errors"],
        errors=tuple(errors), distances=tuple(distances),
    )  # fmt: skip


def of(base: str, recipe: str, path: Path) -> list[Followed]:
    """The runs that count, each once and in order."""
    found = {run.draw: run for run in kept.read(path, Followed) if (run.base, run.recipe) == (base, recipe)}
    return [found[draw] for draw in sorted(found)]


def rank_correlation(runs: Sequence[Followed]) -> tuple[float, tuple[float, float], float]:
    """Spearman's over all snapshots, its interval, and the mean of those within each run."""
    from scipy.stats import spearmanr

    errors_SN = np.concatenate([np.array(run.errors) for run in runs])
    distances_SN = np.concatenate([np.array(run.distances) for run in runs])

    def of(columns: NDArray[np.int_]) -> float:
        return float(spearmanr(errors_SN[:, columns].mean(axis=1), distances_SN[:, columns].mean(axis=1)).statistic)

    number, chance = errors_SN.shape[1], np.random.default_rng(SEED)
    drawn = [of(columns) for columns in chance.integers(number, size=(RESAMPLES, number))]
    low, high = np.quantile(drawn, (0.025, 0.975))
    within = [float(spearmanr(np.mean(run.errors, axis=1), np.mean(run.distances, axis=1)).statistic) for run in runs]
    return of(np.arange(number)), (float(low), float(high)), float(np.mean(within))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("--draws", nargs="+", type=int, choices=range(DRAWS), default=list(range(DRAWS)))
    parser.add_argument("--each", type=int, default=EACH)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("snapshots-benchmark"))
    parser.add_argument("--to", type=Path, default=Path("snapshots.jsonl"))
    options = parser.parse_args()
    family = load_base(options.base)
    split = split_of(options.packages, ARTISTS["fxemoji"])
    bench = Bench(options.packages, split, "tuning", options.folder, options.base, family)
    recipe = recipe_of(family, METHODS[DEFAULT])
    known = {run.draw for run in of(family.digest, recipe, options.to)}
    for draw in options.draws:
        if draw in known:
            continue
        run = followed(bench, draw, options.each, {})
        kept.add(options.to, run)
        print(f"draw {draw}: {len(run.steps)} snapshots", flush=True)
    runs = of(family.digest, recipe, options.to)
    whole, (low, high), within = rank_correlation(runs)
    print(
        f"rank correlation over {sum(len(run.steps) for run in runs)} snapshots of {len(runs)} runs: {whole:.3f} "
        f"({low:.3f} to {high:.3f}); within runs {within:.3f}. Above zero, less error goes with being nearer."
    )


if __name__ == "__main__":
    main()
