"""How often does an audit see a twin that learnt by heart, and how often does it accuse a model that did not learn?

    python -m benchmarks.held_out_artist.audits --to audits.jsonl

Each draw takes 32 of the example's 96 drawings by chance, trains a style and audits it. In every audit there is one
twin that was deliberately overtrained, one model that learnt from none of the works (the base), and the style's twin
asked about works that were left out of it. One row a draw; none is drawn again, and every miss stands in the rows. The
counts have exact intervals (Clopper and Pearson 1934). Draws with another base or another recipe stay in the file and
count for nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.held_out_artist import rows as kept
from benchmarks.held_out_artist.methods import Method
from benchmarks.held_out_artist.recipes import recipe_of
from benchmarks.held_out_artist.stopping import drawn
from handstyle import loading, planning, stages
from handstyle.collection.rights_plan import read_rights_toml
from handstyle.demonstration import EXAMPLE
from handstyle.inspection.audit_report import Audit
from handstyle.records import Record
from handstyle.workspace import Workspace

WORKS, DRAWS = 32, 20


class Draw(Record):
    draw: int
    base: str
    recipe: str = ""  # digest; draws of before it was kept have none, and count for nothing
    audit: Audit

    @property
    def sees_by_heart(self) -> bool:
        return self.audit.positive is not None and self.audit.positive.is_flagged

    @property
    def accuses_the_base(self) -> bool:
        return self.audit.negative is not None and self.audit.negative.is_flagged

    @property
    def accuses_left_out(self) -> bool:
        return self.audit.left_out is not None and self.audit.left_out.is_flagged

    @property
    def accuses_wrongly(self) -> bool:
        return self.accuses_the_base or self.accuses_left_out


def one_draw(folder: Path, draw: int, works: int, base: Path | None, settings: dict[str, object], recipe: str) -> Draw:
    """What was trained is found again where a draw was stopped in the middle."""
    source, workspace = drawn(folder, works, draw), Workspace(folder / f"audit-workspace-{draw}")
    chosen = set(json.loads((source / "chosen.json").read_text(encoding="utf-8")))
    others = {path.name for path in source.glob("*.png")} - chosen
    stages.collect(workspace, source, read_rights_toml(EXAMPLE / "works" / "rights.toml"), validation=None,
                   without=others)  # fmt: skip
    plan = planning.plan(workspace, base=base, settings=settings)
    stages.finetune(plan, stop="max_train", save_every=10_000, sample_every=0)
    stages.inspect(workspace, base=base, quick=True, audit=True)
    report, _ = loading.current_report(workspace)
    assert report is not None and report.audit is not None
    return Draw(draw=draw, base=plan.family.digest, recipe=recipe, audit=report.audit)


def of(base: str, recipe: str, path: Path) -> list[Draw]:
    """The draws that count, each once and in order."""
    found = {one.draw: one for one in kept.read(path, Draw) if (one.base, one.recipe) == (base, recipe)}
    return [found[draw] for draw in sorted(found)]


def summary(draws: Sequence[Draw]) -> list[str]:
    return [
        counted("audits that flagged the twin that learnt by heart", [one.sees_by_heart for one in draws]),
        counted("audits that accused a model that did not learn", [one.accuses_wrongly for one in draws]),
        counted("  of these, the base", [one.accuses_the_base for one in draws]),
        counted("  of these, the twin about works left out of it", [one.accuses_left_out for one in draws]),
        counted("audits not able to tell", [one.audit.finding == "not able to tell" for one in draws]),
    ]


def counted(what: str, hits: Sequence[bool]) -> str:
    from scipy.stats import binomtest

    interval = binomtest(sum(hits), len(hits)).proportion_ci(method="exact")
    missed = [str(number) for number, hit in enumerate(hits) if not hit]
    named = f"; not in draws {', '.join(missed)}" if hits and 0 < len(missed) <= 3 else ""
    return f"{what}: {sum(hits)} of {len(hits)}, {interval.low:.1%} to {interval.high:.1%}{named}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", nargs="+", type=int, default=list(range(DRAWS)))
    parser.add_argument("--works", type=int, default=WORKS)
    parser.add_argument("--base", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("audits-benchmark"))
    parser.add_argument("--to", type=Path, default=Path("audits.jsonl"))
    options = parser.parse_args()
    family = loading.load_base(options.base)
    base, recipe = family.digest, recipe_of(family, Method("what is shipped", works=options.works))
    known = {one.draw for one in of(base, recipe, options.to)}
    for draw in options.draws:
        if draw not in known:
            one = one_draw(options.folder, draw, options.works, options.base, {}, recipe)
            kept.add(options.to, one)
            print(f"draw {draw}: {one.audit.finding}", flush=True)
    print("\n".join(summary(of(base, recipe, options.to))))


if __name__ == "__main__":
    main()
