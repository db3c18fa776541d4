"""Damaged files: always a clear sentence or the right numbers, never a wrong one, never a traceback."""

from __future__ import annotations

import random
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import damage
import pytest
from preloaded import Ended, Parent
from whole_runs import (
    Place,
    assert_equal_results,
    assert_same_numbers,
    assert_whole,
    counts,
    undisturbed,
)

from audit.errors import StorageError
from audit.evidence import verify
from audit.journal import Entry, Journal, Key

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
AT = "2026-11-20T12:00:00Z"
TRUTH: dict[Key, Entry] = {
    (f"{number:032x}", repeat): Entry(
        scores=f'{{"no": -{number}.25, "yes": -0.{number}}}' if number % 3 else "",
        text="" if number % 3 else f"answer {number} " * (number % 40 + 1),
        answered_at=AT,
        tokens=number % 50,
    )
    for number in range(300)
    for repeat in (0, 1)
}

# ---------------------------------------------------------------- the file of answers


def journal(path: Path) -> Journal:
    return Journal(path, model="m", question="q")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a file of answers: closed as it should be, and as a killed process leaves it."""
    closed, killed = (tmp_path_factory.mktemp(name) for name in ("closed", "killed"))
    with journal(closed / "answers.sqlite") as one:
        one.add(TRUTH)
    half = dict(list(TRUTH.items())[:300])
    with journal(closed.parent / "open" / "answers.sqlite") as one:
        one.add(half)
        one.commit()
        one.add(TRUTH)
        one.commit()
        damage.copied(closed.parent / "open", killed)
    assert (killed / "answers.sqlite-wal").stat().st_size > 4096
    return {"closed": closed, "killed": killed}


def answers_stay_true(path: Path) -> str:
    """Reads, adds what is missing and reads again: the true answers, or a sentence about the file."""
    try:
        with journal(path) as one:
            found = one.read(list(TRUTH))
            assert found == {key: TRUTH[key] for key in found}
            one.add({key: entry for key, entry in TRUTH.items() if key not in found})
            one.commit()
            assert one.read(list(TRUTH), whole=True) == TRUTH
    except StorageError as error:
        assert str(error).startswith(f"{path}: ") and str(error).count("\n") == 0
        assert error.exit_code in (1, 2)
        return "told"
    return "the true answers" if found else "asked anew"


def spoilt_answers(kept: dict[str, Path], folder: Path, seeds: range) -> Counter[str]:
    """What became of files of answers that came to harm."""
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        draw = random.Random(seed)
        state = draw.choice(sorted(kept))
        place = damage.copied(kept[state], folder / "spoilt")
        path = draw.choice(sorted(place.iterdir()))
        what = damage.spoil(path, draw)
        try:
            outcomes[answers_stay_true(place / "answers.sqlite")] += 1
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {what} in {path.name}, {state}") from error
    return outcomes


def test_files_of_answers_that_came_to_harm_give_true_answers_or_a_sentence(
    kept: dict[str, Path], tmp_path: Path
) -> None:
    outcomes = spoilt_answers(kept, tmp_path, range(60))
    assert outcomes["told"] > 10 and outcomes["the true answers"] > 10


@pytest.mark.slow
def test_three_thousand_files_of_answers_that_came_to_harm(kept: dict[str, Path], tmp_path: Path) -> None:
    print("\n", spoilt_answers(kept, tmp_path, range(1000, 4000)))


def test_a_folder_in_the_place_of_the_file_is_told(kept: dict[str, Path], tmp_path: Path) -> None:
    path = damage.copied(kept["closed"], tmp_path / "copy") / "answers.sqlite"
    damage.directory(path)
    assert answers_stay_true(path) == "told"


def test_what_a_killed_process_left_is_read(kept: dict[str, Path], tmp_path: Path) -> None:
    folder = damage.copied(kept["killed"], tmp_path / "copy")
    with journal(folder / "answers.sqlite") as one:
        assert one.read(list(TRUTH)) == TRUTH


def test_moving_the_damaged_file_away_is_enough_whatever_lies_beside_it(
    kept: dict[str, Path], tmp_path: Path
) -> None:
    folder = damage.copied(kept["killed"], tmp_path / "copy")
    (folder / "answers.sqlite").rename(tmp_path / "moved")
    assert answers_stay_true(folder / "answers.sqlite") == "asked anew"


@pytest.mark.parametrize("column", ["scores", "text", "answered_at", "tokens", "prompt", "repeat"])
def test_a_value_changed_in_a_well_formed_file_is_never_taken_for_an_answer(
    column: str, kept: dict[str, Path], tmp_path: Path
) -> None:
    path = damage.copied(kept["closed"], tmp_path / "copy") / "answers.sqlite"
    one, other = list(TRUTH)[1], list(TRUTH)[2]
    with sqlite3.connect(path) as connection:
        value = {"tokens": -1, "repeat": 7, "prompt": "f" * 32}.get(column)
        if value is None:
            (value,) = connection.execute(
                f"SELECT {column} || '1' FROM answers WHERE (prompt, repeat) = (?, ?)", other
            ).fetchone()
        connection.execute(f"UPDATE answers SET {column} = ? WHERE (prompt, repeat) = (?, ?)", (value, *one))
    connection.close()
    assert answers_stay_true(path) == ("told" if column not in ("prompt", "repeat") else "the true answers")
    if column in ("prompt", "repeat"):  # an answer under another name belongs to nobody
        with journal(path) as opened, pytest.raises(StorageError, match="checksum"):
            opened.read([(value, one[1]) if column == "prompt" else (one[0], value)])


# ---------------------------------------------------------------- whole runs


@pytest.fixture(scope="module")
def whole(forks: Parent, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("whole"), "reference:screening-v1")
    undisturbed(forks, place)
    return place


def told_in_a_sentence(ended: Ended) -> bool:
    """Whether the command ended with a message instead of results, and that is a sentence with a way out."""
    if ended.code == 0:
        return False
    told = ended.err[ended.err.index("audit: ") :]
    assert ended.code in (1, 2) and "Traceback" not in ended.err, ended.err
    assert any(way in told for way in ("Move it away", "move it away", "--again", "AUDIT_CACHE")), told
    return True


@pytest.mark.parametrize("harm", [damage.foreign, damage.directory])
def test_a_run_says_which_file_of_answers_it_cannot_use(
    harm: object, forks: Parent, whole: Place, tmp_path: Path
) -> None:
    place = Place(tmp_path, whole.model)
    damage.copied(whole.cache.parent, place.cache.parent)
    assert callable(harm)
    harm(place.cache)
    ended = place.go(forks)
    assert ended.code == 2 and f"audit: {place.cache}: " in ended.err and "AUDIT_CACHE" in ended.err
    again = place.go(forks, environment={"AUDIT_CACHE": str(tmp_path / "other")})
    assert again.code == 0
    assert_equal_results(whole.run, place.run, but=("answered_at",))


def spoilt_cache(forks: Parent, whole: Place, place: Place, seed: int) -> None:
    """A run with a spoilt cache; where it says so, the file is moved away."""
    damage.copied(whole.cache.parent, place.cache.parent)
    damage.spoil(place.cache, random.Random(seed))
    if told_in_a_sentence(place.go(forks)):
        place.cache.rename(place.folder / "moved")
        undisturbed(forks, place)
    assert_whole(place)
    assert_same_numbers(whole.run, place.run)


@pytest.mark.slow
def test_runs_with_a_spoilt_cache_end_with_the_right_numbers_or_say_so(
    forks: Parent, whole: Place, tmp_path: Path
) -> None:
    for seed in range(40):
        spoilt_cache(forks, whole, Place(tmp_path / str(seed), whole.model), seed)


def spoilt_folder(forks: Parent, whole: Place, place: Place, seed: int, *, change: int | None) -> str:
    """A run, finished or killed before a change of a file, of which one file is spoilt; what the command then says."""
    draw = random.Random(seed)
    place.go(forks, before_change=change, changes_in=str(place.folder))
    files = sorted(path for path in place.run.iterdir() if path.is_file() and path.name != ".lock")
    spoilt = draw.choice(files)
    original = spoilt.read_bytes()
    what = damage.spoil(spoilt, draw)
    ended = place.go(forks)
    outcome = f"{seed}: {what} in {spoilt.name}: exit code {ended.code}"
    if told_in_a_sentence(ended):
        assert spoilt.name in ended.err, outcome
        if "--again" in ended.err:
            spoilt.write_bytes(original)
        else:
            spoilt.unlink()
        assert place.go(forks).code == 0, outcome
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))
    return outcome


def test_a_finished_run_with_a_damaged_table_is_not_made_into_a_report(
    forks: Parent, whole: Place, tmp_path: Path
) -> None:
    place = Place(tmp_path, whole.model)
    damage.copied(whole.folder / "runs", place.folder / "runs")
    table = place.run / "effects.parquet"
    data = bytearray(table.read_bytes())
    data[200] ^= 4
    table.write_bytes(data)
    before = {path.name: path.read_bytes() for path in place.run.iterdir()}
    ended = place.go(forks)
    assert ended.code == 1 and "effects.parquet: changed since the run ended" in ended.err
    assert "--again" in ended.err and {path.name: path.read_bytes() for path in place.run.iterdir()} == before
    again = forks.run(*place.words, "--again", environment={"AUDIT_CACHE": str(whole.cache.parent)})
    assert again.code == 0, again.err
    (second,) = {*(place.folder / "runs").iterdir()} - {table.parent}
    assert verify(second) == [] and counts(second)["asked"] == 0
    assert_equal_results(whole.run, second, but=("answered_at",))


@pytest.mark.parametrize("text", ['{"schema": 1', '{"schema": 1, "digest": "0"}'])
def test_a_damaged_plan_is_told_and_can_be_moved_away(
    forks: Parent, whole: Place, tmp_path: Path, text: str
) -> None:
    place = Place(tmp_path, whole.model)
    place.go(forks, before_change=12, changes_in=str(place.folder))
    (place.run / "plan.json").write_text(text, encoding="utf-8")
    ended = place.go(forks)
    assert ended.code == 2 and f"audit: {place.run / 'plan.json'}: " in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("change", [None, 30, 45])
def test_run_folders_with_a_spoilt_file_are_made_whole_or_say_so(
    forks: Parent, whole: Place, tmp_path: Path, change: int | None
) -> None:
    for seed in range(25):
        place = Place(tmp_path / str(seed), whole.model)
        print(spoilt_folder(forks, whole, place, seed, change=change))
