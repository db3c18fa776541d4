"""Masked language models: which option fits a gap, and how likely a text is, one hidden token after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from audit.batching import Cut
from audit.choices import NO_TOKEN, chosen
from audit.continuations import Need, OptionRows
from audit.errors import InputError
from audit.inside import Inputs, Line, Opened, Place
from audit.likelihoods import NOTHING, one_masked
from audit.loading import Loading
from audit.ondemand import OnDemand, with_random_weights
from audit.openings import opened_language_model
from audit.passes import Loaded
from audit.placing import Coded, Placed, coded, line_of, placed
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

    def opened(self, question: Question, metric: str) -> Opened | str:
        """The contrast of what fits the gap, or the pseudo-log-likelihood, as a function of the inputs."""
        return opened_language_model(
            self._model, question, metric,
            likelihood="pseudo_log_likelihood", of_options=self._option_lines, of_texts=self._text_lines,
        )  # fmt: skip

    def randomised(self, seed: int) -> MaskedLM | str:
        """A copy with random weights."""
        twin = with_random_weights(self._model, self.identity, seed)
        if isinstance(twin, str):
            return twin
        weights, identity = twin
        return MaskedLM(weights, self._model.loading, identity=identity)

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
        plans = self._planned([plain_text(prompt) for prompt in prompts], options)
        return chosen(loaded, plans, options, budget=self.batch_tokens)

    def _planned(self, texts: Sequence[str], options: Sequence[str]) -> list[OptionRows | Answer]:
        """The rows that score the options in the gap of each text, or why they cannot be scored."""
        gaps = [around_gap(text, self._gaps) for text in texts]
        filled = [_filled(gap, options) for gap in gaps if not isinstance(gap, Answer)]
        coded = self._coded([option.text for some in filled for option in some])
        rows = iter(coded)
        plans = iter([self._rows(some, list(islice(rows, len(some)))) for some in filled])
        return [gap if isinstance(gap, Answer) else next(plans) for gap in gaps]

    def _coded(self, texts: Sequence[str]) -> list[tuple[list[int], list[tuple[int, int]]]]:
        """Token ids of each text, and where each token stands in it."""
        loaded = self._model.loaded
        if not texts:
            return []
        with loaded.lock:
            found = loaded.tokenizer(list(texts), return_offsets_mapping=True, verbose=False)
        return list(zip(found["input_ids"], found["offset_mapping"], strict=True))

    def _rows(
        self, filled: Sequence[_Filled], coded: Sequence[tuple[list[int], list[tuple[int, int]]]]
    ) -> OptionRows | Answer:
        """The rows of one text's options, or why they cannot be scored."""
        loaded = self._model.loaded
        joint = [ids for ids, _ in coded]
        places = [
            _places(offsets, one.start, one.end) for one, (_, offsets) in zip(filled, coded, strict=True)
        ]
        if not all(places):
            return Answer(error=NO_TOKEN)
        mask = int(loaded.tokenizer.mask_token_id)
        return loaded.too_long(max(map(len, joint))) or _gap_rows(joint, places, mask=mask)

    def _option_lines(self, prompts: Sequence[Prompt], options: tuple[str, ...]) -> list[Inputs | Answer]:
        """The rows that score the options in the gap of each prompt, with the places of their tokens."""
        found: list[Inputs | Answer] = []
        for prompt in prompts:
            one, gap = placed(prompt, plain_text), around_gap(plain_text(prompt), self._gaps)
            if isinstance(one, Answer):
                found.append(one)
                continue
            if isinstance(gap, Answer):
                found.append(gap)
                continue
            filled = _filled(gap, options)
            rows = coded(self._model.loaded, [some.text for some in filled])
            plan = self._rows(filled, [(list(row.ids), list(row.offsets)) for row in rows])
            if isinstance(plan, Answer):
                found.append(plan)
                continue
            lines = tuple(_gap_line(row, filled, rows, one) for row in plan.rows)
            found.append(Inputs(lines=lines, needs=plan.needs))
        return found

    def _text_lines(self, prompts: Sequence[Prompt]) -> list[Inputs | Answer]:
        """The rows that score each text, one hidden token a row, with the places of all others."""
        loaded = self._model.loaded
        found = [one for prompt in prompts if isinstance(one := placed(prompt, plain_text), Placed)]
        rows = coded(loaded, [one.text for one in found])
        return [_hidden_lines(loaded, one, row) for one, row in zip(found, rows, strict=True)]


def _hidden_lines(loaded: Loaded, one: Placed, row: Coded) -> Inputs | Answer:
    scored = range(loaded.head, len(row.ids) - loaded.tail)
    if len(row.ids) > loaded.limit or not scored:
        return loaded.too_long(len(row.ids)) or Answer(error=NOTHING)
    mask = int(loaded.tokenizer.mask_token_id)
    places = row.line(one.place).places
    lines = [
        Line(
            ids=(*row.ids[:at], mask, *row.ids[at + 1 :]),
            places=(*places[:at], None, *places[at + 1 :]),
        )
        for at in scored
    ]
    needs = (Need(row=n, position=at, token=row.ids[at], option=0) for n, at in enumerate(scored))
    return Inputs(lines=tuple(lines), needs=tuple(needs))


def _gap_line(row: Sequence[int], filled: Sequence[_Filled], rows: Sequence[Coded], one: Placed) -> Line:
    """A row with one hidden token; what stands behind the option is found where it stands in the prompt."""
    like = [at for at, other in enumerate(rows) if len(other.ids) == len(row)]
    number = next(at for at in like if sum(a != b for a, b in zip(rows[at].ids, row, strict=True)) <= 1)
    some = filled[number]

    def find(start: int, end: int) -> Place | None:
        if start < some.end and end > some.start:
            return None
        moved = len(one.text) - len(some.text) if start >= some.end else 0
        return one.place(start + moved, end + moved)

    return line_of(row, [rows[number]], find, hidden=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Filled:
    """A text whose gap holds an option, from character `start` to `end`."""

    text: str
    start: int
    end: int


def _filled(gap: tuple[str, str], options: Sequence[str]) -> list[_Filled]:
    """The text with each option in its gap; an option loses its space where one stands there already."""
    before, after = gap
    fitting = [option.lstrip(" ") if before[-1:].isspace() else option for option in options]
    return [
        _Filled(text=before + option + after, start=len(before), end=len(before) + len(option))
        for option in fitting
    ]


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
