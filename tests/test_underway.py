from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.journal import Key
from audit.underway import RECORD, UnderWay, asked_again

KEYS: list[Key] = [("a", 0), ("a", 1), ("b", 0), ("ä\0", 0)]


def noted(kept: Path, steps: list[tuple[str, Key]], model: str = "m", question: str = "q") -> None:
    with UnderWay(kept, model=model, question=question) as underway:
        for what, key in steps:
            getattr(underway, what)([key])


def test_what_was_put_twice_without_failing_in_between_is_counted(tmp_path: Path) -> None:
    kept = tmp_path / "run" / "answers.sqlite"
    noted(kept, [("put", key) for key in KEYS])
    assert asked_again(kept) == 0
    noted(kept, [("put", KEYS[0]), ("put", KEYS[3])])
    noted(kept, [("put", KEYS[0])])
    assert asked_again(kept) == 3


def test_what_failed_and_is_asked_anew_is_not_counted(tmp_path: Path) -> None:
    kept = tmp_path / "answers.sqlite"
    noted(kept, [("put", KEYS[0]), ("failed", KEYS[0])])
    noted(kept, [("put", KEYS[0]), ("failed", KEYS[0])])
    assert asked_again(kept) == 0
    noted(kept, [("put", KEYS[0])])
    noted(kept, [("put", KEYS[0])])
    assert asked_again(kept) == 1


@given(st.lists(st.tuples(st.sampled_from(["put", "failed"]), st.sampled_from(KEYS))))
def test_the_count_is_that_of_going_through_the_notes_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Key]]
) -> None:
    kept = tmp_path_factory.mktemp("notes") / "answers.sqlite"
    noted(kept, steps)
    last: dict[Key, str] = {}
    twice = 0
    for what, key in steps:
        twice += last.get(key) == what == "put"
        last[key] = what
    assert asked_again(kept) == twice


def test_another_model_and_another_question_are_asked_for_themselves(tmp_path: Path) -> None:
    kept = tmp_path / "answers.sqlite"
    noted(kept, [("put", KEYS[0])])
    noted(kept, [("put", KEYS[0])], model="n")
    noted(kept, [("put", KEYS[0])], question="r")
    assert asked_again(kept) == 0


def test_a_note_that_was_cut_off_spoils_none_of_the_others(tmp_path: Path) -> None:
    kept = tmp_path / "answers.sqlite"
    noted(kept, [("put", key) for key in KEYS])
    (notes,) = tmp_path.iterdir()
    for left in range(1, RECORD):
        notes.write_bytes(notes.read_bytes()[: len(KEYS) * RECORD] + b"\7" * left)
        assert asked_again(kept) == 0
        noted(kept, [])
        assert notes.stat().st_size == len(KEYS) * RECORD
    noted(kept, [("put", KEYS[1])])
    assert asked_again(kept) == 1


def test_without_a_run_nothing_is_written(tmp_path: Path) -> None:
    with UnderWay(None, model="m", question="q") as underway:
        underway.put(KEYS)
    assert asked_again(None) == 0 == asked_again(tmp_path / "answers.sqlite")
