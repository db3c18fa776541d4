"""A recorded table of outcomes, audited by the policies that ship: from the file to the printed tables."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit import pipeline
from audit.records import Run
from audit.runs import read_run

SUITE = """
suite: 1
id: outcomes
title: Scores of applicants
language: en
domain: employment
harm: An applicant is scored lower.
cannot_show: Who is hired.
design: groups
question: {kind: rate, ask: Score this application., low: 1, high: 10}
metrics: [rating, scoring_rate, impact_ratio]
decision:
  - {metric: impact_ratio, axis: sex}
recorded:
  answer: score
  template: applicant
  group: sex
  axis:
    id: sex
    title: Sex
    cue: stated
    groups:
      female: {title: female, wording: applications of women}
      male: {title: male, wording: applications of men}
"""


@dataclass(frozen=True)
class Table:
    """Scores by sex, as written to the file."""

    female: list[int]
    male: list[int]
    unknown: list[int]

    def write(self, folder: Path) -> Path:
        rows = [
            {"applicant": f"{sex}{number}", "sex": sex, "score": str(score)}
            for sex in ("female", "male", "unknown")
            for number, score in enumerate(getattr(self, sex))
        ]
        path = folder / "outcomes.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path


@pytest.fixture(scope="module")
def scores() -> Table:
    rng = np.random.default_rng(2)
    female, male = (
        np.clip(np.round(rng.normal(mean, 2, 400)), 1, 10).astype(int).tolist() for mean in (4.5, 6.5)
    )
    return Table(female=female, male=male, unknown=[5] * 7)


def audited(scores: Table, folder: Path, policy: str) -> tuple[Run, str]:
    (folder / "outcomes.yaml").write_text(SUITE, encoding="utf-8")
    path = scores.write(folder)
    made = pipeline.run(
        str(folder / "outcomes.yaml"), model=f"recorded:{path}", output=folder / "runs", policy=policy
    )
    return read_run(made), (made / "report.html").read_text(encoding="utf-8")


def group(run: Run, name: str) -> Any:
    rows = run.groups[(run.groups["metric"] == "scoring_rate") & (run.groups["stratum"] == "*")]
    return rows.set_index("group").loc[name]


def test_the_local_law_tables_of_recorded_scores_are_those_of_a_count_by_hand(
    scores: Table, tmp_path: Path
) -> None:
    run, html = audited(scores, tmp_path, "nyc-ll144")
    middle = np.median([*scores.female, *scores.male, *scores.unknown])
    female, male = (np.mean([score > middle for score in each]) for each in (scores.female, scores.male))
    assert group(run, "female")["value"] == pytest.approx(female)
    assert group(run, "female")["impact_ratio"] == pytest.approx(female / male)
    assert group(run, "unknown")["n"] == 7 and np.isnan(group(run, "unknown")["impact_ratio"])
    assert [finding.verdict for finding in run.findings] == ["undecided"]
    assert "the policy &#39;nyc-ll144&#39; sets no limit for impact_ratio" in html
    assert "Annex: tables that the policy asks for" in html and "Sex categories" in html
    assert f"{female / male:.3f}" in html


def test_the_four_fifths_line_gives_a_verdict_on_the_ratio_of_scoring_rates(
    scores: Table, tmp_path: Path
) -> None:
    run, html = audited(scores, tmp_path, "four-fifths")
    assert [finding.verdict for finding in run.findings] == ["beyond"]
    assert "29 CFR 1607.4(D)" in html and "no legal test of a model" in html
    assert "Annex: tables that the policy asks for" not in html
