from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit import account
from audit.account import Account
from audit.errors import AuditError, StorageError
from audit.ledger import PLAIN, TOLD, Ledger
from audit.limits import Use

ROOT = Path(__file__).parent.parent


def told(ledger: Ledger) -> dict[str, Any]:
    """What a ledger holds for a run as a whole, with what is under way as used."""
    used = sum(ledger.under_way.values(), ledger.used)
    return {**{name: getattr(ledger, name) for name in (*PLAIN, *TOLD)}, "used": used}


def happen(ledger: Ledger, dice: random.Random, steps: int) -> None:
    """Anything that can happen, in any order that can be."""
    for _ in range(steps):
        number = dice.randrange(10**6)
        match dice.randrange(7):
            case 0 | 1 if number not in ledger.under_way:
                ledger.note_sent(number, Use(requests=1, input_tokens=number % 50, output_tokens=20))
            case 2 if ledger.under_way:
                ended = dice.choice(sorted(ledger.under_way))
                ledger.note_used(ended, Use(requests=1, input_tokens=dice.randrange(9), output_tokens=3))
            case 3:
                ledger.note_answer(f"model {number % 3}", dice.choice(["", "fp\n1", "\ud800"]))
            case 4:
                ledger.note_failed()
            case 5:
                ledger.note_repeated()
            case _:
                ledger.note_manner(f"changed {number % 4}", seed=None)
                ledger.note_canaries(dice.choice(["before", "after"]), {"a?": f"b{number % 2}"})


@pytest.mark.parametrize("seed", range(5))
def test_what_is_read_again_is_what_happened(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "LINES", 40)  # so that summaries are made now and then
    dice, path = random.Random(seed), tmp_path / "new" / "account.jsonl"
    for command in range(1, 5):
        ledger = Ledger.read(path)
        with ledger.open():
            happen(ledger, dice, 100)
            with ledger.open():  # a second round of questions of the same command
                happen(ledger, dice, 10)
        assert told(Ledger.read(path)) == told(ledger)
        assert ledger.commands == command and ledger.used.requests > 0
    assert len(path.read_text().splitlines()) < 400


def test_a_request_is_in_the_file_before_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "account.jsonl"
    ledger = Ledger.read(path)
    with ledger.open():
        ledger.note_sent(0, Use(requests=1, input_tokens=90, output_tokens=10))
        assert Ledger.read(path).used == Use(requests=1, input_tokens=90, output_tokens=10)
        ledger.note_used(0, Use(requests=1, input_tokens=5, output_tokens=1))
        ledger.note_sent(1, Use(requests=1, input_tokens=90, output_tokens=10))
        assert Ledger.read(path).used == Use(requests=2, input_tokens=95, output_tokens=11)


def test_a_last_line_that_was_cut_off_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "account.jsonl"
    ledger = Ledger.read(path)
    with ledger.open():
        ledger.note_failed()
    whole = path.read_bytes()
    path.write_bytes(whole + b'["answer","m')
    assert told(Ledger.read(path)) == told(ledger)
    with (again := Ledger.read(path)).open():
        again.note_failed()
    assert Ledger.read(path).failed == 2


@pytest.mark.parametrize("damage", [
    b"garbage\n", b"\xff\xfe\n", b"{}\n", b"[]\n", b'["used",7,1,1]\n', b'["all",{}]\n', b'["sent","x",1,1]\n', b"\n",
])  # fmt: skip
def test_a_damaged_account_is_a_sentence_and_never_a_wrong_number(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "account.jsonl"
    ledger = Ledger.read(path)
    with ledger.open():
        ledger.note_failed()
    path.write_bytes(damage + path.read_bytes())
    with pytest.raises(AuditError, match="is damaged; move it away and run the same again"):
        Ledger.read(path)


def test_without_a_file_a_ledger_counts_for_itself() -> None:
    ledger = Ledger()
    with ledger.open():
        ledger.note_sent(0, Use(requests=1, input_tokens=9))
        ledger.note_used(0, Use(requests=1, input_tokens=4))
    assert ledger.used == Use(requests=1, input_tokens=4) and ledger.commands == 1


def test_a_place_where_nothing_can_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageError, match="cannot be written here"),
        Ledger.read(tmp_path / "file/x").open(),
    ):
        pass


def test_a_full_disk_is_told() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    book = Account(full)
    book._file = os.open(full, os.O_WRONLY)
    book.add(["failed"])
    with pytest.raises(StorageError, match="the disk is full"):
        book.flush()


FULL = """
import resource, sys
from pathlib import Path
from audit.errors import StorageError
from audit.ledger import Ledger
from audit.limits import Use
ledger = Ledger.read(Path(sys.argv[1]))
with_room = 0
try:
    with ledger.open():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        for number in range(1000):
            ledger.note_sent(number, Use(requests=1, input_tokens=10, output_tokens=10))
            with_room += 1
            ledger.note_answer("m", "f")
            ledger.note_used(number, Use(requests=1, input_tokens=1, output_tokens=1))
except StorageError as error:
    print(with_room, error)
"""


def test_a_file_that_could_not_grow_is_no_damaged_one(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    path = tmp_path / "account.jsonl"
    out = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    with_room, said = out.split(" ", 1)
    assert "make room and run the same again" in said
    ledger = Ledger.read(path)
    assert (
        int(with_room) <= ledger.used.requests <= int(with_room) + 1 and ledger.answered >= int(with_room) - 1
    )
    with ledger.open():
        ledger.note_failed()
    assert Ledger.read(path).failed == 1


def test_lines_are_plain_json(tmp_path: Path) -> None:
    book = Account(tmp_path / "a.jsonl")
    with book.open([["all", {"x": 1}]]):
        book.add(["manner", "…", {}])
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == list(book.read())
    assert not list(tmp_path.glob("*.part"))
    assert replace(Use(), requests=1) - Use(requests=1) == Use()
