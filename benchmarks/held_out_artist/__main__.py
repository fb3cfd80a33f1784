"""How good are handstyle's defaults on artists nobody trained on, and which choice is worth what?

    python -m benchmarks.held_out_artist PACKAGES --to benchmark [--reference DIFFUSERS] [--on tuning]
        [--artists fxemoji] [--draws 0 1 2] [--methods "rank 2" "rank 4"]

PACKAGES holds the unpacked npm packages, each in a folder named by package and version, as `make_example.py` has them.
Unless methods are named, what is shipped is asked, and the oracle. Settings are screened on the tuning drawings of one
artist and three draws, finalists confirmed on the testing drawings of all. One row a run, in rows.jsonl: what was run
is not run again, and a benchmark that was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks.held_out_artist import baselines, reference
from benchmarks.held_out_artist import rows as kept
from benchmarks.held_out_artist.artists import ARTISTS, DRAWS, split_of
from benchmarks.held_out_artist.bench import Bench, due
from benchmarks.held_out_artist.methods import DEFAULT, METHODS, ORACLE, Method
from benchmarks.held_out_artist.rows import Row
from handstyle.diffusion.hardware import use_all_cores
from handstyle.loading import load_base

ASKED = [*METHODS, ORACLE]


def rows(bench: Bench, draw: int, names: list[str], known: set[str], checkout: Path | None) -> Iterator[Row]:
    """Of one draw of one artist, as they are found."""
    yield from baselines.rows(bench, draw, known)
    for name in [name for name in names if name != ORACLE]:
        yield from due(bench, draw, name, METHODS[name], known)
    if checkout is not None:
        yield from reference.rows(bench, draw, known, checkout)
    if draw == 0 and ORACLE in names:  # last, as it takes longest
        every = Method("what could be gained", works=len(bench.all_else))
        yield from due(bench, draw, ORACLE, every, known)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("--to", type=Path, default=Path("benchmark"))
    parser.add_argument("--on", choices=["tuning", "testing"], default="testing")
    parser.add_argument("--artists", nargs="+", choices=list(ARTISTS), default=list(ARTISTS))
    parser.add_argument("--draws", nargs="+", type=int, choices=range(DRAWS), default=list(range(DRAWS)))
    parser.add_argument("--methods", nargs="+", choices=ASKED, default=[DEFAULT, ORACLE])
    parser.add_argument("--base", type=Path)
    parser.add_argument("--reference", type=Path, help="a checkout of diffusers")
    parser.add_argument("--most", type=int, help="so many drawings only: a trial of the machinery")
    options = parser.parse_args()
    use_all_cores()
    family, path = load_base(options.base), options.to / "rows.jsonl"
    for name in options.artists:
        split = split_of(options.packages, ARTISTS[name])
        bench = Bench(options.packages, split, options.on, options.to, options.base, family, options.most)
        for draw in options.draws:
            known = {row.key for row in kept.read(path, Row)}
            for row in rows(bench, draw, options.methods, known, options.reference):
                kept.add(path, row)
                print(line(row), flush=True)


def line(row: Row) -> str:
    gain = f"{100 * (1 - sum(row.errors) / sum(row.base_errors)):7.2f} %" if row.errors else " " * 9
    return (
        f"{row.artist:28} {row.on:8} draw {row.draw}  {row.method:40} {gain} {row.steps:5} steps {row.seconds:7.1f} s"
    )


if __name__ == "__main__":
    main()
