"""A comparison in JUnit, SARIF, Markdown and JSON: the same change has the same status and numbers in each."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from every_change import STATUSES, every_change
from jsonschema import Draft4Validator, Draft202012Validator
from lxml import etree

from audit.catalogue import load
from audit.changenames import CHANGE_NAMES, NUMBERS, changed
from audit.exports import COMPARED
from audit.exports import json as own
from audit.records import CHANGE_STATUSES, Comparison

DATA = Path(__file__).parent.parent / "data"
DOCS = Path(__file__).parent.parent.parent / "docs"
HOSTILE = (
    " <script>alert(1)</script> [here](javascript:alert(1)) | a | {{ 7*7 }} `x` @everyone #12 "
    "http://example.org ]]> \x00\x1b \u202e\nline"
)
STATES = {
    "worse": "updated", "better": "updated", "unchanged": "unchanged", "undecided": "updated", "new": "new",
    "gone": "absent", "not_comparable": "updated",
}  # fmt: skip


def written(name: str, found: Comparison) -> bytes:
    exporter: Any = load(COMPARED, "exports", name)
    made: bytes = exporter(found)
    return made


def sarif(found: Comparison) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(written("sarif", found))
    return log


FOUND = {
    "plain": every_change(),
    "hostile": every_change(HOSTILE),
    "open": replace(every_change(), gate=None, waivers=(), notes=()),
    "empty": replace(every_change(), changes=(), gate=None),
}


def test_every_status_of_a_change_has_its_names() -> None:
    assert tuple(CHANGE_NAMES) == CHANGE_STATUSES
    assert {status: names.state for status, names in CHANGE_NAMES.items()} == STATES
    assert set(STATUSES) == set(CHANGE_STATUSES)
    assert len({names.sign for names in CHANGE_NAMES.values()}) == len(CHANGE_NAMES)


@pytest.mark.parametrize("name", FOUND)
def test_the_json_of_a_comparison_keeps_to_the_schema_in_the_docs(name: str) -> None:
    schema = json.loads((DOCS / "comparison.schema.json").read_text(encoding="utf-8"))
    assert schema == own.ComparisonDocument.model_json_schema(by_alias=True)
    made = json.loads(written("json", FOUND[name]))
    validator = Draft202012Validator(schema)
    validator.validate(made)
    assert all(made[table] for table in own.COMPARED) or name == "empty"
    assert not validator.is_valid({**made, "more": 1}) and not validator.is_valid({**made, "kind": "run"})


def test_the_same_change_has_the_same_status_and_numbers_in_every_format() -> None:
    found = FOUND["plain"]
    root = etree.fromstring(written("junit", found))
    junit = {}
    for case in root.iter("testcase"):
        told = {each.get("name"): each.get("value") for each in case.iter("property")}
        junit[told.get("change")] = told
    results = {each["properties"]["change"]: each for each in sarif(found)["runs"][0]["results"]}
    own = {row["change_id"]: row for row in json.loads(written("json", found))["changes"]}
    lines = written("markdown", found).decode().splitlines()
    for each in changed(found):
        name = each.change.id
        assert (
            junit[name]["status"]
            == results[name]["properties"]["status"]
            == own[name]["status"]
            == each.change.status
        )
        for number in NUMBERS:
            value = each.row[number]
            known = None if isinstance(value, float) and math.isnan(value) else value
            text = junit[name].get(number)
            assert (text if number == "scale" or text is None else float(text)) == known
            assert results[name]["properties"].get(number) == own[name][number] == known
        (line,) = [line for line in lines if f"`{each.change.effect_id}`" in line]
        assert each.names.words in line


def test_sarif_has_a_state_for_every_result_and_none_that_is_undecided_is_unchanged() -> None:
    for each in sarif(FOUND["plain"])["runs"][0]["results"]:
        assert each["baselineState"] == STATES[each["properties"]["status"]]
    states = [(each.change.status, each.names.state) for each in changed(FOUND["plain"])]
    assert ("undecided", "unchanged") not in states


def test_what_is_waived_is_suppressed_and_no_failure_and_what_closes_the_gate_is_one() -> None:
    results = {each["properties"]["effect"]: each for each in sarif(FOUND["plain"])["runs"][0]["results"]}
    assert [each["justification"] for each in results["e4"]["suppressions"]] == ["waived by Ada Example"]
    assert results["e0"]["suppressions"] == [] and (results["e0"]["kind"], results["e0"]["level"]) == (
        "fail",
        "error",
    )
    root = etree.fromstring(written("junit", FOUND["plain"]))
    cases = {
        each.get("value"): each.getparent().getparent()
        for each in root.iter("property")
        if each.get("name") == "effect"
    }
    assert cases["e0"].find("failure") is not None
    assert cases["e4"].find("failure") is None and cases["e4"].find("skipped") is not None
    (gate,) = [case for case in root.iter("testcase") if case.get("name") == "gate"]
    assert "expired" in gate.find("failure").text


@pytest.mark.parametrize("name", FOUND)
def test_each_format_keeps_to_its_schema(name: str) -> None:
    root = etree.fromstring(written("junit", FOUND[name]))
    etree.XMLSchema(etree.parse(DATA / "junit.xsd")).assertValid(root)
    assert int(root.get("tests")) == len(FOUND[name].changes) + 1
    log = sarif(FOUND[name])
    Draft202012Validator(json.loads((DATA / "sarif.schema.json").read_text())).validate(log)
    if "AUDIT_SARIF_SCHEMA" in os.environ:
        Draft4Validator(json.loads(Path(os.environ["AUDIT_SARIF_SCHEMA"]).read_text())).validate(log)
    have = ["suppressions" in each for each in log["runs"][0]["results"]]
    assert all(have) or not any(have)


def test_hostile_texts_do_nothing_in_a_pull_request() -> None:
    text = written("markdown", FOUND["hostile"]).decode()
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`e" in line]
    assert len(rows) == len(STATUSES) and all(line.count("|") == 8 for line in rows)
    assert not re.search(r"<(script|img|a)|https?://|\]\(|@\w|(?<!&)#\d|[\x00-\x09\x1b\u202e]", text)


def test_a_pull_request_takes_the_text_however_much_changed() -> None:
    one = every_change(HOSTILE * 20)
    many = tuple(replace(one.changes[0], id="c0", effect_id=f"e{place}") for place in range(900))
    reasons = tuple(replace(one.gate.reasons[0], effect_id=f"e{place}") for place in range(900))  # type: ignore[union-attr]
    big = replace(one, changes=many, gate=replace(one.gate, reasons=reasons))  # type: ignore[type-var]
    text = written("markdown", big)
    assert len(text) < 60_000
    assert re.search(rb"\d{3} more are in the report", text) and re.search(rb"- and \d{3} more", text)


def test_the_gate_comes_first_and_a_run_without_one_says_so() -> None:
    lines = written("markdown", FOUND["plain"]).decode().splitlines()
    assert lines[2].startswith("**The gate is closed&#58;") or lines[2].startswith(
        "**The gate is closed: 2 reasons"
    )
    assert "No gate was asked for" in written("markdown", FOUND["open"]).decode()


@pytest.mark.parametrize("name", sorted(COMPARED))
def test_the_same_comparison_gives_the_same_bytes(name: str) -> None:
    assert written(name, every_change()) == written(name, every_change())
