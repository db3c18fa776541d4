"""Whether gradients point at the group's words where a difference was planted, and not where there is next to none."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from audit.job import prepare
from audit.pipeline import compute

SUITE = Path(__file__).parent.parent / "suites" / "hiring.yaml"
METHODS = ("shap", "integrated_gradients", "gradient_x_input", "saliency")


def hits(model: str, folder: Path, *, random: int) -> pd.DataFrame:
    """How often the group is among the two players with the largest credits, by axis and method."""
    text = re.sub(r"^explain:.*\n", "", SUITE.read_text(encoding="utf-8"), flags=re.M)
    text = re.sub(r"names_per_group: \d+", "names_per_group: 2", text)
    file = folder / "hiring.yaml"
    file.write_text(f"{text}\nexplain: {{largest: 0, random: {random}, methods: [{', '.join(METHODS)}]}}\n")
    job = prepare(str(file), model=model)
    tables = compute(job).tables
    rows = tables["attributions"].merge(tables["pairs"][["pair_id", "axis"]], on="pair_id")
    rows = rows[(rows["side"] != "pair") & rows["game"].isin(["removal", "gradient"])]
    rows = rows.drop_duplicates(["prompt_id", "method", "axis", "player"]).assign(size=rows["value"].abs())
    rank = rows.groupby(["prompt_id", "method", "axis"])["size"].rank(ascending=False)
    share = rows["size"] / rows.groupby(["prompt_id", "method", "axis"])["size"].transform("sum")
    group = rows.assign(hit=rank <= 2, share=share)[rows["slot"] == "group"]
    return group.groupby(["axis", "method"]).agg(
        hit=("hit", "mean"), share=("share", "mean"), prompts=("hit", "size")
    )


@pytest.mark.slow
def test_gradients_point_at_the_planted_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    planted, twin = (
        hits(f"reference:{name}", tmp_path, random=16) for name in ("screening-v1", "screening-v2")
    )
    print("\n" + planted.join(twin, lsuffix="_planted", rsuffix="_twin").round(3).to_string())
    for axis in {axis for axis, _ in planted.index}:
        key = (axis, "integrated_gradients")
        assert planted.loc[key, "hit"] >= twin.loc[key, "hit"] + 0.3
        assert planted.loc[key, "share"] >= 2 * twin.loc[key, "share"]
