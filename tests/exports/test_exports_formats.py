"""JUnit, SARIF, JSON and Markdown: their schemas, and texts that try to be more than texts."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from every_status import every_status
from jsonschema import Draft4Validator, Draft202012Validator
from lxml import etree
from run_variants import empty_run, with_texts
from synthetic import make_run

from audit.exports import json as own
from audit.exports import junit, markdown, sarif
from audit.harmless import markdown as harmless
from audit.policy import load_policy
from audit.records import EFFECTS, Run

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
DOCS = HERE.parent.parent / "docs"
HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "]]><!-- -->", "{{ 7*7 }} {0}",
    "[here](javascript:alert(1))",
    "![x](http://example.org/x)", "| a | b |", "`code`", "@everyone", "#12", "http://example.org", "=cmd|' /C calc'!A0",
    "\x00\x1b[31m", "\u202e\u2028", "\ufffe", "line\nbreak",
)  # fmt: skip


def runs() -> dict[str, Run]:
    policy = load_policy("default").model_dump(mode="json")
    plain = every_status()
    incomplete = {**plain.manifest, "complete": False, "service": {"warnings": ["the server was <slow>"]}}
    return {
        "plain": plain,
        "clauses": replace(plain, policy=policy, findings=_ratio(plain)),
        "incomplete": replace(plain, manifest=incomplete),
        "empty": empty_run(),
        "hostile": hostile(),
        "bare": replace(plain, manifest={}, plan={}, suite={}, policy={}),
    }


def _ratio(run: Run) -> Any:
    """One finding about a ratio, whose limit comes from a clause."""
    row = run.effects[run.effects["metric"] == "impact_ratio"].iloc[0]
    return (
        *run.findings,
        replace(run.findings[0], id="r", effect_id=row["effect_id"], metric="impact_ratio"),
    )


def hostile() -> Run:
    """Every text of the run ends with every hostile text."""
    end = " ".join(HOSTILE)
    run = every_status(with_texts(make_run(templates=1), lambda words: f"{words} {end}"))
    ids = {each.effect_id for each in run.findings}
    effects = run.effects.assign(
        stratum=[f"{old} {end}" if effect in ids else old
                 for effect, old in zip(run.effects["effect_id"], run.effects["stratum"], strict=True)]
    )  # fmt: skip
    findings = tuple(
        replace(each, stratum=f"s {end}", reason=f"{each.reason} {end}") for each in run.findings
    )
    return replace(run, effects=EFFECTS.frame(effects), findings=findings)


RUNS = runs()


@pytest.mark.parametrize("name", RUNS)
def test_junit_keeps_to_its_schema_and_counts_its_cases(name: str) -> None:
    schema = etree.XMLSchema(etree.parse(DATA / "junit.xsd"))
    root = etree.fromstring(junit.document(RUNS[name]))
    schema.assertValid(root)
    for part in (root, *root.iter("testsuite")):
        assert int(part.get("tests")) == len(list(part.iter("testcase")))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(part.get(attribute)) == len(list(part.iter(tag)))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)


def test_a_run_without_findings_is_no_green_file() -> None:
    root = etree.fromstring(junit.document(RUNS["empty"]))
    assert root.get("tests") == root.get("skipped") == "1"
    log = sarif.document(RUNS["empty"])["runs"][0]
    assert log["results"] == []
    assert "No comparison" in log["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]


@pytest.mark.parametrize("name", RUNS)
def test_sarif_keeps_to_the_part_of_the_standard_that_we_write(name: str) -> None:
    schema = json.loads((DATA / "sarif.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(sarif.document(RUNS[name]))


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.skipif(
    "AUDIT_SARIF_SCHEMA" not in os.environ, reason="AUDIT_SARIF_SCHEMA names the standard's own schema"
)
def test_sarif_keeps_to_the_schema_of_the_standard(name: str) -> None:
    schema = json.loads(Path(os.environ["AUDIT_SARIF_SCHEMA"]).read_text())
    Draft4Validator(schema).validate(sarif.document(RUNS[name]))


@pytest.mark.parametrize("name", RUNS)
def test_rules_taxa_and_results_of_sarif_refer_to_each_other(name: str) -> None:
    log = sarif.document(RUNS[name])["runs"][0]
    driver = log["tool"]["driver"]
    for result in log["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for taxon in result.get("taxa", ()):
            taxa = {each["name"]: [one["id"] for one in each["taxa"]] for each in log["taxonomies"]}
            assert taxon["id"] in taxa[taxon["toolComponent"]["name"]]


def test_a_limit_that_comes_from_a_clause_names_it_in_sarif() -> None:
    log = sarif.document(RUNS["clauses"])["runs"][0]
    assert [each["taxa"][0]["id"] for each in log["results"] if "taxa" in each] == ["ugesp-4-d"]
    (taxon,) = log["taxonomies"][0]["taxa"]
    assert taxon["properties"]["confidence"] == "primary"


def test_texts_of_sarif_hold_no_links_and_no_places_to_fill() -> None:
    for result in sarif.document(RUNS["hostile"])["runs"][0]["results"]:
        text = result["message"]["text"]
        assert "\\[here\\](javascript" in text and "{{{{ 7*7 }}}}" in text
        assert not re.search(r"(?<!\\)[\[\]]", text)
        assert not re.search(r"(?<!\{)\{(?:\{\{)*(?!\{)", text)


@pytest.mark.parametrize("name", RUNS)
def test_the_own_format_keeps_to_the_schema_in_the_docs(name: str) -> None:
    schema = json.loads((DOCS / "results.schema.json").read_text(encoding="utf-8"))
    assert schema == own.Document.model_json_schema(by_alias=True)
    Draft202012Validator(schema).validate(own.document(RUNS[name]).model_dump(by_alias=True, mode="json"))


def test_hostile_texts_come_back_from_json_and_xml_as_they_were_shown(tmp_path: Path) -> None:
    (path,) = own.export(RUNS["hostile"], tmp_path)
    stratum = json.loads(path.read_text(encoding="utf-8"))["findings"][0]["stratum"]
    assert all(text in stratum for text in HOSTILE)
    root = etree.fromstring(junit.document(RUNS["hostile"]))
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "properties", "property", "failure", "skipped", "error",
    }  # fmt: skip
    (failure,) = root.iter("failure")
    assert (
        "<script>alert(1)</script>" in failure.text
        and "\\x1b[31m" in failure.text
        and "\\u202e" in failure.text
    )
    assert failure.text.count("<img src=x") >= 3  # the sentence, and the two prompts of the example


def test_hostile_texts_are_shown_in_markdown_and_do_nothing() -> None:
    text = markdown.document(RUNS["hostile"])
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) == len(RUNS["hostile"].findings)
    assert all(line.count("|") == 6 for line in rows)
    assert not re.search(r"<(script|img|svg|a)|https?://|\]\(|!\[|@\w|(?<!&)#\d", text)
    assert len(text) < 60_000


@pytest.mark.parametrize("text", ["plain words", "naïve 日本", "a - b", "3.5 + 1", "50 %"])
def test_plain_text_stays_plain_in_markdown(text: str) -> None:
    assert harmless(text) == text


def test_markdown_is_one_line_and_can_be_cut() -> None:
    assert harmless("a\n\n# b") == "a &#35; b" or "\n" not in harmless("a\n\n# b")
    assert harmless("x" * 100, longest=10) == "x" * 9 + "…"


def test_an_export_by_command_is_covered_by_the_receipt(tmp_path: Path) -> None:
    from small_runs import finished_run

    from audit import commands, evidence

    folder = finished_run(tmp_path)
    for name in ("json", "junit", "sarif", "markdown"):
        commands.export(folder, format=name, output=folder / "exports")
    assert evidence.verify(folder) == []
    (folder / "exports" / "junit.xml").write_text("<testsuites/>")
    assert any("exports/junit.xml" in problem for problem in evidence.verify(folder))
