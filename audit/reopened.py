"""A finished run as the job that it was, with its model opened again; and any of its pairs explained by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from audit import evidence
from audit.axis import Axis
from audit.errors import InputError
from audit.explaining import explained_pairs
from audit.job import Job
from audit.modelfile import open_model
from audit.policy import Policy
from audit.protocols import Backend
from audit.records import Expansion, Progress, Question, Run
from audit.runs import read_run
from audit.suite import Suite

SHOWN_IDS = 3


def explanation(
    folder: Path, pair: str, *, methods: Sequence[str] = (), exact: bool = False, seed: int | None = None,
    model: str = "", progress: Progress | None = None,
) -> tuple[Run, str]:  # fmt: skip
    """The run in `folder` with the explanations of one pair alone, and the pair's id: stored ones, or made now.

    `pair` is its id or how the id begins. Nothing is written into the folder; prompts that were answered before are in
    the cache of answers. InputError where there is no such pair, or the model cannot be asked again.
    """
    evidence.require_unchanged(folder)
    run = read_run(folder)
    pair_id = _pair_id(run, pair)
    stored = run.attributions["pair_id"] == pair_id
    if stored.any() and not (methods or exact or model or seed is not None):
        quality = run.quality[run.quality["pair_id"] == pair_id]
        return replace(run, attributions=run.attributions[stored], quality=quality), pair_id
    made = explained_pairs(
        job_of(run, model=model), [pair_id], methods=methods, exact=exact, seed=seed, progress=progress
    )
    return replace(run, attributions=made.attributions, quality=made.quality), pair_id


def _pair_id(run: Run, pair: str) -> str:
    """The id of the only pair whose id begins so."""
    swap = run.pairs[run.pairs["arm"] == "swap"]
    found = sorted({str(one) for one in swap["pair_id"] if str(one).startswith(pair)}) if pair else []
    if len(found) == 1 or pair in found:
        return pair if pair in found else found[0]
    if found:
        shown = ", ".join(found[:SHOWN_IDS])
        raise InputError(
            f"{len(found)} pairs of {run.folder} begin with '{pair}' ({shown} …); give more of the id"
        )
    some = list(dict.fromkeys(map(str, run.attributions["pair_id"])))[:SHOWN_IDS]
    hint = f"; explained are for example {', '.join(some)}" if some else ""
    raise InputError(f"{run.folder} has no pair '{pair}': pairs.parquet and the report name them all{hint}")


def job_of(run: Run, *, model: str = "") -> Job:
    """The job of a run, whose `model` is opened again: by its own name, or as it is given here.

    InputError where it cannot be opened, is not the model that answered, or never was one that can be asked.
    """
    suite = Suite.model_validate(run.suite)
    if suite.recorded is not None:
        raise InputError(f"{run.folder}: its answers were recorded elsewhere; there is no model to ask")
    return Job(
        suite=suite,
        axes={name: Axis.model_validate(axis) for name, axis in run.axes.items()},
        policy=Policy.model_validate(run.policy),
        backend=_same_model(run, model),
        question=_question(run, suite),
        expansion=Expansion(prompts=run.prompts, pairs=run.pairs, excluded=run.excluded),
    )


def _same_model(run: Run, model: str) -> Backend:
    told: Mapping[str, Any] = run.plan["model"]  # type: ignore[assignment]
    name = model or f"{told['kind']}:{told['name']}"
    try:
        backend = open_model(name, revision="" if model else str(told["revision"]))
    except InputError as error:
        hint = "" if model else "; --model says where it is now"
        raise InputError(f"the model of this run cannot be opened again: {error}{hint}") from error
    if backend.identity.id != told["id"]:
        raise InputError(
            f"{name} is not the model that answered in {run.folder}: {_what_differs(told, backend)}"
            f"{'' if model else '; --model names the model file that it was asked with'}"
        )
    return backend


def _what_differs(told: Mapping[str, Any], backend: Backend) -> str:
    """The first part of the identity that is not the same."""
    found = backend.identity
    parts: dict[str, tuple[Any, Any]] = {
        "kind": (told["kind"], found.kind), "name": (told["name"], found.name),
        "weights": (dict(told["digests"]), dict(found.digests)),
    }  # fmt: skip
    settings = {**told["settings"], **found.settings}
    parts |= {f"setting '{key}'": (told["settings"].get(key), found.settings.get(key)) for key in settings}
    for what, (then, now) in parts.items():
        if then != now and what == "weights":
            return "its weights are others"
        if then != now and what not in ("kind", "name"):
            return f"its {what} was {then!r} and is {now!r}"
    return f"it was {told['kind']}:{told['name']}"


def _question(run: Run, suite: Suite) -> Question:
    """The question as the plan holds it."""
    told: Mapping[str, Any] = run.plan["question"]  # type: ignore[assignment]
    known = {item.name for item in fields(Question)}
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items()}
    kept: dict[str, Any] = {key: value for key, value in given.items() if key in known}
    return Question(**{**kept, "language": suite.language, "embedder": suite.embedder})
