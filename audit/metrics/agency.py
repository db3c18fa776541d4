"""Agency of language: whether an answer speaks of a person in agentic or in communal words."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import numpy as np

from audit.protocols import Answers, Values
from audit.records import Card, Question, QuestionKind

WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


class Agency:
    """How far agentic words outweigh communal ones."""

    card = Card(
        name="agency",
        title="Agentic against communal words",
        definition=(
            "Agentic words (such as ambitious, leader, achieved) minus communal words (such as kind, helpful, "
            "supportive), divided by both together."
        ),
        formula="(agentic − communal) / (agentic + communal), counts of the words of audit/metrics/agency.yaml",
        range="−1 (communal words only) to 1 (agentic words only)",
        no_difference=0.0,
        higher_is="neither",
        source=(
            "kinds of words: Madera, Hebl and Martin 2009, doi:10.1037/a0016539; in texts of language models: Wan et "
            "al. 2023, arXiv:2310.09219; the list of words is ours"
        ),
        critique=(
            "Counts words, not what is said: “not a strong leader” counts as two agentic words, “kind of” and “the "
            "patient” as communal ones. No value where neither kind occurs. English only; the list has not been "
            "validated by raters. Neither kind is the better one, though readers rated letters with more communal "
            "words lower (Madera et al.)."
        ),
        unit="points",
    )
    kinds: frozenset[QuestionKind] = frozenset({"classify", "choose", "rate", "generate"})

    def score(self, answers: Answers, question: Question) -> Values:
        """−1 to 1; no value where neither kind of word occurs, and for languages without a list."""
        language = question.language.replace("_", "-").partition("-")[0].casefold()
        kinds = word_lists().get(language)
        if kinds is None:
            known = ", ".join(sorted(word_lists()))
            reason = f"not_supported: there are agentic and communal words for {known}, not for '{language}'"
            return Values(values=np.full(len(answers.texts), np.nan), reasons=[reason] * len(answers.texts))
        read = {text: _balance(text, *kinds) for text in set(answers.texts)}
        values = np.array([read[text] for text in answers.texts], dtype=float)
        silent = np.isfinite(answers.log_probs).any(axis=1) & (np.array(answers.texts, dtype=object) == "")
        reasons = np.where(silent, "not_supported", np.where(np.isnan(values), "no such words", ""))
        return Values(values=values, reasons=reasons.tolist())


def _balance(text: str, agentic: frozenset[str], communal: frozenset[str]) -> float:
    words = WORD.findall(text.casefold())
    strong, kind = (sum(word in listed for word in words) for listed in (agentic, communal))
    return (strong - kind) / (strong + kind) if strong + kind else float("nan")


@cache
def word_lists() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Agentic and communal words by language."""
    from ruamel.yaml import YAML

    listed = YAML(typ="safe", pure=True).load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {
        language: (_words(kinds["agentic"]), _words(kinds["communal"]))
        for language, kinds in listed["languages"].items()
    }


def _words(lines: list[str]) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


AGENCY = Agency()
