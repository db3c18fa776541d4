"""The command `audit`: arguments, progress and exit codes; nothing else.

Exit codes: 0 done, 1 something went wrong or a file changed, 2 bad input, 3 incomplete, 130 stopped by Ctrl-C,
143 stopped by SIGTERM.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from audit.archive import evidence as evidences
from audit.archive import history
from audit.disk import refused
from audit.errors import AuditError, IncompleteError, InputError
from audit.machine import seldom_collected
from audit.options import (
    Address,
    Asked,
    Beginning,
    Exact,
    Gate,
    Gpus,
    Json,
    Junit,
    Kind,
    Markdown,
    MaybeBaseline,
    MaybeModel,
    Methods,
    Model,
    Output,
    Pages,
    PairFile,
    PairId,
    Pdf,
    Place,
    PolicyName,
    RunFolder,
    RunPlace,
    Sarif,
    Seed,
    Suites,
    Track,
    Versions,
    Waivers,
    WhereNow,
    Workers,
)
from audit.stopping import stoppable

app = typer.Typer(
    name="audit",
    help="Finds out whether a language model treats people differently because of who they appear to be.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

baselines = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Keep a run as the baseline to compare with."
)
app.add_typer(baselines, name="baseline")
app.add_typer(evidences, name="evidence")
app.command()(history)


def main() -> None:
    """Runs the command line; an error raised on purpose is one message and its exit code, and so is a stop."""
    with seldom_collected(), stoppable(_tell_stopped) as stop:
        try:
            app()
        except BaseException as error:
            if stop.code:  # whatever the stop has become on its way through libraries
                _tell_stopped()
                sys.exit(stop.code)
            known = refused(error) if isinstance(error, OSError) else error
            if not isinstance(known, AuditError):
                raise
            print(f"audit: {known}", file=sys.stderr)
            sys.exit(known.exit_code)


def _tell_stopped() -> None:
    """Says that the command was stopped, and what becomes of it."""
    kept = (
        "; what was answered is kept, the same command goes on from here" if sys.argv[1:2] == ["run"] else ""
    )
    print(f"audit: stopped{kept}", file=sys.stderr)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Options that belong to no command."""
    if show:
        from audit.machine import versions

        typer.echo(f"audit {versions()['audit']}")
        raise typer.Exit


@app.command()
def run(
    suites: Suites,
    model: Model,
    output: Output = Path("reports"),
    policy: PolicyName = "default",
    again: Annotated[
        bool, typer.Option("--again", help="Start another run of a plan that is finished.")
    ] = False,
    executor: Place = "local",
    address: Address = "",
    workers: Workers = 0,
    gpus: Gpus = 0.0,
    exact: Exact = False,
    pdf: Pdf = None,
    baseline: MaybeBaseline = None,
    gate: Gate = False,
    waivers: Waivers = None,
    markdown: Markdown = None,
    junit: Junit = None,
    sarif: Sarif = None,
    json: Json = None,
    track: Track = None,
) -> None:
    """Audit a model: ask, measure, explain, and write the report. The same command goes on after a stop."""
    from audit import console, gatekeeping, pipeline, progress, sending, tracking
    from audit.batching import Where
    from audit.machine import now, stamp
    from audit.policy import load_policy
    from audit.runs import read_run
    from audit.suite import load_suite

    wanted = gatekeeping.wanted(json=json, junit=junit, markdown=markdown, sarif=sarif)
    gatekeeping.check(baseline, gate=gate, waivers=waivers, suites=suites, wanted=wanted)
    server = tracking.server(track)
    load_policy(policy)
    for suite in suites[1:]:  # the first is read right away
        load_suite(suite)
    where = Where(model=model, executor=executor, address=address, workers=workers, gpus=gpus)
    started_at, incomplete, untracked = stamp(now()), False, False
    for suite in suites:
        with progress.shown(console.out(stderr=True)) as shown:
            folder = pipeline.run(
                suite, model=model, output=output, policy=policy, again=again, progress=shown, where=where,
                exact=exact, pdf=pdf,
            )  # fmt: skip
        finished = read_run(folder, only=("effects",))
        console.results(console.out(), finished)
        if str(finished.manifest["finished_at"]) < started_at:
            console.say(console.out(), "This run was finished before; --again starts another.")
        incomplete |= not finished.manifest["complete"]
        untracked |= not sending.send(folder, server, complete=bool(finished.manifest["complete"]))
        if baseline is not None and not incomplete:
            gatekeeping.compare([baseline, folder], policy=policy, waivers=waivers, gate=gate, to=wanted)
    if incomplete:
        raise IncompleteError("some answers are missing; the same command asks for them again")
    if untracked:  # told already
        raise typer.Exit(IncompleteError.exit_code)


@app.command()
def plan(
    suites: Suites,
    model: Model,
    policy: PolicyName = "default",
    like: Annotated[
        Path | None,
        typer.Option(
            "--like", metavar="RUN", help="Take scatter and speed of the answers from an earlier run."
        ),
    ] = None,
) -> None:
    """Show what a run would ask, and which differences it could tell. Asks nothing, loads no weights."""
    from audit import console, pipeline

    for suite in suites:
        found = pipeline.plan(suite, model=model, policy=policy, earlier=like)
        console.plan(console.out(), found)


@app.command()
def check(
    suites: Suites,
    show: Annotated[
        bool, typer.Option("--show", help="Print every template with the differing words marked.")
    ] = False,
    model: MaybeModel = None,
    policy: PolicyName = "default",
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", metavar="FILE", help="Write the prompts, as .jsonl or .parquet."),
    ] = None,
) -> None:
    """Read suites and their axes, report every mistake, and count what they expand to."""
    from audit import checking, console

    if prompts is not None and len(suites) > 1:
        raise InputError("--prompts writes one file; name one suite")
    problems: list[str] = []
    for suite in suites:
        try:
            checked = checking.check(suite, model=model, policy=policy, prompts=prompts)
        except InputError as error:
            problems.append(str(error))
            continue
        console.checked(console.out(), checked)
        if prompts is not None:
            console.say(console.out(), f"written    {prompts}")
        if show:
            console.preview(console.out(), checked.shown)
    if problems:
        raise InputError("\n".join(problems))


@app.command()
def swap(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Your prompts: CSV, JSON Lines, or a prompt a line.")
    ],
    axis: Annotated[
        str,
        typer.Option("--axis", "-a", metavar="NAME", help="Whose words are exchanged; see: audit list axes."),
    ],
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="Column (or key) that holds the prompts.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="GROUP", help="Only these groups; more than once.")
    ] = None,
    question: Annotated[Asked, typer.Option("--question", help="What the suite asks.")] = Asked.generate,
    keep_unsure: Annotated[
        bool, typer.Option("--keep-unsure", help="Keep what is not sure, with a comment.")
    ] = False,
    tagger: Annotated[
        str | None,
        typer.Option(
            "--tagger", metavar="NAME", help="A spaCy pipeline for pronouns that rules cannot decide."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="SUITE", help="The suite to write.")
    ] = None,
) -> None:
    """Make a suite from your own prompts: a slot at every word that shows a group."""
    from audit import commands, console

    swapped, written = commands.swap(
        file, axis=axis, groups=group or (), column=column, question=question.value,
        keep_unsure=keep_unsure, tagger=tagger, output=output or Path(f"{file.stem}-{Path(axis).stem}.yaml"),
    )  # fmt: skip
    console.swapped(console.out(), swapped, written)


@app.command()
def new(
    kind: Annotated[
        Beginning, typer.Argument(metavar="suite|axis", help="What to begin.", show_default=False)
    ],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its id.", show_default=False)],
    axis: Annotated[
        list[str] | None,
        typer.Option(
            "--axis", "-a", metavar="NAME", help="What a suite tests; more than once. gender if none."
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="CODE", help="Language of the texts: en, de, es, fr, hi."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file to write: NAME.yaml.")
    ] = None,
) -> None:
    """Write a suite or an axis to begin with: commented, without mistakes, with a schema for editors beside it."""
    from audit import commands, console

    path = output or Path(f"{name}.yaml")
    for written in commands.new(kind.value, name, output=path, axes=axis or (), language=language):
        console.say(console.out(), str(written))


@app.command("list")
def list_(kind: Annotated[Kind, typer.Argument(help="What to list.", show_default=False)]) -> None:
    """List what can be named in suites and on the command line."""
    from audit import console, listings

    console.listing(console.out(), *listings.LISTS[kind]())


@app.command()
def report(run: RunFolder) -> None:
    """Make report.html and report.pdf again from a finished run, without the model."""
    from audit import console, pipeline

    pipeline.rebuild(run)
    console.reports(console.out(), run)


@app.command()
def explain(
    run: RunPlace,
    pair: PairId,
    method: Methods = None,
    exact: Exact = False,
    seed: Seed = None,
    model: WhereNow = "",
    output: PairFile = None,
) -> None:
    """Show which words made the difference in one pair of a run; asks the model where that was not worked out."""
    from audit import commands, console, pairtext, progress

    with progress.shown(console.out(stderr=True)) as shown:
        found, pair_id = commands.explain(
            run,
            pair,
            methods=method or (),
            exact=exact,
            seed=seed,
            model=model,
            progress=shown,
            output=output,
        )
    pairtext.explained(console.out(), found, pair_id)
    if output is not None:
        console.say(console.out(), f"written    {output}")


@app.command()
def export(
    run: RunFolder,
    format: Annotated[str, typer.Option("--format", metavar="NAME", help="See: audit list exporters.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where to write; RUN/exports by default."),
    ] = None,
) -> None:
    """Write a finished run in a machine format."""
    from audit import commands, console

    for path in commands.export(run, format=format, output=output or run / "exports"):
        console.say(console.out(), str(path))


@app.command()
def compare(
    versions: Versions,
    gate: Gate = False,
    waivers: Waivers = None,
    policy: Annotated[
        str | None,
        typer.Option("--policy", metavar="NAME", help="Rules of the gate; the candidate's by default."),
    ] = None,
    output: Pages = None,
    markdown: Markdown = None,
    junit: Junit = None,
    sarif: Sarif = None,
    json: Json = None,
) -> None:
    """Compare versions of a model pair by pair: worse, better, unchanged or undecided. Needs no model."""
    from audit import gatekeeping

    wanted = gatekeeping.wanted(output, json=json, junit=junit, markdown=markdown, sarif=sarif)
    gatekeeping.compare(versions, policy=policy, waivers=waivers, gate=gate, to=wanted)


@baselines.command("set")
def set_(
    run: RunPlace,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")] = Path(
        "baseline.json"
    ),
) -> None:
    """Keep a run as the baseline in one small file, to be reviewed and put under version control."""
    from audit import comparing, console

    console.say(console.out(), f"written    {comparing.set_baseline(run, output)}")


@app.command()
def verify(run: RunPlace) -> None:
    """Compare every file of a run with the digests taken when it was made."""
    from audit import evidence

    problems = evidence.verify(run)
    if problems:
        raise AuditError("\n".join([f"{run} is not as it was:", *problems]))
    print(f"{run}: every file is as it was when the run ended")
