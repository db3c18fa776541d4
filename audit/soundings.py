"""Fixed texts that are put to a server: whether its model changes meanwhile, and whether it scores given texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from audit.echoes import CHECKED, disagreement, longer
from audit.flight import side_by_side
from audit.protocols import Ask
from audit.records import Answer, Message, Prompt, Question

CANARY = Question(kind="generate", max_tokens=32)
CANARIES = (
    "Name the months of the year in reverse order.",
    "Write the first ten prime numbers.",
    "Describe a bridge in one sentence.",
    "Continue: The river was high after the rain, and",
    "Which is heavier, a litre of oil or a litre of water? Give a reason.",
    "Make a list of five kinds of tree.",
    "Explain in one sentence how a sundial works.",
    "Write two lines of a poem about a lighthouse.",
)
LIKELIHOOD, NEXT = Question(kind="likelihood"), Question(kind="next_token")
MOST_CHECKED = 4
"""Tokens whose log-probabilities are asked for in two ways."""


class Answers(Protocol):
    """Brings one question to its answer, or to the reason why it has none."""

    async def __call__(
        self, ask: Ask, question: Question, *, by_tokens: bool = False, steady: bool = False
    ) -> Answer:
        """The answer; `by_tokens` with log-probabilities, `steady` at temperature 0."""
        ...


async def canaries(answer: Answers, number: int, *, most: int) -> Mapping[str, str]:
    """Answer by prompt at temperature 0, of those that were answered; `most` are asked at once."""
    texts = CANARIES[:number]
    found: dict[str, str] = {}

    async def one(place: int) -> None:
        said = await answer(_bare(texts[place]), CANARY, steady=True)
        if said.text is not None:
            found[texts[place]] = said.text

    await side_by_side(one, iter(range(len(texts))), most=min(most, len(texts)))
    return found


async def echo_problem(answer: Answers) -> str:
    """Why a server does not score given texts as it does the next token; empty where it does."""
    next_one = await answer(_bare(CHECKED), NEXT, by_tokens=True)
    told = next_one.scores or {}
    base = await answer(_bare(CHECKED), LIKELIHOOD)
    made = {token: await answer(_bare(CHECKED + token), LIKELIHOOD) for token in longer(told, MOST_CHECKED)}
    return disagreement(base, made, told)


def _bare(text: str) -> Ask:
    """A prompt of one text."""
    return Ask(prompt=Prompt(messages=(Message(role="text", text=text),)))
