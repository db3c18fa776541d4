"""The style sheet: contrast of every text colour, and nothing that a printer or a reader without colour would lose."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from audit.catalogue import shipped
from audit.records import VERDICTS
from audit.report.wording import VERDICT_MEANINGS, VERDICT_SYMBOLS, VERDICT_WORDS

STYLE = (shipped("templates") / "style.css").read_text(encoding="utf-8")
CHARTS = (shipped("templates") / "charts.html.j2").read_text(encoding="utf-8")
DECORATION = ("#ffffff", "#f3e3d6")
"""White on ink, and the pale word behind the pages of an incomplete run (said again in dark letters above)."""
TINTS = ("#ffffff", "#f8f9fa", "#eef1f4", "#fdf1e8", "#e9f3fa", "#fef7e6", "#f4f5f7", "#dcecf7")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    """From 1 (alike) to 21 (black on white)."""
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def text_colours() -> set[str]:
    found = set(re.findall(r"(?<![-\w])color: (#[0-9a-f]{6})", STYLE))
    found |= set(re.findall(r"--(?:ink|soft|accent): (#[0-9a-f]{6})", STYLE))
    return (found | set(re.findall(r'<text[^>]*fill="(#[0-9a-f]{6})"', CHARTS))) - set(DECORATION)


@pytest.mark.parametrize("colour", sorted(text_colours()))
def test_text_can_be_read_on_every_tint(colour: str) -> None:
    assert min(contrast(colour, tint) for tint in TINTS) >= 4.5


@pytest.mark.parametrize("colour", ["#d55e00", "#0072b2", "#000000", "#5b6675"])
def test_marks_stand_out_from_the_paper_and_the_limit_band(colour: str) -> None:
    assert min(contrast(colour, "#ffffff"), contrast(colour, "#e6eef5")) >= 3


def test_each_verdict_has_a_word_a_sign_and_a_meaning_of_its_own() -> None:
    for table in (VERDICT_WORDS, VERDICT_SYMBOLS, VERDICT_MEANINGS):
        assert list(table) == list(VERDICTS)
        assert len(set(table.values())) == len(VERDICTS)


def test_without_pango_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library')", encoding="utf-8")
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from datetime import UTC, datetime
from pathlib import Path
from audit.errors import AuditError
from audit.report.pdf import write_pdf
try:
    write_pdf("<p>", Path(sys.argv[1]) / "out.pdf", made_at=datetime.now(UTC), attachments={})
except AuditError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "libpango" in done.stdout and "brew install pango" in done.stdout
    assert done.stdout.count("\n") == 1
