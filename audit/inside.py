"""Inside a model: the contracts of back ends whose model opens, and of what gradients make of its inputs.

A prompt is read as lines of tokens, each token with the characters that it stands for. The score is a differentiable
function of the embeddings of these tokens; whoever wants to change something further inside hooks into the module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from audit.continuations import Need
from audit.protocols import Backend, Credits
from audit.records import Answer, Prompt, Question

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
Place = tuple[int, int, int]
"""Characters [start, end) of a message of the prompt: (number of the message, start, end)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A row of token ids that the model reads, and where in the prompt each of its tokens stands."""

    ids: tuple[int, ...]
    places: tuple[Place | None, ...]
    """None for tokens of the chat template, of an option, and special ones."""
    types: tuple[int, ...] | None = None
    target: tuple[int, ...] | None = None
    """What the decoder of an encoder-decoder model is given beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """A prompt as the model reads it for one question: its lines, and the tokens whose probabilities are wanted."""

    lines: tuple[Line, ...]
    needs: tuple[Need, ...] = ()
    """Empty for classifiers, whose score is made of the logits of their only line."""
    onward: tuple[Need, ...] = ()
    """Tokens with which an option would go on to a longer one; what they take is not its own."""


class Opened(Protocol):
    """A model that lies open, as it answers one question: its module, and the explained score as a function of it."""

    @property
    def module(self) -> Any:
        """The torch module, in evaluation mode."""
        ...

    @property
    def embedding(self) -> Any:
        """The part of the module that makes embeddings of token ids."""
        ...

    def read(self, prompts: Sequence[Prompt]) -> list[Inputs | Answer]:
        """Each prompt exactly as the back end asks it; a failed record where that cannot be."""
        ...

    def embedded(self, inputs: Inputs) -> list[Tensor]:
        """The embeddings of each line, (tokens, width), without a gradient."""
        ...

    def nothing(self) -> tuple[str, Tensor]:
        """What stands for an absent word, by name, and its embedding, (width,)."""
        ...

    def scores(self, inputs: Sequence[Inputs], embedded: Sequence[Tensor] | None = None) -> Tensor:
        """The explained score of each input, (inputs,) in double precision, differentiable where gradients are on.

        `embedded` stands in for the embeddings of all lines, one tensor (tokens, width) a line of each input in turn.
        """
        ...

    def in_passes(
        self, lengths: Sequence[int], ask: Callable[[list[int]], list[T]]
    ) -> Iterator[tuple[int, T]]:
        """Every index of `lengths` (tokens) with what `ask` gives for it, in passes that fit gradients into memory."""
        ...


@runtime_checkable
class Opens(Protocol):
    """Has a model that lies open."""

    def opened(self, question: Question, metric: str) -> Opened | str:
        """The model with the score `metric` of the answers to `question`; a sentence that says why it cannot be."""
        ...


@runtime_checkable
class Randomises(Protocol):
    """Can give a copy of itself that has learned nothing."""

    def randomised(self, seed: int) -> Backend | str:
        """A copy with random weights and an identity of its own; a sentence that says why there can be none."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """An input, the player of each of its tokens, and where the straight line to it begins."""

    inputs: Inputs
    owners: tuple[tuple[int, ...], ...]
    """Player of each token of each line; -1 for tokens of no player."""
    players: int
    start: Inputs | None = None
    """The counterpart, token by token; None: the input itself, with nothing where the players' tokens stand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Slopes:
    """Credits of players from gradients, and what is known about their error."""

    credits: Credits
    operator: str
    rest: float = 0.0
    """Credit of the tokens that belong to no player."""
    completeness: float | None = None
    """How far all credits miss the difference of the two scores; None for methods that do not add up."""
    steps: int = 1


@runtime_checkable
class Differentiates(Protocol):
    """Opened model → credits of players, from gradients of the score by the embeddings of the tokens."""

    @property
    def of_pairs(self) -> bool:
        """Whether it can go from one prompt of a pair to the other, too."""
        ...

    def differentiate(self, opened: Opened, routes: Sequence[Route]) -> list[Slopes]:
        """One result a route, in order."""
        ...
