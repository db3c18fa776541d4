"""Likelihoods: how probable a model finds a text, token by token, and which tokens it would write next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum, isfinite
from typing import TYPE_CHECKING

from audit.continued import last_logits, log_probs
from audit.passes import Loaded, scored
from audit.records import Answer

if TYPE_CHECKING:
    from torch import Tensor

LIKELIEST = 50
"""Tokens of a next-token answer that have a probability of their own."""
LOGITS_OF_A_PASS = 2**26
"""Tokens x vocabulary of a pass at most, where every position has logits: 256 MiB in float32."""
NOTHING = "nothing to score: the text has no token that follows another"
EMPTY = "the prompt has no token that another could follow"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A row of token ids for text number `text`: log p(token) at each (position, token) of `needs` belongs to it."""

    text: int
    ids: Sequence[int]
    needs: Sequence[tuple[int, int]]


def begun_texts(loaded: Loaded, texts: Sequence[str]) -> list[tuple[int, ...]]:
    """The token ids of bare texts, without what the tokenizer puts at their ends.

    The token that begins every text is put first where the tokenizer has one.
    """
    return [tuple(_begun(loaded, row.ids[: len(row.ids) - loaded.tail])) for row in loaded.encode(texts)]


def left_to_right(loaded: Loaded, rows: Sequence[Sequence[int]], *, budget: int) -> list[Answer]:
    """Sum of log p(token | tokens before it) of each text, natural logarithm, and how many tokens were scored.

    The token that begins every text is not scored itself. Where the tokenizer has none, nothing comes before the first
    token, which is then not scored either.
    """
    first = max(1, loaded.head)
    lines = [
        _Line(text=text, ids=ids[:-1], needs=[(at - 1, ids[at]) for at in range(first, len(ids))])
        for text, ids in enumerate(rows)
    ]
    return _answers(loaded, rows, lines, name="log_likelihood", budget=budget)


def one_masked(loaded: Loaded, texts: Sequence[str], *, budget: int) -> list[Answer]:
    """Sum over the tokens of each text of log p(token | all others), the token itself masked (Salazar et al. 2020).

    What the tokenizer puts around a text is not scored.
    """
    rows = [row.ids for row in loaded.encode(texts)]
    mask = int(loaded.tokenizer.mask_token_id)
    lines = [
        _Line(text=text, ids=[*ids[:at], mask, *ids[at + 1 :]], needs=[(at, ids[at])])
        for text, ids in enumerate(rows)
        if len(ids) <= loaded.limit
        for at in range(loaded.head, len(ids) - loaded.tail)
    ]
    return _answers(loaded, rows, lines, name="pseudo_log_likelihood", budget=budget)


def next_tokens(loaded: Loaded, rows: Sequence[Sequence[int]], *, budget: int) -> list[Answer]:
    """Log-probabilities of the likeliest tokens after each row, and of all others together under the empty text."""
    answers = [loaded.too_long(len(row)) if row else Answer(error=EMPTY) for row in rows]
    fitting = [index for index, answer in enumerate(answers) if answer is None]
    most = budget if loaded.keeps else _most(loaded, budget)

    def read(logits: Tensor) -> dict[str, float]:
        return _likeliest(loaded, logits)

    chosen = [tuple(rows[at]) for at in fitting]
    for number, found in last_logits(loaded, chosen, read, budget=most):
        answers[fitting[number]] = scored(found)
    return [answer for answer in answers if answer is not None]


def _begun(loaded: Loaded, ids: list[int]) -> list[int]:
    """The row with the token that begins a text, where the tokenizer has one and has not put it there itself."""
    begin = loaded.tokenizer.bos_token_id
    if loaded.head or begin is None or begin >= loaded.words:
        return ids
    return [begin, *ids]


def _answers(
    loaded: Loaded, rows: Sequence[Sequence[int]], lines: Sequence[_Line], *, name: str, budget: int
) -> list[Answer]:
    """One answer a row: the sum over its lines; why it cannot be scored where it cannot."""
    fitting = [line for line in lines if line.needs and len(rows[line.text]) <= loaded.limit]
    found: list[list[float]] = [[] for _ in rows]
    for text, values in _in_batches(loaded, fitting, budget=budget):
        found[text] += values
    answers = []
    for ids, values in zip(rows, found, strict=True):
        nothing = loaded.too_long(len(ids)) or Answer(error=NOTHING)
        answers.append(scored({name: fsum(values), "tokens": len(values)}) if values else nothing)
    return answers


def _in_batches(loaded: Loaded, lines: Sequence[_Line], *, budget: int) -> Iterator[tuple[int, list[float]]]:
    """The text and the log-probabilities of every line, in batches whose logits fit into memory."""
    rows = [tuple(line.ids) for line in lines]
    wanted = [line.needs for line in lines]
    most = _most(loaded, budget) if loaded.output_layer is None else budget
    for index, found in log_probs(loaded, rows, wanted, budget=most):
        yield lines[index].text, found


def _most(loaded: Loaded, budget: int) -> int:
    """Tokens of a pass in which every position has logits."""
    return max(1, min(budget, LOGITS_OF_A_PASS // loaded.words))


def _likeliest(loaded: Loaded, logits: Tensor) -> dict[str, float]:
    """Log-probabilities by token, in float64; tokens without any probability are left out."""
    import torch

    logs, ids = logits.cpu().double().log_softmax(-1).sort(descending=True, stable=True)
    listed = zip(ids[:LIKELIEST].tolist(), logs[:LIKELIEST].tolist(), strict=True)
    found = {_name(loaded, token): value for token, value in listed if value != float("-inf")}
    rest = float(torch.logsumexp(logs[LIKELIEST:], -1)) if len(logs) > LIKELIEST else float("-inf")
    return {**found, "": rest} if isfinite(rest) else found


def _name(loaded: Loaded, token: int) -> str:
    """A token as the tokenizer writes it, so that no two have one name; its number where it has no words."""
    word = loaded.tokenizer.convert_ids_to_tokens(token) if token < len(loaded.tokenizer) else None
    return word if isinstance(word, str) and word else f"#{token}"
