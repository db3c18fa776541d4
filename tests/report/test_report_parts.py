"""The parts of the report beside the effects: combinations, subgroups, looks, clauses, tables of a policy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_extras import annexed_policy
from made_rows import effect_row, finding_of, group_row
from page import all_of, parsed, words
from synthetic import make_run

from audit.policy import load_policy
from audit.records import CLASSICAL, EFFECTS, GROUPS, JUDGED, SUBGROUPS, Run, content_id
from audit.report import facts
from audit.report.render import render


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run(templates=2)


def sections(run: Run) -> dict[str, Any]:
    return {section.get("id"): section for section in all_of(parsed(render(run)), "section")}


def text_of(run: Run, section: str) -> str:
    return words(sections(run)[section])


def table(section: Any, caption: str) -> list[dict[str, str]]:
    """The rows of the table whose caption has these words, by heading."""
    found = next(each for each in all_of(section, "table") if caption in words(all_of(each, "caption")[0]))
    heads = [words(cell) for cell in all_of(all_of(found, "thead")[0], "th")]
    return [dict(zip(heads, map(words, row), strict=True)) for row in all_of(all_of(found, "tbody")[0], "tr")]


def recorded(section: Any, record: str) -> dict[str, str]:
    """Field → text of everything in the section that carries this record."""
    return {
        element.get("data-field"): words(element)
        for element in section.iter()
        if element.get("data-record") == record and element.get("data-field")
    }


# --------------------------------------------------------------- combinations


def test_each_interaction_says_in_words_whether_the_changes_do_more_together(run: Run) -> None:
    rows = {row["Combination"]: row for row in table(sections(run)["intersections"], "beyond its parts")}
    assert rows["women × Black people"]["In words"].endswith(
        "lower than one after the other: worse for these inputs."
    )
    assert rows["women × Asian people"]["In words"].endswith(
        "higher than one after the other: better for these inputs."
    )
    assert rows["men × Black people"]["In words"].startswith("It cannot be told")
    assert rows["women × Black people"]["Starting from"] == "men × Hispanic people"
    assert rows["women × Black people"]["Sets"] == "30"
    assert "Verdict" not in rows["women × Black people"]


def test_interactions_do_not_stand_among_the_plain_differences_of_combinations(run: Run) -> None:
    rows = table(sections(run)["intersections"], "largest differences of combined groups")
    assert rows and all("added up" not in row["Comparison"] for row in rows)


def decided_interaction(run: Run, **values: Any) -> Run:
    row = effect_row(
        axis="gender*ethnicity", contrast="interaction", group_a="men*Asian", group_b="women*Black", decision=True,
        **{"estimate": -0.15, "low": -0.2, "high": -0.1, "limit_low": -0.1, "limit_high": 0.1, "verdict": "beyond",
           "reason": "", **values},
    )  # fmt: skip
    finding = replace(finding_of(row, run.deltas), contrast="interaction", example_pair="")
    effects = EFFECTS.frame([*run.effects.to_dict("records"), row])
    return replace(run, effects=effects, findings=(finding,))


def test_a_decided_interaction_has_its_limit_its_verdict_and_a_card_with_a_sentence(run: Run) -> None:
    found = sections(decided_interaction(run))
    row = table(found["intersections"], "beyond its parts")[0]
    assert "Beyond the limit" in row["Verdict"] and row["Limit"] == "−10.0 to +10.0"
    assert "came out 15.0 percentage points below what each change from" in words(found["findings"])
    assert "combinations against their parts" in words(found["differences"])


def test_a_ratio_of_ratios_is_told_as_times_what_the_parts_add_up_to(run: Run) -> None:
    changed = decided_interaction(
        run, metric="impact_ratio", scale="log_ratio", estimate=math.log(0.7), low=math.log(0.6),
        high=math.log(0.75), limit_low=math.log(0.8), limit_high=math.log(1.25),
    )  # fmt: skip
    assert "0.700 times what each change from" in text_of(changed, "findings")


def test_a_contrast_with_reference_inputs_says_what_it_is_compared_with(run: Run) -> None:
    row = effect_row(
        contrast="reference", group_a="reference", group_b="women", decision=True, verdict="within"
    )
    found = replace(
        run,
        effects=EFFECTS.frame([row]),
        findings=(replace(finding_of(row, run.deltas), contrast="reference"),),
    )
    assert "than the reference inputs on average" in text_of(found, "findings")
    assert "against the reference inputs" in text_of(found, "differences")
    assert "women against mean of the reference inputs" in text_of(found, "tables")


def cue_run(run: Run) -> Run:
    row = effect_row(
        contrast="reference", group_a="reference", group_b="women", decision=True, verdict="beyond", reason="",
        estimate=-0.2, low=-0.3, high=-0.12, limit_low=-0.1, limit_high=0.1, lower_share=0.3, higher_share=0.1,
    )  # fmt: skip
    finding = replace(finding_of(row, run.deltas.iloc[:0]), contrast="reference")
    return replace(run, effects=EFFECTS.frame([row]), findings=(finding,))


def test_a_run_about_single_cues_speaks_of_cues_and_counts_no_pairs(run: Run) -> None:
    page = parsed(render(cue_run(run)))
    assert words(all_of(page, "h1")[0]) == "Do the answers differ with one cue in the input?"
    found = {section.get("id"): words(section) for section in all_of(page, "section")}
    assert "1 comparison the answers differed with the cue by more than the limit" in found["summary"]
    assert "what a single edit that cannot matter produces" in found["summary"]
    assert "not about a group" in found["limits"]
    assert "paired inputs" not in found["findings"] and "Per thousand" not in found["findings"]


# ------------------------------------------------------------------ subgroups


def test_what_was_searched_and_what_was_confirmed_are_told_apart(run: Run) -> None:
    section = sections(run)["subgroups"]
    rows = table(section, "came off worst")
    assert [row["Outcome"] for row in rows] == ["confirmed", "not confirmed"]
    assert rows[0]["Half that was searched"] == "−31.0" and rows[0]["Other half"] == "−22.0"
    assert "1 of 2 were confirmed" in words(section)
    assert "fewer than 8 clusters" in words(section)


def test_the_figures_of_a_subgroup_name_their_record(run: Run) -> None:
    section = sections(run)["subgroups"]
    for row in facts.rows(run.subgroups)[:2]:
        found = recorded(section, facts.subgroup_record(row))
        assert {"searched", "search_estimate", "estimate", "low", "high", "p_adjusted", "n"} <= set(found)


def test_a_run_without_a_search_has_no_such_section(run: Run) -> None:
    assert "subgroups" not in sections(replace(run, subgroups=SUBGROUPS.frame()))


# ------------------------------------------------------------ classical tests


def test_classical_tests_say_that_they_decide_nothing(run: Run) -> None:
    section = sections(run)["classical"]
    assert "No verdict of this report rests on them" in words(section)
    assert {row["Test"] for row in table(section, "classical tests")} == {"exact McNemar", "mixed model"}


def test_very_many_classical_tests_are_cut_with_a_word_about_the_rest(run: Run) -> None:
    rows = [
        {**row, "effect_id": f"{row['effect_id']}{number}"}
        for number in range(40)
        for row in facts.rows(run.classical)
    ]
    section = sections(replace(run, classical=CLASSICAL.frame(rows)))["classical"]
    assert "classical.parquet" in words(section)
    assert sum(len(all_of(each, "tr")) for each in all_of(section, "table")) < 70


# ---------------------------------------------------------------------- looks


def test_more_than_one_look_is_told_with_its_times(run: Run) -> None:
    section = sections(run)["criteria"]
    assert "Results were computed 2 times from this plan" in words(section)
    assert [row["Effects"] for row in table(section, "When results were computed")] == ["50", "60"]


@pytest.mark.parametrize("looks", [(), ({"at": "2026-11-20T09:01:00+00:00", "effects": 5, "answers": 7},)])
def test_one_look_is_not_worth_a_warning(run: Run, looks: tuple[Mapping[str, object], ...]) -> None:
    assert "No deviation from the plan is recorded" in text_of(replace(run, looks=looks), "criteria")


def test_looks_that_say_little_are_shown_with_dashes(run: Run) -> None:
    rows = table(sections(replace(run, looks=({}, {"at": "then"})))["criteria"], "When results were computed")
    assert [row["Answers"] for row in rows] == ["–", "–"]


# ------------------------------------------------------- clauses and the annex


def test_every_clause_is_printed_with_its_status_and_how_far_it_was_checked(run: Run) -> None:
    text = text_of(run, "clauses")
    for clause in load_policy("nyc-ll144").clauses.values():
        assert clause.clause in text and clause.status in text and str(clause.last_checked) in text
    assert "read where others quote it" in text and "none of this is legal advice" in text


def test_clauses_that_were_checked_long_ago_are_named_first(run: Run) -> None:
    assert "Last checked more than 90 days" not in text_of(run, "clauses")
    late = replace(run, manifest={**run.manifest, "finished_at": "2027-06-01T00:00:00+00:00"})
    assert "Last checked more than 90 days before this run: 6 RCNY 5-300, selection rate" in text_of(
        late, "clauses"
    )


def test_a_policy_without_clauses_and_annex_has_neither_section(run: Run) -> None:
    plain = {key: value for key, value in run.policy.items() if key not in ("clauses", "annex")}
    assert not {"clauses", "policy_tables"} & set(sections(replace(run, policy=plain)))


def test_the_tables_of_the_rule_have_its_categories_with_rates_and_ratios(run: Run) -> None:
    section = sections(run)["policy_tables"]
    sexes = table(section, "Share of favourable decisions: Gender")
    assert [row["Category"] for row in sexes] == ["Male", "non-binary people", "Female"]
    both = table(section, "Share of favourable decisions: Gender × Ethnicity")
    assert [row["Category"] for row in both][:2] == ["Male × Asian", "Male × Black or African American"]
    assert both[3]["Impact ratio"] == "0.493"
    assert words(section).index("no bias audit in the sense of Local Law 144") < words(section).index("Male")
    assert "which only its user knows" in words(section)


def with_groups(run: Run, **groups: dict[str, Any]) -> Run:
    rows = [
        group_row(group=group, **{"axis": "gender", "n": 100, "value": 0.5, **values})
        for group, values in groups.items()
    ]
    return replace(run, groups=GROUPS.frame(rows))


def test_inputs_of_an_unknown_category_are_counted_and_small_ones_keep_their_row(run: Run) -> None:
    note = "under 2% of the sample: no ratio"
    found = with_groups(
        run, men={"impact_ratio": 1.0}, women={"impact_ratio": 0.8}, tiny={"n": 2, "note": note},
        unknown={"n": 40, "failed": 2},
    )  # fmt: skip
    section = sections(found)["policy_tables"]
    rows = {row["Category"]: row for row in table(section, "Share of favourable decisions: Gender")}
    assert "counted and left out of the table: 42 ." in words(section)
    assert (
        rows["tiny"]["Note"] == note
        and rows["tiny"]["Impact ratio"] == "–"
        and rows["tiny"]["Rate"] == "50.0%"
    )
    assert set(rows) == {"Male", "Female", "tiny"}
    assert "nothing was tested that this table could show (ethnicity, race)" in words(section)


def test_a_run_without_the_rates_says_what_the_suite_does_not_measure(run: Run) -> None:
    none = replace(run, groups=run.groups[run.groups["metric"] == "choice_logit"])
    assert "the suite measures none of selection_rate, scoring_rate" in text_of(none, "policy_tables")


def test_a_scoring_rate_prints_the_median_that_it_counts_from(run: Run) -> None:
    found = with_groups(run, men={"metric": "scoring_rate"}, women={"metric": "scoring_rate"})
    section = sections(found)["policy_tables"]
    swap = set(run.prompts.loc[run.prompts["arm"] == "swap", "prompt_id"])
    scores = run.scores[(run.scores["metric"] == "choice_logit") & (run.scores["arm"] == "swap")]
    middle = float(np.median(scores[scores["prompt_id"].isin(swap)].drop_duplicates("prompt_id")["value"]))
    assert float(recorded(section, "scores/choice_logit")["median"].replace("−", "-")) == pytest.approx(
        middle, abs=0.005
    )


def test_a_policy_with_two_hundred_categories_is_cut(run: Run) -> None:
    many = with_groups(run, **{f"group{number:03d}": {} for number in range(200)})
    section = sections(many)["policy_tables"]
    assert "groups.parquet" in words(section)
    assert max(len(all_of(each, "tr")) for each in all_of(section, "table")) < 70


def test_an_annex_of_odd_shape_does_not_break_the_report(run: Run) -> None:
    for annex in (
        {},
        {"title": "x"},
        {"title": "x", "tables": [{"id": "t"}]},
        {"tables": "none", "caveats": "none"},
    ):
        render(replace(run, policy={**run.policy, "annex": annex, "clauses": {"x": "y", "z": {}}}))


def test_a_policy_without_limits_is_no_all_clear_on_page_one(run: Run) -> None:
    open_ended = tuple(replace(each, verdict="undecided", reason="no limit") for each in run.findings)
    found = replace(run, policy={**run.policy, "limits": {}}, findings=open_ended)
    text = text_of(found, "summary")
    assert "The policy sets no limit, so none has a verdict" in text
    assert "In 0 of" not in text


# -------------------------------------------------- what has no value, by group


def test_reasons_without_a_value_are_counted_by_group(run: Run) -> None:
    asked = run.prompts[(run.prompts["arm"] == "swap") & (run.prompts["group"] == "women")]
    lost = run.scores["prompt_id"].isin(asked["prompt_id"]) & (run.scores["metric"] == "selection_rate")
    found = replace(
        run, scores=run.scores.assign(reason=np.where(lost, "refused", ""), value=np.where(lost, np.nan, 1.0))
    )
    rows = table(sections(found)["coverage"], "Answers without a value, by group")
    mine = next(row for row in rows if row["Inputs suggesting"] == "Gender: women")
    assert (mine["Reason"], mine["Without a value"]) == ("refused", str(asked["prompt_id"].nunique()))
    assert mine["Of all"] == str(asked["prompt_id"].nunique())


def test_repeats_without_a_value_are_counted_where_the_others_have_one(run: Run) -> None:
    first = run.prompts.loc[
        (run.prompts["arm"] == "swap") & (run.prompts["group"] == "women"), "prompt_id"
    ].iloc[0]
    mine = (run.scores["prompt_id"] == first) & (run.scores["metric"] == "selection_rate")
    found = replace(run, scores=run.scores.assign(answers=np.where(mine, 3, 1), lost=np.where(mine, 2, 0)))
    section = sections(found)["coverage"]
    rows = table(section, "Answers without a value, by group")
    mine_only = [row for row in rows if row["Inputs suggesting"] == "Gender: women"]
    assert [(row["Reason"], row["Without a value"]) for row in mine_only] == [
        ("some of the repeats have no value", "2")
    ]
    assert "Every answer has a value" not in words(section)
    assert "Every answer has a value" in text_of(run, "coverage")


# ----------------------------------------------------- a second model that judges


def test_the_errors_of_a_judge_stand_beside_the_reliability(run: Run) -> None:
    section = sections(run)["reliability"]
    rows = table(section, "agreement with the labels")
    assert rows[0]["Items about"] == "men" and rows[2]["Items about"] == "all groups"
    assert rows[0]["Favourable found (interval)"] == "90.0% ( 68.0% to 98.0% )"
    assert "corrected by the errors of all groups together" in words(section)


def test_second_models_are_named_with_their_identity(run: Run) -> None:
    reader = {
        "metric": "toxicity", "model": {"kind": "hf", "name": "classifier", "id": "0123abcd"}, "problem": "",
        "reading": {"repeats": 1}, "labelled_items": 12,
    }  # fmt: skip
    lacking = {
        "metric": "regard",
        "model": None,
        "problem": "no such folder",
        "reading": {"model": "hf:gone"},
    }
    found = replace(
        run,
        plan={**run.plan, "second_models": [reader, lacking]},
        manifest={**run.manifest, "second_models": [{"metric": "toxicity", "asked": 30, "failed": 2}]},
    )
    rows = table(sections(found)["system"], "Second models")
    assert rows[0]["Model"] == "hf:classifier" and rows[0]["Identity"] == "0123abcd"
    assert (rows[0]["Asked now"], rows[0]["Failed"], rows[0]["Labelled items"]) == ("30", "2", "12")
    assert rows[1]["Model"] == "hf:gone no such folder"
    assert "Second models" in text_of(found, "limits") and "Second models" not in text_of(run, "limits")


def test_without_a_judge_nothing_is_said_about_one(run: Run) -> None:
    assert "model that judged" not in text_of(replace(run, judged=JUDGED.frame()), "reliability")


# ----------------------------------------------------------------------- cards


def test_the_card_of_every_metric_is_printed_whole(run: Run) -> None:
    text = text_of(run, "glossary")
    for metric in facts.decided_metrics(run):
        card = facts.card(metric)
        for part in (card.title, card.definition, card.formula, card.range, card.source, card.critique):
            assert " ".join(part.split()) in text
    assert "Value of no difference 0" in text and "Higher is better for the person" in text


# ------------------------------------------------------------------ nothing at all


def hollow(run: Run) -> Run:
    """Everything without a number."""
    tables = {
        name: getattr(run, name).assign(
            **dict.fromkeys(getattr(run, name).select_dtypes("float64").columns, math.nan)
        )
        for name in ("effects", "groups", "subgroups", "classical", "judged")
    }
    return replace(run, **tables)


def test_numbers_that_are_missing_are_dashes_everywhere(run: Run) -> None:
    page = parsed(render(hollow(run)))
    assert "nan" not in re.findall(r"\w+", words(page).lower())


def test_two_hundred_combinations_are_cut(run: Run) -> None:
    rows = [
        {
            **effect_row(
                axis="gender*ethnicity",
                contrast="interaction",
                group_a="men*Asian",
                group_b=f"women*{number}",
            ),
            "effect_id": content_id("many", number),
        }
        for number in range(200)
    ]
    section = sections(replace(run, effects=EFFECTS.frame(rows), findings=()))["intersections"]
    assert "Further combinations are in effects.parquet" in words(section)
    assert max(len(all_of(each, "tr")) for each in all_of(section, "table")) < 30


def test_the_made_annex_is_that_of_the_shipped_policy() -> None:
    assert set(annexed_policy()) == {"clauses", "annex"}
