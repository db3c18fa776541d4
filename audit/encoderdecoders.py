"""Encoder-decoder models: options, texts and answers come from the decoder, the prompt is what the encoder reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import fsum

from audit.batching import Cut
from audit.choices import NO_TOKEN, chosen
from audit.continuations import Need, OptionRows, option_rows
from audit.draws import drawn
from audit.inside import Inputs, Line, Opened
from audit.loading import Loading
from audit.ondemand import OnDemand, with_random_weights
from audit.openings import opened_language_model
from audit.passes import Row, scored
from audit.placing import Placed, coded, placed
from audit.reading import Reading
from audit.records import Answer, ModelIdentity, Prompt, Question
from audit.weights import WeightFolder

NO_ANSWER = (
    "an encoder-decoder model scores an answer after a prompt: a conversation that ends with the assistant; "
    "this prompt has no such end"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What the decoder is given for a text, and the ids that it should write: id `ids[at]` at position `at`."""

    given: tuple[int, ...]
    ids: tuple[int, ...]


class EncoderDecoder:
    """A model of an encoder and a decoder: log-probability of options and of answers, and sampled texts."""

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
        """Batches of prompts of like length, as the encoder reads them."""
        return self._model.cut(self._texts(prompts))

    def opened(self, question: Question, metric: str) -> Opened | str:
        """The contrast of options, or an answer's likelihood, as a function of what the encoder reads."""
        return opened_language_model(
            self._model, question, metric,
            likelihood="log_likelihood", of_options=self._option_lines, of_texts=self._answer_lines,
        )  # fmt: skip

    def randomised(self, seed: int) -> EncoderDecoder | str:
        """A copy with random weights."""
        twin = with_random_weights(self._model, self.identity, seed)
        if isinstance(twin, str):
            return twin
        weights, identity = twin
        return EncoderDecoder(
            weights, self._model.loading,
            identity=identity, reading=self._reading, temperature=self._temperature,
        )  # fmt: skip

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """Sum of the log-probabilities of each option's tokens at the beginning of what the decoder writes.

        What stands before an option's first token is what the model was taught to begin with; the end is not scored,
        and an option loses the space it begins with.
        """
        sources = self._sources(prompts)
        plans = self._plans([len(source) for source in sources], options)
        return chosen(self._model.loaded, plans, options, budget=self.batch_tokens, sources=sources)

    def log_likelihood(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Sum of log p(token | prompt, tokens before it) over the assistant's last message, without its end."""
        loaded = self._model.loaded
        heads = [_before_answer(prompt) for prompt in prompts]
        sources = self._sources([head or Prompt(messages=()) for head in heads])
        targets = [self._target(prompt.messages[-1].text if prompt.messages else "") for prompt in prompts]
        answers: list[Answer | None] = [
            Answer(error=NO_ANSWER) if head is None else loaded.too_long(max(len(source), len(target.ids)))
            for head, source, target in zip(heads, sources, targets, strict=True)
        ]
        fitting = [index for index, answer in enumerate(answers) if answer is None]

        def ask(batch: list[int]) -> list[list[float]]:
            places = [fitting[number] for number in batch]
            needs = [
                (line, at, targets[index].ids[at])
                for line, index in enumerate(places)
                for at in self._inner(targets[index])
            ]
            rows = [Row(ids=sources[index], target=list(targets[index].given)) for index in places]
            found = iter(loaded.token_log_probs(rows, needs))
            return [[next(found) for _ in self._inner(targets[index])] for index in places]

        lengths = [len(sources[index]) + len(targets[index].ids) for index in fitting]
        for number, values in loaded.in_passes(lengths, ask, budget=self.batch_tokens):
            scores = {"log_likelihood": fsum(values), "tokens": len(values)}
            answers[fitting[number]] = scored(scores) if values else Answer(error="nothing to score")
        return [answer for answer in answers if answer is not None]

    def generate(self, prompts: Sequence[Prompt], *, repeat: int, question: Question) -> list[Answer]:
        """One sampled text a prompt; draw number `repeat` of a prompt is the same in whatever batch it is asked."""
        return drawn(
            self._model.loaded, prompts, self._sources(prompts),
            repeat=repeat, question=question, temperature=self._temperature, budget=self.batch_tokens,
        )  # fmt: skip

    def _plans(self, lengths: Sequence[int], options: Sequence[str]) -> list[OptionRows | Answer]:
        """What the decoder is given to score the options after prompts of these lengths."""
        loaded = self._model.loaded
        targets = [self._target(option.lstrip(" ")) for option in options]
        plan = option_rows(targets[0].given[: self._ends[0] + 1], [self._joint(one) for one in targets])
        longest = max((len(row) for row in plan.rows), default=0) if plan else 0
        return [loaded.too_long(max(length, longest)) or plan or Answer(error=NO_TOKEN) for length in lengths]

    def _option_lines(self, prompts: Sequence[Prompt], options: tuple[str, ...]) -> list[Inputs | Answer]:
        """Each prompt with every row that the decoder is given for the options."""
        lines = self._prompt_lines(prompts)
        plans = self._plans([len(line.ids) for line in lines], options)
        return [
            plan
            if isinstance(plan, Answer)
            else Inputs(
                lines=tuple(replace(line, target=row) for row in plan.rows),
                needs=plan.needs,
                onward=plan.onward,
            )
            for line, plan in zip(lines, plans, strict=True)
        ]

    def _answer_lines(self, prompts: Sequence[Prompt]) -> list[Inputs | Answer]:
        """Each prompt with the answer that stands at its end."""
        heads = [_before_answer(prompt) for prompt in prompts]
        lines = self._prompt_lines([head or Prompt(messages=()) for head in heads])
        targets = [self._target(prompt.messages[-1].text) for prompt in prompts]
        found: list[Inputs | Answer] = []
        for head, line, target in zip(heads, lines, targets, strict=True):
            needs = [Need(row=0, position=at, token=target.ids[at], option=0) for at in self._inner(target)]
            long = self._model.loaded.too_long(max(len(line.ids), len(target.ids)))
            problem = Answer(error=NO_ANSWER) if head is None else long
            found.append(problem or Inputs(lines=(replace(line, target=target.given),), needs=tuple(needs)))
        return found

    def _prompt_lines(self, prompts: Sequence[Prompt]) -> list[Line]:
        found = [placed(prompt, lambda one: self._reading.text(one, None)) for prompt in prompts]
        known = [one for one in found if isinstance(one, Placed)]
        rows = coded(self._model.loaded, [one.text for one in known])
        return [replace(row.line(one.place), types=None) for one, row in zip(known, rows, strict=True)]

    def _texts(self, prompts: Sequence[Prompt]) -> list[str]:
        texts = [self._reading.text(prompt, None) for prompt in prompts]
        return [text for text in texts if isinstance(text, str)]

    def _sources(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Token ids of each prompt for the encoder."""
        return [row.ids for row in self._model.rows(self._texts(prompts))]

    @cached_property
    def _ends(self) -> tuple[int, int]:
        """How many special tokens the tokenizer puts before and after what the decoder writes."""
        loaded = self._model.loaded
        with loaded.lock:
            coded = loaded.tokenizer(text_target="a", return_special_tokens_mask=True)
        mask = coded["special_tokens_mask"]
        before, after = (
            next((n for n, special in enumerate(side) if not special), 0) for side in (mask, mask[::-1])
        )
        return before, after

    def _target(self, text: str) -> Target:
        """A text for the decoder: what it was taught to write, and the same moved on by one."""
        import torch

        loaded = self._model.loaded
        with loaded.lock:
            ids = loaded.tokenizer(text_target=text, verbose=False)["input_ids"]
        labels = torch.tensor([ids], device=loaded.device)
        given = loaded.model.prepare_decoder_input_ids_from_labels(labels=labels)[0].tolist()
        return Target(given=tuple(given), ids=tuple(ids))

    def _inner(self, target: Target) -> range:
        """Positions of the text itself, without special tokens at either end."""
        return range(self._ends[0], len(target.ids) - self._ends[1])

    def _joint(self, target: Target) -> list[int]:
        """What the decoder begins with, and the tokens of the text after it."""
        return [*target.given[: self._ends[0] + 1], *(target.ids[at] for at in self._inner(target))]


def _before_answer(prompt: Prompt) -> Prompt | None:
    """The conversation before the assistant's last message; None where it does not end with one."""
    if len(prompt.messages) < 2 or prompt.messages[-1].role != "assistant":
        return None
    return Prompt(messages=prompt.messages[:-1])
