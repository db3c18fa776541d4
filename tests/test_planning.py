"""Plans: what is counted and fixed before the first question."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats as oracle
from small_suites import write_suite
from tiny_models import classifier

from audit import pipeline
from audit.job import prepare
from audit.planning import decision_count, document, summarise
from audit.runs import read_run

LABELS = {"id2label": {0: "reject", 1: "invite"}, "label2id": {"reject": 0, "invite": 1}}


def test_the_summary_counts_what_the_run_then_asks(tmp_path: Path) -> None:
    model = f"hf:{classifier(tmp_path / 'model', **LABELS)}"
    suite = str(write_suite(tmp_path))
    summary = pipeline.plan(suite, model=model)
    job = prepare(suite, model=model)
    assert summary.distinct_prompts == job.expansion.prompts["prompt_id"].nunique()
    assert summary.prompts_by_arm["swap"] == 3 * 4 * 3
    assert summary.decision_count == 3 and summary.level == pytest.approx(1 - 0.05 / 3)
    assert summary.groups == {"gender": 3} and summary.templates == 3 and summary.names == 4


def test_detectable_differences_are_those_of_the_t_interval(tmp_path: Path) -> None:
    model = f"hf:{classifier(tmp_path / 'model', **LABELS)}"
    rows = pipeline.plan(str(write_suite(tmp_path)), model=model).detectable
    assert [row.deviation for row in rows] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    for row in rows:
        se = row.deviation / 3**0.5
        needed = oracle.t.ppf(1 - 0.05 / 3 / 2, 2)
        assert row.half_width == pytest.approx(needed * se)
        assert oracle.nct.sf(needed, 2, row.from_zero / se) == pytest.approx(0.8, abs=0.03)
        assert row.beyond == pytest.approx(0.4 + row.from_zero)


def test_the_plan_holds_limits_with_origin_and_the_model_with_digests(tmp_path: Path) -> None:
    job = prepare(str(write_suite(tmp_path)), model=f"hf:{classifier(tmp_path / 'model', **LABELS)}")
    plan = document(
        job.suite, job.axes, policy=job.policy, identity=job.backend.identity, question=job.question,
        expansion=job.expansion, version="1", deterministic=True,
    )  # fmt: skip
    assert plan["limits"]["choice_logit"]["high"] == pytest.approx(0.4)  # type: ignore[index]
    assert plan["limits"]["choice_logit"]["origin"]  # type: ignore[index]
    assert any(name.endswith(".safetensors") for name in plan["model"]["digests"])  # type: ignore[index]
    assert plan["decision_count"] == decision_count(job.suite, job.expansion.prompts) == 3
    assert job.policy.keep is not None and "keep" not in plan["policy"]  # type: ignore[operator]


def test_one_template_can_tell_nothing(tmp_path: Path) -> None:
    job = prepare(str(write_suite(tmp_path)), model=f"hf:{classifier(tmp_path / 'model', **LABELS)}")
    single = replace(
        job.expansion, prompts=job.expansion.prompts[job.expansion.prompts["template"] == "note"]
    )
    made = summarise(
        job.suite, policy=job.policy, identity=job.backend.identity, question=job.question, expansion=single
    )
    assert not any(row.within_possible for row in made.detectable)


def test_an_earlier_run_gives_the_scatter_of_its_effects_and_its_speed(tmp_path: Path) -> None:
    model = f"hf:{classifier(tmp_path / 'model', **LABELS)}"
    suite = str(write_suite(tmp_path))
    earlier = pipeline.run(suite, model=model, output=tmp_path / "runs")
    effects = read_run(earlier).effects
    decided = effects[effects["decision"]]
    scatter = decided["se"] * decided["cluster_count"] ** 0.5
    made = pipeline.plan(suite, model=model, earlier=earlier)
    seen = {row.source.split(", ")[1]: row.deviation for row in made.detectable if row.source != "assumed"}
    assert seen == pytest.approx({"middle": scatter.median(), "largest": scatter.max()})


@pytest.mark.parametrize(
    ("asked", "reused", "seconds", "speed"),
    [(600, 0, 60, 10.0), (600, 1, 60, None), (0, 0, 60, None), (9, 0, 0, None)],
)
def test_the_speed_is_that_of_a_run_which_asked_for_every_answer(
    tmp_path: Path, asked: int, reused: int, seconds: int, speed: float | None
) -> None:
    model = f"hf:{classifier(tmp_path / 'model', **LABELS)}"
    suite = str(write_suite(tmp_path))
    run = read_run(pipeline.run(suite, model=model, output=tmp_path / "runs"))
    times = {
        "answered_from": "2026-11-20T10:00:00Z",
        "answered_to": f"2026-11-20T10:0{seconds // 60}:{seconds % 60:02d}Z",
    }
    earlier = replace(run, manifest={**run.manifest, **times, "counts": {"asked": asked, "reused": reused}})
    job = prepare(suite, model=model)
    made = summarise(
        job.suite, policy=job.policy, identity=job.backend.identity, question=job.question, expansion=job.expansion,
        earlier=earlier,
    )  # fmt: skip
    assert made.answers_per_s == pytest.approx(speed) if speed else math.isnan(made.answers_per_s)


def test_a_metric_without_a_limit_is_planned_without_within(tmp_path: Path) -> None:
    job = prepare(str(write_suite(tmp_path)), model=f"hf:{classifier(tmp_path / 'model', **LABELS)}")
    policy = job.policy.model_copy(update={"limits": {}})
    made = summarise(
        job.suite,
        policy=policy,
        identity=job.backend.identity,
        question=job.question,
        expansion=job.expansion,
    )
    assert made.detectable and not any(row.within_possible for row in made.detectable)
