from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from audit.errors import InputError
from audit.recordings import Row, find_recordings, moment, rows_of

LINES = '{"a": 1}\n\n{"a": "ü", "b": [1, {"c": null}]}\n'
TABLE = 'a,b\n1,"two\nlines, and ""quotes"""\nü,\n'


def read(path: Path) -> list[Row]:
    return [row for recording in find_recordings(str(path)) for row in rows_of(recording)]


def write(path: Path, data: str | bytes) -> Path:
    raw = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson", "x.JSONL", "x.jsonl.gz"])
def test_lines_of_json_are_rows_with_their_line(name: str, tmp_path: Path) -> None:
    rows = read(write(tmp_path / name, LINES))
    assert [(row.line, row.values) for row in rows] == [(1, {"a": 1}), (3, {"a": "ü", "b": [1, {"c": None}]})]
    assert rows[1].place == f"{name}:3"


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_a_table_gives_texts_under_the_names_of_its_columns(name: str, tmp_path: Path) -> None:
    rows = read(write(tmp_path / name, TABLE))
    assert [(row.line, row.values) for row in rows] == [
        (3, {"a": "1", "b": 'two\nlines, and "quotes"'}), (4, {"a": "ü", "b": ""}),
    ]  # fmt: skip


def test_an_answer_of_many_pages_fits_into_a_cell(tmp_path: Path) -> None:
    assert len(read(write(tmp_path / "x.csv", "a\n" + "x" * 500_000 + "\n"))[0].values["a"]) == 500_000


def test_gzip_is_told_by_its_bytes_and_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert read(write(tmp_path / "x.jsonl", gzip.compress(LINES.encode())))[0].values == {"a": 1}
    assert read(write(tmp_path / "y.csv", b"\xef\xbb\xbfa\n1\n"))[0].values == {"a": "1"}


def test_a_character_that_was_cut_in_two_is_marked_and_a_whole_one_kept(tmp_path: Path) -> None:
    values = read(write(tmp_path / "x.jsonl", '{"a": "\\ud83d", "b": "\\ud83d\\ude42"}'))[0].values
    assert values == {"a": "\ufffd", "b": "\U0001f642"}


@pytest.mark.parametrize("name, data, message", [
    ("x.jsonl", '{"a": 1}\n{"a": 1,}\n', r"x\.jsonl:2:\d+: no JSON: "),
    ("x.jsonl", '{"a": 1}\n[1]\n', r"x\.jsonl:2:1: a JSON object is expected on every line"),
    ("x.jsonl", b'{"a": "\xff"}', r"x\.jsonl:1:8: byte 0xff is not UTF-8"),
    ("x.jsonl", '{"a":' + "[" * 200_000, r"x\.jsonl:1:\d+: "),
    ("x.jsonl", gzip.compress(LINES.encode() * 99, mtime=0)[:-9], "the gzip file is damaged or cut short"),
    ("x.csv", "a,b\n1,2\n3\n", r"x\.csv:3:1: 1 cells, but the header has 2"),
    ("x.csv", "a,a\n1,2\n", r"x\.csv:1:1: the column 'a' stands here twice"),
    ("x.csv", 'a,b\n1,"2"x\n', r"x\.csv:2:1: no CSV: "),
])  # fmt: skip
def test_a_row_that_cannot_be_read_is_told_with_its_place(
    name: str, data: str | bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        read(write(tmp_path / name, data))


def test_a_folder_and_a_glob_mean_their_recordings_in_order(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.csv.gz", "notes.txt", "names.json"):
        write(tmp_path / name, f'{{"{name}": 1}}\n')
    (tmp_path / "deeper").mkdir()
    write(tmp_path / "deeper" / "b.jsonl", '{"deeper": 1}\n')
    assert [one.name for one in find_recordings(str(tmp_path))] == ["a.csv.gz", "b.jsonl"]
    deep = find_recordings(str(tmp_path / "**" / "*.jsonl"))
    assert [one.name for one in deep] == ["b.jsonl", "deeper/b.jsonl"]
    assert [one.name for one in find_recordings("*.jsonl", beside=tmp_path)] == ["b.jsonl"]


def test_the_same_answers_twice_are_refused(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, LINES)
    with pytest.raises(
        InputError, match=r"b\.jsonl and .*a\.jsonl are the same; each answer would count twice"
    ):
        find_recordings(str(tmp_path))


@pytest.mark.parametrize("name, message", [
    ("missing.jsonl", "no file or folder, and nothing matches"),
    ("", "this folder holds no recorded answers"),
    ("notes.txt", r"recorded answers are read from \.jsonl, \.ndjson or \.csv"),
])  # fmt: skip
def test_a_place_without_recordings_is_told_with_what_is_read(
    name: str, message: str, tmp_path: Path
) -> None:
    write(tmp_path / "notes.txt", "")
    with pytest.raises(InputError, match=message):
        find_recordings(str(tmp_path / name))


@pytest.mark.parametrize("value, expected", [
    (1701280529, "2023-11-29T17:55:29Z"),
    ("1701280529.7", "2023-11-29T17:55:29Z"),
    (1701280529000, "2023-11-29T17:55:29Z"),
    ("2026-05-20T18:23:48.555Z", "2026-05-20T18:23:48Z"),
    ("2026-05-20T20:23:48+02:00", "2026-05-20T18:23:48Z"),
    ("2026-05-20 18:23:48", "2026-05-20T18:23:48Z"),
    (None, ""),
    ("", ""),
])  # fmt: skip
def test_times_of_several_kinds_are_one_kind(value: object, expected: str, tmp_path: Path) -> None:
    row = read(write(tmp_path / "x.jsonl", json.dumps({"a": 1})))[0]
    assert moment(row, value) == expected
    with pytest.raises(InputError, match=r"x\.jsonl:1:1: 'yesterday' is no time"):
        moment(row, "yesterday")
