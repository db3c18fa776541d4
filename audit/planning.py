"""What a run will do, written down before the first question: the plan's document, and its summary for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit import stats
from audit.axis import Axis
from audit.policy import Policy
from audit.records import CONTROL_ARMS, Expansion, ModelIdentity, Question, content_id
from audit.suite import Suite

if TYPE_CHECKING:
    import pandas as pd

DEVIATIONS = (0.05, 0.1, 0.2, 0.4)
"""Standard deviations of a template's mean difference, in units of the metric, for which `audit plan` prints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detectable:
    """What a plan can tell when a template's mean difference scatters with `deviation` (units of the metric)."""

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
    metric: str
    limit: float
    detectable: tuple[Detectable, ...]
    excluded: tuple[str, ...]


def document(
    suite: Suite, axes: Mapping[str, Axis], *, policy: Policy, identity: ModelIdentity, question: Question,
    expansion: Expansion, version: str, deterministic: bool,
) -> dict[str, object]:  # fmt: skip
    """The plan as a JSON mapping; everything in it is fixed before the first question."""
    return {
        "suite": suite.model_dump(mode="json"),
        "suite_digest": suite.digest,
        "policy": policy.model_dump(mode="json"),
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
        "decision": [entry.model_dump(mode="json") for entry in suite.decision],
        "decision_count": decision_count(suite, expansion.prompts),
        "limits": limits(suite, policy, question=question, expansion=expansion),
        "deterministic": deterministic,
        "prompts_digest": content_id("prompts", sorted(set(expansion.prompts["prompt_id"]))),
        "prompt_count": int(expansion.prompts["prompt_id"].nunique()),
        "audit_version": version,
    }  # fmt: skip


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
        groups = int(rows["group"].nunique())
        strata = max(int(rows["stratum"].nunique()), 1) if entry.strata else 1
        total += strata * (groups if entry.contrasts == "others" else groups * (groups - 1) // 2)
    return total


def summarise(
    suite: Suite, *, policy: Policy, identity: ModelIdentity, question: Question, expansion: Expansion
) -> PlanSummary:
    """Counts, and what the plan could tell for a range of standard deviations."""
    prompts = expansion.prompts
    unique = prompts.drop_duplicates("prompt_id")
    count = decision_count(suite, prompts)
    level = 1 - policy.alpha / max(count, 1)
    metric = suite.decision[0].metric if suite.decision else (suite.metrics[0] if suite.metrics else "")
    limit = policy.limit(
        metric, scale_low=question.low, scale_high=question.high, groups=int(prompts["group"].nunique())
    )
    margin = limit.high if limit else float("nan")
    clusters = int(prompts["cluster"].nunique())
    return PlanSummary(
        suite=suite.id, model=f"{identity.kind}:{identity.name}", question=question.kind,
        prompts_by_arm={arm: int((prompts["arm"] == arm).sum()) for arm in ("swap", *CONTROL_ARMS)},
        distinct_prompts=len(unique),
        answers=int(unique["repeats"].sum()) + int(prompts.loc[prompts["arm"] == "again", "repeats"].sum()),
        tokens=int(unique["messages"].str.len().sum() / 4),
        templates=clusters, names=int(prompts["name"].nunique()),
        groups={str(axis): int(n) for axis, n in prompts.groupby("axis")["group"].nunique().items()},
        decision_count=count, level=level, metric=metric, limit=margin,
        detectable=tuple(_detectable(d, clusters, level=level, power=policy.power, margin=margin) for d in DEVIATIONS),
        excluded=tuple(f"{e.what}: {e.reason} ({e.count})" for e in expansion.excluded),
    )  # fmt: skip


def _detectable(deviation: float, clusters: int, *, level: float, power: float, margin: float) -> Detectable:
    """t interval over `clusters` template means that scatter with `deviation`."""
    if clusters < 2:
        nan = float("nan")
        return Detectable(
            deviation=deviation, half_width=nan, from_zero=nan, beyond=nan, within_possible=False
        )
    se = deviation / clusters**0.5
    half = stats.t_quantile(1 - (1 - level) / 2, clusters - 1) * se
    from_zero = half + stats.t_quantile(power, clusters - 1) * se
    return Detectable(
        deviation=deviation,
        half_width=half,
        from_zero=from_zero,
        beyond=margin + from_zero,
        within_possible=half < margin,
    )
