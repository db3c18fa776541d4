"""The machine a run's numbers rest on: its clock, its processor, and the libraries installed."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from audit.errors import InputError

LIBRARIES = (
    "audit",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "statsmodels",
    "shap",
    "lime",
    "weasyprint",
    "jinja2",
)
MANY_ROWS = 20_000
"""A table with so many rows and all that is made of it is some 20 MB."""
SELDOM = (100_000, 50, 100)
"""Thresholds of Python's garbage collector for a command; its own are 700, 10, 10."""
WHERE_USED = {
    "openai": "openai", "peft": "peft", "rapidfuzz": "rapidfuzz", "ray": "ray",
    "sentence_transformers": "sentence-transformers", "textstat": "textstat",
}  # fmt: skip
"""Optional libraries by their modules: a run that loaded none of one rests on none of its numbers."""


def now() -> datetime:
    """The time in UTC, whole seconds; SOURCE_DATE_EPOCH stands in for the clock where it is set."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC).replace(microsecond=0)
    if not epoch.isdigit():
        raise InputError(f"SOURCE_DATE_EPOCH is {epoch!r}, it has to be a whole number of seconds since 1970")
    return datetime.fromtimestamp(int(epoch), UTC)


def stamp(moment: datetime) -> str:
    """`moment` as ISO 8601 with a Z, the form of every time in a run."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def versions() -> dict[str, str]:
    """Version of Python and every library that a run's numbers rest on; of optional ones where they are loaded."""
    used = [name for module, name in WHERE_USED.items() if module in sys.modules]
    return {"python": platform.python_version(), **{name: _version(name) for name in (*LIBRARIES, *used)}}


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """OMP_NUM_THREADS where it is set, as torch itself does, else the processors this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) else cores()


def hardware() -> dict[str, str | int]:
    """This machine, without its name; the accelerator only where torch was loaded and sees one."""
    torch = sys.modules.get("torch")
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": cores(),
        "accelerator": torch.cuda.get_device_name(0) if torch and torch.cuda.is_available() else "none",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """The processor's name as the system gives it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def give_back_memory(rows: int) -> None:
    """Gives memory that was let go back to the system: what large tables leave behind would else stay with the process.

    Libraries and the C library keep freed memory for later; between the steps of a run there is no such later. Looking
    for it takes longer than a whole step where tables have few `rows`, which is then left out.
    """
    if rows < MANY_ROWS:
        return
    gc.collect()
    return_freed()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Python looks for garbage less often inside: libraries and pages are millions of objects that stay to the end.

    Looking through them takes a fifth of the time of imports, and a quarter of that of a PDF.
    """
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def return_freed() -> None:
    """The same for memory that is known to be free, without looking for more of it."""
    if (arrow := sys.modules.get("pyarrow")) is not None:
        arrow.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
