"""The order of an audit, and the only module that knows it.

expand → collect → score → explain → effects → findings → report
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from audit import evidence, planning, runs
from audit.asking import Asker, cache_file
from audit.batching import Executor, Place, Where
from audit.carriers import carriers
from audit.catalogue import load
from audit.classical import classical
from audit.disk import held, sweep, told, whole
from audit.effects import effects
from audit.executors import EXECUTORS
from audit.explaining import explained, price
from audit.findings import findings
from audit.job import Job, prepare
from audit.ledger import remembered
from audit.machine import give_back_memory, return_freed, versions
from audit.parts import asked
from audit.planning import PlanSummary
from audit.protocols import Backend, TellsFacts
from audit.records import (
    DELTAS,
    PROMPTS,
    RESPONSES,
    SCORES,
    Exclusion,
    Finding,
    Progress,
    Table,
)
from audit.references import reference_scores
from audit.report.pdf import write_pdf
from audit.report.render import render
from audit.score import deltas, score
from audit.second_answers import Asking, SecondAnswers, second_answers
from audit.second_models import asked_at_most
from audit.subgroups import subgroups
from audit.tablefiles import write_table
from audit.tokens import token_differences
from audit.underway import asked_again

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """What a run computes: its tables by name, its findings, and what was left out."""

    tables: Mapping[str, pd.DataFrame]
    findings: tuple[Finding, ...]
    excluded: tuple[Exclusion, ...]
    asked: int
    reused: int
    failed: int
    second_models: tuple[Mapping[str, object], ...] = ()
    """Model, and questions asked and reused, of each metric that a second model read."""
    complete: bool = True
    """Whether nothing is left that may be answered when it is asked again."""
    asked_again: int = 0
    """Questions that the run, over all its commands, asked twice because a stop came before their answers were kept."""


def run(
    suite: str,
    *,
    model: str | Backend,
    output: Path,
    policy: str = "default",
    again: bool = False,
    progress: Progress | None = None,
    where: Where | None = None,
    exact: bool = False,
    pdf: bool | None = None,
) -> Path:
    """Audits `model` with one suite; gives the run's folder. The same call goes on with an unfinished run.

    `model` is a name or an opened back end. `where` says where it is asked; by default in this process. `exact`: every
    coalition of up to twelve players, whatever the suite says. `pdf`: whether report.pdf is made; by default
    it is, unless the environment says AUDIT_PDF=no. `rebuild` makes it later.
    """
    job = prepare(suite, model=model, policy=policy, exact=exact)
    where = where or Where(model=job.backend.identity.name)
    place = cast(Place, load(EXECUTORS, "executors", where.executor))
    with place(job.backend, where) as executor:
        document = _document(job)
        digest = evidence.plan_digest(document)
        folder = runs.run_folder(output, job.suite.id, job.backend.identity.name, digest, again=again)
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with held(folder):
            sweep(folder)
            complete = runs.is_finished(folder)
            if complete:
                evidence.require_unchanged(folder)
            else:
                stored = runs.write_plan(folder, document, digest=digest)
                complete = _made(folder, job, stored, executor=executor, progress=progress)
            rows = len(job.expansion.prompts)
            del job, document
            give_back_memory(rows)
            _render(folder, pdf=os.environ.get("AUDIT_PDF") != "no" if pdf is None else pdf)
            if complete:
                evidence.remove_answers(folder)
    return folder


def _made(
    folder: Path, job: Job, plan: Mapping[str, object], *, executor: Executor, progress: Progress | None
) -> bool:
    """Tables, findings and manifest, written; whether nothing is left that may be answered later."""
    results = compute(job, progress=progress, folder=folder, executor=executor)
    runs.append_look(folder, effects=len(results.tables["effects"]), answers=len(results.tables["responses"]))
    runs.write_run(
        folder,
        tables=results.tables,
        findings=results.findings,
        excluded=results.excluded,
        written=runs.TEXTS,
    )
    evidence.write_manifest(folder, facts=_facts(job, results, plan, executor=executor))
    return results.complete


def compute(
    job: Job,
    *,
    progress: Progress | None = None,
    folder: Path | None = None,
    executor: Executor | None = None,
) -> Results:
    """Collect, score, explain, effects, findings.

    With a `folder`, answers of a model without digests are kept there, and prompts and responses are written there as
    soon as no step reads their texts any more, which are then dropped.
    """
    prompts, pairs = job.expansion.prompts, job.expansion.pairs
    kept = None if folder is None else folder / evidence.ANSWERS
    remembered(job.backend, kept, "model")
    ask = Asker(job=job, kept=kept, executor=executor)
    got = ask(prompts, progress)
    give_back_memory(len(prompts))
    second = _second(job, got.responses, progress, kept)
    scores, differences = _measured(job, got.responses, second.scores)
    give_back_memory(len(prompts))
    why = explained(job, got.responses, differences, ask=ask, progress=progress)
    complete = not (got.unanswered or why.unanswered or second.unanswered)
    if folder is not None:
        evidence.reopen(folder)
        _put_away(folder, PROMPTS, prompts)
        return_freed()
    responses = _stack(RESPONSES, got.responses, why.responses, second.responses)
    got = replace(got, responses=RESPONSES.frame())
    if folder is not None:
        _put_away(folder, RESPONSES, responses)
    every = {"scores": _stack(SCORES, scores, why.scores, second.swapped_scores)}
    scores = every["scores"].iloc[: len(scores)]
    every["deltas"] = _stack(DELTAS, differences, why.deltas, second.swapped_deltas)
    differences = every["deltas"].iloc[: len(differences)]
    give_back_memory(len(prompts))
    table, groups = effects(
        prompts, every["scores"], every["deltas"],
        suite=job.suite, axes=job.axes, policy=job.policy, question=job.question, corrections=second.corrections,
    )  # fmt: skip
    judged, conclusions = findings(
        table, differences, policy=job.policy, complete=complete, generalise=job.suite.generalise
    )
    tables = {
        **every, "responses": responses, "prompts": prompts, "pairs": pairs, "effects": judged,
        "groups": groups, "attributions": why.attributions, "quality": why.quality,
        "carriers": carriers(why.attributions, pairs, alpha=job.policy.alpha),
        "subgroups": subgroups(prompts, scores, suite=job.suite, policy=job.policy),
        "classical": classical(judged, differences, prompts, scores, suite=job.suite),
        "judged": second.judged,
    }  # fmt: skip
    return Results(
        tables=tables, findings=conclusions, excluded=(*job.expansion.excluded, *why.excluded, *second.excluded),
        asked=got.asked + why.asked, reused=got.reused + why.reused, failed=got.failed,
        second_models=second.facts, complete=complete, asked_again=asked_again(kept),
    )  # fmt: skip


def _put_away(folder: Path, table: Table, frame: pd.DataFrame) -> None:
    """Writes the table and drops its texts, which are most of its memory, wherever it is held."""
    write_table(folder, table, frame)
    for column in runs.TEXTS[table.name]:
        del frame[column]


def _second(job: Job, responses: pd.DataFrame, progress: Progress | None, kept: Path | None) -> SecondAnswers:
    """What second models read in the answers."""
    what = Asking(
        suite=job.suite, axes=job.axes, alpha=job.policy.alpha,
        prompts=job.expansion.prompts, pairs=job.expansion.pairs,
        responses=responses, question=job.question, cache=cache_file(), progress=progress,
        kept=kept,
    )  # fmt: skip
    return second_answers(job.readers, what)


def _measured(job: Job, responses: pd.DataFrame, read: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores (and those that second models `read`) and deltas of all answers, each from its metric's part of them."""
    prompts, pairs, layout = job.expansion.prompts, job.expansion.pairs, job.suite.recorded
    lots = asked(responses, question=job.question, metrics=job.suite.metrics, layout=layout)
    made = [score(prompts, lot.responses, question=lot.question, metrics=lot.metrics) for lot in lots]
    scores = _stack(SCORES, read, *made)
    if layout is not None and layout.reference:
        scores = _stack(SCORES, scores, reference_scores(prompts, scores, layout.reference))
    found = [deltas(pairs, scores, lot.responses, question=lot.question, metrics=lot.metrics) for lot in lots]
    return scores, _stack(DELTAS, *found)


def plan(
    suite: str, *, model: str | Backend, policy: str = "default", earlier: Path | None = None
) -> PlanSummary:
    """What a run would ask and what it could tell, also if answers scatter as in the run `earlier`; asks nothing."""
    job = prepare(suite, model=model, policy=policy)
    summary = planning.summarise(
        job.suite,
        policy=job.policy,
        identity=job.backend.identity,
        question=job.question,
        expansion=job.expansion,
        earlier=None if earlier is None else runs.read_run(earlier),
    )
    told = tuple(asked_at_most(reader, summary.answers, expansion=job.expansion) for reader in job.readers)
    return replace(summary, second_models=told, explanation_answers=price(job))


def rebuild(folder: Path) -> None:
    """Report and receipt from what lies in the run's folder, if that is as it was; needs no model."""
    with held(folder):
        sweep(folder)
        evidence.require_unchanged(folder)
        _render(folder, pdf=True)


def _render(folder: Path, *, pdf: bool) -> None:
    """Report and receipt, written. A PDF that is there already never stays behind its page."""
    finished = runs.read_run(folder, quoted=True)
    html = render(finished)
    with whole(folder / "report.html") as waiting:
        waiting.write_text(html, encoding="utf-8", newline="\n")
    page = folder / "report.pdf"
    if pdf or page.exists():
        attached = {
            name: (folder / name).read_bytes() for name in ("plan.json", "findings.json", "manifest.json")
        }
        write_pdf(html, page, made_at=evidence.finished_at(finished.manifest), attachments=attached)
    evidence.write_receipt(folder)


def _document(job: Job) -> dict[str, object]:
    scores_are_computed = job.backend.deterministic and job.question.kind != "generate"
    return planning.document(
        job.suite, job.axes, policy=job.policy, identity=job.backend.identity, question=job.question,
        expansion=job.expansion, version=versions()["audit"], deterministic=scores_are_computed,
        second_models=[reader.document for reader in job.readers],
    )  # fmt: skip


def _facts(
    job: Job, results: Results, plan_document: Mapping[str, object], *, executor: Executor
) -> dict[str, object]:
    """What the manifest says beside the digests of the files."""
    workers = dict(executor.facts()) if isinstance(executor, TellsFacts) else {}
    times = results.tables["responses"]["answered_at"]
    oldest, newest = (str(times.min()), str(times.max())) if len(times) else ("", "")
    return {
        "model": plan_document["model"],
        "second_models": list(results.second_models),
        "counts": {
            "prompts": int(results.tables["prompts"]["prompt_id"].nunique()), "pairs": len(results.tables["pairs"]),
            "responses": len(results.tables["responses"]),
            "asked": results.asked, "asked_again": results.asked_again, "reused": results.reused,
            "failed": results.failed,
        },
        "token_differences": token_differences(results.tables["pairs"], results.tables["responses"]),
        "service": dict(job.backend.facts()) if isinstance(job.backend, TellsFacts) else workers,
        "answered_from": oldest,
        "answered_to": newest,
        "answers_older_than_plan": bool(oldest and oldest < str(plan_document["made_at"])),
        "complete": results.complete,
    }  # fmt: skip


def _stack(table: Table, *frames: pd.DataFrame | None) -> pd.DataFrame:
    """All of these tables, one below the other."""
    return table.stack([frame for frame in frames if frame is not None])
