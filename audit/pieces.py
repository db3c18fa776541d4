"""Pieces: batches handed to workers and put together again; a prompt that ends workers is set apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from audit.batching import Batch
from audit.records import Answer, Prompt

TRIES = 3
"""How often a batch is asked whole, when the workers that are asked it end."""
TRIES_ALONE = 2
"""How often each of its prompts is asked alone after that."""


@dataclass(kw_only=True, slots=True)
class Piece:
    """A batch, or one prompt of it, on its way to a worker."""

    number: int
    """Of the batch."""
    at: int
    """Where in the batch its first prompt stands."""
    prompts: Sequence[Prompt]
    repeat: int
    whole: bool = True
    losses: int = 0
    """How many workers ended while they were asked it."""


@dataclass(kw_only=True, slots=True)
class _Open:
    """The answers of a batch as far as they are known."""

    answers: list[Answer | None]
    missing: int


@dataclass(kw_only=True, slots=True)
class Pieces:
    """The batches that are to be asked, taken from `batches` one by one as workers are free."""

    batches: Iterator[Batch]
    _waiting: deque[Piece] = field(default_factory=deque)
    _open: dict[int, _Open] = field(default_factory=dict)
    _ended: bool = False

    @property
    def is_done(self) -> bool:
        """Whether every batch is known to be complete."""
        return self._ended and not self._open

    def take(self) -> Piece | None:
        """The next piece to be asked, what came back first; None where there is none at present."""
        if self._waiting:
            return self._waiting.popleft()
        batch = None if self._ended else next(self.batches, None)
        if batch is None:
            self._ended = True
            return None
        count = len(batch.prompts)
        self._open[batch.number] = _Open(answers=[None] * count, missing=count)
        return Piece(number=batch.number, at=0, prompts=batch.prompts, repeat=batch.repeat)

    def answered(self, piece: Piece, answers: Sequence[Answer]) -> tuple[int, list[Answer]] | None:
        """The number and the answers of a batch that is complete with these."""
        batch = self._open[piece.number]
        batch.answers[piece.at : piece.at + len(answers)] = answers
        batch.missing -= len(answers)
        if batch.missing:
            return None
        del self._open[piece.number]
        return piece.number, [answer for answer in batch.answers if answer is not None]

    def returned(self, piece: Piece) -> None:
        """Takes back a piece that a lost worker had not begun."""
        self._waiting.appendleft(piece)

    def lost(self, piece: Piece, reason: str) -> tuple[int, list[Answer]] | None:
        """Takes back a piece whose worker ended over it; the batch, where that makes it complete.

        It is asked again whole, then prompt by prompt; a prompt that still ends workers is a failed record.
        """
        piece.losses += 1
        if piece.losses < (TRIES if piece.whole else TRIES_ALONE):
            self.returned(piece)
            return None
        if piece.whole and len(piece.prompts) > 1:
            alone = [
                Piece(
                    number=piece.number, at=at, prompts=[prompt], repeat=piece.repeat, whole=False
                )
                for at, prompt in enumerate(piece.prompts)
            ]  # fmt: skip
            self._waiting.extendleft(reversed(alone))
            return None
        return self.answered(piece, [Answer(error=f"every worker that was asked this ended: {reason}")])
