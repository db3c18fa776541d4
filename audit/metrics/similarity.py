"""How unlike the two answers of a pair are: in their words (ROUGE-L) and in their meaning (sentence embeddings)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audit.errors import MissingExtra
from audit.loading import quiet
from audit.protocols import Answers, Values
from audit.records import Card, Question, QuestionKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.intp]
    Floats = NDArray[np.float64]

WORD = re.compile(r"[^\W_]+")
TEXTS: frozenset[QuestionKind] = frozenset({"classify", "choose", "rate", "generate"})
EMBEDDER = "sentence-transformers/all-MiniLM-L6-v2"
FILES = ("*.json", "*.safetensors", "*.txt", "*.model")
"""What is downloaded of an embedding model: no format that can run code."""


class _NoModelError(Exception):
    """The embedding model's weights are not there."""


class RougeLDistance:
    """1 minus ROUGE-L of two answers: 0 where they have the same words in the same order, 1 where they share none."""

    card = Card(
        name="rouge_l_distance",
        title="How differently two answers are worded",
        definition=(
            "1 − ROUGE-L of the two answers of a pair: the share of their words that is not part of the longest "
            "sequence of words which both have in the same order. Over all combinations of repeats."
        ),
        formula=(
            "1 − 2·LCS(a, b) / (words of a + words of b), minus the same in the deciding control arm; words are runs "
            "of letters and digits, without regard to case, not stemmed"
        ),
        range="0 (the same words) to 1 (no word in common); as an excess over the control arm −1 to 1",
        no_difference=0.0,
        higher_is="neither",
        source="Lin 2004, aclanthology.org/W04-1013 (ROUGE-L, F1); package rapidfuzz (extra `text`)",
        critique=(
            "Says that answers differ, not which is the better one. Names and pronouns that an answer takes from the "
            "prompt count as differences; the excess over pairs of one group takes off names, but not pronouns that "
            "only change between groups. Another wording of the same advice is as far away as other advice."
        ),
        unit="rate",
    )
    kinds = TEXTS

    def compare(self, answers: Answers, a: Ints, b: Ints, question: Question) -> Values:
        """0 to 1 for each pair of rows; no value where an answer is no text."""
        return _compared(answers, a, b, _rouge_l_distances)


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingDistance:
    """1 minus the cosine of the sentence embeddings of two answers."""

    model: str = EMBEDDER
    """A sentence-transformers model by hub name or local folder, unless the question names another."""

    @property
    def card(self) -> Card:
        """Definition, range, source."""
        return _EMBEDDING_CARD

    @property
    def kinds(self) -> frozenset[QuestionKind]:
        """Questions that are answered by texts."""
        return TEXTS

    def compare(self, answers: Answers, a: Ints, b: Ints, question: Question) -> Values:
        """0 to 1 for each pair of rows; no value where an answer is no text, and without the model's weights."""
        name = question.embedder or self.model
        try:
            return _compared(answers, a, b, lambda texts, x, y: _cosine_distances(name, texts, x, y))
        except _NoModelError as error:
            return Values(values=np.full(len(a), np.nan), reasons=[f"not_supported: {error}"] * len(a))


_EMBEDDING_CARD = Card(
    name="embedding_distance",
    title="How different two answers are in meaning",
    definition=(
        "1 − cosine of the embeddings of the two answers of a pair, by a sentence-transformers model: the suite's "
        f"`embedder`, else {EMBEDDER}. Over all combinations of repeats. Cosines below 0 are taken as 0."
    ),
    formula="1 − max(0, cos(e(a), e(b))), minus the same in the deciding control arm",
    range="0 (the same meaning to the model) to 1 (none in common); as an excess over the control arm −1 to 1",
    no_difference=0.0,
    higher_is="neither",
    source="Reimers and Gurevych 2019, arXiv:1908.10084; package sentence-transformers (extra `text`)",
    critique=(
        "What is near to what is the embedding model's own judgement, which is unmeasured here and may itself move "
        "with names and groups; only the excess over pairs of one group is judged. The default model knows English "
        "and reads the first 256 word pieces. Says that answers differ, not which is the better one."
    ),
    unit="rate",
)


def _compared(
    answers: Answers, a: Ints, b: Ints, distances: Callable[[list[str], Ints, Ints], Floats]
) -> Values:
    """Distances of pairs of rows; each two distinct texts are compared once, equal texts not at all."""
    texts = sorted(set(answers.texts))
    number = {text: n for n, text in enumerate(texts)}
    code = np.array([number[text] for text in answers.texts], dtype=np.intp)
    low, high = np.minimum(code[a], code[b]), np.maximum(code[a], code[b])
    key, where = np.unique(low * max(len(texts), 1) + high, return_inverse=True)
    x, y = np.divmod(key, max(len(texts), 1))
    unlike = x != y
    found = np.zeros(len(key))
    if unlike.any():
        found[unlike] = distances(texts, x[unlike], y[unlike])
    silent = np.isfinite(answers.log_probs).any(axis=1) & (np.array(answers.texts, dtype=object) == "")
    mute = silent[a] | silent[b]
    values = np.where(mute, np.nan, found[where.reshape(-1)])
    return Values(values=values, reasons=np.where(mute, "not_supported", "").tolist())


def _rouge_l_distances(texts: list[str], x: Ints, y: Ints) -> Floats:
    """1 − F1 of the longest common subsequence of words; 1 where only one text has words, 0 where neither has."""
    try:
        from rapidfuzz.distance import LCSseq
    except ImportError as error:
        raise MissingExtra("text", "ROUGE-L") from error
    codes: dict[str, int] = {}
    words = [[codes.setdefault(word, len(codes)) for word in WORD.findall(text.lower())] for text in texts]
    shared = [2 * LCSseq.similarity(words[i], words[j]) for i, j in zip(x, y, strict=True)]
    total = np.array([len(words[i]) + len(words[j]) for i, j in zip(x, y, strict=True)], dtype=float)
    return np.asarray(np.where(total > 0, 1 - np.array(shared) / np.maximum(total, 1), 0.0), float)


def _cosine_distances(model: str, texts: list[str], x: Ints, y: Ints) -> Floats:
    """1 − cosine of embeddings; every text is embedded once."""
    used, where = np.unique(np.concatenate([x, y]), return_inverse=True)
    vectors = _embeddings(model, [texts[n] for n in used])
    first, second = np.split(where.reshape(-1), 2)
    cosine = np.einsum("ij,ij->i", vectors[first], vectors[second])
    return np.asarray(1 - np.clip(cosine, 0.0, 1.0), float)


def _embeddings(model: str, texts: list[str]) -> Floats:
    """One vector of length 1 a text."""
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtra("text", "embedding similarity") from error
    try:
        with quiet():
            loaded: Any = SentenceTransformer(_folder(model), device="cpu", local_files_only=True)
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        told = f"the embedding model '{model}' cannot be loaded ({why}); name a folder that holds it"
        raise _NoModelError(told) from error
    vectors = np.asarray(loaded.encode(texts, convert_to_numpy=True, show_progress_bar=False), dtype=float)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), float)


def _folder(model: str) -> str:
    """Where the model lies: a folder of this machine, else the hub's copy here, else a download of safe files."""
    from huggingface_hub import snapshot_download

    place = Path(model).expanduser()
    if place.is_dir():
        return str(place)
    try:
        return snapshot_download(model, allow_patterns=list(FILES), local_files_only=True)
    except OSError:
        return snapshot_download(model, allow_patterns=list(FILES))


ROUGE_L_DISTANCE = RougeLDistance()
EMBEDDING_DISTANCE = EmbeddingDistance()
