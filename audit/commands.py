"""What commands do where it takes more than one call: beginning a suite, exporting a run, swapping prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from audit.catalogue import load
from audit.errors import InputError
from audit.protocols import Exporter
from audit.records import Progress, Run

if TYPE_CHECKING:
    from audit.suitefile import Asked
    from audit.swap import Swapped


def swap(
    file: Path, *, axis: str, groups: Sequence[str], column: str | None, question: Asked,
    keep_unsure: bool, tagger: str | None, output: Path,
) -> tuple[Swapped, list[Path]]:  # fmt: skip
    """What became of the prompts of a file, and the files written: suite, axis, list of what is not sure."""
    from audit.axis import load_axis
    from audit.freetext import read_texts
    from audit.lexicon import lexicon_of
    from audit.swap import files_of, swap_texts, write
    from audit.tagging import load_tagger

    found = load_axis(axis)
    lexicon = lexicon_of(found, groups)
    tag = load_tagger(tagger) if tagger else None
    swapped = swap_texts(read_texts(file, column=column), lexicon, keep_unsure=keep_unsure, tagger=tag)
    files = files_of(swapped, lexicon, found, source=file, output=output, question=question)
    return swapped, write(files)


def new(kind: str, name: str, *, output: Path, axes: Sequence[str], language: str | None) -> list[Path]:
    """The files written: a suite or an axis to begin with, and its schema."""
    from audit.new import new_axis, new_suite

    if kind == "suite":
        return new_suite(name, output=output, axes=axes, language=language)
    if axes:
        raise InputError("--axis says what a suite tests; a new axis has none")
    return new_axis(name, output=output, language=language)


def explain(
    run: Path, pair: str, *, methods: Sequence[str], exact: bool, seed: int | None, model: str,
    progress: Progress, output: Path | None,
) -> tuple[Run, str]:  # fmt: skip
    """The run with the explanations of this pair alone, and its id; also written to `output` as its ending says."""
    from audit.pairfile import require_known, write_pair
    from audit.reopened import explanation

    if output is not None:
        require_known(output)
    found, pair_id = explanation(
        run, pair, methods=methods, exact=exact, seed=seed, model=model, progress=progress
    )
    if output is not None:
        write_pair(found, pair_id, output)
    return found, pair_id


def export(run: Path, *, format: str, output: Path) -> list[Path]:
    """The files written; those that lie in the run's own folder are covered by its receipt."""
    from audit import evidence
    from audit.exports import EXPORTERS
    from audit.runs import read_run

    exporter = cast(Exporter, load(EXPORTERS, "exports", format))
    evidence.require_unchanged(run)
    finished = read_run(run)
    output.mkdir(parents=True, exist_ok=True)
    written = exporter(finished, output)
    if output.resolve().is_relative_to((run / "exports").resolve()):
        evidence.write_receipt(run)
    return written
