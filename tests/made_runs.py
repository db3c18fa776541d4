"""Runs made of numbers: what `audits` measures, with the plan and the manifest that a run on disk has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from audits import QUESTION, Cells, Result, decide, default_policy, make_axis, make_suite, run_tables
from small_runs import FACTS

from audit.evidence import plan_digest, write_manifest, write_receipt
from audit.policy import Policy
from audit.records import ATTRIBUTIONS, RESPONSES, TABLES, Question, Run, content_id
from audit.runs import run_folder, write_plan, write_run
from audit.suite import Suite

QUESTION_KEYS = ("kind", "ask", "options", "favourable", "low", "high", "max_tokens")


def run_of(
    cells: Cells, name: str, *, metric: str = "selection_rate", suite: Suite | None = None,
    policy: Policy | None = None, complete: bool = True, question: Question = QUESTION,
    responses: pd.DataFrame | None = None, cue: str = "names",
) -> Run:  # fmt: skip
    """A run of the model `name`; by default its pooled effects are marked for decision."""
    suite = suite or make_suite(metrics=(metric,), decision=(decide(metric),))
    policy = policy or default_policy()
    prompts, pairs, scores = cells.tables(metric if metric != "impact_ratio" else "selection_rate")
    result = run_tables(
        prompts, pairs, scores, suite=suite, policy=policy, axis=make_axis(cells.groups, cue=cue, name=cells.axis),
        question=question, complete=complete, responses=responses,
    )  # fmt: skip
    tables = {"prompts": prompts, "pairs": pairs, "scores": scores}
    return made(tables, result, name, suite=suite, policy=policy, complete=complete, responses=responses)


def made(
    tables: Mapping[str, pd.DataFrame], result: Result, name: str, *, suite: Suite, policy: Policy,
    complete: bool = True, responses: pd.DataFrame | None = None,
) -> Run:  # fmt: skip
    """A run with these tables and results."""
    question: dict[str, Any] = {key: getattr(QUESTION, key) for key in QUESTION_KEYS}
    digest = f"{content_id(name):0<64}"
    model = {
        "kind": "made", "name": name, "revision": "", "digests": {}, "settings": {},
        "id": content_id("model", name),
    }  # fmt: skip
    plan = {
        "suite": suite.model_dump(mode="json"), "policy": policy.model_dump(mode="json"), "axes": {}, "seed": 7,
        "question": {**question, "options": list(QUESTION.options)}, "model": model, "digest": digest,
        "suite_digest": content_id("suite", suite.model_dump(mode="json")), "second_models": [],
    }  # fmt: skip
    manifest = {
        "model": model, "versions": {"audit": "0"}, "complete": complete, "finished_at": "2026-11-30T12:00:00Z",
        "root": f"{content_id('root', name):0<64}", "plan": plan["digest"],
    }  # fmt: skip
    return Run(
        folder=f"runs/{name}", plan=plan, manifest=manifest, suite=plan["suite"], policy=plan["policy"], axes={},
        prompts=tables["prompts"], pairs=tables["pairs"], scores=tables["scores"], deltas=result.deltas,
        responses=RESPONSES.frame() if responses is None else responses, effects=result.effects,
        groups=result.groups, attributions=ATTRIBUTIONS.frame(), findings=result.findings, excluded=(),
    )  # fmt: skip


def on_disk(run: Run, output: Path, **facts: Any) -> Path:
    """The run as a folder whose digests fit."""
    plan = {key: value for key, value in run.plan.items() if key != "digest"}
    digest = plan_digest(plan)
    folder = run_folder(output, str(run.suite["id"]), run.folder.rsplit("/", 1)[-1], digest)
    write_plan(folder, plan, digest=digest)
    tables = {table.name: getattr(run, table.name) for table in TABLES}
    write_run(folder, tables=tables, findings=run.findings, excluded=run.excluded)
    told = {**FACTS, "model": run.manifest["model"], "complete": run.manifest["complete"], **facts}
    write_manifest(folder, facts=told)
    write_receipt(folder)
    return folder
