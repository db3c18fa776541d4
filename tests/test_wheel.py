from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from small_suites import TEXT, write_suite

ROOT = Path(__file__).parent.parent


def run(*words: object, folder: Path, **environment: str) -> str:
    """What a command prints; it has to end well. No setting of this process for Python or audit leaks into it."""
    ours = ("PYTHON", "VIRTUAL", "AUDIT")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout with the build back end that is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, folder=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel; its dependencies are looked up where they are installed."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", folder=folder)
    own = folder / "venv" / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        own,
        "install",
        "--no-deps",
        "--no-index",
        wheel,
        folder=folder,
    )
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(own, "-c", query, folder=folder).strip())
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return own


def test_the_wheel_carries_everything_that_ships_as_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for source, target in (
        ("templates", "audit/_data/templates"),
        ("suites", "audit/_data/suites"),
        ("audit", "audit"),
    ):
        expected = {
            f"{target}/{path.relative_to(ROOT / source).as_posix()}"
            for path in (ROOT / source).rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }
        assert expected
        assert expected <= names
    assert "audit/py.typed" in names


def test_the_wheel_carries_nothing_else(wheel: Path) -> None:
    assert {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()} <= {
        "audit",
        f"{wheel.name.rsplit('-', 3)[0]}.dist-info",
    }


def test_an_audit_runs_from_the_wheel_away_from_the_checkout(python: Path, tmp_path: Path) -> None:
    where = run(python, "-c", "import audit; print(audit.__file__)", folder=tmp_path).strip()
    assert Path(where).is_relative_to(python.parent.parent)
    command = python.parent / "audit"
    suite = write_suite(tmp_path, TEXT.replace("random: 0", "random: 1"))
    words = ("run", suite, "--model", "reference:screening-v1", "-o", "runs")
    printed = run(command, *words, folder=tmp_path, AUDIT_CACHE=str(tmp_path / "cache"))
    folder = next((tmp_path / "runs").iterdir())
    assert f"report.html  runs/{folder.name}/report.html" in printed
    assert (folder / "report.html").stat().st_size > 10_000
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert "every file is as it was" in run(command, "verify", folder, folder=tmp_path)


def test_shipped_suites_are_found_by_name_in_the_wheel(python: Path, tmp_path: Path) -> None:
    assert "hiring: no mistakes found" in run(python.parent / "audit", "check", "hiring", folder=tmp_path)
