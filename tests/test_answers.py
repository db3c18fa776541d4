from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from audits import Cells, decide, make_suite
from made_runs import run_of
from statsmodels.stats.contingency_tables import mcnemar as reference

from audit.answers import mcnemar
from audit.compare import compare
from audit.credits import credit_changes
from audit.records import ATTRIBUTIONS, RESPONSES, Run

SUITE = make_suite(metrics=("selection_rate",), decision=(decide("selection_rate"),))


def decisions(yes: int, name: str) -> Run:
    """Ten templates, two persons: `blue` always gets a yes, `red` in the first templates only."""
    values = np.ones((10, 2, 2))
    values[yes:, :, 1] = 0
    run = run_of(Cells(values=values, controls={"name": values}), name, suite=SUITE)
    scores = run.scores.drop_duplicates("prompt_id")
    words = scores["value"].map({1.0: "yes", 0.0: "no"})
    responses = RESPONSES.frame(
        pd.DataFrame({
            "prompt_id": scores["prompt_id"], "repeat": 0, "text": words, "scores": "", "error": "", "answered_at": "",
        })
    )  # fmt: skip
    return replace(run, responses=responses)


def test_decisions_that_turned_are_listed_and_counted_both_ways() -> None:
    found = compare(decisions(8, "one"), decisions(3, "two"))
    assert len(found.flips) == 10
    assert set(zip(found.flips["group"], found.flips["baseline"], found.flips["candidate"], strict=True)) == {
        ("red", "yes", "no")
    }
    counts = found.flip_counts.set_index("group")
    assert counts.loc["red", ["n", "gained", "lost"]].tolist() == [20, 0, 10]
    assert counts.loc["blue", ["n", "gained", "lost"]].tolist() == [20, 0, 0]
    back = compare(decisions(3, "two"), decisions(8, "one")).flip_counts.set_index("group")
    assert back.loc["*", ["gained", "lost"]].tolist() == [10, 0]


@pytest.mark.parametrize("gained, lost", [(0, 0), (3, 9), (12, 1), (40, 60)])
def test_the_test_of_flips_is_the_exact_one(gained: int, lost: int) -> None:
    expected = 1.0 if gained + lost == 0 else reference([[5, gained], [lost, 5]], exact=True).pvalue
    assert mcnemar(gained, lost) == pytest.approx(expected, abs=1e-12)


def test_the_pairs_that_moved_most_come_with_both_answers_of_both_versions() -> None:
    found = compare(decisions(8, "one"), decisions(3, "two")).movers
    assert set(found["template"]) <= {f"t{n:03d}" for n in range(3, 8)} and len(found) == 10
    first = found.iloc[0]
    assert first[["baseline", "candidate", "change"]].tolist() == [0.0, -1.0, -1.0]
    assert first[["baseline_a", "baseline_b", "candidate_a", "candidate_b"]].tolist() == [
        "yes",
        "yes",
        "yes",
        "no",
    ]


def test_what_the_model_decides_for_everybody_is_compared_with_an_interval() -> None:
    found = compare(decisions(8, "one"), decisions(3, "two")).utility
    every = found[found["group"] == "*"].iloc[0]
    assert every[["metric", "n", "missing"]].tolist() == ["selection_rate", 40, 0]
    assert every["baseline"] == pytest.approx(0.9) and every["candidate"] == pytest.approx(0.65)
    assert every["low"] < -0.25 < every["high"] < 0
    blue = found[found["group"] == "blue"].iloc[0]
    assert blue["difference"] == 0 and blue["low"] < 0 < blue["high"]


def _explained(run: Run, credit: dict[str, float]) -> Run:
    """Every pair explained in these words."""
    blank = {"str": "", "float64": 0.0, "int64": 0, "bool": True}
    plain = {column.name: blank[column.dtype] for column in ATTRIBUTIONS.columns}
    rows = [
        {**plain, "pair_id": pair, "side": "pair", "game": "swap", "method": "shap", "sample": "random",
         "metric": "choice_logit", "slot": slot, "text_a": "he", "text_b": "she", "value": value}
        for pair in run.pairs.loc[run.pairs["arm"] == "swap", "pair_id"].head(4)
        for slot, value in credit.items()
    ]  # fmt: skip
    return replace(run, attributions=ATTRIBUTIONS.frame(rows))


def test_explanations_show_which_words_carry_the_difference_now() -> None:
    one, two = decisions(8, "one"), decisions(3, "two")
    found = credit_changes(
        _explained(one, {"name": 3.0, "pronoun": -1.0}), _explained(two, {"name": 1.0, "pronoun": -4.0})
    )
    rows = found.set_index("slot")
    assert found["slot"].tolist() == ["pronoun", "name"]
    assert rows.loc["pronoun", ["pairs", "baseline", "candidate"]].tolist() == [4, -1.0, -4.0]
    assert rows["baseline_share"].to_dict() == pytest.approx({"pronoun": 0.25, "name": 0.75})
    assert rows["candidate_share"].to_dict() == pytest.approx({"pronoun": 0.8, "name": 0.2})
    assert credit_changes(one, two).empty
