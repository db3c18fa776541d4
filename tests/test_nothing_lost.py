"""Killed or stopped at any moment, two at once: the same command ends as an undisturbed one does."""

from __future__ import annotations

import random
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from preloaded import Command, Ended, Parent
from whole_runs import (
    Place,
    assert_equal_results,
    assert_never_looks_finished,
    assert_whole,
    counts,
    model,
    undisturbed,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and kill -9")
CLOCK = {"SOURCE_DATE_EPOCH": "1780000000"}
GOES_ON = "audit: stopped; what was answered is kept, the same command goes on from here\n"
STOPS_WITHIN_S = 8.0


@pytest.fixture(scope="module")
def finished(forks: Parent, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Ended]:
    """An undisturbed run of the embedded model, and how it ended."""
    folder = tmp_path_factory.mktemp("whole")
    name, text = model("reference", folder)
    place = Place(folder, name, text)
    return place, undisturbed(forks, place)


# ---------------------------------------------------------------- killed


def killed_again_and_again(
    forks: Parent, place: Place, whole: Place, whole_s: float, *, times: int, seed: int
) -> None:
    """Kill -9 at moments spread over the life of the command, until it comes to its end; answers that came stay."""
    draw, kept = random.Random(seed), 0
    for number in range(times):
        # later and later, since each goes on further
        place.go(forks, after_s=0.02 + whole_s * (number + draw.random()) / times)
        assert_never_looks_finished(place)
        assert place.answers_kept() >= kept
        kept = place.answers_kept()
    begun_finished = (place.folder / "runs").exists() and any((place.folder / "runs").glob("*/manifest.json"))
    ended = place.go(forks)
    assert ended.code == 0, ended.err
    assert_whole(place)
    one, other = counts(whole.run), counts(place.run)
    if not begun_finished:
        assert other["asked"] == one["asked"] - kept
    for name in ("prompts", "pairs", "responses", "failed"):
        assert one[name] == other[name]


def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one_does(
    forks: Parent, finished: tuple[Place, Ended], tmp_path: Path
) -> None:
    whole, ended = finished
    place = Place(tmp_path, whole.model, whole.text)
    killed_again_and_again(forks, place, whole, ended.seconds, times=3, seed=5)
    assert_equal_results(whole.run, place.run, but=("answered_at",))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["explained", "choosing", "writing"])
def test_killed_at_thirty_moments_every_kind_of_model_gives_the_same_bytes(
    forks: Parent, kind: str, tmp_path: Path
) -> None:
    name, text = model(kind, tmp_path)
    whole = Place(tmp_path / "whole", name, text, CLOCK)
    whole_s = undisturbed(forks, whole).seconds
    for loop in range(3):
        place = Place(tmp_path / f"killed-{loop}", name, text, CLOCK)
        killed_again_and_again(forks, place, whole, whole_s, times=10, seed=loop)
        assert_equal_results(whole.run, place.run)  # with a clock that stands still, all of them are equal


def killed_before(forks: Parent, whole: Place, place: Place, change: int) -> bool:
    """Kill -9 right before a change of a file, then the same command; whether it came to that."""
    disturbed = place.go(forks, before_change=change, changes_in=str(place.folder))
    assert disturbed.code in (0, -signal.SIGKILL), disturbed.err
    assert_never_looks_finished(place)
    lock = next((place.folder / "runs").glob("*/.lock"), None)  # left behind, it holds nobody up
    assert change < 10 or disturbed.code == 0 or (lock and lock.read_text().startswith("process "))
    ended = place.go(forks)
    assert ended.code == 0, ended.err
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))
    return disturbed.code != 0


@pytest.mark.parametrize("change", [40])
def test_killed_right_before_a_file_is_changed_the_same_command_makes_the_run_whole(
    forks: Parent, finished: tuple[Place, Ended], tmp_path: Path, change: int
) -> None:
    whole, _ = finished
    assert killed_before(forks, whole, Place(tmp_path, whole.model, whole.text), change)


@pytest.mark.slow
def test_killed_before_each_of_its_changes_of_files_a_run_is_made_whole(
    forks: Parent, finished: tuple[Place, Ended], tmp_path: Path
) -> None:
    whole, _ = finished
    change = 1
    while killed_before(forks, whole, Place(tmp_path / str(change), whole.model, whole.text), change):
        change += 1
    print(f"\nkilled before each of {change - 1} changes of files")
    assert change > 40


# ---------------------------------------------------------------- asked twice

FUNCTION = """
import time

def answer(texts: list[str]) -> list[str]:
    with open({log!r}, "a") as log:
        log.writelines(f"{{text!r}}\\n" for text in texts)
    time.sleep(0.004 * len(texts))
    return ["Yes" if "nurse" in text else "No" for text in texts]
"""


def test_after_a_kill_only_what_was_under_way_or_not_yet_written_is_asked_again(
    forks: Parent, tmp_path: Path
) -> None:
    log = tmp_path / "asked.log"
    (tmp_path / "counted.py").write_text(FUNCTION.format(log=str(log)), encoding="utf-8")
    (tmp_path / "counted.yaml").write_text(
        "model: 1\nkind: callable\nname: counted:answer\ndeterministic: true\n", encoding="utf-8"
    )
    whole = Place(tmp_path / "whole", str(tmp_path / "counted.yaml"))
    undisturbed(forks, whole)
    once = log.read_text(encoding="utf-8").splitlines()
    assert len(once) == len(set(once)) == counts(whole.run)["asked"]
    log.unlink()
    place, kills, draw = Place(tmp_path / "killed", whole.model), 2, random.Random(2)
    for _ in range(kills):
        place.go(forks, after_s=0.5 + draw.random() * 0.4)
    kept = place.answers_kept()
    before = len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0
    ended = place.go(forks)
    assert ended.code == 0, ended.err
    asked = log.read_text(encoding="utf-8").splitlines()
    told = counts(place.run)
    assert set(asked) == set(once)
    assert (told["reused"], told["asked"]) == (kept, len(asked) - before)
    # each kill costs at most the 32 under way and what came in the fifth of a second before
    assert len(asked) - len(once) <= kills * (32 + 64)
    # and is counted; a batch that was killed on its way to the function counts too
    assert 0 <= told["asked_again"] - (len(asked) - len(once)) <= kills * 32
    assert counts(whole.run)["asked_again"] == 0
    assert_equal_results(whole.run, place.run, but=("answered_at",))


# ---------------------------------------------------------------- stopped


def stopped(forks: Parent, place: Place, number: int, **when: Any) -> Ended:
    """A command that is sent a signal: it ends soon, says how to go on, and loses nothing."""
    ended = place.go(forks, signal=number, **when)
    assert ended.code in (0, 128 + number), (ended.code, ended.err)
    assert "Traceback" not in ended.err and "Exception ignored" not in ended.err
    if ended.code:
        assert ended.err.endswith(GOES_ON) and ended.err.count("audit: ") == 1
    assert ended.after_signal_s < STOPS_WITHIN_S
    assert_never_looks_finished(place)
    return ended


def test_a_stop_ends_the_command_within_seconds_and_it_goes_on(
    forks: Parent, finished: tuple[Place, Ended], tmp_path: Path
) -> None:
    whole, _ = finished
    place = Place(tmp_path, whole.model, whole.text)
    asking, rendering = str(place.cache), str(place.folder / "runs" / "*" / "report.html")
    assert stopped(forks, place, signal.SIGTERM, once_there_is=asking).code == 143
    assert stopped(forks, place, signal.SIGINT, once_there_is=rendering).code == 130  # the PDF is next
    ended = place.go(forks)
    assert ended.code == 0, ended.err
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))


LONG = """
import hashlib

def answer(texts: list[str]) -> list[str]:
    try:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 50_000_000)  # a minute in C, where Python hears no signal
    finally:
        return ["Yes"] * len(texts)
"""


def test_a_model_that_does_not_hear_the_stop_is_ended_all_the_same(forks: Parent, tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(LONG, encoding="utf-8")
    (tmp_path / "long.yaml").write_text("model: 1\nkind: callable\nname: long:answer\n", encoding="utf-8")
    place = Place(tmp_path, str(tmp_path / "long.yaml"))
    assert (
        stopped(
            forks,
            place,
            signal.SIGINT,
            once_there_is=str(place.cache.parent.parent / "runs" / "*" / "answers.sqlite"),
        ).code
        == 130
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["explained", "choosing", "writing"])
def test_stopped_at_thirty_moments_every_kind_of_model_goes_on(
    forks: Parent, kind: str, tmp_path: Path
) -> None:
    name, text = model(kind, tmp_path)
    whole = Place(tmp_path / "whole", name, text)
    whole_s = undisturbed(forks, whole).seconds
    draw, codes = random.Random(1), []
    place = Place(tmp_path / "first", name, text)
    for turn in range(30):
        if turn % 6 == 0:  # from the beginning, with nothing answered yet
            place = Place(tmp_path / f"stopped-{turn}", name, text)
        number = draw.choice([signal.SIGINT, signal.SIGTERM])
        codes.append(stopped(forks, place, number, after_s=0.05 + draw.random() * whole_s).code)
    assert sum(code != 0 for code in codes) > 10
    ended = place.go(forks)
    assert ended.code == 0, ended.err
    assert_equal_results(whole.run, place.run, but=("answered_at",))


# ---------------------------------------------------------------- two at once


def both(forks: Parent, places: list[Place]) -> list[Ended]:
    """The commands of several places at the same time."""
    environments = [{"AUDIT_CACHE": str(places[0].cache.parent), **place.environment} for place in places]
    return forks.together([
        Command(words=place.words, environment=environment)
        for place, environment in zip(places, environments, strict=True)
    ])  # fmt: skip


def test_two_runs_on_one_cache_do_not_disturb_each_other(
    forks: Parent, finished: tuple[Place, Ended], tmp_path: Path
) -> None:
    whole, _ = finished
    one, same = (Place(tmp_path / name, whole.model, whole.text) for name in ("one", "same"))
    other = Place(
        tmp_path / "other", whole.model, whole.text.replace("names_per_group: 4", "names_per_group: 3")
    )
    for ended in both(forks, [one, same, other]):
        assert ended.code == 0, ended.err
    for place in (one, same):
        assert_whole(place)
        assert_equal_results(whole.run, place.run, but=("answered_at",))
    assert_whole(other)


def test_two_runs_in_one_folder_are_one_run_and_a_sentence_with_the_number_of_the_other_process(
    forks: Parent, finished: tuple[Place, Ended], tmp_path: Path
) -> None:
    whole, _ = finished
    place = Place(tmp_path, whole.model, whole.text)
    ends = sorted(both(forks, [place] * 3), key=lambda ended: ended.code)
    assert [ended.code for ended in ends] == [0, 3, 3], [ended.err for ended in ends]
    for ended in ends[1:]:
        assert ended.err.startswith(f"audit: {place.run}: process ") and ended.err.count("\n") == 1
        assert "is at work in this folder; run the same again when it has ended" in ended.err
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))
