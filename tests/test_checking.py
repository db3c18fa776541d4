"""Checking without a model: its counts are those of the expansion, and it works part by part."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_suites import TEXT, write_suite

from audit.checking import check
from audit.errors import InputError
from audit.expand import PART, expand, expand_parts
from audit.records import PAIRS, PROMPTS, Expansion
from audit.suite import Suite, load_axes, load_suite

SMALL = Path(__file__).parent / "data" / "small"


def expanded(source: str | Path) -> Expansion:
    suite = load_suite(source)
    return expand(suite, load_axes(suite), ask=suite.question.ask)


@pytest.mark.parametrize(
    "source", [SMALL / "suite.yaml", SMALL / "own-texts.yaml", "hiring-fr", "rental-hi", "open-ended"]
)
def test_counts_are_those_of_the_expansion(source: str | Path) -> None:
    found, whole = check(str(source)), expanded(source)
    assert found.distinct == whole.prompts["prompt_id"].nunique()
    assert dict(found.arms) == whole.prompts.groupby("arm")["prompt_id"].nunique().to_dict()
    assert found.pairs == len(whole.pairs)
    assert found.excluded == whole.excluded
    swaps = whole.prompts[whole.prompts["arm"] == "swap"].drop_duplicates(["axis", "template", "group"])
    assert list(found.shown["prompt_id"]) == list(swaps["prompt_id"])


def two_axes() -> Suite:
    """The small suite on two axes and their combination."""
    text = TEXT.replace("axes: [gender]", 'axes: [ethnicity, gender]\nintersections: ["ethnicity*gender"]')
    with TemporaryDirectory() as folder:
        return load_suite(write_suite(Path(folder), text))


SUITE = two_axes()
AXES = load_axes(SUITE)
WHOLE = expand(SUITE, AXES)
LARGEST_CELL = int(WHOLE.prompts.groupby(["axis", "template", "name", "stratum"]).size().max())


@settings(max_examples=12, deadline=None)
@given(st.integers(1, len(WHOLE.prompts) + 10))
def test_parts_of_any_size_make_the_whole_and_none_is_much_larger_than_asked(size: int) -> None:
    parts = list(expand_parts(SUITE, AXES, size=size))
    assert all(len(part.prompts) < size + LARGEST_CELL for part in parts)
    assert all(len(part.prompts) >= size for part in parts[:-1])
    assert len(parts) >= len(WHOLE.prompts) // (size + LARGEST_CELL)
    for table in ("prompts", "pairs"):
        noun = PROMPTS if table == "prompts" else PAIRS
        joined = noun.stack([getattr(part, table) for part in parts])
        pd.testing.assert_frame_equal(joined, getattr(WHOLE, table))
    assert [part.excluded for part in parts[:-1]] == [()] * (len(parts) - 1)
    assert parts[-1].excluded == WHOLE.excluded


def test_a_pair_stands_in_the_part_of_its_prompts() -> None:
    for part in expand_parts(SUITE, AXES, size=40):
        assert set(part.pairs["a"]) | set(part.pairs["b"]) <= set(part.prompts["prompt_id"])


def test_a_large_suite_is_checked_and_written_part_by_part(tmp_path: Path) -> None:
    values = ", ".join(f"clerk {number}" for number in range(1200))
    text = TEXT.replace(
        "occupation: [nurse, software engineer, accountant]",
        f"occupation: {{values: [{values}], assign: cross}}",
    )
    source = write_suite(tmp_path, text.replace("arms: [again, name, edit]", "arms: [edit]"))
    found = check(str(source), prompts=tmp_path / "p.parquet")
    file = pyarrow.parquet.ParquetFile(tmp_path / "p.parquet")
    sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert sum(sizes) > PART and len(sizes) > 1 and max(sizes) < PART + 100
    ids = file.read(columns=["prompt_id", "arm"]).to_pandas()
    assert found.distinct == ids["prompt_id"].nunique()
    assert dict(found.arms) == ids.groupby("arm")["prompt_id"].nunique().to_dict()
    assert found.arms["swap"] == 3 * 4 * 3 * 1200


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("source", ["hiring-de", "rental-hi"])
def test_the_file_holds_the_distinct_prompts_of_the_expansion(
    tmp_path: Path, source: str, ending: str
) -> None:
    path = tmp_path / f"p.{ending}"
    found = check(source, prompts=path)
    whole = expanded(source).prompts.drop_duplicates("prompt_id").set_index("prompt_id")["messages"]
    if ending == "parquet":
        table = pd.read_parquet(path).drop_duplicates("prompt_id").set_index("prompt_id")["messages"]
        assert table.to_dict() == whole.to_dict()
    else:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
        said = {
            row["prompt_id"]: [[turn["role"], turn["content"]] for turn in row["messages"]] for row in rows
        }
        assert said == {key: json.loads(text) for key, text in whole.items()}
        assert len(rows) == found.distinct


def test_a_model_is_named_to_get_the_prompts_that_it_would_be_asked(tmp_path: Path) -> None:
    source = str(write_suite(tmp_path))
    plain, asked = tmp_path / "plain.jsonl", tmp_path / "asked.jsonl"
    check(source, prompts=plain)
    check(source, model="reference:screening-v1", prompts=asked)
    answered = tmp_path / "answers.jsonl"
    ids = expand(load_suite(source), load_axes(load_suite(source)), ask=otherwise(source)).prompts[
        "prompt_id"
    ]
    answered.write_text(
        "".join(json.dumps({"prompt_id": key, "text": "Yes"}) + "\n" for key in dict.fromkeys(ids))
    )
    check(source, model=f"recorded:{answered}", prompts=tmp_path / "other.jsonl")
    texts = [
        json.loads(line)["messages"][-1]["content"]
        for line in (tmp_path / "other.jsonl").open(encoding="utf-8")
    ]
    assert plain.read_bytes() == asked.read_bytes()
    assert all("Answer Yes or No." in text for text in texts)


def otherwise(source: str) -> str:
    """What is asked of a model that does not classify."""
    question = load_suite(source).question.otherwise
    assert question is not None
    return question.ask


def test_a_suite_of_recorded_answers_has_no_prompts_to_write(tmp_path: Path) -> None:
    found = check("recorded/hiring-ranking")
    assert (found.distinct, found.pairs, dict(found.arms), len(found.shown)) == (0, 0, {}, 0)
    with pytest.raises(InputError, match="reads recorded answers; it has no prompts to write"):
        check("recorded/hiring-ranking", prompts=tmp_path / "p.jsonl")
    assert not (tmp_path / "p.jsonl").exists()


@pytest.mark.parametrize("source", ["no-such-suite", "broken"])
def test_a_wrong_suite_leaves_the_file_that_is_there(tmp_path: Path, source: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text("old", encoding="utf-8")
    if source == "broken":
        source = str(write_suite(tmp_path, TEXT.replace("$their patience", "$thier patience")))
    with pytest.raises(InputError):
        check(source, prompts=path)
    assert path.read_text(encoding="utf-8") == "old"


def test_warnings_come_with_the_counts(tmp_path: Path) -> None:
    source = write_suite(
        tmp_path, TEXT.replace("A colleague recommends", "She says that a colleague recommends")
    )
    assert any("writes 'she', a word of the group 'women'" in each for each in check(str(source)).warnings)
