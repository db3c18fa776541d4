from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import on_disk
from small_runs import FACTS, MODEL, PLAN, finished_run
from test_compare import logit
from typer.testing import CliRunner

from audit.baselinefile import baseline_of, write_baseline
from audit.cli import app
from audit.disk import held
from audit.errors import AuditError, InputError
from audit.evidence import SIGNATURES, verify, write_receipt
from audit.policy import load_policy
from audit.pruning import delete, fates, rules_of
from audit.retention import KeepRules, KeepSigned, KeepUnsigned, of_signed, of_unsigned
from audit.runs import read_run

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SIGNED = KeepSigned(years=10, origin="here", reason="because")
RUNNER = CliRunner()


def rules(**unsigned: Any) -> KeepRules:
    return KeepRules(signed=SIGNED, unsigned=KeepUnsigned(**unsigned, reason="because") if unsigned else None)


def made(
    output: Path, ended: datetime, monkeypatch: pytest.MonkeyPatch, *, seed: int, name: str = "m"
) -> Path:
    """A run that ended at that time; another seed is another plan."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(ended.timestamp())))
    facts = {**FACTS, "model": {**MODEL, "name": name}}
    return finished_run(output, facts=facts, plan={**PLAN, "seed": seed})


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: young, old, and old but signed."""
    output = tmp_path_factory.mktemp("three")
    with pytest.MonkeyPatch.context() as patch:
        for name, days in {"young": 10, "old": 400, "signed": 500}.items():
            made(output, NOW - timedelta(days=days), patch, seed=days).rename(output / name)
    (output / "signed" / SIGNATURES[0]).write_text("{}")
    return output


@pytest.fixture(scope="module")
def kept_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that a baseline can be made of."""
    return on_disk(logit(0.0, "low", own=1), tmp_path_factory.mktemp("kept"))


@pytest.fixture
def place(three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three runs, of this test alone; nothing else is where the command is run."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(NOW.timestamp())))
    return Path(shutil.copytree(three, tmp_path / "runs"))


def going(folder: Path, **how: Any) -> set[str]:
    given = {"rules": rules(days=90), "today": NOW, **how}
    return {fate.folder.name for fate in fates(folder, **given) if fate.goes}


def reasons(folder: Path, **how: Any) -> dict[str, str]:
    given = {"rules": rules(days=0), "today": NOW, **how}
    return {fate.folder.name: fate.reason for fate in fates(folder, **given) if not fate.goes}


def tree(folder: Path) -> dict[str, bytes | str]:
    """Everything in a folder."""
    return {
        path.relative_to(folder).as_posix(): f"-> {path.readlink()}" if path.is_symlink()
        else path.read_bytes() if path.is_file() else "/"
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


def policy_file(folder: Path, keep: str) -> Path:
    text = (Path(__file__).parent / "data" / "small" / "policy.yaml").read_text(encoding="utf-8")
    (folder / "policy.yaml").write_text(f"{text}keep: {keep}\n", encoding="utf-8")
    return folder / "policy.yaml"


def said(*words: object) -> tuple[int, str]:
    result = RUNNER.invoke(app, ["evidence", "prune", *(str(word) for word in words)])
    error = result.exception
    code = error.exit_code if isinstance(error, AuditError) else result.exit_code
    return code, f"{result.output}\n{error if isinstance(error, AuditError) else ''}"


# ------------------------------------------------------------- rules


@given(ended=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), days=st.integers(0, 8000))
def test_a_signed_run_goes_from_the_day_on_that_its_years_are_over_and_never_before(
    ended: datetime, days: int
) -> None:
    today = ended + timedelta(days=days)
    goes, reason = of_signed(SIGNED, ended, today=today)
    anniversaries = (today.year - ended.year) - ((today.month, today.day, today.time()) < (
        ended.month, ended.day, ended.time()
    ))  # fmt: skip
    assert goes == (anniversaries >= 10)
    assert "10 years" in reason


@given(
    days=st.none() | st.integers(0, 50), newest=st.none() | st.integers(0, 5), age=st.integers(0, 60),
    place=st.integers(1, 8),
)  # fmt: skip
def test_an_unsigned_run_goes_only_if_nothing_that_the_policy_says_keeps_it(
    days: int | None, newest: int | None, age: int, place: int
) -> None:
    rule = KeepUnsigned(days=days, newest=newest, reason="because")
    goes, _ = of_unsigned(rule, NOW - timedelta(days=age), place=place, today=NOW)
    keeps = [days is not None and age < days, newest is not None and place <= newest]
    assert goes == (not any(keeps))


def test_the_shipped_policy_keeps_signed_runs_for_ten_years_and_every_unsigned_one() -> None:
    for name in ("default", "four-fifths", "nyc-ll144"):
        found = rules_of(load_policy(name))
        assert found.signed.years == 10 and found.unsigned is None
    assert not of_unsigned(None, NOW - timedelta(days=9999), place=99, today=NOW)[0]


def test_runs_are_numbered_by_suite_and_model_from_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {}
    for seed in range(6):
        model = "ab"[seed % 2]
        folder = made(tmp_path / "runs", NOW - timedelta(days=seed), monkeypatch, seed=seed, name=model)
        names[folder.name] = (model, seed // 2 + 1)
    gone = going(tmp_path / "runs", rules=rules(newest=2))
    assert gone == {name for name, (_, number) in names.items() if number > 2} and len(gone) == 2


# ------------------------------------------------------------- what is kept


def test_only_what_the_rules_name_goes(place: Path) -> None:
    assert going(place) == {"old"}
    assert going(place, rules=rules()) == set()
    assert going(place, rules=rules(days=0)) == {"old", "young"}
    later = NOW + timedelta(days=11 * 365)
    assert going(place, today=later) == {"old", "young", "signed"}


@pytest.mark.parametrize("name", SIGNATURES)
def test_every_kind_of_signature_keeps_a_run_and_is_no_stranger_to_it(place: Path, name: str) -> None:
    (place / "old" / name).write_bytes(b"")
    assert going(place) == set()
    assert verify(place / "old") == []


def test_runs_that_a_baseline_names_are_kept_wherever_the_file_lies(
    place: Path, kept_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(kept_run, place / kept_run.name))
    late = NOW + timedelta(days=9)
    assert run.name in going(place, rules=rules(days=0), today=late)
    found = baseline_of(read_run(run))
    for file in (place / "kept.json", tmp_path / "elsewhere" / "kept.json"):
        write_baseline(found, file)
        assert f"the baseline file {file if file.parent == place else 'kept.json'} names it" == reasons(
            place, today=late
        ).get(run.name)
        file.unlink()
    named = tmp_path / "other.json"
    write_baseline(found, named)
    assert run.name in going(place, rules=rules(days=0), today=late)
    assert run.name not in going(place, rules=rules(days=0), today=late, baselines=[named])


def test_a_baseline_that_cannot_be_read_stops_everything(place: Path, kept_run: Path) -> None:
    run = Path(shutil.copytree(kept_run, place / kept_run.name))
    write_baseline(baseline_of(read_run(run)), place / "kept.json")
    whole = (place / "kept.json").read_text()
    for damaged in (whole[: len(whole) // 2], whole.replace('"schema": 1', '"schema": 7')):
        (place / "kept.json").write_text(damaged)
        with pytest.raises(InputError, match="Nothing is deleted while a baseline cannot be read"):
            fates(place, rules=rules(days=0), today=NOW)
    (place / "kept.json").write_text('{"kind": "notes"}')
    assert "old" in going(place)
    with pytest.raises(InputError, match="no baseline file"):
        fates(place, rules=rules(days=0), baselines=[place / "kept.json"], today=NOW)


def disturbed(place: Path, tmp_path: Path) -> dict[str, str]:
    """Folders that no rule may touch, and a piece of the reason."""
    for name in ("unfinished", "damaged", "earlier", "noted", "linked", "future", "undated"):
        shutil.copytree(place / "old", place / name)
    (place / "unfinished" / "manifest.json").unlink()
    manifest = (place / "damaged" / "manifest.json").read_text()
    (place / "damaged" / "manifest.json").write_text(manifest[:-20])
    (place / "earlier" / "manifest.json").write_text(manifest.replace('"schema": 2', '"schema": 1'))
    (place / "noted" / "exports").mkdir()
    (place / "noted" / "exports" / "notes.txt").write_text("mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    (place / "linked" / "exports").symlink_to(tmp_path / "mine")
    (place / "future" / "manifest.json").write_text(manifest.replace("2025-", "2031-"))
    (place / "undated" / "manifest.json").write_text(
        manifest.replace('_at": "2025-', '_at": "long ago, 2025-')
    )
    (place / "link").symlink_to(place / "old")
    (place / "photos").mkdir()
    (place / "photos" / "one.jpg").write_bytes(b"mine")
    (place / "notes.txt").write_text("mine")
    return {
        "unfinished": "unfinished run", "damaged": "cannot be read", "earlier": "cannot be read",
        "noted": "not of the run: exports/notes.txt", "linked": "not of the run: exports",
        "future": "still to come", "undated": "is no time", "link": "a link, which is not followed",
        "photos": "not the folder of a run",
    }  # fmt: skip


def test_what_is_not_surely_a_run_that_ended_is_kept_with_the_reason(place: Path, tmp_path: Path) -> None:
    expected = disturbed(place, tmp_path)
    found = reasons(place)
    for name, piece in expected.items():
        assert piece in found[name], (name, found[name])
    before = tree(tmp_path)
    code, text = said(place, "--policy", policy_file(tmp_path, UNSIGNED), "--yes")
    assert code == 0 and "deleted" in text
    after = tree(tmp_path)
    gone = {path for path in before if path.startswith(("runs/old", "runs/young"))}
    assert after == {path: what for path, what in before.items() if path not in gone} | {
        "policy.yaml": (tmp_path / "policy.yaml").read_bytes()
    }


def test_the_folder_of_runs_is_no_run_no_link_and_there(place: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place)
    for folder, words in (
        (place / "old", "is the folder of a run"), (tmp_path / "link", "is a link"), (tmp_path / "no", "no such"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            fates(folder, rules=rules(days=0), today=NOW)


# ------------------------------------------------------------- the command

UNSIGNED = "{signed: {years: 10, origin: here, reason: so}, unsigned: {days: 0, reason: so}}"


def test_without_yes_everything_is_listed_and_nothing_deleted(place: Path, tmp_path: Path) -> None:
    before = tree(place)
    code, text = said(place, "--policy", policy_file(tmp_path, UNSIGNED))
    assert code == 0 and tree(place) == before
    for name, word in (("old", "delete"), ("young", "delete"), ("signed", "keep")):
        assert any(line.startswith(word) and f"/{name}: " in line for line in text.splitlines())
    assert "2 of 3 may go; nothing is deleted without --yes" in text
    assert "kept for 10 years, until 2035-07-18" in text
    code, text = said(place, "--yes")
    assert code == 0 and tree(place) == before and "policy says nothing of unsigned" in text


def test_with_yes_exactly_what_was_listed_goes(place: Path, tmp_path: Path) -> None:
    policy = policy_file(tmp_path, UNSIGNED.replace("days: 0", "days: 90"))
    kept = {name: tree(place / name) for name in ("young", "signed")}
    code, text = said(place, "--policy", policy, "--yes")
    assert code == 0 and f"deleted    {place / 'old'}" in text
    assert {path.name: tree(path) for path in place.iterdir()} == kept
    assert said(place, "--policy", policy, "--yes")[1].count("deleted") == 0


def test_a_run_that_somebody_works_in_or_that_changed_meanwhile_stays(place: Path) -> None:
    (fate,) = (one for one in fates(place, rules=rules(days=90), today=NOW) if one.goes)
    with held(place / "old"):
        before = tree(place / "old")
        assert "is at work in this folder" in delete(fate)
        assert tree(place / "old") == before
    (place / "old" / "notes.txt").write_text("mine")
    assert "not of the run: notes.txt" in delete(fate)
    assert (place / "old" / "notes.txt").read_text() == "mine" and verify(place / "old") != []


@pytest.mark.parametrize("row", [
    ("{signed: {years: 0, origin: a, reason: b}}", "'years' is 0; allowed: at least 1"),
    ("{unsigned: {days: 3, reason: b}}", "the key 'signed' is missing"),
    ("{signed: {years: 10, origin: a, reason: b}, unsigned: {reason: b}}", "says neither 'days' nor 'newest'"),
    ("{signed: {years: 10, origin: a, reason: b, clause: c}}", "no clause 'c'"),
    ("{signed: {years: 10, reason: b}}", "the key 'origin' is missing"),
    ("{signed: {years: 10, origin: a, reason: b}, unsigned: {newest: -1, reason: b}}", "allowed: at least 0"),
])  # fmt: skip
def test_mistakes_of_the_block_are_told_with_their_place(row: tuple[str, str], tmp_path: Path) -> None:
    file = policy_file(tmp_path, row[0])
    with pytest.raises(InputError, match=r"policy\.yaml:\d+:\d+: ") as caught:
        load_policy(str(file))
    assert row[1] in str(caught.value)


# ------------------------------------------------------------- killed


def killed(folder: Path, before: int, *, exit_code: int = 9) -> bool:
    """Whether a process that deletes what goes was ended right before that change of a file or folder."""
    child = os.fork()
    if child == 0:
        seen = 0

        def hook(event: str, arguments: Sequence[Any]) -> None:
            nonlocal seen
            if event in ("os.rename", "os.remove", "os.rmdir") and str(arguments[0]).startswith(str(folder)):
                seen += 1
                if seen == before:
                    os._exit(exit_code)

        try:
            sys.addaudithook(hook)
            for fate in fates(folder, rules=rules(days=90), today=NOW):
                if fate.goes:
                    delete(fate)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == exit_code


def looks_like_a_run(folder: Path) -> bool:
    try:
        read_run(folder)
    except InputError:
        return False
    return True


def test_killed_at_any_moment_nothing_half_deleted_looks_like_a_run_and_the_next_command_ends_it(
    place: Path, tmp_path: Path
) -> None:
    (place / "old" / "exports" / "csv").mkdir(parents=True)
    (place / "old" / "exports" / "csv" / "effects.csv").write_text("1")
    write_receipt(place / "old")
    whole, number = tree(place / "old"), 0
    for number in range(1, 60):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(place / "old", copy / "old")
        if not killed(copy, number):
            break
        (left,) = copy.iterdir()
        if looks_like_a_run(left):
            assert {name: what for name, what in tree(left).items() if name != ".lock"} == whole
        assert not killed(copy, 1000)
        assert not list(copy.iterdir())
    assert number > len(whole)


def test_what_a_stopped_prune_left_stays_where_something_else_came_into_it(place: Path) -> None:
    half = place / ".old.pruned"
    (place / "old").rename(half)
    (half / "plan.json").unlink()
    assert {
        fate.folder.name: fate.reason for fate in fates(place, rules=rules(), today=NOW) if fate.goes
    } == {".old.pruned": "half deleted by a prune that was stopped"}
    (half / "notes.txt").write_text("mine")
    assert "half deleted, and holds something else: notes.txt" in reasons(place)[".old.pruned"]
    (half / "manifest.json").unlink()
    assert ".old.pruned" in reasons(place)
