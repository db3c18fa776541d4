"""What commands do where it takes more than one call: checking a suite, exporting a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from audit.catalogue import load
from audit.protocols import Exporter
from audit.records import PAIRS, PROMPTS, Expansion
from audit.suite import Suite


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A suite without mistakes: what it expands to, and what it could do better."""

    suite: Suite
    expansion: Expansion
    warnings: tuple[str, ...]


def check(source: str, *, model: str | None = None, policy: str = "default") -> Checked:
    """Reads and expands a suite, as `model` would be asked where one is given; InputError lists every mistake."""
    from audit.expand import expand
    from audit.lint import lint
    from audit.policy import load_policy
    from audit.suite import load_axes, load_suite

    limits = load_policy(policy)
    suite = load_suite(source)
    axes = load_axes(suite)
    if suite.recorded is not None and model is None:
        expansion = Expansion(prompts=PROMPTS.frame(), pairs=PAIRS.frame())
    elif model is None:
        expansion = expand(suite, axes, ask=suite.question.ask)
    else:
        from audit.job import prepare

        expansion = prepare(source, model=model).expansion
    return Checked(suite=suite, expansion=expansion, warnings=tuple(lint(suite, axes, limits)))


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
