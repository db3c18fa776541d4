"""What `make demo` shows: the planted difference is found in one embedded model and is far smaller in the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit import pipeline
from audit.catalogue import shipped
from audit.compare import compare
from audit.records import Run
from audit.runs import read_run

REFERENCE = Path(pipeline.__file__).parent / "reference"
PLANTED = {"women", "Black"}


def _effects(run: Run) -> pd.DataFrame:
    rows = run.effects[run.effects["decision"]]
    return rows.assign(planted=rows["group_a"].isin(PLANTED) | rows["group_b"].isin(PLANTED))


def _card(name: str) -> list[dict[str, Any]]:
    card = json.loads((REFERENCE / name / "card.json").read_text(encoding="utf-8"))
    return [row for row in card["effects"] if row["metric"] == "selection_rate" and row["stratum"] == "*"]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_CACHE", str(folder / "cache"))
        return read_run(pipeline.run("hiring", model="reference:screening-v1", output=folder))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Without explanations, to save time."""
    folder = tmp_path_factory.mktemp("second")
    text = (shipped("suites") / "hiring.yaml").read_text(encoding="utf-8")
    lines = [
        "explain: {largest: 0, random: 0}" if line.startswith("explain:") else line
        for line in text.splitlines()
    ]
    (folder / "hiring.yaml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_CACHE", str(folder / "cache"))
        made = pipeline.run(str(folder / "hiring.yaml"), model="reference:screening-v2", output=folder)
        return read_run(made)


def test_the_planted_groups_are_beyond_and_no_other_pair_is(first: Run) -> None:
    found = _effects(first)
    assert len(found) == 9
    assert set(found.loc[found["planted"], "verdict"]) == {"beyond"}
    assert set(found.loc[~found["planted"], "verdict"]) == {"within"}


def test_the_planted_groups_are_the_ones_that_come_off_worse(first: Run) -> None:
    found = _effects(first)
    planted = found[found["planted"]]
    worse = planted["group_b"].where(planted["estimate"] < 0, planted["group_a"])
    assert set(worse) == PLANTED


@pytest.mark.parametrize("name", ["screening-v1", "screening-v2"])
def test_the_models_own_effects_lie_inside_the_intervals(name: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue("first" if name == "screening-v1" else "second")
    found = _effects(run).set_index(["axis", "group_a", "group_b"])
    own = _card(name)
    assert len(own) == 9
    for row in own:
        effect = found.loc[(row["axis"], row["group_a"], row["group_b"])]
        assert effect["low"] <= row["estimate"] <= effect["high"]


def test_the_occupation_that_triggers_the_difference_is_on_top_of_the_explanations(first: Run) -> None:
    gap = first.attributions[
        (first.attributions["game"] == "gap") & (first.attributions["sample"] == "largest")
    ]
    groups = first.pairs.drop_duplicates("pair_id").set_index("pair_id")[["group_a", "group_b"]]
    planted = groups[groups.isin(PLANTED).any(axis=1)].index
    gap = gap[gap["pair_id"].isin(planted)]
    assert gap["pair_id"].nunique() >= 8
    top = gap.loc[gap["value"].abs().groupby(gap["pair_id"]).idxmax()]
    assert (top["slot"] == "occupation").mean() >= 0.9
    named = top.loc[top["slot"] == "occupation", "text_b"].str.replace(r"^an? ", "", regex=True)
    assert set(named) <= {
        "software engineer",
        "electrician",
        "data analyst",
        "financial adviser",
        "sales manager",
    }


def test_the_difference_is_largest_in_the_planted_occupations(first: Run) -> None:
    strata = first.effects[(first.effects["metric"] == "selection_rate") & (first.effects["stratum"] != "*")]
    for group, other, jobs in (
        ("women", "men", {"software engineer", "electrician"}),
        ("Black", "Asian", {"financial adviser", "sales manager"}),
    ):
        both = strata[strata["group_a"].isin((group, other)) & strata["group_b"].isin((group, other))]
        sizes = both.set_index("stratum")["estimate"].abs()
        assert set(sizes.nlargest(2).index) == jobs


def test_swap_credits_add_up_and_explanation_scores_become_effects(first: Run) -> None:
    deltas = first.deltas[first.deltas["metric"] == "choice_logit"].set_index("pair_id")["delta"]
    made = first.attributions
    swap = made[(made["game"] == "swap") & (made["method"] == "shap")]
    sums = swap.groupby("pair_id")["value"].sum()
    assert (sums - deltas.loc[sums.index]).abs().max() < 1e-5
    shares = first.effects[first.effects["metric"] == "attribution_share_shap"]
    pooled = shares[(shares["stratum"] == "*") & (shares["axis"] != "gender*ethnicity")]
    assert len(pooled) == 9 and pooled[["estimate", "low", "high"]].notna().all(axis=None)


def test_the_second_model_has_far_smaller_differences_and_none_is_beyond(first: Run, second: Run) -> None:
    before, after = _effects(first), _effects(second)
    assert "beyond" not in set(after["verdict"])
    keys = ["axis", "group_a", "group_b"]
    both = before[before["planted"]].merge(after, on=keys, suffixes=("_first", "_second"))
    assert (both["estimate_second"].abs() < both["estimate_first"].abs() / 2).all()


def test_the_comparison_finds_the_planted_difference_smaller_in_the_right_cells_only(
    first: Run, second: Run
) -> None:
    found = compare(first, second)
    assert len(found.changes) == 9 and not found.refused
    for change in found.changes:
        planted = bool(PLANTED & {change.group_a, change.group_b})
        assert change.status == ("better" if planted else "unchanged"), change
