"""One explained pair: as a page of its own, and in the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page import all_of, parsed, texts, words
from rich.console import Console
from synthetic import make_run

from audit.errors import InputError
from audit.pairtext import explained
from audit.records import Run
from audit.report import facts
from audit.report.pdf import write_pdf
from audit.report.render import render, render_pair


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run(templates=1)


def pair_with(run: Run) -> str:
    """A pair whose swap game has two slots."""
    return str(run.attributions.loc[run.attributions["partner"] >= 0, "pair_id"].iloc[0])


def said(run: Run, pair_id: str) -> str:
    screen = io.StringIO()
    explained(Console(file=screen, width=120), run, pair_id)
    return screen.getvalue()


def printed(run: Run, pair_id: str) -> Any:
    return parsed(render_pair(run, pair_id))


def test_the_page_has_every_word_of_the_pair_with_its_credit(run: Run) -> None:
    pair_id = pair_with(run)
    records = {each.get("data-record") for each in printed(run, pair_id).iter()}
    rows = facts.rows(run.attributions[run.attributions["pair_id"] == pair_id])
    single = [row for row in rows if row["partner"] < 0]
    assert len(single) > 20
    assert {f"{row['attribution_id']}/{row['player']}" for row in single} <= records


def test_every_number_of_the_page_names_its_record(run: Run) -> None:
    for text, around in texts(printed(run, pair_with(run))):
        if re.search(r"\d", text):
            quoted = any(element.get("class") == "quote" for element in around)
            assert quoted or any(element.get("data-record") for element in around), text


def test_the_page_fetches_nothing_and_runs_nothing(run: Run) -> None:
    html = render_pair(run, pair_with(run))
    assert not re.search(r"(?:src|href|action)\s*=|<script|url\(|@import", html.split("</style>")[1])
    assert "default-src 'none'" in html


def test_the_page_becomes_a_pdf(run: Run, tmp_path: Path) -> None:
    import pikepdf
    from test_report_pdf import MADE_AT

    write_pdf(render_pair(run, pair_with(run)), tmp_path / "pair.pdf", made_at=MADE_AT, attachments={})
    with pikepdf.open(tmp_path / "pair.pdf") as document:
        assert 1 <= len(document.pages) <= 3


def test_what_two_slots_do_together_is_a_step_of_the_waterfall(run: Run) -> None:
    page = printed(run, pair_with(run))
    steps = words(all_of(page, "svg")[0])
    assert "name alone" in steps and "name × they" in steps
    single = run.attributions[(run.attributions["partner"] < 0) & (run.attributions["slot"] != "they")]
    assert not all_of(printed(replace(run, attributions=single), pair_with(run)), "svg")


def test_marks_of_the_gap_game_have_a_kind_and_a_legend_of_their_own(run: Run) -> None:
    page = printed(run, pair_with(run))
    kinds = {each.get("class") for each in all_of(page, "mark")}
    assert {"up", "down", "wider", "lower"} <= kinds
    legend = words(next(each for each in all_of(page, "ul") if each.get("class") == "legend"))
    assert "double line" in legend and "dotted line" in legend and "hatched" in legend


def test_the_quality_of_each_explanation_stands_beside_it(run: Run) -> None:
    page = printed(run, pair_with(run))
    lines = [words(each) for each in all_of(page, "li") if "SHAP:" in words(each)]
    assert len(lines) == 4
    for line in lines:
        for criterion in (
            "credits miss their total by",
            "agreement",
            "comprehensiveness",
            "stability",
            "sampling",
        ):
            assert criterion in line


def test_what_missed_a_bar_says_so_with_the_reason(run: Run) -> None:
    doubtful = run.attributions.loc[~run.attributions["reliable"], "pair_id"].iloc[0]
    text = words(printed(run, doubtful))
    assert "Not reliable. Removal game: SHAP and LIME rank the words differently" in text
    assert "not reliable: SHAP and LIME rank the words differently" in text
    assert "(missed)" in text and "NOT RELIABLE" in said(run, doubtful)


def test_credits_that_are_not_exact_show_their_error(run: Run) -> None:
    sampled = replace(run, attributions=run.attributions.assign(error=0.0312))
    assert "± 0.03" in words(printed(sampled, pair_with(run)))
    assert "± 0.03" in said(sampled, pair_with(run))
    assert "±" not in words(printed(run, pair_with(run)))


def test_gradients_have_a_column_of_their_own_where_they_are(run: Run) -> None:
    removal = run.attributions[
        (run.attributions["game"] == "removal") & (run.attributions["method"] == "shap")
    ]
    import pandas as pd

    inside = removal.assign(
        game="gradient", method="integrated_gradients", value=0.0712, attribution_id="inside"
    )
    both = replace(run, attributions=pd.concat([run.attributions, inside], ignore_index=True))
    page = printed(both, pair_with(run))
    heads = [words(each) for each in all_of(page, "th")]
    assert heads.count("Integrated gradients") == 2
    assert "+0.07" in words(page)


def test_gradients_alone_mark_the_words_and_say_what_the_line_from_a_to_b_does(run: Run) -> None:
    rows = run.attributions[(run.attributions["method"] == "shap") & (run.attributions["game"] != "gap")]
    alone = replace(run, attributions=rows.assign(game="gradient", method="integrated_gradients"))
    pair_id = pair_with(run)
    page = printed(alone, pair_id)
    mine = facts.rows(alone.attributions[alone.attributions["pair_id"] == pair_id])
    records = {each.get("data-record") for each in page.iter()}
    assert {f"{row['attribution_id']}/{row['player']}" for row in mine} <= records
    assert all_of(page, "mark") and "on the straight line from a to b" in words(page)
    shown = said(alone, pair_id)
    assert "Integrated gradients" in shown and "inside the model, from a to b" in shown
    steep = replace(alone, attributions=alone.attributions.assign(method="saliency"))
    quotes = [each for each in all_of(printed(steep, pair_id), "blockquote")]
    assert quotes and not [mark for quote in quotes for mark in all_of(quote, "mark")], "sizes have no sign"


def test_the_terminal_marks_words_in_brackets_with_their_credits(run: Run) -> None:
    pair_id = pair_with(run)
    text = said(run, pair_id)
    assert re.search(r"\[He [+−]\d\.\d\d\]|\[She [+−]\d\.\d\d\]", text)
    assert "score of a" in text and "name × they" in text
    assert re.search(r"name alone +[#-]+", text)
    assert "Words of b, SHAP: reliable" in text


def test_the_terminal_shows_the_numbers_of_the_page(run: Run) -> None:
    pair_id = pair_with(run)
    page = words(printed(run, pair_id))
    shown = re.findall(r"[+−]\d\.\d\d", said(run, pair_id))
    assert len(shown) > 60
    assert all(number in page for number in shown)


@pytest.mark.parametrize("pair_id", ["0123456789abcdef", ""])
def test_a_pair_that_was_not_explained_is_refused_in_words(run: Run, pair_id: str) -> None:
    for ask in (render_pair, said):
        with pytest.raises(InputError, match="this run has no explanation of a pair with that id"):
            ask(run, pair_id)


def test_how_pairs_were_chosen_is_counted_in_words(run: Run) -> None:
    samples = run.attributions["sample"].where(run.attributions["sample"] != "largest", "flip")
    text = words(parsed(render(replace(run, attributions=run.attributions.assign(sample=samples)))))
    assert "8 pairs were explained: 4 in which the decision changed and 4 drawn at random" in text
    assert "The decision changed." in text
    assert "Agreement with a model of random weights, shap" in text


def test_a_changed_decision_is_said_with_the_side_that_got_the_favourable_one(run: Run) -> None:
    pair_id = pair_with(run)
    mine = (run.deltas["pair_id"] == pair_id) & (run.deltas["metric"] == "selection_rate")
    for delta, words_of in ((-1.0, "only a got the favourable one"), (1.0, "only b got the favourable one")):
        changed = replace(run, deltas=run.deltas.assign(delta=run.deltas["delta"].where(~mine, delta)))
        assert words_of in words(printed(changed, pair_id)) and words_of in said(changed, pair_id)
    same = replace(run, deltas=run.deltas.assign(delta=run.deltas["delta"].where(~mine, 0.0)))
    assert "decision changed" not in words(printed(same, pair_id))


def test_hostile_words_stay_words(run: Run) -> None:
    evil = "<b>x</b>\u202e"
    changed = replace(run, attributions=run.attributions.assign(text_b=evil, text_a=evil))
    page = printed(changed, pair_with(run))
    assert not all_of(page, "b")
    assert "\\u202e" in words(page)
    assert "\u202e" not in said(changed, pair_with(run))


def test_a_pair_whose_score_the_suite_does_not_name_has_its_scores_from_the_explanation(run: Run) -> None:
    pair_id = pair_with(run)
    mine = run.attributions[run.attributions["pair_id"] == pair_id]
    (metric,) = set(mine["metric"])
    hollow = replace(run, deltas=run.deltas[run.deltas["metric"] != metric])
    before, after = (
        next(line for line in said(one, pair_id).splitlines() if "difference" in line)
        for one in (run, hollow)
    )
    assert before == after
    assert f"{pair_id[:8]}" in render_pair(hollow, pair_id)
