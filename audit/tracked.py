"""What a run says in the nouns of an experiment tracker, under names that stay the same."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.records import ALL, VERDICTS, Run

NUMBERS = ("estimate", "low", "high")
ROOT, NAME = "audit.root", "audit.run"
"""Tags by which a run is found again: its Merkle root, and the name of its folder."""
REFUSED = re.compile(r"[^\w.\- :]")
LONGEST_NAME, LONGEST_VALUE = 200, 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracked:
    """One run: numbers, what it was made with, and by which digests it is known."""

    name: str
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]


def tracked(run: Run, *, receipt: str) -> Tracked:
    """What is logged of a finished run; `receipt` is the digest of its receipt."""
    name = Path(run.folder).name
    return Tracked(
        name=name,
        metrics={**_verdicts(run), **dict(_effects(run))},
        params={key: _text(value)[:LONGEST_VALUE] for key, value in _params(run) if value not in (None, "")},
        tags={NAME: name, **_tags(run), "audit.receipt": receipt},
    )


def _verdicts(run: Run) -> dict[str, float]:
    found = Counter(finding.verdict for finding in run.findings)
    return {f"verdicts/{verdict}": float(found[verdict]) for verdict in VERDICTS}


def _effects(run: Run) -> Iterator[tuple[str, float]]:
    """Estimate, low and high of decision effects, and of explorations over all strata, where they are numbers."""
    shown = run.effects[run.effects["decision"] | (run.effects["stratum"] == ALL)]
    rows = [{str(key): value for key, value in row.items()} for row in shown.to_dict("records")]
    names = [effect_name(row) for row in rows]
    often = Counter(names)
    for row, name in zip(rows, names, strict=True):
        own = name if often[name] == 1 else f"{name}:{str(row['effect_id'])[:8]}"
        yield from ((f"{own}/{key}", float(row[key])) for key in NUMBERS if math.isfinite(row[key]))


def effect_name(row: Mapping[str, Any]) -> str:
    """`effect/metric/axis/stratum/group_a/group_b`, as waivers name an effect; `*` alone is `all`, else ` x `."""
    kind = "effect" if row["decision"] else "exploration"
    parts = [row[key] for key in ("metric", "axis", "stratum", "group_a", "group_b")]
    if row["contrast"] not in ("pair", "others"):
        parts.append(row["contrast"])
    name = "/".join([kind, *(_part(str(part)) for part in parts)])
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}:{str(row['effect_id'])[:8]}"


def _part(text: str) -> str:
    if text == ALL:
        return "all"
    kept = REFUSED.sub("_", text.replace("*", " x "))
    return f"_{kept}" if not kept.strip(".") else kept


def _params(run: Run) -> Iterator[tuple[str, object]]:
    plan: Mapping[str, Any] = run.plan
    model: Any = run.manifest["model"]
    counts: Any = run.manifest["counts"]
    yield from ((key, run.suite.get(key)) for key in ("language", "design", "generalise", "domain"))
    yield from (("suite", run.suite.get("id")), ("policy", run.policy.get("id")))
    yield from (("alpha", run.policy.get("alpha")), ("seed", plan.get("seed")))
    yield from (("question", plan["question"].get("kind")), ("audit_version", plan.get("audit_version")))
    yield from ((f"model.{key}", model[key]) for key in ("kind", "name", "revision"))
    yield from ((f"model.{_part(str(key))}", value) for key, value in model["settings"].items())
    yield from ((f"count.{_part(str(key))}", value) for key, value in counts.items())
    sampling: Any = run.suite.get("sampling") or {}
    yield from ((f"sampling.{key}", sampling.get(key)) for key in ("names_per_group", "repeats"))


def _tags(run: Run) -> dict[str, str]:
    manifest: Mapping[str, Any] = run.manifest
    return {
        ROOT: str(manifest["root"]), "audit.plan": str(manifest["plan"]),
        "audit.suite": str(run.plan.get("suite_digest") or ""), "audit.model": str(manifest["model"]["id"]),
        "audit.finished_at": str(manifest["finished_at"]), "audit.complete": str(manifest["complete"]).lower(),
    }  # fmt: skip


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
