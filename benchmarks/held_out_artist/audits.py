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
from collections.abc import Callable, Sequence
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
    def asks_the_attack_too(self) -> bool:
        """About works left out; the first draws asked pictures alone."""
        return self.audit.left_out is not None and self.audit.left_out.extraction_p is not None

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
    if not draws:
        return ["no draw of this base and recipe has been run"]
    attacked = [one for one in draws if one.asks_the_attack_too]
    return [
        counted("audits that flagged the twin that learnt by heart", draws, lambda one: one.sees_by_heart),
        counted("audits that accused a model that did not learn", draws, lambda one: one.accuses_wrongly),
        counted("  of these, the base", draws, lambda one: one.accuses_the_base),
        counted("  of these, the twin about works left out of it", draws, lambda one: one.accuses_left_out),
        f"  in {len(attacked)} of {len(draws)} the attack, too, was asked about works left out",
        counted("audits not able to tell", draws, lambda one: one.audit.finding == "not able to tell"),
        counted("audits that found the style itself to copy", draws, lambda one: one.audit.finding == "copies"),
    ]


def counted(what: str, draws: Sequence[Draw], holds: Callable[[Draw], bool]) -> str:
    from scipy.stats import binomtest

    those, others = ([one.draw for one in draws if holds(one) == wanted] for wanted in (True, False))
    interval = binomtest(len(those), len(draws)).proportion_ci(method="exact")
    fewer, where = (those, "in") if len(those) <= len(others) else (others, "not in")
    named = f"; {where} draws {', '.join(map(str, fewer))}" if fewer else ""
    return f"{what}: {len(those)} of {len(draws)}, {interval.low:.1%} to {interval.high:.1%}{named}"


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
