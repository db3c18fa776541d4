from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXEMPT = "wording: quoted"
"""A line that carries this marker quotes somebody, or writes another format's constant."""

BANNED = re.compile(
    r"\b(unbiased|bias[- ]free|fairer|unfair|debias(?:ed|es|ing)?|compliant|passed|failed the audit|tamper[- ]proof"
    r"|(?<!job )(?<!job-)(?<!trade )(?<!regional )fair)\b",
    re.IGNORECASE,
)
"""A job fair is a place."""
ELSEWHERE = re.compile(r"(?<![\w.])/(?:work|home|root|tmp)/\w", re.IGNORECASE)
"""Paths of the machine that something was written on."""

VOCABULARIES = {"tokenizer.json", "vocab.json", "words.yaml"}
"""Lists of words that a tokenizer knows; nobody says anything with them."""
SUFFIXES = {".py", ".md", ".yaml", ".j2", ".html", ".css", ".toml", ".txt", ".json"}


def texts() -> Iterator[Path]:
    """Every file whose words somebody reads: code, data, docs, templates, suites. Tests quote what they look for."""
    for folder in ("audit", "docs", "suites", "templates", "reports/sample"):
        yield from (path for path in sorted((ROOT / folder).rglob("*")) if is_prose(path))
    yield from (
        ROOT / name
        for name in ("README.md", "CHANGELOG.md", "reports/README.md", "pyproject.toml", "Makefile")
    )
    yield from sorted(path for path in (ROOT / ".ci").iterdir() if path.is_file())


def is_prose(path: Path) -> bool:
    return path.suffix in SUFFIXES and path.name not in VOCABULARIES


def found(pattern: re.Pattern[str], path: Path) -> list[str]:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in lines
            if EXEMPT not in line and pattern.search(line)]  # fmt: skip


@pytest.mark.parametrize("path", list(texts()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_we_write_claims_more_than_an_audit_can_show(path: Path) -> None:
    assert not found(BANNED, path)


@pytest.mark.parametrize("path", list(texts()), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_we_write_names_a_path_of_the_machine_it_was_written_on(path: Path) -> None:
    assert not found(ELSEWHERE, path)


@pytest.mark.parametrize("sentence", [
    "The model is fair.", "an unbiased answer", "All checks passed", "is Compliant with", "was debiased", "bias-free",
])  # fmt: skip
def test_a_banned_word_is_seen(sentence: str) -> None:
    assert BANNED.search(sentence)


@pytest.mark.parametrize(
    "sentence",
    ["fairlearn", "met at a job fair", "a fairly long text", "bypassed", "surpassed", "in compliance"],
)
def test_only_whole_words_count(sentence: str) -> None:
    assert not BANNED.search(sentence)
