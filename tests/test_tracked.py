from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from test_compare import logit

import audit
from audit.records import Run
from audit.tracked import effect_name, tracked

SAMPLE = Path(__file__).parent.parent / "reports" / "sample"
ROW = {
    "decision": True, "metric": "selection_rate", "axis": "gender", "stratum": "*", "group_a": "men",
    "group_b": "women", "contrast": "pair", "effect_id": "0123456789abcdef",
}  # fmt: skip


@pytest.fixture(scope="module")
def sample() -> Run:
    return audit.open(SAMPLE)._told


def test_numbers_are_those_of_the_effects_and_every_verdict_is_counted(sample: Run) -> None:
    made = tracked(sample, receipt="r")
    for row in sample.effects[sample.effects["decision"]].to_dict("records"):
        name = effect_name({str(key): value for key, value in row.items()})
        assert name == f"effect/selection_rate/{row['axis']}/all/{row['group_a']}/{row['group_b']}"
        assert [made.metrics[f"{name}/{key}"] for key in ("estimate", "low", "high")] == [
            row["estimate"], row["low"], row["high"],
        ]  # fmt: skip
    counts = {
        name: made.metrics[f"verdicts/{name}"] for name in ("beyond", "within", "undecided", "not_measured")
    }
    assert sum(counts.values()) == len(sample.findings)
    assert counts["beyond"] == sum(finding.verdict == "beyond" for finding in sample.findings)


def test_explorations_are_logged_over_all_strata_only(sample: Run) -> None:
    made = tracked(sample, receipt="r")
    names = [name for name in made.metrics if name.startswith("exploration/")]
    assert names and all(name.split("/")[3] == "all" for name in names)
    assert any("/gender x ethnicity/" in name for name in names)


def test_what_identifies_a_run_stands_in_its_tags(sample: Run) -> None:
    tags = tracked(sample, receipt="digest").tags
    assert tags["audit.root"] == sample.manifest["root"] and tags["audit.plan"] == sample.plan["digest"]
    assert tags["audit.receipt"] == "digest" and tags["audit.run"] == "sample"


def test_mlflow_takes_every_name(sample: Run) -> None:
    validation = pytest.importorskip("mlflow.utils.validation")
    made = tracked(sample, receipt="r")
    for name, value in made.metrics.items():
        validation._validate_metric(name, value, 0, 0)
    for name, text in made.params.items():
        assert validation._validate_param(name, text).value == text
    for name, text in made.tags.items():
        assert validation._validate_tag(name, text).value == text


@pytest.mark.parametrize(
    ("change", "end"),
    [
        ({}, "effect/selection_rate/gender/all/men/women"),
        ({"decision": False}, "exploration/selection_rate/gender/all/men/women"),
        ({"group_a": "*", "contrast": "others"}, "effect/selection_rate/gender/all/all/women"),
        ({"axis": "a*b", "contrast": "interaction"}, "effect/selection_rate/a x b/all/men/women/interaction"),
        ({"stratum": "C++/C#"}, "effect/selection_rate/gender/C___C_/men/women"),
        ({"stratum": ".."}, "effect/selection_rate/gender/_../men/women"),
        ({"group_a": "Männer"}, "effect/selection_rate/gender/all/Männer/women"),
    ],
)  # fmt: skip
def test_a_name_says_what_is_compared(change: dict[str, object], end: str) -> None:
    validation = pytest.importorskip("mlflow.utils.validation")
    name = effect_name({**ROW, **change})
    assert name.replace("_", "") == end.replace("_", "") and name.count("/") == end.count("/")
    validation._validate_metric_name(f"{name}/estimate")


def test_a_long_name_ends_with_the_id_of_its_effect() -> None:
    name = effect_name({**ROW, "stratum": "x" * 400})
    assert len(name) < 240 and name.endswith(":01234567")


def test_effects_whose_names_look_alike_are_kept_apart_and_what_is_no_number_is_left_out() -> None:
    run = logit(0.25, "half", own=3)
    effects = run.effects[run.effects["decision"]].iloc[[0, 0, 0]].reset_index(drop=True)
    effects["stratum"], effects["effect_id"] = ["C+", "C#", "D"], ["a" * 16, "b" * 16, "c" * 16]
    effects.loc[2, "low"] = math.nan
    made = tracked(
        replace(run, effects=effects, manifest={**run.manifest, "counts": {}}), receipt="r"
    ).metrics
    names = [name for name in made if name.startswith("effect/")]
    assert len(names) == 8 and sum(":aaaaaaaa/" in name for name in names) == 3
    assert not any(name.endswith("/D/blue/red/low") for name in names)
