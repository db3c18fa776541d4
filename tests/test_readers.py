from __future__ import annotations

import json
from pathlib import Path

import pytest
from judged_suites import TEXT, items, write_suite

from audit.errors import InputError
from audit.labelled import Labelled, read_labelled
from audit.readers import JudgeSpec, with_intersections
from audit.suite import load_suite

OPTIONS = 'question: {options: [" Yes", " No"], favourable: " Yes"}'
RATING = "question: {low: 1, high: 5}"


def told(folder: Path, find: str, write: str, labelled: list[dict[str, object]] | None = None) -> list[str]:
    """The mistakes that are told after a change of the suite, without the folder and the suite's own name."""
    assert find in TEXT
    suite = write_suite(folder, TEXT.replace(find, write, 1), labelled or [])
    with pytest.raises(InputError) as caught:
        load_suite(suite)
    lines = [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]
    return [line.removeprefix("letters.yaml:") for line in lines]


@pytest.mark.parametrize(
    ("find", "write", "expected"),
    [
        ("metrics: [length, judge]", "metrics: [length]",
         ["18:14: 'metric' is 'judge'; the suite has: length",
          "19:1: 'judge' has no use without the metric 'judge'; add it to 'metrics'"]),
        (TEXT[TEXT.index("judge:\n"):], "",
         ["15:19: the metric 'judge' needs a block 'judge' with a model, a rubric and a question"]),
        ("judge:\n", "text_models:\n  judge: {model: 'hf:x'}\njudge:\n",
         ["20:3: the metric 'judge' has a block 'judge' of its own"]),
        ("judge:\n", "text_models:\n  lenght: {model: 'hf:x'}\njudge:\n",
         ["20:3: this key is 'lenght'; the suite has: length, judge; did you mean 'length'?"]),
        ("judge:\n", "text_models:\n  length: {model: tiny, labels: {a: 1, b: good}}\njudge:\n",
         ["20:43: 'b' is 'good'; allowed: a number", "20:3: no second model reads the metric 'length'",
          "20:19: 'model' is 'tiny'; allowed: KIND:NAME such as 'hf:owner/name', or a YAML model file"]),
        ("judge:\n", "text_models:\n  length: {name: hf:x}\njudge:\n",
         ["20:11: the key 'model' is missing", "20:12: unknown key 'name' (known: labels, model, revision)",
          "20:3: no second model reads the metric 'length'"]),
        ("  model: hf:judge\n", "", ["20:3: the key 'model' is missing"]),
        ("model: hf:judge", "model: judge",
         ["20:10: 'model' is 'judge'; allowed: KIND:NAME such as 'hf:owner/name', or a YAML model file"]),
        ("model: hf:judge", "model: judge.yaml",
         ["20:10: there is no model file 'judge.yaml' beside this file"]),
        ("  labelled:", "  revision: main\n  labelled:", []),
        (TEXT[TEXT.index("rubric: |"):TEXT.index("  question: {options")], "rubric: ''\n",
         ["21:11: 'rubric' is an empty text; write something"]),
        ("Letter: $answer", "Letter:",
         ["21:11: the rubric holds no $answer, so that the judge would not see what it judges"]),
        ("$first or $second", "$first or No",
         ["21:11: the rubric holds $first alone; allowed: $first and $second, or neither"]),
        ("Letter: $answer", "Letter to $name: $answer",
         ["21:11: the rubric uses slot '$name', which nothing fills (known: $answer, $prompt, $first, $second)"]),
        ("Letter: $answer", "Letter: $Answer $answer",
         ["21:11: the rubric uses slot '$Answer', which nothing fills (known: $answer, $prompt, $first, $second)"]),
        ("Letter: $answer", "Letter of $ 5: $answer",
         ["21:11: the rubric has a lone dollar sign at '$ 5: $answer'; allowed: '$slot', or '$$' for the sign"]),
        (OPTIONS, "question: {}",
         ["25:13: neither 'options' nor 'low' and 'high' stand here; the judge needs one of them"]),
        (OPTIONS, 'question: {options: [" Yes"], favourable: " Yes"}',
         ["25:23: 'options' has 1 entries; a judge chooses between two"]),
        (OPTIONS, 'question: {options: [" Yes", " Yes"], favourable: " Yes"}',
         ["25:32: the option ' Yes' stands here a second time (first on line 25); keep one"]),
        (OPTIONS, 'question: {options: [" Yes", " No"]}', ["25:13: the key 'favourable' is missing"]),
        (OPTIONS, 'question: {options: [" Yes", " No"], favourable: Yes}',
         ["25:52: 'favourable' is 'Yes'; allowed: one of the options ' Yes', ' No'; did you mean ' Yes'?"]),
        (OPTIONS, 'question: {options: [" Yes", " No"], favourable: " Yes", low: 1}',
         ["25:60: 'low' has no use beside 'options'; keep options or a scale"]),
        (OPTIONS, "question: {low: 1}",
         ["25:13: the key 'high' is missing",
          "26:3: 'labelled' is for judges with options: a rating is neither right nor wrong"]),
        (OPTIONS, "question: {low: 5, high: 1}",
         ["25:28: 'high' is 1; allowed: more than 'low', which is 5, by at most 100",
          "26:3: 'labelled' is for judges with options: a rating is neither right nor wrong"]),
        (OPTIONS, "question: {low: 1.5, high: 3}", ["25:19: 'low' is the number 1.5; allowed: a whole number",
          "26:3: 'labelled' is for judges with options: a rating is neither right nor wrong"]),
        ("  labelled:", "  repeats: 3\n  labelled:", ["26:12: 'repeats' is 3; allowed: at most 2"]),
        ("Answer $first or $second.\n    Answer:\n", "Answer Yes or No.\n    Answer:\n  repeats: 2\n",
         ["25:12: 'repeats' is 2, but the rubric names no $first and $second, so that both would be one question"]),
        ("  labelled:", "  equivalence: 0.5\n  labelled:", ["26:16: 'equivalence' is 0.5; allowed: less than 0.5"]),
        ("labelled: labelled.jsonl", "labelled: missing.jsonl",
         ["26:13: 'labelled' is 'missing.jsonl'; there is no such file beside this file"]),
        ("labelled: labelled.jsonl", "labelled: letters.yaml",
         ["26:13: 'labelled' is 'letters.yaml'; recorded answers are read from .jsonl, .ndjson or .csv, each also with "
          ".gz"]),
        ("  labelled: labelled.jsonl", "  labeled: labelled.jsonl",
         ["26:3: unknown key 'labeled'; did you mean 'labelled'? (known: equivalence, labelled, model, question, "
          "repeats, revision, rubric, swap)"]),
    ],
)  # fmt: skip
def test_a_mistake_about_second_models_is_told_with_its_place(
    find: str, write: str, expected: list[str], tmp_path: Path
) -> None:
    if not expected:
        load_suite(write_suite(tmp_path, TEXT.replace(find, write, 1)))
        return
    assert sorted(told(tmp_path, find, write)) == sorted(expected)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"group": "men", "label": "Yes"},
         "'answer' is missing; an item has 'answer', 'group' and 'label'"),
        ({"answer": "t", "label": "Yes"},
         "'group' is missing; an item has 'answer', 'group' and 'label'"),
        ({"answer": "t", "group": "men", "label": 1},
         "'label' is no text; an item has 'answer', 'group' and 'label'"),
        ({"answer": "t", "group": "men", "label": "Maybe"}, "'label' is 'Maybe'; allowed: Yes, No"),
        ({"answer": "t", "group": "woman", "label": "Yes"},
         "'group' is 'woman'; the suite has: men, non-binary, women; did you mean 'women'?"),
        ({"answer": "t", "group": "men", "label": "Yes", "axis": "age"}, "'axis' is 'age'; the suite has: gender"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_labelled_item_is_told_with_its_line(
    row: dict[str, object], expected: str, tmp_path: Path
) -> None:
    rows: list[dict[str, object]] = [*map(dict, items(1)), row]
    assert told(tmp_path, "labelled.jsonl", "labelled.jsonl", rows) == [f"labelled.jsonl:7:1: {expected}"]


def test_a_line_that_is_no_json_is_told_with_its_column(tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    (tmp_path / "labelled.jsonl").write_text('{"answer": t}\n')
    with pytest.raises(InputError, match=r"labelled\.jsonl:1:12: no JSON"):
        load_suite(suite)


def test_an_empty_file_of_items_is_told_at_the_suite(tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    (tmp_path / "labelled.jsonl").write_text("\n")
    with pytest.raises(
        InputError, match=r"letters\.yaml:26:13: 'labelled' is 'labelled.jsonl'; the file holds no items"
    ):
        load_suite(suite)


def test_an_item_needs_its_prompt_only_where_the_rubric_shows_prompts(tmp_path: Path) -> None:
    text = TEXT.replace("Letter: $answer", "Asked: $prompt\n    Letter: $answer")
    with pytest.raises(InputError, match=r"'prompt' is missing; .* \(the rubric shows it\)"):
        load_suite(write_suite(tmp_path, text))
    shown = [{**row, "prompt": "Write."} for row in items(2)]
    assert load_suite(write_suite(tmp_path, text, shown)).judge is not None


def test_a_group_of_two_axes_needs_its_axis(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    item = {"answer": "t", "group": "other", "label": "yes "}
    groups = {"faith": ["none", "other"], "origin": ["here", "other"]}
    path.write_text(json.dumps(item) + "\n" + json.dumps({**item, "axis": "origin"}) + "\n")
    found = read_labelled(path, options=(" Yes", " No"), favourable=" Yes", groups=groups, with_prompt=False)
    assert isinstance(found, Labelled)
    assert [(one.axis, one.favourable) for one in found.items] == [("origin", True)]
    assert [str(one) for one in found.problems] == [
        f"{path}:1:1: 'group' is 'other', a group of faith and origin; say which with the key 'axis'"
    ]


def test_labelled_items_may_be_csv(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text('group,label,answer\nmen,no,"Dear all, fine"\n')
    found = read_labelled(
        path, options=("Yes", "No"), favourable="Yes", groups={"g": ["men"]}, with_prompt=False
    )
    assert isinstance(found, Labelled)
    assert (found.items[0].answer, found.items[0].favourable) == ("Dear all, fine", False)


def test_a_judge_is_asked_in_both_orders_where_its_rubric_names_them(tmp_path: Path) -> None:
    both = load_suite(write_suite(tmp_path)).judge
    one = load_suite(write_suite(tmp_path, TEXT.replace("$first or $second", "Yes or No"))).judge
    assert both is not None
    assert one is not None
    assert (both.orders, one.orders) == (2, 1)
    assert both.model_copy(update={"repeats": 1}).orders == 1
    assert isinstance(both, JudgeSpec)


def test_intersections_have_every_combination_of_their_groups() -> None:
    found = with_intersections({"a": ["x", "y"], "b": ["z"]}, ["a*b"])
    assert found["a*b"] == ["x*z", "y*z"]
