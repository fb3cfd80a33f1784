"""Which recipe suits a small base? Tried on drawings that the example does not use.

    python benchmarks/held_out_artist/make_example.py PACKAGES --to /tmp/example --left-over /tmp/rest
    python benchmarks/held_out_artist/tune.py /tmp/rest_candidates --try "rank=8" --try "learning_rate=1e-3 ema_decay=0"

Trains on the 32 further candidates of the example's artist and inspects on the example's 32 works: the 64 drawings that
are the example's ground truth have no say. One line a recipe, as JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from handstyle import planning, stages
from handstyle.collection.rights import open_licence
from handstyle.collection.rights_plan import for_all
from handstyle.demonstration import EXAMPLE
from handstyle.workspace import Workspace


def value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def tried(candidates: Path, settings: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    rights = for_all(open_licence("Apache-2.0", "Mozilla", "https://github.com/mozilla/fxemoji"))
    stages.collect(workspace, candidates, rights, validation=None)
    plan = planning.plan(workspace, settings=settings)
    run = stages.finetune(plan, stop="max_train", save_every=10_000, sample_every=10_000)
    found = stages.inspect(workspace, further=EXAMPLE / "works")
    return {
        **settings,
        "seconds": run.seconds,
        "gain_e-4": round(1e4 * (found.held_out_gain or 0), 1),
        "interval_e-4": [round(1e4 * end, 1) for end in found.held_out_gain_interval or ()],
        "nearer": found.nearer_to_truth,
        "prompts": found.prompts,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("candidates", type=Path)
    parser.add_argument("--try", action="append", default=[], dest="recipes", metavar='"key=value ..."')
    parser.add_argument("--keep", type=Path, help="keep the workspace here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        workspace = Workspace(options.keep or Path(temporary))
        for recipe in options.recipes or [""]:
            settings = {key: value(text) for key, _, text in (item.partition("=") for item in recipe.split())}
            print(json.dumps(tried(options.candidates, settings, workspace)), flush=True)


if __name__ == "__main__":
    main()
