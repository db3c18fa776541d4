"""Masked language models: which option fits a gap, and how likely a text is, one hidden token after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audit.batching import Cut
from audit.choices import NO_TOKEN, chosen
from audit.continuations import Need, OptionRows
from audit.errors import InputError
from audit.likelihoods import one_masked
from audit.passes import Loading, OnDemand
from audit.reading import plain_text
from audit.records import Answer, ModelIdentity, Prompt, Question
from audit.weights import WeightFolder

GAPS = ("[MASK]", "<mask>")
"""How a prompt may write the gap, whatever the model's own mask token is."""


class MaskedLM:
    """A masked language model: a choice of what fits a gap, and pseudo-log-likelihood of texts."""

    deterministic = True

    def __init__(self, weights: WeightFolder, loading: Loading, *, identity: ModelIdentity) -> None:
        self.identity = identity
        self.batch_tokens = loading.batch_tokens
        self._model = OnDemand(weights, loading)
        self._gaps = tuple(dict.fromkeys((weights.mask_text, *GAPS)))

    def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
        """Batches of prompts of like length."""
        return self._model.cut([plain_text(prompt) for prompt in prompts])

    def log_likelihood(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Each token of a text in turn behind the mask; special tokens around the text are not scored."""
        texts = [plain_text(prompt) for prompt in prompts]
        return one_masked(self._model.loaded, texts, budget=self.batch_tokens)

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """Σ log p(token | all other tokens) over the tokens of each option in the gap, each hidden in turn.

        The gap is the mask that a prompt holds, else it follows the prompt. An option of one token has that token's
        log-probability (log-softmax in fp32); of several tokens it is their pseudo-log-likelihood (Salazar et al.
        2020, doi:10.18653/v1/2020.acl-main.240), which tells a token its neighbours within the option.
        """
        loaded = self._model.loaded
        if not loaded.tokenizer.is_fast:
            raise InputError(
                f"{self.identity.name}: options in a gap need a tokenizer that says where its tokens stand in a text; "
                "this one has no tokenizer.json"
            )
        plans = [self._planned(plain_text(prompt), options) for prompt in prompts]
        return chosen(loaded, plans, options, budget=self.batch_tokens)

    def _planned(self, text: str, options: Sequence[str]) -> OptionRows | Answer:
        """The rows that score a prompt's options, or why they cannot be scored."""
        loaded = self._model.loaded
        parts = around_gap(text, self._gaps)
        if isinstance(parts, Answer):
            return parts
        before, after = parts
        filled = [option.lstrip(" ") if before[-1:].isspace() else option for option in options]
        coded = loaded.tokenizer(
            [before + option + after for option in filled], return_offsets_mapping=True, verbose=False
        )
        places = [
            _places(offsets, len(before), len(before) + len(option))
            for offsets, option in zip(coded["offset_mapping"], filled, strict=True)
        ]
        if not all(places):
            return Answer(error=NO_TOKEN)
        longest = max(len(ids) for ids in coded["input_ids"])
        mask = int(loaded.tokenizer.mask_token_id)
        return loaded.too_long(longest) or _gap_rows(coded["input_ids"], places, mask=mask)


def around_gap(text: str, gaps: Sequence[str]) -> tuple[str, str] | Answer:
    """What stands before and after the gap; a failed record where a text has several."""
    found = [(text.find(gap), gap) for gap in gaps if gap in text]
    if not found:
        return text, ""
    if sum(text.count(gap) for _, gap in found) > 1:
        return Answer(error="the prompt holds several masks; an option can stand in one")
    at, gap = found[0]
    return text[:at], text[at + len(gap) :]


def _places(offsets: Sequence[Sequence[int]], start: int, end: int) -> list[int]:
    """Positions of the tokens that stand, in whole or in part, between two characters; special tokens have no width."""
    return [at for at, (first, last) in enumerate(offsets) if first < end and last > start and last > first]


def _gap_rows(joint: Any, places: Sequence[Sequence[int]], *, mask: int) -> OptionRows:
    """One row for each token of each option, that token hidden; options whose rows are equal share them."""
    rows: dict[tuple[int, ...], int] = {}
    needs: list[Need] = []
    for option, (ids, positions) in enumerate(zip(joint, places, strict=True)):
        for at in positions:
            row = (*ids[:at], mask, *ids[at + 1 :])
            needs.append(Need(row=rows.setdefault(row, len(rows)), position=at, token=ids[at], option=option))
    return OptionRows(rows=tuple(rows), needs=tuple(needs))
