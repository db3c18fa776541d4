"""The contracts that plug-ins meet: a capability is a protocol, asked for with `isinstance`.

Back ends: `Backend` and what it can do (`Classifies`, `Chooses`, `Generates`, `ScoresText`, `PredictsNext`, `Masks`,
`Replays`, `HoldsRecords`), or with many questions under way at once (`Streams`).
Metrics: `Metric` (answer → number), `PairMetric` (two scores → number), `Compares` (two answers → number), `Summary`
(two group means → number), `Relative` (a score and all others → number), `ReadByModel` (a second model reads it).
Explanations: `Attributor`; gradients and looks inside have their contracts in `audit.inside`.
Report and exports: `Section`, `Exporter`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from audit.records import (
    Answer,
    Card,
    ModelIdentity,
    Prompt,
    Question,
    QuestionKind,
    Reading,
    Recorded,
    Run,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


RATING = "rating"
"""Key of a number that a model gives itself, among the scores of an answer to a question of the kind `rate`."""


# ---------------------------------------------------------------- back ends


@runtime_checkable
class Backend(Protocol):
    """What answers. Opening one reads configuration and digests only; weights load at the first question."""

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is; known before the first question."""
        ...

    @property
    def deterministic(self) -> bool:
        """Whether a repeated question gives the same scores (log-probabilities do, sampled texts do not)."""
        ...


@runtime_checkable
class Classifies(Protocol):
    """Text → log-probability of each label."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names in the model's order."""
        ...

    def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """One answer a prompt, in order; `scores` maps every label to its log-probability (fp32)."""
        ...


@runtime_checkable
class Chooses(Protocol):
    """Prompt + options → log-probability of each option as the continuation."""

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """One answer a prompt, in order; `scores` maps every option to the sum of its token log-probabilities."""
        ...


@runtime_checkable
class Rates(Protocol):
    """Text → a number that the model gives as its output, such as that of a regression."""

    def rate(self, prompts: Sequence[Prompt], question: Question) -> list[Answer]:
        """One answer a prompt, in order; `scores` maps `rating` to the number, or `text` states it in words."""
        ...


@runtime_checkable
class Generates(Protocol):
    """Prompt → text."""

    def generate(self, prompts: Sequence[Prompt], *, repeat: int, question: Question) -> list[Answer]:
        """One text a prompt; draw number `repeat` is seeded from prompt id and number."""
        ...


@runtime_checkable
class ScoresText(Protocol):
    """Text → its log-likelihood."""

    def log_likelihood(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """One answer a prompt, in order.

        `scores` holds `log_likelihood` (causal models) or `pseudo_log_likelihood` (masked models), natural logarithm
        summed over the scored tokens, and `tokens`, their number.
        """
        ...


@runtime_checkable
class PredictsNext(Protocol):
    """Prompt → probabilities of the next token."""

    def next_token(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """One answer a prompt, in order.

        `scores` maps the likeliest tokens to their log-probabilities, the empty text to that of all others together.
        """
        ...


@runtime_checkable
class Masks(Protocol):
    """Has a word that means "nothing here" (removal game)."""

    @property
    def mask_text(self) -> str:
        """The mask token as text."""
        ...


@runtime_checkable
class Replays(Protocol):
    """Answers that were recorded for our own prompt ids."""

    def replay(self, prompt_ids: Sequence[str], *, repeat: int) -> list[Answer]:
        """One answer an id, in order; an error where nothing was recorded."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One thing to ask: a prompt, the number of the draw, and what is called right before it is sent, in any thread."""

    prompt: Prompt
    repeat: int = 0
    put: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)


@runtime_checkable
class Streams(Protocol):
    """Asks many things at once and gives the answers as they come."""

    def stream(self, asks: Sequence[Ask], question: Question) -> Iterator[tuple[int, Answer]]:
        """(Number of the ask, its answer), each ask once, in any order; it counts as asked once its `put` was called.

        What cannot be answered, or is not asked any more, is an answer with an error. Closing the iterator cancels what
        is under way. InputError where nothing can be answered at all (a wrong key, a model that is not there).
        """
        ...


@runtime_checkable
class TellsFacts(Protocol):
    """Knows more about a model after it was asked: what a server called itself, what it cost, what changed."""

    def facts(self) -> Mapping[str, object]:
        """Plain values for the manifest; `warnings` are sentences that a reader has to see."""
        ...


@runtime_checkable
class HoldsRecords(Protocol):
    """Answers with prompts of their own, read through a suite's `recorded:` block."""

    def records(self, layout: object) -> Recorded:
        """The rows that `layout` (a suite's `RecordedLayout`) selects; what it leaves out is counted."""
        ...


# ------------------------------------------------------------------ metrics


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Answers in columns, one row an answer (for rankings: one row an answer and candidate).

    log_probs has shape (rows, len(labels)) and NaN where an answer has no scores.
    """

    prompt_ids: Sequence[str]
    items: Sequence[str]
    texts: Sequence[str]
    errors: Sequence[str]
    labels: tuple[str, ...]
    log_probs: NDArray[np.float64]
    expected: Sequence[str] = ()
    """The right answer of each row where one is known, else an empty text; empty where none is known at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """Numbers with reasons: values has shape (rows,), NaN exactly where the reason is not empty."""

    values: NDArray[np.float64]
    reasons: Sequence[str]


@runtime_checkable
class Metric(Protocol):
    """Answer → number."""

    @property
    def card(self) -> Card:
        """Definition, range, source."""
        ...

    @property
    def kinds(self) -> frozenset[QuestionKind]:
        """Questions it can be computed for; for others it is `not_measured`."""
        ...

    def score(self, answers: Answers, question: Question) -> Values:
        """One value an answer."""
        ...


@runtime_checkable
class PairMetric(Protocol):
    """Two answers → an unsigned number, averaged over all combinations of repeats."""

    @property
    def card(self) -> Card:
        """Definition, range, source."""
        ...

    @property
    def of(self) -> str:
        """The metric whose values it compares."""
        ...

    def between(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """`a`, `b` of shape (pairs, repeats) → (pairs,); NaN where either side has no value."""
        ...


@runtime_checkable
class Compares(Protocol):
    """Two answers, as they are → an unsigned number, averaged over all combinations of repeats."""

    @property
    def card(self) -> Card:
        """Definition, range, source."""
        ...

    @property
    def kinds(self) -> frozenset[QuestionKind]:
        """Questions it can be computed for."""
        ...

    def compare(
        self, answers: Answers, a: NDArray[np.intp], b: NDArray[np.intp], question: Question
    ) -> Values:
        """One value for each pair of rows a[i], b[i] of `answers`."""
        ...


@runtime_checkable
class ReadByModel(Protocol):
    """A score of text answers that a second model gives; the pipeline asks it like every other model."""

    @property
    def card(self) -> Card:
        """Definition, range, source."""
        ...

    @property
    def reading(self) -> Reading:
        """Which model reads unless the suite names another, what it is asked, and what its labels count."""
        ...


@runtime_checkable
class Relative(Protocol):
    """Score of every prompt → number that depends on the scores of the whole sample; made by `audit.relative`."""

    @property
    def card(self) -> Card:
        """Definition, range, source."""
        ...

    @property
    def kinds(self) -> frozenset[QuestionKind]:
        """Questions it can be computed for."""
        ...

    def rests_on(self, question: Question) -> str:
        """The metric whose scores it is made from."""
        ...

    def relative(self, values: NDArray[np.float64], sample: NDArray[np.bool_]) -> NDArray[np.float64]:
        """One value a score; `sample` marks the scores that it is relative to."""
        ...


@runtime_checkable
class Summary(Protocol):
    """Two group means → one number on its natural scale; its interval is a jackknife over clusters."""

    @property
    def card(self) -> Card:
        """Definition, range, source."""
        ...

    @property
    def of(self) -> str:
        """The metric whose group means it compares."""
        ...

    def between(self, mean_a: NDArray[np.float64], mean_b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Vectorised over leave-one-out replicates; NaN where undefined (a zero rate)."""
        ...


@runtime_checkable
class Differs(Protocol):
    """Group means of scores → their difference under a name of its own."""

    @property
    def card(self) -> Card:
        """Definition, range, source."""
        ...

    @property
    def differs_in(self) -> tuple[str, ...]:
        """The scores: of one the difference b - a, of several the largest difference without its sign."""
        ...


# ------------------------------------------------------------- explanations


@dataclass(frozen=True, kw_only=True, slots=True)
class Credits:
    """Credit of each player of a coalition game, shape (players,), with the error of each (0 = exact)."""

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    base_value: float
    total: float
    halves: tuple[NDArray[np.float64], ...] = ()
    """Sampled credits: the estimates of several seeds whose mean `values` is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Distinct coalitions, shape (coalitions, players), and their weights in every credit, (players, coalitions)."""

    masks: NDArray[np.bool_]
    values: NDArray[np.float64]


@runtime_checkable
class Attributor(Protocol):
    """Coalition game → credits. Run once with a recording `value` to plan, once more with the answers."""

    def attribute(
        self, players: int, value: Callable[[NDArray[np.bool_]], NDArray[np.float64]], *, seed: int
    ) -> Credits:
        """`value` maps masks of shape (rows, players) to scores (rows,). Same seed, same masks."""
        ...


@runtime_checkable
class Linear(Protocol):
    """Knows how its credits depend on the worth of coalitions, so that noise of the answers can be carried on."""

    def weights(self, players: int, *, seed: int) -> Weights:
        """The coalitions that `attribute` asks for with this seed, and their weights in every credit."""
        ...


# --------------------------------------------------------- report and exports


class Section(Protocol):
    """One part of the report: a run → what its template `templates/sections/<name>.html.j2` needs."""

    def __call__(self, run: Run) -> Mapping[str, object]:
        """Context of the template; an empty mapping leaves the section out."""
        ...


class Exporter(Protocol):
    """A run → files in a machine format."""

    def __call__(self, run: Run, folder: Path) -> list[Path]:
        """The files written."""
        ...
