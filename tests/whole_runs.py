"""Whole runs that are disturbed, and what has to be equal in the end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import tiny_models
from preloaded import Ended, Parent
from small_suites import TEXT, write_suite

from audit import evidence
from audit.errors import InputError
from audit.records import TABLES
from audit.runs import read_run

EXPLAINED = TEXT.replace("explain: {largest: 0, random: 0}", "explain: {largest: 2, random: 1}")
START, END = TEXT.split("question:")[0], TEXT[TEXT.index("fillers:") :].split("decision:")[0]
WRITTEN = (
    f'{START}question: {{kind: generate, ask: "Why?", max_tokens: 6}}\n'
    + END.replace("[selection_rate, choice_logit]", "[length, refusal]")
)  # fmt: skip
"""The small suite with a question that is answered in words."""


@dataclass(frozen=True)
class Place:
    """A suite and a model, and where their runs and answers are kept."""

    folder: Path
    model: str
    text: str = TEXT
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_suite(self.folder, self.text)

    @property
    def words(self) -> tuple[str, ...]:
        return (
            "run",
            str(self.folder / "small.yaml"),
            "--model",
            self.model,
            "-o",
            str(self.folder / "runs"),
        )

    @property
    def cache(self) -> Path:
        return self.folder / "cache" / "answers.sqlite"

    @property
    def run(self) -> Path:
        (found,) = (self.folder / "runs").iterdir()
        return found

    def go(self, parent: Parent, **how: Any) -> Ended:
        """One process of the same command."""
        environment = {
            "AUDIT_CACHE": str(self.cache.parent),
            **self.environment,
            **how.pop("environment", {}),
        }
        return parent.run(*self.words, environment=environment, **how)

    def answers_kept(self) -> int:
        """How many answers the cache holds."""
        if not self.cache.exists():
            return 0
        with sqlite3.connect(self.cache) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            count = connection.execute("SELECT count(*) FROM answers").fetchone()[0] if tables else 0
        connection.close()
        return int(count)


def model(kind: str, folder: Path) -> tuple[str, str]:
    """A model in `folder` and the text of a suite for it: reference, explained, choosing or writing."""
    if kind in ("reference", "explained"):
        return "reference:screening-v1", EXPLAINED if kind == "explained" else TEXT
    tiny_models.causal(folder / "tiny")
    (folder / "tiny.yaml").write_text(
        "model: 1\nkind: hf\nname: tiny\nthreads: 1\nbatch_tokens: 400\n", encoding="utf-8"
    )
    return str(folder / "tiny.yaml"), WRITTEN if kind == "writing" else TEXT


def undisturbed(parent: Parent, place: Place) -> Ended:
    """A run from beginning to end."""
    ended = place.go(parent)
    assert ended.code == 0, ended.err
    return ended


def assert_equal_results(one: Path, other: Path, *, but: tuple[str, ...] = ()) -> None:
    """Every table and every finding has the same bytes; the columns `but` of the responses may differ."""
    names = [f"{table.name}.parquet" for table in TABLES]
    for name in (*names, "findings.json", "excluded.json"):
        if but and name == "responses.parquet":
            left, right = (pd.read_parquet(folder / name).drop(columns=list(but)) for folder in (one, other))
            pd.testing.assert_frame_equal(left, right, check_exact=True)
        else:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


def assert_same_numbers(one: Path, other: Path) -> None:
    """Scores agree to 1e-5, as they do where answers were asked in other batches, and every verdict is the same."""
    left, right = (read_run(folder) for folder in (one, other))
    pd.testing.assert_frame_equal(left.scores, right.scores, check_exact=False, rtol=0, atol=1e-5)
    assert [(item.id, item.verdict) for item in left.findings] == [
        (item.id, item.verdict) for item in right.findings
    ]


def assert_never_looks_finished(place: Place) -> None:
    """A run that was disturbed is not to be read, or everything of it is as its manifest says."""
    for folder in (place.folder / "runs").glob("*"):
        if (folder / "manifest.json").exists():
            evidence.require_unchanged(folder)
            read_run(folder)
            continue
        try:
            read_run(folder)
        except InputError as error:
            assert "not finished" in str(error) or "not the folder of a run" in str(error)
        else:
            raise AssertionError(f"{os.listdir(folder)} looks like a run that is finished")


def assert_whole(place: Place) -> None:
    """The only run of the place is finished, and nothing but what belongs to it lies in its folder."""
    assert evidence.verify(place.run) == []
    assert not [path.name for path in place.run.iterdir() if path.name.startswith((".", "answers"))]


def counts(folder: Path) -> dict[str, int]:
    return dict(read_run(folder).manifest["counts"])  # type: ignore[call-overload]
