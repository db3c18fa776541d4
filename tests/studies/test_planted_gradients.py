"""Whether gradients point at the group's words where a difference was planted, and less where next to none is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import validity
from explained import REFERENCE, explained, largest, share

from audit.job import Job, prepare
from audit.modelfile import open_model

PAGE = Path(__file__).parent.parent.parent / "docs" / "explanations.md"
METHODS = ("shap", "integrated_gradients", "gradient_x_input", "saliency")
PLANTED = {
    "women": REFERENCE,
    "Black": replace(
        REFERENCE, axis="ethnicity", strata=("financial adviser", "sales manager"),
        groups=(("Asian", "Black"), ("Black", "Hispanic"), ("Black", "White")),
    ),
}  # fmt: skip
"""Group with a planted term in `audit/reference/planted.yaml` → where it is large."""
MODELS = ("screening-v1", "screening-v2")
PAIRS = 10


def hits(job: Job, model: str, group: str, *, pairs: int) -> pd.DataFrame:
    """Of the prompts of the group, by method: how often its words are among the first two, and their mean share."""
    backend = open_model(f"reference:{model}")
    rows = explained(job, PLANTED[group], backend=backend, pairs=pairs, methods=METHODS).rows
    groups = job.expansion.pairs.drop_duplicates("pair_id").set_index("pair_id")
    first = rows["pair_id"].map(groups["group_a"]) == group
    theirs = rows[(rows["side"] == first.map({True: "a", False: "b"})) & (rows["partner"] < 0)]
    found = [
        {"group": group, "method": method, "hit": "group" in largest(one, 2), "share": share(one)}
        for (method, _), one in theirs.groupby(["method", "attribution_id"])
    ]
    return pd.DataFrame(found).groupby(["group", "method"]).agg(
        hit=("hit", "mean"), share=("share", "mean"), prompts=("hit", "size")
    )  # fmt: skip


def studied(*, pairs: int) -> pd.DataFrame:
    """Both groups and models, side by side."""
    job = prepare("hiring", model="reference:screening-v1")
    found = {
        model: pd.concat([hits(job, model, group, pairs=pairs) for group in PLANTED]) for model in MODELS
    }
    return pd.concat(found, axis=1)


def table(found: pd.DataFrame) -> str:
    lines = [
        "| words of | method | " + " | ".join(f"{one}, first two | {one}, share" for one in MODELS) + " |"
    ]
    lines.append("|---" * 6 + "|")
    for (group, method), row in found.iterrows():
        cells = [f"{row[model, part]:.0%}" for model in MODELS for part in ("hit", "share")]
        lines.append(f"| {group} | `{method}` | {' | '.join(cells)} |")
    return "\n".join(lines)


@pytest.mark.slow
def test_gradients_point_at_the_planted_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    found = studied(pairs=PAIRS)
    text = f"Made on {datetime.now(UTC).date()}, {PAIRS} prompts of each group.\n\n{table(found)}"
    print("\n" + text)
    validity.put("planted gradients", text, page=PAGE)
    planted, weak = (found[model] for model in MODELS)
    assert (planted["prompts"] == PAIRS).all()
    for group in PLANTED:
        key = (group, "integrated_gradients")
        assert planted.loc[key, "hit"] >= weak.loc[key, "hit"] + 0.3
        assert planted.loc[key, "share"] >= 2 * weak.loc[key, "share"]
