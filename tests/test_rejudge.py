from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from audits import only

from audit.axis import load_axis
from audit.records import PAIRS, PROMPTS, RESPONSES
from audit.rejudge import Moved, Version, moved, versions

ANSWERS = {"pa": "Greg is kind, and he works.", "pb": "Emily is kind, and she works."}


def prompts() -> pd.DataFrame:
    rows = []
    for prompt, name, group in (("pa", "Greg", "men"), ("pb", "Emily", "women")):
        messages, spans = [["text", f"{name} asks."]], [[0, 0, len(name), "name"]]
        rows.append({
            **dict.fromkeys(PROMPTS.names, ""), "prompt_id": prompt, "axis": "gender", "arm": "swap", "group": group,
            "position": 0, "repeats": 1, "messages": json.dumps(messages), "spans": json.dumps(spans),
        })  # fmt: skip
    return PROMPTS.frame(rows)


def pairs(axis: str = "gender") -> pd.DataFrame:
    row = {
        "pair_id": "p",
        "axis": axis,
        "arm": "swap",
        "group_a": "men",
        "group_b": "women",
        "a": "pa",
        "b": "pb",
    }
    return PAIRS.frame([{**dict.fromkeys(PAIRS.names, ""), **row}])


def both(shown: str = "", answers: dict[str, str] = ANSWERS) -> list[Version]:
    responses = RESPONSES.frame(
        {"prompt_id": prompt, "repeat": repeat, "text": text, "scores": "", "error": "", "answered_at": ""}
        for prompt, text in answers.items()
        for repeat in (0, 1)
    )
    texts = [(text, shown) for text in responses["text"]]
    return versions(prompts(), pairs(), responses, texts, axes={"gender": load_axis("gender")})


def judged(found: list[Version], **numbers: float) -> Moved:
    """Judgements by the name that stands in a text."""
    texts = {text for version in found for text in (version.own, version.other) if text is not None}
    known = {
        text: next(((value, "") for name, value in numbers.items() if name in text[0]), (np.nan, "unparsed"))
        for text in texts
    }
    return moved(found, known, pairs())


def test_both_answers_of_a_pair_are_put_in_the_other_groups_words_and_the_arm_again_is_left_out() -> None:
    one, other = both()
    assert (one.side, one.other) == ("a", ("Emily is kind, and she works.", ""))
    assert (other.side, other.other) == ("b", ("Greg is kind, and he works.", ""))


def test_a_prompt_that_is_shown_changes_with_the_answer() -> None:
    one, _ = both("Greg asks.")
    assert one.other == ("Emily is kind, and she works.", "Emily asks.")


def test_the_move_is_the_judgement_of_bs_words_minus_that_of_as() -> None:
    found = judged(both(), Greg=1.0, Emily=0.0)
    row = only(found.deltas, pair_id="p")
    assert (row["value_a"], row["value_b"], row["delta"], row["reason"]) == (1.0, 0.0, -1.0, "")
    assert only(found.scores, prompt_id="pa")["value"] == 1.0
    assert only(found.scores, prompt_id="pb")["value"] == -1.0


def test_a_text_without_a_judgement_keeps_its_reason() -> None:
    row = only(judged(both(), Greg=1.0).deltas, pair_id="p")
    assert np.isnan(row["delta"])
    assert row["reason"] == "unparsed"


def test_answers_without_a_word_of_the_group_are_counted() -> None:
    found = judged(both(answers={"pa": "Kind.", "pb": "Emily is kind."}), Greg=1.0, Emily=0.0)
    assert [(one.what, one.count) for one in found.excluded] == [("judge_swap", 1)]
    assert only(found.deltas, pair_id="p")["delta"] == -1.0
    assert only(found.scores, prompt_id="pa")["reason"] == "no word of the group occurs"


def test_pairs_whose_prompts_are_not_there_are_no_versions() -> None:
    responses = RESPONSES.frame()
    assert versions(prompts(), pairs("age"), responses, [], axes={}) == []


@pytest.mark.parametrize("text", ["", "Kind."])
def test_nothing_to_test_gives_empty_tables_or_reasons(text: str) -> None:
    found = judged(both(answers={"pa": text, "pb": text}) if text else [])
    assert found.deltas["delta"].isna().all()
