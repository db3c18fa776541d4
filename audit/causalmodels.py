"""Causal language models: log-probability of options, of whole texts and of the next token, and sampled texts."""

from __future__ import annotations

from collections.abc import Sequence

from audit.batching import Cut
from audit.choices import NO_TOKEN, chosen
from audit.continuations import OptionRows, option_rows
from audit.draws import drawn
from audit.likelihoods import left_to_right, next_tokens
from audit.passes import Loading, OnDemand
from audit.reading import Reading, followed, plain_text
from audit.records import Answer, ModelIdentity, Prompt, Question
from audit.weights import WeightFolder


class CausalLM:
    """A causal language model: log-probability of options, of whole texts and of the next token, and sampled texts."""

    deterministic = True

    def __init__(
        self,
        weights: WeightFolder,
        loading: Loading,
        *,
        identity: ModelIdentity,
        reading: Reading,
        temperature: float,
    ) -> None:
        self.identity = identity
        self.batch_tokens = loading.batch_tokens
        self._model = OnDemand(weights, loading)
        self._reading = reading
        self._temperature = temperature

    def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
        """Batches of prompts of like length, as the model reads them."""
        texts = [self._text(prompt) for prompt in prompts]
        plain = ["" if isinstance(text, Answer) else text for text in texts]
        return self._model.cut(plain, special=not self._reading.chat)

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """Sum of the token log-probabilities of each option right after the prompt, tokenised together with it.

        Where the prompt as the model reads it ends in white space, an option loses the space it begins with.
        """
        texts = [self._text(prompt) for prompt in prompts]
        heads = self._rows(texts)
        joint = self._rows([followed(text, option) for text in texts for option in options])
        plans: list[OptionRows | Answer] = [
            text
            if isinstance(text, Answer)
            else self._planned(head, joint[at * len(options) :][: len(options)])
            for at, (text, head) in enumerate(zip(texts, heads, strict=True))
        ]
        return chosen(self._model.loaded, plans, options, budget=self.batch_tokens)

    def log_likelihood(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Each token of a bare text after those before it: neither chat template nor system prompt is put around it."""
        texts = [plain_text(prompt) for prompt in prompts]
        return left_to_right(self._model.loaded, texts, budget=self.batch_tokens)

    def next_token(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """What the model would write first after the prompt as it reads it."""
        texts = [self._text(prompt) for prompt in prompts]
        found = next_tokens(self._model.loaded, self._rows(texts), budget=self.batch_tokens)
        return [
            text if isinstance(text, Answer) else answer for text, answer in zip(texts, found, strict=True)
        ]

    def generate(self, prompts: Sequence[Prompt], *, repeat: int, question: Question) -> list[Answer]:
        """One sampled text a prompt; draw number `repeat` of a prompt is the same in whatever batch it is asked."""
        loaded = self._model.loaded
        texts = [self._text(prompt) for prompt in prompts]
        rows = [
            text if isinstance(text, Answer) else row
            for text, row in zip(texts, self._rows(texts), strict=True)
        ]
        return drawn(
            loaded, prompts, rows,
            repeat=repeat, question=question, temperature=self._temperature, budget=self.batch_tokens,
        )  # fmt: skip

    def _text(self, prompt: Prompt) -> str | Answer:
        """The prompt as the model reads it; a failed record where its chat template refuses it."""
        return self._reading.text(prompt, self._model.loaded.tokenizer)

    def _rows(self, texts: Sequence[str | Answer]) -> list[list[int]]:
        """Token ids of each text without what the tokenizer puts at its end; none where there is no text."""
        loaded = self._model.loaded
        plain = ["" if isinstance(text, Answer) else text for text in texts]
        special = not self._reading.chat
        rows = self._model.rows(plain, special=special)
        return [row.ids[: len(row.ids) - loaded.tail] if special else row.ids for row in rows]

    def _planned(self, head: Sequence[int], joint: Sequence[Sequence[int]]) -> OptionRows | Answer:
        """The rows that score a prompt's options, or why they cannot be scored."""
        plan = option_rows(head, joint)
        if plan is None:
            return Answer(error=NO_TOKEN)
        return self._model.loaded.too_long(max(len(row) for row in plan.rows)) or plan
