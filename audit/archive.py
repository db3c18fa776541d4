"""What is done with runs over time: the command `history`, and the commands of `audit evidence`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from audit.options import PolicyName


def history(
    folders: Annotated[
        list[Path] | None, typer.Argument(metavar="FOLDER…", help="Folders of runs; reports by default.")
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option("--suite", metavar="NAME", help="Only runs of this suite, more than once."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="Only this model, such as 'screening-*', more than once."
        ),
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option("--axis", "-a", metavar="NAME", help="Only findings of this axis, more than once."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the history as a page (HTML)."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the history as JSON.")
    ] = None,
) -> None:
    """Show what became of each finding over all runs in a folder. Needs no model."""
    from audit import console, histories, historyfiles, progress, timeline
    from audit.history import Selection

    wanted = historyfiles.places(output, json)
    selection = Selection(suites=tuple(suite or ()), models=tuple(model or ()), axes=tuple(axis or ()))
    with progress.shown(console.out(stderr=True)) as shown:
        found = histories.history_of(folders or [Path("reports")], wanted=selection, progress=shown)
    written = historyfiles.write(found, wanted)
    timeline.timeline(console.out(), found)
    for path in written:
        console.say(console.out(), f"written    {path}")


evidence = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Keep the evidence of runs over the years."
)


@evidence.callback()
def _several() -> None:
    """Makes the group ask for the name of a command, also while it has but one."""


@evidence.command()
def prune(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of runs.", show_default=False)],
    policy: PolicyName = "default",
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            "--baseline",
            metavar="FILE",
            help="Baseline file whose run is kept, more than once; those beside the runs and here are found.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it nothing is deleted.")] = False,
) -> None:
    """List which runs may go by the policy and why each other one is kept; delete them only with --yes."""
    from audit import console, pruning
    from audit.errors import AuditError
    from audit.machine import now
    from audit.policy import load_policy

    out, rules, today = console.out(), load_policy(policy), now()
    found = pruning.fates(folder, rules=pruning.rules_of(rules), baselines=baseline or (), today=today)
    console.say(out, f"rules      policy '{rules.id}', as of {today:%Y-%m-%d}")
    for fate in found:
        console.say(out, f"{'delete' if fate.goes else 'keep':10} {fate.folder}: {fate.reason}")
    going, failed = [fate for fate in found if fate.goes], []
    if not yes:
        console.say(out, f"{len(going)} of {len(found)} may go; nothing is deleted without --yes")
        return
    for fate in going:
        try:
            stayed = pruning.delete(fate)
        except AuditError as error:
            failed.append(str(error))
            continue
        console.say(out, f"kept       {fate.folder}: {stayed}" if stayed else f"deleted    {fate.folder}")
        failed += [f"{fate.folder}: not deleted, {stayed}"] if stayed else []
    if failed:
        raise AuditError("\n".join(failed))
