from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import textstat
from answering import scores, texts

from audit.metrics.readability import READING_EASE, READING_GRADE
from audit.records import Question

ENGLISH = "The nurse helps the patient to the chair. She reads the chart and calls the doctor at once."
GERMAN = "Die Pflegerin hilft dem Patienten auf den Stuhl. Sie liest die Akte und ruft sofort den Arzt."
HARD = (
    "Notwithstanding considerable organisational complexity, interdisciplinary administrators characteristically "
    "recommend international standardisation."
)


def free(language: str) -> Question:
    return Question(kind="generate", language=language)


@pytest.mark.parametrize("language", ["de", "es", "fr", "hu", "it", "nl", "ru"])
def test_reading_ease_is_what_textstat_says_for_the_language(language: str) -> None:
    found = READING_EASE.score(texts(GERMAN), free(language))
    assert found.values[0] == textstat.backend.metrics.flesch_reading_ease(GERMAN, language)
    assert READING_EASE.score(texts(GERMAN), free(f"{language}-XX")).values[0] == found.values[0]


def test_the_grade_of_english_follows_coleman_and_liau() -> None:
    words = ENGLISH.replace(".", "").split()
    letters = sum(len(word) for word in words)
    expected = 5.8 * letters / len(words) - 29.6 * 2 / len(words) - 15.8
    found = READING_GRADE.score(texts(ENGLISH, HARD), free("en")).values
    assert found[0] == pytest.approx(expected, abs=1e-9)
    assert found[1] > found[0]


def test_the_grade_of_german_is_the_first_wiener_sachtextformel() -> None:
    expected = textstat.backend.metrics.wiener_sachtextformel(GERMAN, 1, "de")
    assert READING_GRADE.score(texts(GERMAN), free("de")).values.tolist() == [expected]


def test_short_answers_answers_without_text_and_unknown_languages_say_why_they_have_no_value() -> None:
    assert READING_GRADE.score(texts("Yes.", ""), free("en")).reasons == ["too short", "too short"]
    silent = READING_GRADE.score(scores({"Yes": -0.1, "No": -2.0}), free("en"))
    assert silent.reasons == ["not_supported"] and np.isnan(silent.values[0])
    assert "for the language 'ja'" in READING_EASE.score(texts(ENGLISH), free("ja")).reasons[0]
    assert "is not known" in READING_GRADE.score(texts(ENGLISH), free("")).reasons[0]


PRONOUNCED = """
import socket
def refuse(*given):
    raise AssertionError("a connection was opened")
socket.socket.connect = socket.getaddrinfo = refuse
from answering import texts
from audit.metrics.readability import READING_EASE
from audit.records import Question
found = READING_EASE.score(texts({text!r}), Question(kind="generate", language="en"))
print(found.values.tolist(), list(found.reasons))
"""


def reading_ease_with(data: Path, text: str) -> str:
    """What another process says whose NLTK looks for its data in `data`, without a network."""
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", PRONOUNCED.format(text=text)],
        env={"NLTK_DATA": str(data), "PYTHONPATH": f"{here}:{Path(here).parent.parent}", "HOME": str(data)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_reading_ease_of_english_downloads_nothing_and_says_which_dictionary_it_needs(tmp_path: Path) -> None:
    assert "python -m nltk.downloader cmudict" in reading_ease_with(tmp_path, ENGLISH)


def test_reading_ease_of_english_is_fleschs_formula_where_the_dictionary_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "corpora" / "cmudict"
    folder.mkdir(parents=True)
    text = "ideas ideas ideas ideas ideas warm warm warm warm warm."
    (folder / "cmudict").write_text("IDEAS 1 AY0 D IY1 AH0 Z\nWARM 1 W AO1 R M\n", encoding="utf-8")
    expected = 206.835 - 1.015 * 10 - 84.6 * (5 * 3 + 5) / 10
    printed = reading_ease_with(tmp_path, text)
    assert float(printed.partition("[")[2].partition("]")[0]) == pytest.approx(expected, abs=1e-9)
