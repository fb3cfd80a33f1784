"""What do words that a base does not know cost it?

    python -m benchmarks.held_out_artist.unknown_words PACKAGES [--base BASE] [--to benchmark]

A new style is called by such words before it has learnt anything by them. Of both test artists' tuning drawings: by how
much more the base errs with these words than with the caption alone, as a share of its error.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.held_out_artist.artists import ARTISTS, split_of
from benchmarks.held_out_artist.bench import Bench, Measure, prepared
from benchmarks.held_out_artist.methods import DEFAULT, METHODS
from handstyle.diffusion.hardware import hardware, use_all_cores
from handstyle.loading import load_base

CAPTION = "{caption}"
TEMPLATES = tuple(f"{CAPTION}, {words}" for words in ("hks style", "<s1> style", "zwx art", "qmb icon"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("--to", type=Path, default=Path("benchmark"))
    parser.add_argument("--base", type=Path)
    options = parser.parse_args()
    use_all_cores()
    family, precision = load_base(options.base), "bf16" if hardware().fast_bf16 else "no"
    for artist in (artist for artist in ARTISTS.values() if not artist.related):
        bench = Bench(options.packages, split_of(options.packages, artist), "tuning", options.to, options.base, family)
        method = METHODS[DEFAULT]
        workspace = prepared(bench, 0, method, DEFAULT, bench.row(0, "unknown words", method).key)
        measure = Measure.of(bench, workspace, precision, "style")
        alone = np.mean(measure.errors(CAPTION))
        for template in TEMPLATES:
            more = np.mean(measure.errors(template)) / alone - 1
            print(f"{artist.name:12} {template:24} {100 * more:6.2f} % more", flush=True)


if __name__ == "__main__":
    main()
