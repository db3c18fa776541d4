from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from audit.errors import AuditError, StorageError
from audit.journal import Entry, Journal, Key

AT = "2026-11-20T12:00:00Z"


def entries(count: int) -> dict[Key, Entry]:
    return {
        (f"p{number}", repeat): Entry(scores=f'{{"yes": -{number}.25}}', answered_at=AT)
        for number in range(count)
        for repeat in (0, 1)
    }


def journal(path: Path | None, model: str = "m", question: str = "q") -> Journal:
    return Journal(path, model=model, question=question)


@pytest.mark.parametrize("place", ["answers.sqlite", "a/new/folder/answers.sqlite", None])
def test_what_was_added_is_read_back_as_it_was(place: str | None, tmp_path: Path) -> None:
    kept = {**entries(700), ("ä\n'\"", 3): Entry(text="Grüße\n\0 \U0001f642", answered_at=AT)}
    with journal(tmp_path / place if place else None) as one:
        one.add(kept)
        one.commit()
        assert one.read(list(kept)) == kept
        assert one.read([("p1", 7), ("other", 0)]) == {}


def test_answers_of_another_model_or_question_are_never_given(tmp_path: Path) -> None:
    with journal(tmp_path / "a.sqlite") as one:
        one.add(entries(3))
    for other in (journal(tmp_path / "a.sqlite", model="n"), journal(tmp_path / "a.sqlite", question="r")):
        with other as opened:
            assert opened.read(list(entries(3))) == {}


def test_the_first_answer_to_a_question_stays(tmp_path: Path) -> None:
    first, second = (Entry(text=text, answered_at=AT) for text in ("first", "second"))
    for entry in (first, second):
        with journal(tmp_path / "a.sqlite") as one:
            one.add({("p", 0): entry})
    with journal(tmp_path / "a.sqlite") as one:
        assert one.read([("p", 0)]) == {("p", 0): first}


def test_an_interruption_saves_what_was_answered(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), journal(tmp_path / "a.sqlite") as one:
        one.add(entries(1))
        raise KeyboardInterrupt
    with journal(tmp_path / "a.sqlite") as one:
        assert one.read(list(entries(1))) == entries(1)


@pytest.mark.parametrize("wrong", ['{"yes": -1.75}', '{"yes": -1.25} '])
def test_a_changed_number_in_the_file_is_never_given(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with journal(path) as one:
        one.add(entries(3))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE answers SET scores = ? WHERE prompt = 'p1' AND repeat = 0", (wrong,))
    connection.close()
    with journal(path) as one, pytest.raises(AuditError, match=r"is damaged .*checksum.*asked anew"):
        one.read(list(entries(3)))


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def middle(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(os.urandom(path.stat().st_size // 3))


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)


def binary(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE answers SET scores = CAST(X'ff00fe' AS TEXT)")
    connection.close()


@pytest.mark.parametrize("spoil", [garbage, middle, cut, binary])
def test_a_damaged_file_is_told_in_a_sentence_with_the_way_out(spoil: object, tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with journal(path) as one:
        one.add(entries(2000))
    assert callable(spoil)
    spoil(path)
    with pytest.raises(AuditError, match="this file of answers is damaged") as caught, journal(path) as one:
        one.read(list(entries(2000)))
    assert str(path) in str(caught.value) and "Move it away" in str(caught.value)


def test_a_file_of_a_later_format_is_not_touched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.sqlite") as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(StorageError, match="made by another program"):
        journal(tmp_path / "a.sqlite")
    with journal(tmp_path / "b.sqlite") as one:
        one.add(entries(1))
    with sqlite3.connect(tmp_path / "b.sqlite") as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(
        StorageError, match="answers of format 9; this version of audit reads format 2"
    ) as caught:
        journal(tmp_path / "b.sqlite")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("table", ["answers (id, words)", "notes (text)", "answers (model, question)"])
def test_a_file_of_another_program_is_refused_and_keeps_every_byte(
    table: str, version: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE {table}")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(
        StorageError, match=r"made by another program and was not touched.*AUDIT_CACHE"
    ) as caught:
        journal(path)
    assert caught.value.exit_code == 2
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["a.sqlite"]


def test_answers_of_the_first_format_are_read_and_their_length_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with journal(path) as one:
        one.add(entries(3))
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE answers DROP COLUMN tokens")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with journal(path) as one:
        assert one.read(list(entries(3))) == entries(3)
        one.add({("new", 0): Entry(text="x", answered_at=AT, tokens=7)})
    with journal(path) as one:
        assert one.read([("new", 0)])["new", 0].tokens == 7


def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"answers cannot be kept here .*AUDIT_CACHE") as caught:
        journal(tmp_path / "file" / "a.sqlite")
    assert caught.value.exit_code == 2
    with pytest.raises(StorageError, match="answers cannot be kept here"):
        journal(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_file_that_cannot_grow_ends_in_a_sentence_and_keeps_what_it_has(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from test_journal import entries, journal; from audit.errors import AuditError\n"
        "path = Path(sys.argv[1])\n"
        "with journal(path) as one: one.add(entries(5))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    with journal(path) as one: one.add(entries(20_000))\n"
        "except AuditError as error: print(error)\n"
    )
    path = tmp_path / "a.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=60, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout and len(done.stdout.strip().splitlines()) == 1
    with journal(path) as one:
        assert one.read(list(entries(5))) == entries(5)
