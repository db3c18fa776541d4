"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from preloaded import Parent, parent

ROOT = Path(__file__).parent.parent
os.environ["AUDIT_PDF"] = "no"  # half the time of a small run; what reads a PDF asks for it


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the answer cache of the person who runs it."""
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def forks() -> Iterator[Parent]:
    """A process that has imported everything and forks commands: new ones without the seconds of imports."""
    with parent() as ready:
        yield ready


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Benchmark files and recorded answers; they are not part of the project (licences), so tests skip without them."""
    folder = Path(os.environ.get("AUDIT_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("benchmark and recorded data are not beside the checkout (set AUDIT_TEST_DATA)")
    return folder
