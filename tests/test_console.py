from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from small_runs import FINDING, finished_run, rows, tables

from audit import console
from audit.records import EFFECTS, Finding
from audit.runs import read_run, write_run


def effect(number: int, estimate: float) -> dict[str, object]:
    return {
        "effect_id": f"e{number}",
        "metric": "selection_rate",
        "estimate": estimate,
        "low": estimate - 0.05,
        "high": estimate + 0.05,
        "limit_low": -0.1,
        "limit_high": 0.1,
    }


def printed(folder: Path, findings: list[Finding], effects: list[dict[str, object]]) -> str:
    """What is printed for a run with these findings."""
    import pandas as pd

    frame = pd.concat([rows(EFFECTS, **values) for values in effects]) if effects else EFFECTS.frame()
    run_folder = finished_run(folder)
    write_run(run_folder, tables=tables() | {"effects": frame}, findings=findings, excluded=[])
    screen = io.StringIO()
    console.results(Console(file=screen, width=160), read_run(run_folder))
    return screen.getvalue()


def test_every_verdict_is_counted(tmp_path: Path) -> None:
    findings = [replace(FINDING, effect_id="e1", verdict="beyond"), replace(FINDING, effect_id="e2")]
    text = printed(tmp_path, findings, [effect(1, -0.3), effect(2, 0.02)])
    assert "1 beyond, 0 within, 1 undecided, 0 not measured" in text


def test_what_lies_beyond_comes_first_and_the_largest_of_them_on_top(tmp_path: Path) -> None:
    findings = [
        replace(FINDING, effect_id="e1"),
        replace(FINDING, effect_id="e2", verdict="beyond", stratum="nurse"),
        replace(FINDING, effect_id="e3", verdict="beyond", stratum="teacher"),
    ]
    text = printed(tmp_path, findings, [effect(1, 0.9), effect(2, 0.2), effect(3, -0.4)])
    assert text.index("-0.400") < text.index("+0.200") < text.index("+0.900")
    assert "women against men (gender, teacher)" in text
    assert "-0.450 to -0.350" in text


def test_a_finding_without_a_number_shows_a_dash(tmp_path: Path) -> None:
    nan = float("nan")
    missing = {**effect(1, nan), "low": nan, "high": nan}
    text = printed(tmp_path, [replace(FINDING, verdict="not_measured", reason="no answers")], [missing])
    assert "nan" not in text
    assert "- to -" in text


def test_more_findings_than_fit_are_counted(tmp_path: Path) -> None:
    findings = [replace(FINDING, effect_id=f"e{number}") for number in range(20)]
    assert "(5 more findings are in the report)" in printed(
        tmp_path, findings, [effect(number, 0.01 * number) for number in range(20)]
    )


def test_a_run_without_decisions_says_so(tmp_path: Path) -> None:
    assert "everything is exploration" in printed(tmp_path, [], [])


def test_words_of_a_model_are_never_taken_for_formatting(tmp_path: Path) -> None:
    text = printed(
        tmp_path, [replace(FINDING, reason="[bold red]no answer[/]", group_b="[x]")], [effect(1, 0.0)]
    )
    assert "[bold red]no answer[/]" in text
    assert "[x] against men" in text


def test_paths_are_printed_whole(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    assert str(deep) in printed(deep, [], [])
