"""Killed at a moment that nobody chose, does a journey end with the same bits?

    python -m tests.exactness.campaign --moments 50 --seed 1

Each moment draws a recipe, a verb, and one to three kills: at a touch of the disk (before it, after it, or with half
of the bytes written) or at a time. Then it is gone on with as the tool itself says, to the release.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.exactness.faults import Fault, When
from tests.exactness.journey import (
    RECIPES,
    VERBS,
    Scene,
    Undisturbed,
    an_hour_passes,
    differences,
    half_written,
    left_behind,
)
from tests.exactness.processes import Desk, Ended, run

# What a process died at, by a part of the name.
PLACES = {
    "collections": "collections/", "the cache": "cache/", "snapshots": "snapshots/", "the log": "steps.jsonl",
    "samples": "samples/", "styles": "style/", "inspections": "inspections/", "releases": "release",
    "keys": "home/", "pictures": "pictures/", "other records": "",
}  # fmt: skip

# Where most can be lost, most is tried.
VERBS_DRAWN = {"finetune": 10, "publish": 4, "encode": 3, "collect": 1, "inspect": 1, "generate": 1}
KILLS_DRAWN = {1: 6, 2: 3, 3: 1}
FRESH_EVERY = 5  # moments: here every process starts as a person starts it
MOST_TRIES = 8
AT: dict[When, str] = {"before": "before", "half": "in the middle of", "after": "after"}


@dataclass(frozen=True)
class Kill:
    """At a share of the undisturbed run's touches, or of its time."""

    share: float
    by: str  # "touch" or "time"
    when: When


@dataclass(frozen=True)
class Moment:
    """Drawn from the seed and its number alone."""

    seed: int
    number: int
    recipe: str
    verb: str
    kills: tuple[Kill, ...]
    resumes_at_once: bool  # types --resume without being told to
    fresh: bool

    @classmethod
    def draw(cls, seed: int, number: int) -> Moment:
        chance = random.Random(f"{seed}/{number}")
        recipe = chance.choice(list(RECIPES))
        [verb] = chance.choices(list(VERBS_DRAWN), list(VERBS_DRAWN.values()))
        [count] = chance.choices(list(KILLS_DRAWN), list(KILLS_DRAWN.values()))
        kills = [
            Kill(chance.random(), chance.choice(("touch", "touch", "time")), chance.choice(list(AT)))
            for _ in range(count)
        ]
        return cls(seed, number, recipe, verb, tuple(kills), chance.random() < 0.5, number % FRESH_EVERY == 0)


@dataclass
class Played:
    """What became of a moment."""

    moment: Moment
    died: list[str] = field(default_factory=list)
    went_on: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    style: str = ""  # digest of its tensors, at the end
    seconds: float = 0.0

    def __str__(self) -> str:
        moment = self.moment
        started = "fresh processes" if moment.fresh else "forks"
        lines = [
            f"{moment.seed}/{moment.number:<3} {moment.recipe:5} {moment.verb:8} {started}, {self.seconds:.1f} s: "
            f"{'NOT EQUAL' if self.troubles else 'equal'}, style {self.style[:12]}",
            *(f"      killed {where}" for where in self.died or ["too late: it had ended"]),
            f"      then {', '.join(self.went_on)}",
            *(f"      TROUBLE {trouble}" for trouble in self.troubles),
        ]
        return "\n".join(lines)


class Player:
    """Plays moments against the journeys that nobody disturbed, which it makes when they are first needed."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.originals = scene.originals()
        self.undisturbed: dict[str, Undisturbed] = {}

    def reference(self, recipe: str) -> Undisturbed:
        if recipe not in self.undisturbed:
            self.undisturbed[recipe] = Undisturbed(self.scene, recipe).go()
        return self.undisturbed[recipe]

    def play(self, moment: Moment) -> Played:
        reference, began, played = self.reference(moment.recipe), time.perf_counter(), Played(moment)
        desk = reference.desk_before(moment.verb, f"moment-{moment.seed}-{moment.number}")
        self._kill_and_go_on(desk, reference, played)
        for verb in [*VERBS[VERBS.index(moment.verb) + 1 :], "verify"]:
            ended = run(desk, self.scene.line(verb, moment.recipe))
            if ended.code != 0:
                played.troubles.append(f"{verb} ended with {ended.code}: {ended.err[-500:]}")
                break
        else:
            left = left_behind(desk)
            played.style = left.get(f"workspace/runs/{left['current run']}/style/style.safetensors", "")
            played.troubles += differences(left, reference.left)
        played.troubles += half_written(desk)
        if self.scene.originals() != self.originals:
            played.troubles.append("an original was touched")
        played.seconds = time.perf_counter() - began
        if not played.troubles:
            shutil.rmtree(desk.folder)
            shutil.rmtree(desk.notes)
        return played

    def _kill_and_go_on(self, desk: Desk, reference: Undisturbed, played: Played) -> None:
        moment = played.moment
        line = self.scene.line(moment.verb, moment.recipe)
        kills, typed = list(moment.kills), line
        for _ in range(MOST_TRIES):
            ended = self._run(desk, typed, kills[0] if kills else None, reference, played)
            if ended.code == 0:
                return
            if ended.was_killed:
                kills.pop(0)
                an_hour_passes(desk)
                typed = [*line, "--resume"] if moment.verb == "finetune" and moment.resumes_at_once else line
                continue
            if not (answer := self._as_told(desk, ended, line, played)):
                played.troubles.append(f"{' '.join(typed[:1])} ended with {ended.code}: {ended.err[-500:]}")
                return
            typed = answer
        played.troubles.append("it does not come to its end")

    def _run(self, desk: Desk, typed: list[str], kill: Kill | None, reference: Undisturbed, played: Played) -> Ended:
        moment, whole = played.moment, reference.ended[played.moment.verb]
        fault, kill_after = Fault(), None
        if kill and kill.by == "touch":
            fault = Fault("kill", at=1 + int(kill.share * len(whole.touches)), when=kill.when)
        elif kill:
            kill_after = kill.share * whole.seconds
        ended = run(desk, typed, fault=fault, kill_after=kill_after, fresh=moment.fresh)
        if kill and ended.was_killed:
            when = AT[kill.when] if kill_after is None else f"{kill_after:.2f} s in, after"
            last = ended.touches[-1] if ended.touches else "none"
            played.died.append(f"{when} touch {len(ended.touches)}: {last}")
        elif ended.code == 0:
            played.went_on.append(" ".join([typed[0], *(word for word in typed if word == "--resume")]))
        return ended

    def _as_told(self, desk: Desk, ended: Ended, line: list[str], played: Played) -> list[str] | None:
        """What the tool says to type next, where what it says of the desk is true."""
        snapshots = sorted(desk.folder.glob("workspace/runs/*/snapshots/step-*.safetensors"))
        if "Continue it with --resume" in ended.err and snapshots:
            step = int(snapshots[-1].stem.split("-")[1])
            if f"an unfinished run of the same recipe, at step {step}" in ended.err:
                played.went_on.append(f"told of step {step}")
                return [*line, "--resume"]
        if "Leave --resume out" in ended.err and not snapshots:
            played.went_on.append("told that nothing is to be resumed")
            return line
        if "a release is never overwritten" in ended.err and (desk.folder / "release").is_dir():
            played.went_on.append("told that the release is there")
            return self.scene.line("verify")
        return None


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--moments", type=int, default=5)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", type=int, metavar="NUMBER", help="play this moment alone")
    given = options.parse_args()
    began, place = time.perf_counter(), Path(tempfile.mkdtemp(prefix="handstyle-exactness-"))
    player, played = Player(Scene(place / "scene").make()), []
    for number in range(given.moments) if given.only is None else [given.only]:
        played.append(player.play(Moment.draw(given.seed, number)))
        print(played[-1], flush=True)
    print(f"seed {given.seed}, {time.perf_counter() - began:.0f} s: {summary(played)}")
    if any(each.troubles for each in played):
        print(f"What was left is in {place}")
        return 1
    shutil.rmtree(place)
    return 0


def summary(played: Sequence[Played]) -> str:
    unequal = [str(each.moment.number) for each in played if each.troubles]
    deaths = [where for each in played for where in each.died]
    struck = Counter(next(place for place, words in PLACES.items() if words in where) for where in deaths)
    return "\n".join(
        [
            f"{len(played) - len(unequal)} of {len(played)} moments equal"
            + (f", not {', '.join(unequal)}" if unequal else ""),
            f"{len(deaths)} kills in {sum(bool(each.died) for each in played)} moments; last touched were "
            + ", ".join(f"{place} {struck[place]}" for place in PLACES if struck[place]),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
