"""Causal language models: log-probability of options, of whole texts and of the next token, and sampled texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.batching import Cut
from audit.choices import NO_TOKEN, chosen
from audit.continuations import Need, OptionRows, option_rows
from audit.draws import drawn
from audit.inside import Inputs, Opened
from audit.likelihoods import NOTHING, begun_texts, left_to_right, next_tokens
from audit.loading import Loading
from audit.ondemand import OnDemand, with_random_weights
from audit.openings import opened_language_model
from audit.passes import Loaded, Row
from audit.placing import Coded, Placed, coded, line_of, placed
from audit.reading import Reading, followed, plain_text
from audit.records import Answer, ModelIdentity, Prompt, Question
from audit.ways import options_of
from audit.weights import WeightFolder


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    """What has to be asked for the options of a prompt, and how long the prompt is to the model."""

    plan: OptionRows | Answer
    tokens: int


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
        """Batches of prompts that begin alike or are of like length, as the model reads them; rows are remembered."""
        options = options_of(question)
        if options:
            plans = self._choices(prompts, options, keep=True)
            rows = [choice.plan.rows if isinstance(choice.plan, OptionRows) else () for choice in plans]
            return self._model.cut_rows(rows, [choice.tokens for choice in plans])
        if question.kind == "likelihood":
            whole = self._begun(prompts, keep=True)
            limit = self._model.loaded.limit
            asked = [[row[:-1]] if 1 < len(row) <= limit else [] for row in whole]
            return self._model.cut_rows(asked, [len(row) for row in whole])
        texts = [self._text(prompt) for prompt in prompts]
        plain = ["" if isinstance(text, Answer) else text for text in texts]
        cut = self._model.cut(plain, special=not self._reading.chat)
        if question.kind == "next_token":
            heads = self._rows(texts)
            return self._model.cut_rows([[tuple(head)] if head else [] for head in heads], cut.tokens)
        return cut

    def opened(self, question: Question, metric: str) -> Opened | str:
        """The model with the contrast of options, the rating or the log-likelihood as a function of its inputs."""
        return opened_language_model(
            self._model, question, metric,
            likelihood="log_likelihood", of_options=self._option_lines, of_texts=self._text_lines,
        )  # fmt: skip

    def randomised(self, seed: int) -> CausalLM | str:
        """A copy with random weights."""
        twin = with_random_weights(self._model, self.identity, seed)
        if isinstance(twin, str):
            return twin
        weights, identity = twin
        return CausalLM(
            weights, self._model.loading,
            identity=identity, reading=self._reading, temperature=self._temperature,
        )  # fmt: skip

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """Sum of the token log-probabilities of each option right after the prompt, tokenised together with it.

        Where the prompt as the model reads it ends in white space, an option loses the space it begins with.
        """
        choices = self._choices(prompts, tuple(options))
        plans = [choice.plan for choice in choices]
        return chosen(self._model.loaded, plans, options, budget=self.batch_tokens)

    def log_likelihood(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Each token of a bare text after those before it: neither chat template nor system prompt is put around it."""
        return left_to_right(self._model.loaded, self._begun(prompts), budget=self.batch_tokens)

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
        plain = ["" if isinstance(text, Answer) else text for text in texts]
        rows = self._model.rows(plain, special=not self._reading.chat)
        return [self._open(row) for row in rows]

    def _open(self, row: Row) -> list[int]:
        """The ids of a row without what the tokenizer puts at its end."""
        return row.ids if self._reading.chat else row.ids[: len(row.ids) - self._model.loaded.tail]

    def _begun(self, prompts: Sequence[Prompt], *, keep: bool = False) -> list[tuple[int, ...]]:
        """The token ids of each bare text."""
        keys = [("text", plain_text(prompt)) for prompt in prompts]

        def make(new: list[tuple[str, str]]) -> list[tuple[int, ...]]:
            return begun_texts(self._model.loaded, [text for _, text in new])

        return self._model.remembered(keys, make, keep=keep)

    def _choices(
        self, prompts: Sequence[Prompt], options: tuple[str, ...], *, keep: bool = False
    ) -> list[_Choice]:
        """What has to be asked for the options of each prompt."""

        def make(new: list[tuple[Prompt, tuple[str, ...]]]) -> list[_Choice]:
            return self._planned([self._text(prompt) for prompt, _ in new], options)

        return self._model.remembered([(prompt, options) for prompt in prompts], make, keep=keep)

    def _planned(self, texts: Sequence[str | Answer], options: Sequence[str]) -> list[_Choice]:
        """The rows that score the options after each text, or why they cannot be scored."""
        loaded = self._model.loaded
        plain = ["" if isinstance(text, Answer) else text for text in texts]
        follow = [followed(text, option) for text in plain for option in options]
        coded = loaded.encode([*plain, *follow], special=not self._reading.chat)
        rows = [self._open(row) for row in coded]
        found = []
        for at, text in enumerate(texts):
            joint = rows[len(texts) + at * len(options) :][: len(options)]
            plan = text if isinstance(text, Answer) else _plan(loaded, rows[at], joint)
            found.append(_Choice(plan=plan, tokens=len(coded[at].ids)))
        return found

    def _option_lines(self, prompts: Sequence[Prompt], options: tuple[str, ...]) -> list[Inputs | Answer]:
        """The rows that score the options after each prompt, with the places of their tokens."""
        loaded = self._model.loaded
        found = [placed(prompt, self._text) for prompt in prompts]
        texts = ["" if isinstance(one, Answer) else one.text for one in found]
        follow = [followed(text, option) for text in texts for option in options]
        rows = coded(loaded, [*texts, *follow], special=not self._reading.chat)
        ids = [self._open(Row(ids=list(row.ids))) for row in rows]
        lines: list[Inputs | Answer] = []
        for at, one in enumerate(found):
            some = slice(len(found) + at * len(options), len(found) + (at + 1) * len(options))
            if isinstance(one, Answer):
                lines.append(one)
                continue
            plan = _plan(loaded, ids[at], ids[some])
            if isinstance(plan, Answer):
                lines.append(plan)
                continue
            made = tuple(line_of(row, rows[some], one.place) for row in plan.rows)
            lines.append(Inputs(lines=made, needs=plan.needs, onward=plan.onward))
        return lines

    def _text_lines(self, prompts: Sequence[Prompt]) -> list[Inputs | Answer]:
        """The row that scores each bare text, with the places of its tokens."""
        loaded = self._model.loaded
        found = [one for prompt in prompts if isinstance(one := placed(prompt, plain_text), Placed)]
        rows = coded(loaded, [one.text for one in found])
        first = max(1, loaded.head)
        lines: list[Inputs | Answer] = []
        for ids, one, row in zip(self._begun(prompts), found, rows, strict=True):
            put = len(ids) - (len(row.ids) - loaded.tail)
            needs = tuple(
                Need(row=0, position=at - 1, token=ids[at], option=0) for at in range(first, len(ids))
            )
            begun = Coded(ids=ids[:-1], types=None, offsets=(*((0, 0),) * put, *row.offsets)[: len(ids) - 1])
            problem = loaded.too_long(len(ids)) or (None if needs else Answer(error=NOTHING))
            lines.append(problem or Inputs(lines=(begun.line(one.place),), needs=needs))
        return lines


def _plan(loaded: Loaded, head: Sequence[int], joint: Sequence[Sequence[int]]) -> OptionRows | Answer:
    plan = option_rows(head, joint)
    if plan is None:
        return Answer(error=NO_TOKEN)
    return loaded.too_long(max(len(row) for row in plan.rows)) or plan
