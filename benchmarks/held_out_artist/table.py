"""How do the rows of the benchmark become the table of docs/benchmark.md?

    python -m benchmarks.held_out_artist.table [ROWS.jsonl] [--check]

Only rows of the base that is shipped and of the recipes as they are resolved now stand there: first those on the
drawings for testing, and apart from them those on the drawings that settings are chosen with. The primary number was
declared before anything was run: the held-out gain, as a share of what the base errs in the words that suit it best,
with an interval over the test drawings, and the draws singly. Everything else is descriptive; so is the gain as a share
of what the oracle gains.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.held_out_artist import reference
from benchmarks.held_out_artist import rows as kept
from benchmarks.held_out_artist.artists import TESTING, TUNING
from benchmarks.held_out_artist.baselines import BASELINES, WITHOUT
from benchmarks.held_out_artist.bench import On
from benchmarks.held_out_artist.methods import DEFAULT, METHODS, ORACLE, REFERENCE, REFERENCE_BEST, Method
from benchmarks.held_out_artist.recipes import of_the_base, recipe_of
from benchmarks.held_out_artist.rows import Row
from handstyle.diffusion.family import ModelFamily
from handstyle.finetuning.gain import bootstrap_mean, bootstrap_share, normalised

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmark.md"
ROWS = Path(__file__).with_name("rows.jsonl")  # those that the page is of
BEGIN, END = "<!-- rows: written by benchmarks/held_out_artist/table.py -->", "<!-- end of rows -->"
NOT_RUN = "The benchmark has not been run on the base that is shipped now. No numbers are printed until it has."
DRAWINGS: dict[On, int] = {"testing": TESTING, "tuning": TUNING}
HEAD = (
    "| method | gain | 95 % interval | draws singly | normalised | more than `handstyle` | distance to the drawing |",
    "|---|---|---|---|---|---|---|",
)


def current(found: Sequence[Row], family: ModelFamily, on: On = "testing") -> list[Row]:
    """Rows of this base whose recipe is what it would be now, each once."""
    wanted = (family.digest, on, DRAWINGS[on])
    by_key = {row.key: row for row in found if (row.base, row.on, row.drawings) == wanted}
    return [row for row in by_key.values() if row.recipe == recipe_now(row, family)]


def recipe_now(row: Row, family: ModelFamily) -> str:
    """The oracle has the default's."""
    if row.method in BASELINES:
        return of_the_base(family)
    if row.method in (REFERENCE, REFERENCE_BEST):
        return reference.recipe_of(family)
    method = METHODS.get(row.method) or Method("the default")
    return recipe_of(family, replace(method, works=row.works))


def all_tables(found: Sequence[Row], family: ModelFamily) -> str:
    testing, tuning = current(found, family, "testing"), current(found, family, "tuning")
    screened = f"\n\n## Screening, on the tuning drawings\n\n{tables(tuning)}" if tuning else ""
    return tables(testing) + screened


def tables(own: Sequence[Row]) -> str:
    """One for each artist: those that the base has no siblings of first."""
    if not own:
        return NOT_RUN
    parts = []
    for related in (False, True):
        for artist in sorted({row.artist for row in own if bool(row.related) == related}):
            of_artist = [row for row in own if row.artist == artist]
            parts.append("\n".join(_of_artist(artist, of_artist)))
    return "\n\n".join(parts)


def _of_artist(artist: str, rows: Sequence[Row]) -> list[str]:
    related = rows[0].related
    tuned = ", tuning" if rows[0].on == "tuning" else ""
    title = f"### {artist}{tuned}" + (f", related to {related} in the base" if related else "")
    draws = len({row.draw for row in rows})
    said = f"{rows[0].drawings} drawings, {draws} draw{'s' if draws > 1 else ''}."
    by_method: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.draw):
        by_method.setdefault(row.method, []).append(row)
    base, default, oracle = (by_method.get(name, []) for name in (WITHOUT, DEFAULT, ORACLE))
    lines = [_line(method, of, default, oracle, base) for method, of in by_method.items()]
    order = sorted(range(len(lines)), key=lambda n: (lines[n][0] is None, -(lines[n][0] or 0)))
    return [title, "", said, "", *HEAD, *(lines[n][1] for n in order)]


def _line(
    method: str, rows: Sequence[Row], default: Sequence[Row], oracle: Sequence[Row], base: Sequence[Row]
) -> tuple[float | None, str]:
    far = _distance(rows, base)
    if not rows[0].errors:
        return None, f"| {method} | draws nothing itself | | | | | {far} |"
    gains_DN = np.stack([gains(row) for row in rows])
    base_N = np.mean([row.base_errors for row in rows], axis=0)
    share = bootstrap_share(gains_DN.mean(axis=0), base_N)
    singly = ", ".join(f"{100 * gains(row).mean() / np.mean(row.base_errors):.2f}" for row in rows)
    steps = f" ({', '.join(str(row.steps) for row in rows)} steps)" if any(row.steps for row in rows) else ""
    cells = [
        f"{method}{steps}", f"{100 * share.share:.2f} %",
        f"{100 * share.interval.low:.2f} to {100 * share.interval.high:.2f}", singly,
        _normalised(rows, oracle), _paired(rows, default) if method != DEFAULT else "", far,
    ]  # fmt: skip
    return share.share, f"| {' | '.join(cells)} |"


def gains(row: Row) -> NDArray[np.float64]:
    """What the base errs in the words that suit it best, minus what the method errs, drawing by drawing."""
    return np.subtract(row.base_errors, row.errors, dtype=np.float64)


def _normalised(rows: Sequence[Row], oracle: Sequence[Row]) -> str:
    """The share of what could be gained at all, from the same base and on the same resampled drawings; no share where
    the oracle's own gain may be chance."""
    if not oracle:
        return ""
    base_N = np.mean([row.base_errors for row in rows], axis=0)
    errors_N, oracles_N = (np.mean([row.errors for row in of], axis=0) for of in (rows, oracle))
    found = normalised(base_N - errors_N, base_N - oracles_N)
    if found is None:
        return "the oracle's may be chance"
    return f"{found.share:.2f} ({found.interval.low:.2f} to {found.interval.high:.2f})"


def _paired(rows: Sequence[Row], default: Sequence[Row]) -> str:
    """On the draws that both have run, drawing by drawing."""
    both = [(one, other) for one in rows for other in default if one.draw == other.draw]
    if not both:
        return ""
    more_N = np.mean([np.array(other.errors) - np.array(one.errors) for one, other in both], axis=0)
    whole = float(np.mean([other.base_errors for _, other in both]))
    interval = bootstrap_mean(more_N / whole)
    return f"{100 * more_N.mean() / whole:+.2f} % ({100 * interval.low:+.2f} to {100 * interval.high:+.2f})"


def _distance(rows: Sequence[Row], base: Sequence[Row]) -> str:
    """As a share of the base's on the same drawings: not everything was drawn by another artist, too. So many drawings
    are said where they are not all."""
    far_DN, unit_DN = (np.array([row.distances for row in of], dtype=np.float64) for of in (rows, base))
    if not far_DN.size or not unit_DN.size:
        return ""
    far_N, unit_N = far_DN.mean(axis=0), unit_DN.mean(axis=0)
    known_N = ~np.isnan(far_N) & ~np.isnan(unit_N)
    if not known_N.any():
        return ""
    some = "" if known_N.all() else f" ({known_N.sum()} drawings)"
    return f"{far_N[known_N].mean() / unit_N[known_N].mean():.3f}{some}"


def written(page: str, table: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def main() -> None:
    from handstyle.diffusion import catalogue

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=Path, nargs="?", default=ROWS)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the page says otherwise")
    options = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    made = written(page, all_tables(kept.read(options.rows, Row), catalogue.load(None)))
    if options.check:
        raise SystemExit(int(made != page))
    PAGE.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
