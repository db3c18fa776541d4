"""The report in a real browser and the PDF in a real reader; skipped where there is none."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from page import all_of, parsed, words
from run_variants import short_run

from audit.report.pdf import write_pdf
from audit.report.render import render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PDFTOTEXT = shutil.which("pdftotext")


@pytest.fixture(scope="module")
def html() -> str:
    return render(short_run())


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_builds_the_page_without_a_complaint(html: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--dump-dom",
            (tmp_path / "report.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"Chromium does not start here: {done.stderr[-200:]}")
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    built = parsed(done.stdout)
    assert len(all_of(built, "section")) == len(all_of(parsed(html), "section"))
    assert words(all_of(built, "main")[0]) == words(all_of(parsed(html), "main")[0])


@pytest.mark.skipif(PDFTOTEXT is None, reason="no pdftotext on this machine")
def test_every_word_of_the_page_is_in_the_pdf(html: str, tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    write_pdf(html, path, made_at=datetime(2026, 11, 20, tzinfo=UTC), attachments={})
    done = subprocess.run(
        [str(PDFTOTEXT), "-raw", str(path), "-"], capture_output=True, text=True, check=True
    )
    printed = re.sub(r"\s+", "", done.stdout)
    body = all_of(parsed(html), "main")[0]
    titles = {title.text for title in all_of(body, "title")}
    missing = {
        piece
        for text in body.itertext()
        if text not in titles
        for piece in text.split()
        if len(piece) > 1 and piece not in printed
    }
    assert not missing
