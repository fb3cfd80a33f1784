"""Which stage does each verb call, and what does it print?

Only `stages` and what stands beside it know what a verb does. They are imported by the command that needs them, so
that `--help` need not wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from handstyle import __version__
from handstyle.errors import UsageMistake
from handstyle.terminal import options, values
from handstyle.terminal.base_command import base
from handstyle.terminal.blind_test_commands import blind_test
from handstyle.terminal.captions_command import captions
from handstyle.terminal.collect_command import collect
from handstyle.terminal.compare_command import compare
from handstyle.terminal.consent_commands import consent
from handstyle.terminal.convert_command import convert
from handstyle.terminal.detect_command import detect
from handstyle.terminal.display import Display, display_of
from handstyle.terminal.doctor_command import doctor
from handstyle.terminal.finetune_command import finetune
from handstyle.terminal.generate_command import generate
from handstyle.terminal.influence_command import influence
from handstyle.terminal.log_commands import log
from handstyle.terminal.originate_commands import originate
from handstyle.terminal.recipe_command import recipe
from handstyle.terminal.rename_command import rename
from handstyle.terminal.shares_command import shares
from handstyle.terminal.verify_command import verify
from handstyle.terminal.withdraw_command import retrain_without, withdraw

MUCH_CROPPED = 0.8  # share of a picture's area that is left, below which somebody should know

app = typer.Typer(
    name="handstyle",
    add_completion=False,
    rich_markup_mode=None,  # plain help: it is there at once, and any screen reader can follow it
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 an error, 2 a mistake in the command, 3 a gate said no, 130 interrupted.",
)

app.add_typer(consent, help="Who permits what: drafted, read, signed by everybody, checked.")
app.add_typer(log, help="What was permitted, trained and released, so that nothing is added before or taken out after.")

app.add_typer(blind_test, help="Can people tell the style's drawings from the artist's, not knowing which is which?")
app.add_typer(originate, help="A base model made from nothing but licensed works. Hours; most people never need it.")


@app.callback(invoke_without_command=True)
def handstyle(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Which handstyle is this?")] = False
) -> None:
    """About thirty works by one artist become a model that draws in that hand, with the artist's permission."""
    if version:
        typer.echo(f"handstyle {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(UsageMistake.exit_code)


app.command()(collect)
app.command()(doctor)
app.command()(captions)


@app.command()
def encode(
    context: typer.Context,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """The base model looks at each work and each caption once."""
    from handstyle import stages

    display = display_of(context)
    made = stages.encode(values.workspace_at(workspace), base, progress=display.progress)
    if made.smallest_share_kept < MUCH_CROPPED:
        display.say(f"The base draws squares: of the longest work {made.smallest_share_kept:.0%} is left.")
    known = f", {made.found} of them known already" if made.found else ""
    display.result(made, f"{made.works} works and {made.texts} texts at {made.resolution} pixels{known}")


app.command()(finetune)
app.command()(generate)


@app.command()
def inspect(
    context: typer.Context,
    style: options.Inspected = None,
    further: options.Further = None,
    oracle: options.Oracle = None,
    vision: options.Vision = None,
    audit: options.Audit = False,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """One page shows what the style learnt, and what it copied."""
    from handstyle import stages

    display = display_of(context)
    made = stages.inspect(
        values.workspace_at(workspace),
        style,
        base=base,
        further=further,
        oracle=oracle,
        vision=vision or (),
        audit=audit,
        progress=display.progress,
    )
    display.result(made, *made.verdict, made.page)


@app.command()
def publish(
    context: typer.Context,
    name: options.Title,
    key: options.Key = None,
    model_licence: options.ModelLicence = None,
    distribution: options.Distribution = None,
    keeper: options.Answering = None,
    contact: options.Complaints = None,
    to: options.ReleaseTo = None,
    push_to_hub: options.PushToHub = None,
    public: options.Public = False,
    base: options.Base = None,
    workspace: options.Place = None,
    json: options.AsJson = False,
) -> None:
    """A permitted and inspected style becomes a signed release."""
    from handstyle import stages

    display = display_of(context)
    made = stages.publish(
        values.workspace_at(workspace),
        name,
        progress=display.progress,
        **values.given(
            base=base,
            key=key,
            model_licence=model_licence,
            distribution=values.whom(distribution),
            to=to,
            push=values.where_to_push(push_to_hub, public=public),
            contact=values.contact(keeper, contact),
        ),
    )
    display.say("\n".join(made.reasons))
    display.result(made, f"{made.licence}, signed by {made.signer}", made.release, *filter(None, [made.address]))


app.command()(compare)
app.command()(influence)
app.command()(shares)
app.command()(rename)
app.command()(base)
app.command()(convert)
app.command()(recipe)


app.command()(verify)
app.command()(withdraw)
app.command("retrain-without")(retrain_without)


app.command()(detect)


@app.command()
def demo(
    context: typer.Context,
    to: options.DemoTo = Path("demo-output"),
    short: options.Short = False,
    json: options.AsJson = False,
) -> None:
    """The whole journey with thirty-two real drawings."""
    from handstyle import demonstration

    display = display_of(context)
    made = demonstration.demo(to, short=short, progress=display.progress, announce=display.say)
    display.result(made, made.report, made.release)


def run(arguments: Sequence[str], display: Display) -> int:
    """One command; its exit code. A mistake in what was typed is raised as one of our errors."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("handstyle", list(arguments), obj=display) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as mistake:
        where = getattr(mistake, "ctx", None)
        path = where.command_path if where else "handstyle"
        raise UsageMistake(mistake.format_message(), hint=f"`{path} --help` shows what can be typed.") from None
    return 0
