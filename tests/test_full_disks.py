"""A full disk and a folder that cannot be written: a clear sentence, no wrong number, and the same command goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from preloaded import Ended, Parent
from small_runs import finished_run
from whole_runs import Place, assert_equal_results, assert_never_looks_finished, assert_whole, undisturbed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


@pytest.fixture(scope="module")
def whole(forks: Parent, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("whole"), "reference:screening-v1")
    undisturbed(forks, place)
    return place


class Disk:
    """A small disk of its own, in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def mount(self, options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"a disk of its own cannot be mounted here: {done.stderr.strip()}")

    def change(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk that a test can fill, make larger and make read-only."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only the administrator of a Linux machine can mount a disk")
    made = Disk(tmp_path / "disk")
    yield made
    subprocess.run(["umount", "-l", str(made.folder)], capture_output=True)


def sentence(ended: Ended) -> str:
    """The message that a command ended with."""
    told = ended.err[ended.err.index("audit: ") :]
    assert told.count("\n") == 1 and "Traceback" not in ended.err, ended.err
    return told


# ---------------------------------------------------------------- no room


def full_cache(forks: Parent, whole: Place, disk: Disk, tmp_path: Path, size: int) -> int:
    """A run whose answers find no room, then the same command with room; exit code of the first."""
    disk.mount(f"size={size}k")
    place = Place(tmp_path, whole.model, environment={"AUDIT_CACHE": str(disk.folder)})
    ended = place.go(forks)
    if ended.code:
        assert ended.code == 3, ended.err
        told = sentence(ended)
        assert f"{disk.folder / 'answers.sqlite'}: the disk is full" in told
        assert "make room and run the same again" in told
        assert_never_looks_finished(place)
    disk.change("size=20m")
    undisturbed(forks, place)
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))
    return ended.code


def test_answers_that_find_no_room_end_the_run_and_it_goes_on_once_there_is_room(
    forks: Parent, whole: Place, disk: Disk, tmp_path: Path
) -> None:
    assert full_cache(forks, whole, disk, tmp_path, 56) == 3


@pytest.mark.slow
@pytest.mark.parametrize("size", range(4, 140, 8))
def test_a_cache_on_a_disk_of_any_size(
    forks: Parent, whole: Place, disk: Disk, tmp_path: Path, size: int
) -> None:
    print(size, full_cache(forks, whole, disk, tmp_path, size))


def full_folder(forks: Parent, whole: Place, disk: Disk, tmp_path: Path, size: int, *, pdf: str) -> Ended:
    """A run whose results find no room, then the same command with room; how the first ended. `pdf` is yes or no."""
    disk.mount(f"size={size}k")
    (tmp_path / "runs").symlink_to(disk.folder)
    place = Place(tmp_path, whole.model, environment={"AUDIT_PDF": pdf})
    ended = place.go(forks)
    if ended.code:
        assert ended.code == 3, ended.err
        assert "the disk is full" in sentence(ended) and "make room" in sentence(ended)
        assert_never_looks_finished(place)
        assert not list(disk.folder.rglob("*.part"))
    disk.change("size=20m")
    undisturbed(forks, place)
    assert_whole(place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))
    return ended


@pytest.mark.parametrize(("size", "name", "pdf"), [(80, ".parquet", "no"), (420, "report.pdf", "yes")])
def test_results_that_find_no_room_end_the_run_and_it_goes_on_once_there_is_room(
    forks: Parent, whole: Place, disk: Disk, tmp_path: Path, size: int, name: str, pdf: str
) -> None:
    ended = full_folder(forks, whole, disk, tmp_path, size, pdf=pdf)
    assert ended.code == 3 and f"{name}: the disk is full" in ended.err, ended.err


@pytest.mark.slow
@pytest.mark.parametrize("size", range(4, 600, 20))
def test_a_run_on_a_disk_of_any_size(
    forks: Parent, whole: Place, disk: Disk, tmp_path: Path, size: int
) -> None:
    ended = full_folder(forks, whole, disk, tmp_path, size, pdf="yes")
    print(size, ended.code, ended.err.rpartition("audit: ")[2].strip()[:200])


@pytest.mark.parametrize("longest", [20_000, 100_000])
def test_files_that_may_not_grow_end_the_run_in_a_sentence(
    forks: Parent, whole: Place, tmp_path: Path, longest: int
) -> None:
    """A limit on the size of files, which every user can set."""
    place = Place(tmp_path, whole.model)
    ended = place.go(forks, longest_file=longest)
    assert ended.code == 3 and "the disk is full" in sentence(ended)
    assert_never_looks_finished(place)
    undisturbed(forks, place)
    assert_equal_results(whole.run, place.run, but=("answered_at",))


# ---------------------------------------------------------------- no right to write


def test_a_folder_for_runs_that_cannot_be_written_is_told_before_anything_is_asked(
    forks: Parent, whole: Place, disk: Disk, tmp_path: Path
) -> None:
    disk.mount("ro")
    (tmp_path / "runs").symlink_to(disk.folder)
    place = Place(tmp_path, whole.model)
    ended = place.go(forks)
    assert ended.code == 2, ended.err
    assert "cannot be written here (Read-only file system); write to another folder with -o" in sentence(
        ended
    )
    assert not place.cache.exists()


def test_a_cache_that_cannot_be_written_is_told(
    forks: Parent, whole: Place, disk: Disk, tmp_path: Path
) -> None:
    disk.mount("ro")
    place = Place(tmp_path, whole.model, environment={"AUDIT_CACHE": str(disk.folder / "cache")})
    ended = place.go(forks)
    assert ended.code == 2, ended.err
    assert "answers cannot be kept here (Read-only file system); name another folder with AUDIT_CACHE" in (
        sentence(ended)
    )


def test_a_warm_cache_that_became_read_only_is_told(
    forks: Parent, whole: Place, disk: Disk, tmp_path: Path
) -> None:
    disk.mount("size=20m")
    (disk.folder / "answers.sqlite").write_bytes(whole.cache.read_bytes())
    disk.change("ro")
    ended = Place(tmp_path, whole.model, environment={"AUDIT_CACHE": str(disk.folder)}).go(forks)
    assert ended.code == 2 and "answers cannot be kept here" in sentence(ended), ended.err


def test_a_finished_run_on_a_read_only_disk_can_be_verified_and_exported_and_says_that_it_is_not_rendered(
    forks: Parent, disk: Disk, tmp_path: Path
) -> None:
    disk.mount("size=20m")
    run = finished_run(disk.folder)
    disk.change("ro")
    assert forks.run("verify", run).code == 0
    assert forks.run("export", run, "--format", "csv", "-o", tmp_path / "csv").code == 0
    assert (tmp_path / "csv" / "effects.csv").is_file()
    inside = forks.run("export", run, "--format", "csv")
    assert inside.code == 2 and "Read-only file system" in sentence(inside), inside.err
    report = forks.run("report", run)
    assert report.code == 2 and f"{run}: cannot be written here (Read-only file system)" in sentence(report)


@pytest.mark.parametrize("name", ["runs", "cache"])
def test_a_folder_without_the_right_to_write_is_told(
    forks: Parent, whole: Place, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir(mode=0o555)
    if os.access(tmp_path / name, os.W_OK):
        pytest.skip("rights do not bind this user")
    place = Place(tmp_path, whole.model)
    ended = place.go(forks)
    assert ended.code == 2, ended.err
    told = {"runs": "cannot be written here (Permission denied); write to another folder with -o"}
    assert told.get(name, "answers cannot be kept here") in sentence(ended)


# ---------------------------------------------------------------- no room for a report or an export


def test_a_report_or_an_export_that_finds_no_room_leaves_the_old_one(
    forks: Parent, whole: Place, disk: Disk, tmp_path: Path
) -> None:
    disk.mount("size=20m")
    run = disk.folder / whole.run.name  # the name of the folder stands in the report
    subprocess.run(["cp", "-r", str(whole.run), str(run)], check=True)
    assert forks.run("report", run).code == 0  # with its PDF, which has to stay as well
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert "report.pdf" in before
    (disk.folder / "ballast").write_bytes(b"x" * 19 * 2**20)
    with (disk.folder / "ballast").open("ab", buffering=0) as ballast:
        try:
            while True:
                ballast.write(b"x" * 4096)
        except OSError:
            pass
    report = forks.run("report", run)
    assert report.code == 3 and "report.html: the disk is full" in sentence(report), report.err
    export = forks.run("export", run, "--format", "csv", "-o", disk.folder / "csv")
    assert export.code == 3 and "the disk is full" in sentence(export), export.err
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    (disk.folder / "ballast").unlink()
    assert forks.run("report", run).code == 0
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
