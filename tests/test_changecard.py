from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import on_disk
from test_compare import logit
from test_display import ALLOWED, Seen

import audit
from audit.changecard import change_sentence


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> audit.OpenComparison:
    output = tmp_path_factory.mktemp("runs")
    low, high = on_disk(logit(0.0, "low", own=1), output), on_disk(logit(1.0, "high", own=2), output)
    return audit.open(high).compare(audit.open(low))


def test_two_versions_are_compared_from_python(change: audit.OpenComparison) -> None:
    assert set(change.changes["status"]) == {"worse"} == {one.status for one in change.record.changes}
    assert change.gate == "closed"
    assert len(change.effects) >= len(change.changes) == len(change.record.changes)


def test_a_comparison_shows_statuses_numbers_and_what_closes_the_gate(change: audit.OpenComparison) -> None:
    seen = Seen(change._repr_html_())
    assert seen.elements <= ALLOWED
    row = change._card().grids[0].rows[0]
    stored = change.changes.iloc[0]
    for text in (seen.words, repr(change)):
        assert f"▲ {len(change.changes)} worse" in text and "gate, worse" in text
    assert float(row[5].replace("−", "-")) == pytest.approx(stored["difference"], abs=0.006)


def test_a_change_is_one_sentence(change: audit.OpenComparison) -> None:
    told = change_sentence(change.record, change.record.changes[0])
    assert told.startswith("worse") and "in the baseline" in told and "interval" in told and "\n" not in told


def test_runs_of_different_suites_are_one_sentence(tmp_path: Path, change: audit.OpenComparison) -> None:
    with pytest.raises(audit.InputError):
        audit.compare_runs(Path(__file__).parent.parent / "reports/sample", change.record.candidate.source)
