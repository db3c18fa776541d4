from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audits import Cells, decide, make_axis, make_suite, run_cells

from audit.effects import decisions
from audit.records import Finding
from audit.runs import read_run
from audit.suite import load_axes, load_suite

SAMPLE = Path(__file__).parent.parent / "reports" / "sample"


def key(finding: Finding) -> tuple[str, ...]:
    return (
        finding.metric, finding.axis, finding.stratum, finding.group_a, finding.group_b, finding.contrast,
    )  # fmt: skip


@pytest.mark.parametrize("groups, decision", [
    (("blue", "red"), decide("selection_rate")),
    (("blue", "green", "red"), decide("selection_rate", contrasts="others")),
    (("blue", "green", "red"), decide("selection_rate", strata=True)),
    (tuple("abcdef"), decide("selection_rate")),
])  # fmt: skip
def test_what_is_planned_is_what_is_found(groups: tuple[str, ...], decision: dict[str, Any]) -> None:
    values = np.random.default_rng(3).integers(0, 2, size=(8, 4, len(groups))).astype(float)
    cells = Cells(values, groups=groups, strata=("x", "y"))
    suite = make_suite(decision=(decision,))
    prompts, _, _ = cells.tables("selection_rate")
    planned = decisions(prompts, suite=suite, axes={"colour": make_axis(groups)})
    assert planned == [key(finding) for finding in run_cells(cells, suite=suite).findings]
    assert planned


def test_the_findings_of_the_sample_run_are_those_that_its_suite_plans() -> None:
    run, suite = read_run(SAMPLE), load_suite("hiring")
    planned = decisions(run.prompts, suite=suite, axes=load_axes(suite))
    assert set(planned) == {key(finding) for finding in run.findings} and len(planned) == 9
