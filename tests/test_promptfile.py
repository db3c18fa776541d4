"""Prompts in a file of their own: what stands in it, and that a file that is there stays whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from audit.errors import InputError
from audit.expand import expand, expand_parts
from audit.promptfile import ENDINGS, SHOWN, prompt_file
from audit.records import PROMPTS
from audit.suite import load_axes, load_suite

SMALL = Path(__file__).parent / "data" / "small" / "suite.yaml"
OLD = b"what was there before"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The prompts of the small suite."""
    suite = load_suite(SMALL)
    return expand(suite, load_axes(suite), ask=suite.question.ask).prompts


def in_parts(size: int) -> Iterator[pd.DataFrame]:
    suite = load_suite(SMALL)
    yield from (
        part.prompts for part in expand_parts(suite, load_axes(suite), ask=suite.question.ask, size=size)
    )


def written(parts: Iterable[pd.DataFrame], path: Path) -> None:
    with prompt_file(path) as write:
        for part in parts:
            write(part)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("size", [1, 7, 50_000])
def test_a_line_is_a_distinct_prompt_with_its_messages(
    tmp_path: Path, table: pd.DataFrame, size: int
) -> None:
    written(in_parts(size), tmp_path / "prompts.jsonl")
    first = table.drop_duplicates("prompt_id")
    found = lines(tmp_path / "prompts.jsonl")
    assert [line["prompt_id"] for line in found] == list(first["prompt_id"])
    assert len(first) < len(table)
    for line, row in zip(found, first.to_dict("records"), strict=True):
        assert set(line) == {*SHOWN, "messages"}
        twice = ((table["prompt_id"] == row["prompt_id"]) & (table["arm"] == "again")).any()
        wanted = {**row, "repeats": row["repeats"] * (2 if twice else 1)}
        assert {name: line[name] for name in SHOWN} == {name: wanted[name] for name in SHOWN}
        told = [[turn["role"], turn["content"]] for turn in line["messages"]]  # type: ignore[attr-defined]
        assert told == json.loads(str(row["messages"]))


@pytest.mark.parametrize("size", [1, 7, 50_000])
def test_a_parquet_file_holds_the_table_as_it_is(tmp_path: Path, table: pd.DataFrame, size: int) -> None:
    written(in_parts(size), tmp_path / "prompts.parquet")
    found = PROMPTS.frame(pd.read_parquet(tmp_path / "prompts.parquet"))
    pd.testing.assert_frame_equal(found, table.reset_index(drop=True))


def test_letters_of_other_scripts_and_line_breaks_stay(tmp_path: Path, table: pd.DataFrame) -> None:
    texts = ["समीर\u2028ने\nकहा", "“é”\t$ \\", "他说\r\n"]
    some = table.head(3).assign(
        prompt_id=["0" * 16, "1" * 16, "f" * 16], messages=[json.dumps([["text", text]]) for text in texts]
    )
    written([some], tmp_path / "p.jsonl")
    raw = (tmp_path / "p.jsonl").read_bytes().decode().split("\n")[:-1]
    assert [json.loads(line)["messages"][0]["content"] for line in raw] == texts
    assert "समीर" in raw[0]


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_gives_a_file_without_rows(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"none{ending}"
    written([], path)
    assert (lines(path) if ending == ".jsonl" else list(pd.read_parquet(path).index)) == []


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "error", [RuntimeError("stopped"), KeyboardInterrupt(), InputError("wrong"), MemoryError()]
)
def test_what_was_there_stays_where_something_goes_wrong_in_between(
    tmp_path: Path, table: pd.DataFrame, ending: str, error: BaseException
) -> None:
    path = tmp_path / f"prompts{ending}"
    path.write_bytes(OLD)
    with pytest.raises(type(error)), prompt_file(path) as write:
        write(table)
        raise error
    assert path.read_bytes() == OLD
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_there_is_replaced_once_all_is_written(
    tmp_path: Path, table: pd.DataFrame, ending: str
) -> None:
    path = tmp_path / f"prompts{ending}"
    path.write_bytes(OLD)
    with prompt_file(path) as write:
        write(table)
        assert path.read_bytes() == OLD
    assert len(path.read_bytes()) > len(OLD)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["p.csv", "p", "p.json", "p.jsonl.gz", "p.JSONL", ".parquet"])
def test_another_ending_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught, prompt_file(tmp_path / name):
        raise AssertionError("nothing is written")
    assert str(caught.value) == f"{tmp_path / name}: prompts are written as .jsonl or .parquet"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("folder", "reason"), [("missing", "No such file or directory"), ("file", "Not a directory")]
)
def test_a_folder_that_is_none_is_one_sentence(tmp_path: Path, folder: str, reason: str, ending: str) -> None:
    (tmp_path / "file").write_bytes(OLD)
    path = tmp_path / folder / f"p{ending}"
    with pytest.raises(InputError) as caught, prompt_file(path):
        raise AssertionError("nothing is written")
    assert str(caught.value) == f"{path}: the prompts cannot be written here ({reason})"
    assert (tmp_path / "file").read_bytes() == OLD


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_of_that_name_is_one_sentence_and_stays(
    tmp_path: Path, table: pd.DataFrame, ending: str
) -> None:
    path = tmp_path / f"p{ending}"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be written here"), prompt_file(path) as write:
        write(table)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert (path / "inside").is_dir()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_folder_without_rights_is_one_sentence(tmp_path: Path, ending: str, mode: int) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    written([], tmp_path / f"first{ending}")  # so that every library is loaded before rights are given up
    folder.chmod(mode)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(InputError, match=r"cannot be written here \(Permission denied\)"):
            written([], folder / f"p{ending}")
    finally:
        os.seteuid(user)
        folder.chmod(0o755)
    assert list(folder.iterdir()) == []
