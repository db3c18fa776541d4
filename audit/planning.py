"""What a run will do, written down before the first question: the plan's document, and its summary for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from audit import stats
from audit.axis import Axis
from audit.contrasts import decided
from audit.kinds import kind_of
from audit.policy import Policy
from audit.records import ALL, CONTROL_ARMS, Card, Expansion, ModelIdentity, Question, Run, content_id
from audit.samples import DECIDING
from audit.suite import Suite
from audit.unseen import seen_part, unseen_share

if TYPE_CHECKING:
    import pandas as pd

DEVIATIONS = (0.5, 1.0, 2.0, 4.0)
"""Standard deviations of a template's mean difference, in units of the limit, for which `audit plan` prints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detectable:
    """What a plan can tell when a template's mean difference scatters with `deviation` (units of the metric)."""

    metric: str
    limit: float
    source: str
    """Where the deviation comes from: `assumed`, or effects of an earlier run."""
    deviation: float
    half_width: float
    from_zero: float
    beyond: float
    within_possible: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanSummary:
    """What `audit plan` prints for one suite and model."""

    suite: str
    model: str
    question: str
    prompts_by_arm: Mapping[str, int]
    distinct_prompts: int
    answers: int
    tokens: int
    templates: int
    names: int
    groups: Mapping[str, int]
    decision_count: int
    level: float
    detectable: tuple[Detectable, ...]
    answers_per_s: float
    """How fast the answers of an earlier run came; NaN without one."""
    recorded: bool
    """Whether the answers exist already, so that nothing is asked."""
    explained: bool
    """Whether pairs will be explained, which asks more prompts than are counted here."""
    excluded: tuple[str, ...]
    second_models: tuple[str, ...] = ()
    """Which models read the answers, and how much each is asked at most."""
    explanation_answers: int = 0
    """About how many answers explanations ask for on top; 0 where nothing is explained."""
    explanation_pairs: tuple[str, ...] = ()
    """Which pairs of each attribute are explained, in words."""


def document(
    suite: Suite, axes: Mapping[str, Axis], *, policy: Policy, identity: ModelIdentity, question: Question,
    expansion: Expansion, version: str, deterministic: bool, second_models: Sequence[Mapping[str, object]] = (),
) -> dict[str, object]:  # fmt: skip
    """The plan as a JSON mapping; everything in it is fixed before the first question."""
    return {
        "suite": suite.model_dump(mode="json"),
        "suite_digest": suite.digest,
        "policy": policy.model_dump(mode="json", exclude={"keep"}),
        "axes": {name: axis.model_dump(mode="json") for name, axis in axes.items()},
        "model": {
            "kind": identity.kind, "name": identity.name, "revision": identity.revision,
            "digests": dict(identity.digests), "settings": dict(identity.settings), "id": identity.id,
        },
        "question": {
            "kind": question.kind, "ask": question.ask, "options": list(question.options),
            "favourable": question.favourable, "low": question.low, "high": question.high,
            "max_tokens": question.max_tokens,
        },
        "seed": suite.sampling.seed,
        "metrics": {name: _definition(kind_of(name).card) for name in suite.metrics},
        "decision": [entry.model_dump(mode="json") for entry in suite.decision],
        "decision_count": decision_count(suite, expansion.prompts),
        "explained": list(_chosen(suite, question)),
        "limits": limits(suite, policy, question=question, expansion=expansion),
        "deterministic": deterministic,
        "prompts_digest": content_id("prompts", sorted(set(expansion.prompts["prompt_id"]))),
        "prompt_count": int(expansion.prompts["prompt_id"].nunique()),
        "second_models": list(second_models),
        "audit_version": version,
    }  # fmt: skip


def _definition(card: Card) -> str:
    """Digest of what a metric computes: runs of one metric with two definitions are not compared."""
    return content_id("metric", card.name, card.version, card.formula, card.unit, card.range, card.higher_is)


def limits(
    suite: Suite, policy: Policy, *, question: Question, expansion: Expansion
) -> dict[str, dict[str, object]]:
    """Limit of every metric that has one, with its origin and reason."""
    groups = max((int(n) for n in expansion.prompts.groupby("axis")["group"].nunique()), default=0)
    found: dict[str, dict[str, object]] = {}
    for metric in suite.metrics:
        limit = policy.limit(metric, scale_low=question.low, scale_high=question.high, groups=groups)
        if limit is not None:
            found[metric] = {
                "low": limit.low,
                "high": limit.high,
                "scale": limit.scale,
                "origin": limit.origin,
                "reason": limit.reason,
            }
    return found


def decision_count(suite: Suite, prompts: pd.DataFrame) -> int:
    """m: how many effects of the run get a verdict, as planned."""
    total = 0
    for entry in suite.decision:
        rows = prompts[prompts["axis"] == entry.axis]
        unedited = suite.recorded.unedited if suite.recorded is not None else frozenset()
        asked = rows.loc[~rows["group"].isin(unedited), "group"].unique()
        strata = max(int(rows["stratum"].nunique()), 1) if entry.strata else 1
        total += strata * decided(entry.contrasts, asked)
    return total


def summarise(
    suite: Suite, *, policy: Policy, identity: ModelIdentity, question: Question, expansion: Expansion,
    earlier: Run | None = None,
) -> PlanSummary:  # fmt: skip
    """Counts, and what the plan could tell: for a range of standard deviations, and for those of an earlier run."""
    prompts = expansion.prompts
    unique = prompts.drop_duplicates("prompt_id")
    count = decision_count(suite, prompts)
    clusters = int(prompts["cluster"].nunique())
    terms = _Terms(clusters=clusters, level=1 - policy.alpha / max(count, 1), power=policy.power)
    margins = {
        name: min(-float(str(limit["low"])), float(str(limit["high"])))
        for name, limit in limits(suite, policy, question=question, expansion=expansion).items()
    }
    decided = list(dict.fromkeys(entry.metric for entry in suite.decision)) or list(suite.metrics[:1])
    return PlanSummary(
        suite=suite.id, model=f"{identity.kind}:{identity.name}", question=question.kind,
        prompts_by_arm={arm: int((prompts["arm"] == arm).sum()) for arm in ("swap", *CONTROL_ARMS)},
        distinct_prompts=len(unique),
        answers=int(unique["repeats"].sum()) + int(prompts.loc[prompts["arm"] == "again", "repeats"].sum()),
        tokens=int(unique["messages"].str.len().sum() / 4),
        templates=clusters, names=int(prompts["name"].nunique()),
        groups={str(axis): int(n) for axis, n in prompts.groupby("axis")["group"].nunique().items()},
        decision_count=count, level=terms.level,
        detectable=tuple(
            row for metric in decided
            for row in _of_metric(metric, margins.get(metric, float("nan")), terms, earlier)
        ),
        answers_per_s=float("nan") if earlier is None else _speed(earlier),
        recorded=suite.recorded is not None,
        explained=suite.recorded is None and suite.explain.some,
        explanation_pairs=_chosen(suite, question),
        excluded=tuple(f"{e.what}: {e.reason} ({e.count})" for e in expansion.excluded),
    )  # fmt: skip


def _chosen(suite: Suite, question: Question) -> tuple[str, ...]:
    """Which pairs of each attribute are explained, and which by their ids."""
    if suite.recorded is not None:
        return ()
    wanted = suite.explain
    flips = wanted.changed if question.kind in DECIDING else 0
    counts = {
        "with the largest differences": wanted.largest,
        "in which the decision changes": flips,
        "cells drawn at random": wanted.random,
        "asked for by id": len(wanted.pairs),
    }
    return tuple(f"{count:,} {words}" for words, count in counts.items() if count)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Terms:
    """What the plan fixes for every effect."""

    clusters: int
    level: float
    power: float


def _of_metric(metric: str, margin: float, terms: _Terms, earlier: Run | None) -> list[Detectable]:
    """What can be told of one metric, for every deviation that is assumed or was seen."""
    unit = 1.0 if math.isnan(margin) else margin
    assumed = [("assumed", factor * unit) for factor in DEVIATIONS]
    seen = [] if earlier is None else _deviations(earlier, metric)
    return [
        _detectable(metric, margin, terms, source=source, deviation=size) for source, size in assumed + seen
    ]


def _deviations(earlier: Run, metric: str) -> list[tuple[str, float]]:
    """Middle and largest scatter of the clusters in an earlier run's effects of this metric: se times root of clusters.

    Decision effects where the run has them, else all pooled effects.
    """
    mine = earlier.effects[(earlier.effects["metric"] == metric) & earlier.effects["se"].notna()]
    chosen = mine[mine["decision"]] if mine["decision"].any() else mine[mine["stratum"] == ALL]
    scatter = chosen["se"] * chosen["cluster_count"] ** 0.5
    if scatter.empty:
        return []
    name = f"{earlier.plan['digest']}"[:8]
    return [(f"run {name}, middle", float(scatter.median())), (f"run {name}, largest", float(scatter.max()))]


def _speed(earlier: Run) -> float:
    """Answers a second between the first and the last answer of a run that asked for all of them; else NaN."""
    counts = cast("Mapping[str, int]", earlier.manifest.get("counts") or {})
    asked = 0 if counts.get("reused") else counts.get("asked", 0)
    first, last = (str(earlier.manifest.get(key) or "") for key in ("answered_from", "answered_to"))
    if not (asked and first and last):
        return float("nan")
    seconds = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    return float(asked) / seconds if seconds > 0 else float("nan")


def _detectable(metric: str, margin: float, terms: _Terms, *, source: str, deviation: float) -> Detectable:
    """t interval over means of clusters that scatter with `deviation`; of rates with what clusters may miss."""
    half = from_zero = float("nan")
    if terms.clusters >= 2:
        se, df = deviation / terms.clusters**0.5, terms.clusters - 1
        kind = kind_of(metric)
        share = float(unseen_share(terms.level, terms.clusters))
        # scatter of normal means rests on a third of the clusters, which deviate by √3 standard deviations
        normal = float(seen_part(terms.clusters / 3, 3**0.5 * deviation))
        unseen = share * normal if kind.card.unit == "rate" and kind.summary is None else 0.0
        half = math.hypot(stats.t_quantile(1 - (1 - terms.level) / 2, df) * se, unseen)
        from_zero = float(stats.noncentral(terms.level, df, power=terms.power)) * se
    return Detectable(
        metric=metric, limit=margin, source=source, deviation=deviation, half_width=half,
        from_zero=from_zero, beyond=margin + from_zero, within_possible=half < margin,
    )  # fmt: skip
