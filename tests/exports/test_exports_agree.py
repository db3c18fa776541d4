"""The same finding has the same status and the same numbers in every machine format and in the report."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from every_status import REASONS, STATUSES, every_status
from page import all_of, parsed, words

from audit.catalogue import load
from audit.exports import EXPORTERS
from audit.records import Run
from audit.report.render import render
from audit.statuses import NUMBERS, entries, status_of

JUNIT = {
    "beyond": "failure",
    "within": None,
    "undecided": "skipped",
    "invalid": "error",
    "not_measured": "skipped",
}
SARIF = {
    "beyond": "fail",
    "within": "pass",
    "undecided": "open",
    "invalid": "review",
    "not_measured": "notApplicable",
}
Told = dict[str, Any]


@pytest.fixture(scope="module")
def run() -> Run:
    return every_status()


@pytest.fixture(scope="module")
def folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exports")
    for name in EXPORTERS:
        exporter: Any = load(EXPORTERS, "exports", name)
        assert all(path.is_file() and path.parent == place for path in exporter(run, place))
    return place


def in_junit(folder: Path) -> dict[str, Told]:
    """Effect id → properties and element of each case."""
    found = {}
    for case in ElementTree.parse(folder / "junit.xml").getroot().iter("testcase"):
        told: Told = {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        kinds = [child.tag for child in case if child.tag != "properties"]
        found[told["effect"]] = {**told, "element": kinds[0] if kinds else None}
    return found


def in_sarif(folder: Path) -> dict[str, Told]:
    """Effect id → properties, kind and severity of each result."""
    log = json.loads((folder / "results.sarif").read_text())
    results = log["runs"][0]["results"]
    assert all(each["partialFingerprints"]["effectId/v1"] == each["properties"]["effect"] for each in results)
    return {
        each["properties"]["effect"]: each["properties"] | {"kind": each["kind"], "severity": each["level"]}
        for each in results
    }


def in_json(folder: Path) -> dict[str, Told]:
    """Effect id → finding and numbers."""
    document = json.loads((folder / "results.json").read_text())
    effects = {row["effect_id"]: row for row in document["effects"]}
    return {each["effect_id"]: {**effects[each["effect_id"]], **each} for each in document["findings"]}


def in_csv(folder: Path) -> dict[tuple[str, ...], Told]:
    rows = csv.DictReader((folder / "effects.csv").open(encoding="utf-8", newline=""))
    return {
        tuple(row[key] for key in ("metric", "axis", "stratum", "group_a", "group_b")): row for row in rows
    }


def value(text: Any) -> Any:
    """What a reader of a text format makes of a number."""
    if text in (None, ""):
        return None
    try:
        return float(text)
    except ValueError:
        return text


def known(row: Mapping[str, Any], name: str) -> Any:
    found = row[name]
    return None if isinstance(found, float) and math.isnan(found) else found if found != "" else None


def test_every_finding_is_in_every_format_with_one_status(run: Run, folder: Path) -> None:
    junit, sarif, own = in_junit(folder), in_sarif(folder), in_json(folder)
    ids = [each.effect_id for each in run.findings]
    assert len(ids) == len(REASONS)
    assert list(junit) and set(junit) == set(sarif) == set(own) == set(ids)
    for effect, status in zip(ids, STATUSES, strict=True):
        assert junit[effect]["status"] == sarif[effect]["status"] == own[effect]["status"] == status
        assert junit[effect]["element"] == JUNIT[status]
        assert sarif[effect]["kind"] == SARIF[status]
        assert (sarif[effect]["severity"] == "none") == (status != "beyond")


def test_every_number_is_the_same_in_every_format(run: Run, folder: Path) -> None:
    junit, sarif, own, rows = in_junit(folder), in_sarif(folder), in_json(folder), in_csv(folder)
    for entry in entries(run):
        finding = entry.finding
        effect = finding.effect_id
        cell = rows[finding.metric, finding.axis, finding.stratum, finding.group_a, finding.group_b]
        for name in NUMBERS:
            expected = known(entry.row, name)
            assert value(junit[effect].get(name)) == expected or name == "limit_origin", name
            assert (sarif[effect].get(name) or None) == (expected or None)
            assert (own[effect][name] or None) == (expected or None)
            if name in cell:
                assert value(cell[name]) == expected
        assert (
            cell["verdict"] == junit[effect]["verdict"] == sarif[effect]["verdict"] == own[effect]["verdict"]
        )


def test_the_markdown_names_every_finding_with_its_verdict(run: Run, folder: Path) -> None:
    text = (folder / "summary.md").read_text(encoding="utf-8")
    for entry in entries(run):
        (line,) = [line for line in text.splitlines() if f"`{entry.finding.effect_id}`" in line]
        assert entry.names.words in line


def test_the_report_gives_the_verdict_that_the_formats_give(run: Run) -> None:
    page = parsed(render(run))
    rows = {
        each.get("id"): words(each)
        for each in all_of(page, "tr")
        if (each.get("id") or "").startswith("rec-")
    }
    spoken = {
        "beyond": "Beyond",
        "within": "Within",
        "undecided": "Undecided",
        "not_measured": "Not measured",
    }
    checked = [spoken[each.verdict] in rows[f"rec-{each.effect_id}"] for each in run.findings]
    assert len(checked) == len(REASONS) and all(checked)


def test_no_printed_number_crosses_the_limit_that_its_value_does_not_cross(run: Run) -> None:
    first, second = list(entries(run))[:2]
    assert (
        "+0.10040, interval +0.10002 to" in first.sentence
        or "+0.1004, interval +0.10002 to" in first.sentence
    )
    assert "limit -0.100 to +0.100" in first.sentence
    assert "ratio 0.7996" in second.sentence and "limit 0.800" in second.sentence


def test_reasons_that_the_verdicts_give_for_a_test_that_did_not_work_are_known(run: Run) -> None:
    import numpy as np
    from audits import Cells, run_cells

    lost = np.full((12, 4, 2), np.nan)
    lost[:2] = 1.0
    found = run_cells(Cells(lost, controls={"name": lost[:, :, :]})).findings[0]
    assert (found.verdict, status_of(found)) == ("undecided", "invalid")
    values = np.zeros((12, 4, 2))
    values[..., 1] = 1.0
    noisy = run_cells(Cells(values, controls={"name": 1 - values})).findings[0]
    assert (noisy.verdict, status_of(noisy)) == ("undecided", "invalid")
    few = run_cells(Cells(values[:4], controls={"name": values[:4]})).findings[0]
    assert (few.verdict, status_of(few)) == ("undecided", "undecided")


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_the_same_run_gives_the_same_bytes(name: str, run: Run, tmp_path: Path) -> None:
    exporter: Any = load(EXPORTERS, "exports", name)
    first, second = (exporter(run, tmp_path / part) for part in ("one", "two"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
