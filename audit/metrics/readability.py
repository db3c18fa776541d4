"""Readability of text answers: reading ease and school grade, by textstat; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audit.errors import MissingExtra
from audit.protocols import Answers, Values
from audit.records import Card, Question, QuestionKind

LEAST_WORDS = 10
"""Shorter answers have no readability: the formulas are made for passages."""
FLESCH: frozenset[str] = frozenset({"de", "en", "es", "fr", "hu", "it", "nl", "ru"})
"""Languages for which textstat has coefficients of its own."""
TEXTS: frozenset[QuestionKind] = frozenset({"classify", "choose", "rate", "generate"})
DICTIONARY = (
    "not_supported: the reading ease of English counts syllables in NLTK's pronouncing dictionary: "
    "python -m nltk.downloader cmudict"
)


class ReadingEase:
    """Flesch reading ease of the answer, with the coefficients of its language."""

    card = Card(
        name="reading_ease",
        title="Reading ease",
        definition=(
            "How easily a text answer of ten words or more reads by the formula of Flesch, with the coefficients that "
            "textstat has for the suite's language (de, en, es, fr, hu, it, nl, ru)."
        ),
        formula=(
            "English: 206.835 − 1.015·words per sentence − 84.6·syllables per word; German (Amstad): 180 − words per "
            "sentence − 58.5·syllables per word; the others alike"
        ),
        range="about 0 (hard) to 100 (easy); long words and sentences go below, short ones above",
        no_difference=0.0,
        higher_is="neither",
        source="Flesch 1948, doi:10.1037/h0057532; package textstat (extra `text`)",
        critique=(
            "Counts lengths, not meaning: an easy text may say nothing. Made for passages of a hundred words, so that "
            "single short answers scatter widely. Syllables are counted by NLTK's pronouncing dictionary in English, "
            "which has to be there beforehand, and by hyphenation in the other languages, which misses some."
        ),
        unit="points",
    )
    kinds = TEXTS

    def score(self, answers: Answers, question: Question) -> Values:
        """Points of the scale; no value for short answers, and for languages without coefficients."""
        language = _language(question)
        if language not in FLESCH:
            return _unsupported(answers, _unknown(language, "no reading ease", FLESCH))
        library = _textstat()
        if language == "en" and not _has_dictionary():
            return _unsupported(answers, DICTIONARY)
        return _read(answers, lambda text: library.flesch_reading_ease(text, language))


class ReadingGrade:
    """School grade from which on the answer can be read."""

    card = Card(
        name="reading_grade",
        title="School grade needed to read the answer",
        definition=(
            "Years of school that a text answer of ten words or more asks for: by the index of Coleman and Liau for "
            "English, by the first Wiener Sachtextformel for German."
        ),
        formula=(
            "English: 5.8·letters per word − 29.6·sentences per word − 15.8; German: 0.1935·% words of three "
            "syllables or more + 0.1672·words per sentence + 0.1297·% words of more than six letters − 0.0327·% words "
            "of one syllable − 0.875"
        ),
        range="about 1 to 16; short simple texts may fall below 0",
        no_difference=0.0,
        higher_is="neither",
        source=(
            "Coleman and Liau 1975, doi:10.1037/h0076540; Bamberger and Vanecek 1984; package textstat (extra `text`)"
        ),
        critique=(
            "Grades are those of American and Austrian schools of their time and no measure of a reader. Counts "
            "lengths, not meaning; single short answers scatter widely. German syllables are counted by hyphenation, "
            "which misses some; textstat rounds the published 5.88 for letters to 5.8."
        ),
        unit="grades",
    )
    kinds = TEXTS

    def score(self, answers: Answers, question: Question) -> Values:
        """School grades; no value for short answers, and for other languages than English and German."""
        language = _language(question)
        if language not in ("de", "en"):
            return _unsupported(answers, _unknown(language, "no reading grade", ("de", "en")))
        library = _textstat()
        if language == "en":
            return _read(answers, library.coleman_liau_index)
        return _read(answers, lambda text: library.wiener_sachtextformel(text, 1, "de"))


def _language(question: Question) -> str:
    """The language without its region."""
    return question.language.replace("_", "-").partition("-")[0].casefold()


def _unknown(language: str, lacking: str, known: frozenset[str] | tuple[str, ...]) -> str:
    named = f"for the language '{language}'" if language else "where the language of the answers is not known"
    return f"not_supported: there is {lacking} {named}; there is one for {', '.join(sorted(known))}"


def _textstat() -> Any:
    """The formulas of textstat as plain functions."""
    try:
        import textstat
    except ImportError as error:
        raise MissingExtra("text", "readability") from error
    return textstat.backend.metrics


def _has_dictionary() -> bool:
    """Whether NLTK finds its pronouncing dictionary, so that textstat need not download it."""
    import nltk

    try:
        nltk.data.find("corpora/cmudict")
    except LookupError:
        return False
    return True


def _unsupported(answers: Answers, reason: str) -> Values:
    count = len(answers.texts)
    return Values(values=np.full(count, np.nan), reasons=[reason] * count)


def _read(answers: Answers, formula: Callable[[str], float]) -> Values:
    """The formula's value of every text that is long enough; each distinct text is read once."""
    words = {text: len(text.split()) for text in set(answers.texts)}
    read = {text: float(formula(text)) for text, count in words.items() if count >= LEAST_WORDS}
    silent = [bool(row.any()) for row in np.isfinite(answers.log_probs)]
    values = np.array([read.get(text, np.nan) for text in answers.texts], dtype=float)
    reasons = [
        "" if text in read else "not_supported" if mute and not text else "too short"
        for text, mute in zip(answers.texts, silent, strict=True)
    ]
    return Values(values=values, reasons=reasons)


READING_EASE = ReadingEase()
READING_GRADE = ReadingGrade()
