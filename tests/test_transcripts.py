from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from audit.errors import InputError
from audit.layout import RecordedLayout
from audit.recordings import find_recordings
from audit.records import PROMPTS, RESPONSES, Recorded
from audit.transcripts import read_transcripts

GROUPS = {name: {"title": name, "wording": f"texts about {name}"} for name in ("men", "women")}
AXIS = {"id": "gender", "title": "Gender", "cue": "names", "groups": GROUPS}
RANKING = {"answer": "text", "stratum": "job", "candidates": {"names": "who", "groups": "of"}, "axis": AXIS}
PAIRED = {
    "answer": "text", "template": "form", "name": "person", "group": "of", "repeat": "run", "answered_at": "at",
    "axis": AXIS,
}  # fmt: skip
RANKED = {"text": "Ann, then Bob", "job": "nurse", "who": ["Bob", "Ann"], "of": ["men", "women"]}
ONE = {"text": "Yes", "form": "f1", "person": "p1", "of": "women", "run": 1, "at": 1701280529}


def read(
    folder: Path, layout: Mapping[str, Any], *rows: Mapping[str, Any], **files: list[dict[str, Any]]
) -> Recorded:
    for name, content in {"answers": list(rows), **files}.items():
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in content), encoding="utf-8"
        )
    place = folder if files else folder / "answers.jsonl"
    return read_transcripts(find_recordings(str(place)), RecordedLayout.model_validate(layout))


def test_the_right_answer_stands_beside_each_prompt_and_may_be_missing(tmp_path: Path) -> None:
    layout = {**PAIRED, "expected": "right"}
    rows = [
        {**ONE, "right": "Yes"},
        {**ONE, "run": 2, "right": "Yes"},
        {**ONE, "of": "men"},
        {**ONE, "form": "f2", "right": 7},
    ]
    got = read(tmp_path, layout, *rows)
    assert got.prompts[["template", "group", "expected"]].to_numpy().tolist() == [
        ["f1", "women", "Yes"], ["f1", "men", ""], ["f2", "women", "7"],
    ]  # fmt: skip
    ranked = read(tmp_path, {**RANKING, "expected": "right"}, {**RANKED, "right": "Ann"})
    assert ranked.prompts["expected"].tolist() == ["Ann", "Ann"]
    assert read(tmp_path, PAIRED, ONE).prompts["expected"].tolist() == [""]


def test_two_right_answers_to_one_prompt_are_told_with_both_places(tmp_path: Path) -> None:
    rows = [{**ONE, "right": "Yes"}, {**ONE, "run": 2, "right": "No"}]
    with pytest.raises(
        InputError, match=r"answers.jsonl:2:1: expects 'No', but answers.jsonl:1 .* expects 'Yes'"
    ):
        read(tmp_path, {**PAIRED, "expected": "right"}, *rows)
    with pytest.raises(InputError, match="no row has a value at 'right'"):
        read(tmp_path, {**PAIRED, "expected": "right"}, ONE)


# ------------------------------------------------------------------ rankings


def test_a_ranking_is_a_prompt_for_each_candidate_and_one_answer(tmp_path: Path) -> None:
    got = read(tmp_path, RANKING, RANKED)
    assert list(got.prompts.columns) == PROMPTS.names and list(got.responses.columns) == RESPONSES.names
    assert got.prompts[["item", "group", "position"]].to_numpy().tolist() == [
        ["Bob", "men", 1],
        ["Ann", "women", 2],
    ]
    assert got.prompts["prompt_id"].nunique() == 1
    assert (got.prompts["cluster"] == got.prompts["prompt_id"]).all()
    assert set(got.prompts["template"]) == {"nurse answers.jsonl:1"}
    assert set(got.prompts["axis"]) == {"gender"} and set(got.prompts["arm"]) == {"swap"}
    assert got.responses["text"].tolist() == ["Ann, then Bob"]
    assert got.responses["prompt_id"].tolist() == got.prompts["prompt_id"].unique().tolist()


def test_two_equal_answers_stay_two(tmp_path: Path) -> None:
    got = read(tmp_path, RANKING, RANKED, RANKED)
    assert got.prompts["prompt_id"].nunique() == len(got.responses) == 2


@pytest.mark.parametrize("change, reason", [
    ({"of": ["men"]}, "2 candidates' names, but 1 groups"),
    ({"who": ["Ann", "Ann"]}, "two candidates have one name"),
    ({"of": ["men", "robots"]}, "its group 'robots' is none of the axis 'gender'"),
    ({"who": None}, "no value at 'who'"),
    ({"job": None}, "no value at 'job'"),
])  # fmt: skip
def test_an_answer_that_cannot_be_used_is_counted_whole(
    change: dict[str, object], reason: str, tmp_path: Path
) -> None:
    got = read(tmp_path, RANKING, RANKED, {**RANKED, **change}, {**RANKED, **change})
    assert len(got.responses) == 1
    assert [(one.what, one.reason, one.count) for one in got.excluded] == [("answers.jsonl", reason, 2)]


def test_a_table_can_hold_lists_of_candidates_as_json(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        'text,job,who,of\nAnn,nurse,"[""Bob"", ""Ann""]","[""men"", ""women""]"\n'
    )
    got = read_transcripts(find_recordings(str(tmp_path / "x.csv")), RecordedLayout.model_validate(RANKING))
    assert got.prompts["item"].tolist() == ["Bob", "Ann"]
    with pytest.raises(InputError, match=r"answers\.jsonl:2:1: a list of candidates is expected at 'who'"):
        read(tmp_path, RANKING, RANKED, {**RANKED, "who": "Bob and Ann"})


# ------------------------------------------------------------ templates and groups


def test_answers_to_one_prompt_are_its_repeats_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    rows = [{**ONE, "run": run, "text": f"run {run}"} for run in (10, 2, 1)]
    got = read(tmp_path, PAIRED, *rows, {**ONE, "of": "men", "run": 2})
    assert len(got.prompts) == 2
    women = got.prompts[got.prompts["group"] == "women"]["prompt_id"].iloc[0]
    mine = got.responses[got.responses["prompt_id"] == women]
    assert mine["repeat"].tolist() == [0, 1, 2]
    assert mine["text"].tolist() == ["run 1", "run 2", "run 10"]
    assert set(mine["answered_at"]) == {"2023-11-29T17:55:29Z"}
    assert got.prompts["repeats"].tolist() == [3, 3], "both sides of a pair want the same number of answers"
    assert set(got.prompts["cluster"]) == {"f1"} and set(got.prompts["name"]) == {"p1"}


def test_prompt_ids_are_the_same_in_another_file_so_that_two_models_can_be_aligned(tmp_path: Path) -> None:
    first = read(tmp_path, PAIRED, ONE)
    (tmp_path / "other").mkdir()
    second = read(tmp_path / "other", PAIRED, {**ONE, "of": "men"}, {**ONE, "text": "No"})
    assert first.prompts["prompt_id"][0] in set(second.prompts["prompt_id"])


def test_the_same_repeat_twice_is_told_with_both_places(tmp_path: Path) -> None:
    message = r"answers\.jsonl:3:1: the same template, name, group and repeat '1' as answers\.jsonl:1"
    with pytest.raises(InputError, match=message):
        read(tmp_path, PAIRED, ONE, {**ONE, "run": 2}, ONE)


def test_without_templates_every_answer_is_an_item_of_its_own(tmp_path: Path) -> None:
    layout = {"answer": "text", "group": "of", "axis": AXIS}
    got = read(tmp_path, layout, ONE, ONE)
    assert got.prompts["template"].tolist() == ["answers.jsonl:1", "answers.jsonl:2"]
    assert got.responses["repeat"].tolist() == [0, 0]


def test_an_answer_that_is_missing_is_a_failed_response_and_a_number_is_a_text(tmp_path: Path) -> None:
    rows = [{**ONE, "text": None}, {**ONE, "run": 2, "text": 7}, {**ONE, "run": 3, "text": {"score": 7}}]
    got = read(tmp_path, PAIRED, *rows)
    assert got.responses["text"].tolist() == ["", "7", '{"score": 7}']
    assert got.responses["error"].tolist() == ["no value at 'text'", "", ""]
    assert not got.excluded


# --------------------------------------------------------------- conditions, paths


@pytest.mark.parametrize("condition, kept", [
    ({"path": "of", "equals": "women"}, [1, 2]),
    ({"path": "run", "equals": 1}, [1, 3]),
    ({"path": "run", "equals": "1"}, [1, 3]),
    ({"path": "tags", "contains": "good"}, [1]),
    ({"path": "tags", "lacks": "good"}, [2, 3]),
    ({"path": "form", "lacks": "f2"}, [1, 2]),
])  # fmt: skip
def test_rows_that_do_not_meet_a_condition_are_left_out_and_counted(
    condition: dict[str, object], kept: list[int], tmp_path: Path
) -> None:
    rows = [
        {**ONE, "text": 1, "tags": ["very good"]},
        {**ONE, "text": 2, "run": 2, "tags": ["bad"]},
        {**ONE, "text": 3, "of": "men", "form": "f2", "tags": None},
    ]
    got = read(tmp_path, {**PAIRED, "where": [condition]}, *rows)
    assert [int(text) for text in got.responses["text"]] == kept
    assert sum(one.count for one in got.excluded) == 3 - len(kept)
    assert all(f"'{condition['path']}'" in one.reason for one in got.excluded)


@pytest.mark.parametrize("part", ["answer", "template", "name", "group", "answered_at"])
def test_a_path_that_no_row_has_is_told_at_the_first_row(part: str, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"answers\.jsonl:1:1: .*no.* value at 'nowhere\.here' \(this row has text, form"
    ):
        read(tmp_path, {**PAIRED, part: "nowhere.here"}, ONE)


def test_a_condition_on_a_path_that_no_row_has_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"answers\.jsonl:1:1: no row has a value at 'fil'"):
        read(tmp_path, {**PAIRED, "where": [{"path": "fil", "lacks": "x"}]}, ONE)


def test_conditions_that_leave_nothing_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"every row is left out; 2 because: 'of' is not robots"):
        read(tmp_path, {**PAIRED, "where": [{"path": "of", "equals": "robots"}]}, ONE, ONE)


def test_a_file_of_something_else_in_the_folder_is_left_out_and_counted(tmp_path: Path) -> None:
    got = read(tmp_path, PAIRED, ONE, published=[{"of": "women", "rate": 0.5}, {"of": "men", "rate": 0.4}])
    assert len(got.responses) == 1
    assert [(one.what, one.reason, one.count) for one in got.excluded] == [
        ("published.jsonl", "no row has a value at 'text'", 2)
    ]


def test_files_without_a_row_and_layouts_without_an_axis_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the recorded files hold no rows"):
        read(tmp_path, PAIRED)
    with pytest.raises(InputError, match="recorded answers need an axis"):
        read(tmp_path, {**PAIRED, "axis": None}, ONE)
