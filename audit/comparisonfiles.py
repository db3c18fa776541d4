"""Files that a comparison leaves behind: its report as HTML and PDF, and what other programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

from audit.catalogue import load
from audit.disk import told, whole
from audit.errors import InputError
from audit.exports import COMPARED
from audit.records import Comparison
from audit.report.comparison import render_comparison
from audit.report.pdf import write_pdf

NAMES = ("comparison.html", "comparison.pdf", "comparison.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Where the report goes, if anywhere, and which formats go into which files."""

    folder: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)

    def require_places(self) -> None:
        """InputError, before anything is computed, where a file would lie inside a run or a folder is in its place."""
        paths = [*self.files.values(), *([self.folder / NAMES[0]] if self.folder is not None else [])]
        for path in paths:
            inside = [each for each in path.resolve().parents if (each / "plan.json").is_file()]
            if inside:
                raise InputError(
                    f"{path}: lies in the folder of a run ({inside[0].name}), which never changes"
                )
            if path.is_dir():
                raise InputError(f"{path}: is a folder; name a file")


def write(found: Sequence[Comparison], wanted: Wanted) -> list[Path]:
    """The files written. The last of `found` is reported; those before it are the versions in between."""
    last = found[-1]
    written = [_format(name, last, path) for name, path in wanted.files.items()]
    if wanted.folder is None:
        return written
    with told(wanted.folder):
        wanted.folder.mkdir(parents=True, exist_ok=True)
    html, pdf, data = (wanted.folder / name for name in NAMES)
    page = render_comparison(last, found[:-1])
    with whole(html) as waiting:
        waiting.write_text(page, encoding="utf-8", newline="\n")
    _format("json", last, data)
    made_at = datetime.fromisoformat(last.candidate.finished_at)
    write_pdf(page, pdf, made_at=made_at, attachments={data.name: data.read_bytes()})
    return [*written, html, pdf, data]


def _format(name: str, found: Comparison, path: Path) -> Path:
    made = cast(Callable[[Comparison], bytes], load(COMPARED, "exports", name))(found)
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as waiting:
        waiting.write_bytes(made)
    return path
