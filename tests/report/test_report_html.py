"""The HTML report: what it says, what it shows, and where each number comes from."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_rows import effect_row
from page import all_of, parsed, tag, texts, words
from run_variants import ranking_run
from synthetic import make_run

from audit.catalogue import shipped
from audit.records import EFFECTS, Run
from audit.report import SECTIONS, facts
from audit.report.render import render

BANNED = re.compile(
    r"\b(unbiased|bias-free|fair|debias\w*|compliant|conforms|certified|passed|discriminat\w*|disparate|significant|"
    r"proves|guarantee\w*|ensures|tamper-proof|representative|assured|safe|racist|sexist|intends)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run(templates=3)


@pytest.fixture(scope="module")
def html(run: Run) -> str:
    return render(run)


@pytest.fixture(scope="module")
def page(html: str) -> Any:
    return parsed(html)


def test_the_same_run_gives_the_same_bytes(html: str) -> None:
    assert render(make_run(templates=3)) == html


def test_moving_the_folder_changes_nothing(run: Run, html: str) -> None:
    assert render(replace(run, folder=f"/elsewhere/{Path(run.folder).name}")) == html


def test_every_section_is_there_in_order_with_its_heading(page: Any) -> None:
    sections = all_of(page, "section")
    assert [section.get("id") for section in sections] == list(SECTIONS)
    for section in sections:
        heading = all_of(section, "h2")
        assert len(heading) == 1
        assert heading[0].get("id") == section.get("aria-labelledby")


def test_nothing_is_referred_to_that_is_not_in_the_page(html: str, page: Any) -> None:
    for element in page.iter():
        for name, value in element.attrib.items():
            if name.rpartition("}")[2] in (
                "src",
                "href",
                "srcset",
                "action",
                "data",
                "poster",
                "background",
                "formaction",
            ):
                assert value.startswith("#"), (element.tag, name, value)
    assert not re.search(r"url\(|@import|src\s*=", all_of(page, "style")[0].text)
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "") and "https://" not in html


def test_links_lead_somewhere(page: Any) -> None:
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {link.get("href")[1:] for link in all_of(page, "a")} <= set(ids)


def test_there_is_no_script_and_a_policy_that_forbids_it(page: Any) -> None:
    assert not all_of(page, "script")
    assert not [name for element in page.iter() for name in element.attrib if name.startswith("on")]
    policies = [
        each.get("content")
        for each in all_of(page, "meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert page.get("lang") == "en"
    assert all_of(page, "title")[0].text.startswith("Audit report: ")
    assert len(all_of(page, "style")) == 1


def test_heading_levels_never_skip(page: Any) -> None:
    levels = [int(tag(element)[1]) for element in page.iter() if re.fullmatch(r"h[1-6]", tag(element))]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_one_header_row_and_scopes(page: Any) -> None:
    for table in all_of(page, "table"):
        assert words(all_of(table, "caption")[0])
        assert len(all_of(all_of(table, "thead")[0], "tr")) == 1
        assert all(cell.get("scope") in ("row", "col") for cell in all_of(table, "th"))
        width = len(all_of(all_of(table, "thead")[0], "th"))
        for row in all_of(all_of(table, "tbody")[0], "tr"):
            assert len(row) == width, words(table)[:80]


def test_every_figure_states_a_finding_first_and_has_its_numbers_in_a_table(page: Any) -> None:
    drawings = all_of(page, "svg")
    assert len(drawings) > 8
    for drawing in drawings:
        title = drawing[0]
        assert tag(title) == "title"
        assert 20 < len(title.text.strip()) <= 250
        assert not re.search(r"chart of|figure of|plot of|graph of", title.text)
    for panel in (element for element in page.iter() if element.get("class") in ("panel", "swapgame")):
        assert bool(all_of(panel, "table"))
    captions = [figure for figure in all_of(page, "figure") if not all_of(figure, "figcaption")]
    assert not captions


def test_every_number_on_the_page_names_its_record(page: Any) -> None:
    for text, around in texts(page):
        if re.search(r"\d", text):
            traced = any(element.get("data-record") for element in around)
            quoted = any(element.get("class") == "quote" or tag(element) == "code" for element in around)
            assert traced or quoted, (text, [tag(element) for element in around])


def printed_values(page: Any) -> list[tuple[str, str, str]]:
    """(record, field, text) of everything that names a field."""
    return [
        (element.get("data-record"), element.get("data-field"), words(element))
        for element in page.iter()
        if element.get("data-record") and element.get("data-field")
    ]


def agrees(text: str, value: float) -> bool:
    """Whether a text is `value` rounded to its own decimals, on one of the scales that the report uses."""
    if text in ("–", "fewer than 1", "<0.001"):
        return math.isnan(value) or value < 0.001
    plain = text.replace("−", "-").replace(",", "").rstrip("%")
    half = 0.5 * 10.0 ** -len(plain.partition(".")[2]) * 1.0001
    scales = (value, abs(value), 100 * value, abs(100 * value), 1000 * value, math.exp(min(value, 50)))
    return any(abs(float(plain) - each) <= half for each in scales)


def test_every_printed_value_of_an_effect_is_the_value_of_its_record(run: Run, page: Any) -> None:
    effects = {row["effect_id"]: row for row in facts.rows(run.effects)}
    checked = 0
    for record, field, text in printed_values(page):
        if record in effects:
            row = effects[record]
            value = 1 - row["lower_share"] - row["higher_share"] if field == "equal_share" else row[field]
            assert agrees(text, float(value)), (record, field, text, value)
            checked += 1
    assert checked > 500


def test_every_printed_value_of_a_group_is_the_value_of_its_record(run: Run, page: Any) -> None:
    groups = {facts.group_record(row): row for row in facts.rows(run.groups)}
    found = [each for each in printed_values(page) if each[0] in groups]
    assert len(found) > 50
    for record, field, text in found:
        assert agrees(text, float(groups[record][field])), (record, field, text)


def test_every_printed_credit_and_score_is_the_value_of_its_record(run: Run, page: Any) -> None:
    credits = {
        f"{row['attribution_id']}/{row['player']}"
        + (f"/{row['partner']}" if row["partner"] >= 0 else ""): row
        for row in facts.rows(run.attributions)
    }
    deltas = {(row["pair_id"], row["metric"]): row for row in facts.rows(run.deltas)}
    for record, field, text in printed_values(page):
        if record in credits:
            assert agrees(text, float(credits[record][field])), (record, text)
        rows = [row for (pair, _), row in deltas.items() if pair == record]
        if rows and field in ("value_a", "value_b", "delta"):
            assert any(agrees(text, float(row[field])) for row in rows)


def test_every_printed_mean_credit_and_share_is_the_value_of_its_record(run: Run, page: Any) -> None:
    carriers = {row["carrier_id"]: row for row in facts.rows(run.carriers)}
    found = [each for each in printed_values(page) if each[0] in carriers]
    assert {field for _, field, _ in found} >= {
        "estimate",
        "low",
        "high",
        "share",
        "share_low",
        "p_adjusted",
        "pairs",
    }
    for record, field, text in found:
        assert agrees(text, float(carriers[record][field])), (record, field, text)


def test_every_printed_criterion_is_the_value_of_its_record(run: Run, page: Any) -> None:
    checks = {
        f"{row['attribution_id']}/{row['criterion']}/{row['method']}": row for row in facts.rows(run.quality)
    }
    found = [each for each in printed_values(page) if each[0] in checks and each[1] == "value"]
    assert len(found) > 100
    for record, field, text in found:
        assert agrees(text, float(checks[record][field])), (record, text)


def test_only_words_that_are_told_from_zero_are_called_triggers(run: Run, page: Any) -> None:
    told = {row["carrier_id"]: row["told"] for row in facts.rows(run.carriers) if row["game"] == "gap"}
    section = next(each for each in all_of(page, "section") if each.get("id") == "triggers")
    called = set()
    for row in all_of(section, "tr"):
        records = {each.get("data-record") for each in row.iter()} & set(told)
        if records:
            assert ("trigger" in words(row).split()) == told[records.pop()]
            called.add("trigger" in words(row).split())
    assert called == {True, False}


def test_the_credits_of_a_swap_game_add_up_to_the_printed_difference(run: Run, page: Any) -> None:
    swap = run.attributions[run.attributions["game"] == "swap"]
    sums = swap[swap["partner"] < 0].groupby("pair_id")["value"].sum()
    together = swap[swap["partner"] >= 0].groupby("pair_id")["value"].sum()
    np.testing.assert_allclose(together, sums[together.index])
    assert len(sums) == 8 and len(together) > 2
    tables = [table for table in all_of(page, "table") if (table.get("class") or "").startswith("swap")]
    assert len(tables) == len(sums) + len(together)
    for table in tables:
        record = next(
            each.get("data-record") for each in all_of(table, "tfoot")[0].iter() if each.get("data-record")
        )
        assert agrees(words(all_of(all_of(table, "tfoot")[0], "td")[0]), float(sums[record]))


def test_the_words_with_credit_are_words_of_their_own_side(page: Any) -> None:
    sides = [each for each in page.iter() if each.get("class") == "side" and all_of(each, "table")]
    assert len(sides) == 16
    for side in sides:
        quote = words(next(each for each in side.iter() if each.get("class") == "quote"))
        for row in all_of(all_of(side, "tbody")[0], "tr"):
            assert words(row[0]).removesuffix(" (group)") in quote


def test_the_verdicts_on_page_one_add_up_to_the_comparisons(run: Run, page: Any) -> None:
    shown = {field: int(text) for record, field, text in printed_values(page) if record == "findings"}
    assert shown["tested"] == len(run.findings)
    assert (
        sum(shown.get(each, 0) for each in ("beyond", "within", "undecided", "not_measured"))
        == shown["tested"]
    )


def test_verdicts_are_words_with_a_sign(page: Any) -> None:
    verdicts = [element for element in page.iter() if (element.get("class") or "").startswith("verdict ")]
    assert verdicts
    for element in verdicts:
        assert re.search(r"[a-z]{5}", words(element))


def test_no_word_claims_more_than_an_audit_can_show(page: Any) -> None:
    found = [(text, hit.group()) for text, _ in texts(page) if (hit := BANNED.search(text))]
    assert not found


def test_groups_are_spoken_of_as_inputs_in_sentences(page: Any) -> None:
    for card in (each for each in all_of(page, "article") if (each.get("class") or "").startswith("card")):
        assert words(all_of(card, "h3")[0]).startswith("Applications with ")


def test_templates_have_no_digits_in_their_prose() -> None:
    of_reports = (path for path in shipped("templates").rglob("*.j2") if path.parent.name != "new")
    for path in sorted(of_reports):
        plain = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text(), flags=re.S)
        text = re.sub(r"<svg.*?</svg>|<style.*?</style>|<[^>]*>", "", plain, flags=re.S)
        assert not re.search(r"\d", text), path.name


def test_answers_older_than_the_plan_are_said_on_page_one(run: Run) -> None:
    sentence = "The criteria were set after the answers existed"
    older = replace(run, manifest={**run.manifest, "answers_older_than_plan": True})
    first = all_of(parsed(render(older)), "section")[0]
    assert sentence in words(first)
    assert sentence not in words(all_of(parsed(render(run)), "section")[0])


def test_an_incomplete_run_says_so_first_and_shows_the_mark(run: Run) -> None:
    page = parsed(render(replace(run, manifest={**run.manifest, "complete": False})))
    assert "Incomplete" in words(all_of(page, "section")[0])
    assert [each for each in page.iter() if each.get("class") == "incomplete-page"]


def test_a_result_without_any_difference_beyond_the_limit_still_counts_what_is_open(run: Run) -> None:
    findings = tuple(replace(each, verdict="undecided") for each in run.findings)
    text = words(all_of(parsed(render(replace(run, findings=findings))), "section")[0])
    assert "In 0 of 9 comparisons" in text
    assert "9 could not be decided" in text


def test_a_share_just_below_the_limit_is_not_printed_as_the_limit(run: Run) -> None:
    row = effect_row(
        decision=True,
        estimate=0.09996,
        low=0.02,
        high=0.1004,
        limit_low=-0.1,
        limit_high=0.1,
        verdict="undecided",
    )
    page = parsed(render(replace(run, effects=EFFECTS.frame([row]), findings=())))
    shown = {
        text
        for record, field, text in printed_values(page)
        if record == row["effect_id"] and field == "estimate"
    }
    assert shown == {"+9.996"}


def test_rankings_show_the_position_beside_the_groups() -> None:
    page = parsed(render(ranking_run()))
    captions = [words(each) for each in all_of(page, "caption")]
    assert any("Position in the prompt" in caption for caption in captions)
    assert "Differences between groups" in words(page)
    assert any("Of 1,000 rankings" in words(each) for each in all_of(page, "article"))
