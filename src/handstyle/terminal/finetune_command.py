"""How is a run asked for at the command line?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from handstyle.errors import UsageMistake
from handstyle.terminal import values
from handstyle.terminal.display import display_of
from handstyle.terminal.finetune_options import Asked, Course, Known, Shown
from handstyle.terminal.grouping import in_groups

if TYPE_CHECKING:
    from handstyle.planning import Plan


@in_groups(Asked, Known, Course, Shown)
def finetune(context: typer.Context, asked: Asked, known: Known, course: Course, shown: Shown) -> None:
    """A collection becomes a trained style; what it takes is shown first."""
    from handstyle import stages

    display = display_of(context)
    plan = _plan(asked, known, course, shown)
    for note in plan.notes:
        display.say(note)
    toml = plan.recipe.as_toml()
    made = stages.finetune(
        plan,
        announce=lambda words: display.say(words if course.dry_run else f"{toml}\n{words}\n"),
        progress=display.progress,
        **values.given(
            stop=values.how_to_stop(course.stop),
            resume=course.resume,
            dry_run=course.dry_run,
            further=course.further,
            save_every=shown.save_every,
            sample_every=shown.sample_every,
            report_to=values.where_to_report(shown.report_to),
        ),
    )
    if course.dry_run:
        display.result(made, toml.rstrip(), recipe=plan.recipe.as_json())
    else:
        when = "finished before, in" if made.already_there else "in"
        time = values.minutes(made.seconds)
        display.result(made, f"{made.steps} steps {when} {time} minutes", *made.verdict, made.style)


def _plan(asked: Asked, known: Known, course: Course, shown: Shown) -> Plan:
    from handstyle import planning

    changes = _changes(asked, known)
    values.at_most_one({"--recipe": asked.recipe, "--preset": asked.preset, "--extend": course.extend})
    values.at_most_one({"--set": asked.settings, "--extend": course.extend})
    values.at_most_one({"--network-weights": course.network_weights, "--extend": course.extend})
    for name in known.typed:
        values.at_most_one({_option(name): True, "--extend": course.extend})
    given = values.given(
        recipe_file=asked.recipe,
        preset=asked.preset,
        settings=changes,
        class_images=course.class_images,
        extend=course.extend,
        network_weights=course.network_weights,
    )
    return planning.plan(values.workspace_at(shown.workspace), asked.base, **given, plain=course.plain)


def _changes(asked: Asked, known: Known) -> dict[str, Any]:
    """Raises UsageMistake for a choice that is made twice."""
    changes = values.recipe_settings(asked.settings or ())
    if twice := sorted(changes.keys() & known.typed.keys()):
        raise UsageMistake(f"{twice[0]} is said twice", hint=f"Leave --set {twice[0]} or {_option(twice[0])} away.")
    return changes | known.typed


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
