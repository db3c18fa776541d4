"""Coalition games: which prompt each coalition of players is, and what it is worth once the prompts are scored.

    swap     v(S) = f(slots of S as in b, the others as in a)     adds up to f(b) - f(a)
    removal  v(S) = f(text without the players outside S)         adds up to f(text) - f(nothing)
    gap      v(S) = f(b with context S) - f(a with context S)     adds up to what the context does to the gap

An attributor asks for coalitions as rows of booleans. It is run once to record which it asks for (`requested`), the
prompts go through `collect` like all others, and it is run again with the scores (`Coalitions.values`). Removal and gap
games of a prompt share its texts: the context of the gap is the removal game's players without the group's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from audit.players import Player
from audit.protocols import Attributor
from audit.records import Game as GameKind
from audit.records import Message, Prompt
from audit.spans import Piece, slot_pieces, without

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

Key = tuple[int, ...]


class View(Protocol):
    """A coalition (one boolean a player) → the prompt in which these players are present."""

    def key(self, mask: Sequence[bool]) -> Key:
        """What tells its prompts apart before they are made."""
        ...

    def __call__(self, mask: Sequence[bool]) -> Prompt:
        """The prompt."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Game:
    """Players and the prompts whose scores, each times its sign, make up the worth of a coalition."""

    kind: GameKind
    players: tuple[Player, ...]
    terms: tuple[tuple[int, View], ...]
    operator: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """A prompt without the players that are absent; a mask stands where each of their pieces stood, or nothing."""

    prompt: Prompt
    pieces: tuple[Piece, ...]
    owners: tuple[int, ...]
    """Number of the player of each piece; -1 for pieces that are always present."""
    bits: tuple[int, ...]
    """The pieces of each player, as bits."""
    off: str

    def key(self, mask: Sequence[bool]) -> Key:
        """What tells the texts of this prompt apart, in whatever game."""
        absent = 0
        for present, bits in zip(mask, self.bits, strict=True):
            absent |= 0 if present else bits
        return id(self.prompt), absent

    def __call__(self, mask: Sequence[bool]) -> Prompt:
        """The prompt of one coalition; with every player present it is the original, byte for byte."""
        absent: list[list[Piece]] = [[] for _ in self.prompt.messages]
        for piece, owner in zip(self.pieces, self.owners, strict=True):
            if owner >= 0 and not mask[owner]:
                absent[piece.part].append(piece)
        messages = (
            Message(role=message.role, text=without(message.text, removed, self.off))
            for message, removed in zip(self.prompt.messages, absent, strict=True)
        )
        return Prompt(messages=tuple(messages))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixed:
    """Two prompts that differ in their slots: slots of present players read as in `b`, all others as in `a`."""

    a: Prompt
    b: Prompt
    owners: tuple[int, ...]
    """Number of the player of each slot; -1 for slots that read the same in both."""

    def key(self, mask: Sequence[bool]) -> Key:
        """What tells the texts of these two prompts apart."""
        return id(self.a), id(self.b), *mask

    def __call__(self, mask: Sequence[bool]) -> Prompt:
        """The prompt of one coalition."""
        texts = [""] * len(self.a.messages)
        ends = [0] * len(self.a.messages)
        for span, other, owner in zip(self.a.spans, self.b.spans, self.owners, strict=True):
            side, used = (self.b, other) if owner >= 0 and mask[owner] else (self.a, span)
            texts[span.part] += self.a.messages[span.part].text[ends[span.part] : span.start]
            texts[span.part] += side.messages[span.part].text[used.start : used.end]
            ends[span.part] = span.end
        messages = (
            Message(role=message.role, text=text + message.text[end:])
            for message, text, end in zip(self.a.messages, texts, ends, strict=True)
        )
        return Prompt(messages=tuple(messages))


def swap_game(a: Prompt, b: Prompt, players: Sequence[Player]) -> Game:
    """The game whose players are the swapped slots: x = b, its counterpart x' = a."""
    owners = _owners(len(slot_pieces(a)), players)
    return Game(
        kind="swap",
        players=tuple(players),
        terms=((1, Mixed(a=a, b=b, owners=owners)),),
        operator="counterpart",
    )


def removal_game(
    prompt: Prompt, pieces: Sequence[Piece], players: Sequence[Player], *, mask_text: str | None
) -> Game:
    """The game of presence and absence within one prompt."""
    view = _removed(prompt, pieces, players, mask_text)
    return Game(kind="removal", players=tuple(players), terms=((1, view),), operator=_operator(mask_text))


def gap_game(
    a: Prompt,
    b: Prompt,
    *,
    pieces: tuple[Sequence[Piece], Sequence[Piece]],
    players: Sequence[Player],
    mask_text: str | None,
) -> Game:
    """The game of the difference between b and a: context players come and go, the group's words always stand."""
    view_a, view_b = _removed(a, pieces[0], players, mask_text), _removed(b, pieces[1], players, mask_text)
    return Game(
        kind="gap", players=tuple(players), terms=((1, view_b), (-1, view_a)), operator=_operator(mask_text)
    )


def _removed(
    prompt: Prompt, pieces: Sequence[Piece], players: Sequence[Player], mask_text: str | None
) -> Removed:
    return Removed(
        prompt=prompt,
        pieces=tuple(pieces),
        owners=_owners(len(pieces), players),
        off=mask_text or "",
        bits=tuple(sum(1 << member for member in player.members) for player in players),
    )


def _operator(mask_text: str | None) -> str:
    return "mask" if mask_text else "deletion"


def _owners(count: int, players: Sequence[Player]) -> tuple[int, ...]:
    owners = [-1] * count
    for number, player in enumerate(players):
        for member in player.members:
            owners[member] = number
    return tuple(owners)


@dataclass(slots=True)
class Coalitions:
    """One game's table: the prompt ids of every coalition that was asked for."""

    game: Game
    made: dict[Key, str] = field(default_factory=dict)
    """Ids of the prompts that were made, for all games of a cell together."""
    ids: dict[bytes, tuple[str, ...]] = field(default_factory=dict)

    def add(self, masks: Mask) -> Iterator[Prompt]:
        """The prompts of coalitions, one by one; what was made already, for this game or another, is not made again."""
        for mask in masks:
            key, present = mask.tobytes(), mask.tolist()
            if key in self.ids:
                continue
            keys = [view.key(present) for _, view in self.game.terms]
            for known, (_, view) in zip(keys, self.game.terms, strict=True):
                if known not in self.made:
                    prompt = view(present)
                    self.made[known] = prompt.id
                    yield prompt
            self.ids[key] = tuple(self.made[known] for known in keys)

    def needed(self, masks: Mask) -> set[str]:
        """Ids of all prompts that these coalitions stand on."""
        return {prompt_id for mask in masks for prompt_id in self.ids[mask.tobytes()]}

    def values(self, masks: Mask, scores: Mapping[str, float], *, odds: bool = False) -> NDArray[np.float64]:
        """What coalitions of shape (rows, players) are worth; NaN where a score is missing.

        With `odds` scores are log-odds, of which the probabilities are taken.
        """
        import numpy as np

        nothing = float("nan")
        signs = np.array([float(sign) for sign, _ in self.game.terms])
        rows = [self.ids.get(mask.tobytes(), ()) for mask in np.ascontiguousarray(masks, dtype=np.bool_)]
        parts = np.array(
            [[scores.get(i, nothing) for i in ids] or [nothing] * len(signs) for ids in rows],
            dtype=np.float64,
        ).reshape(len(rows), len(signs))
        return np.asarray((0.5 + np.tanh(parts / 2) / 2 if odds else parts) @ signs)


def requested(attributor: Attributor, players: int, *, seed: int) -> Mask:
    """The distinct coalitions an attributor asks for, whatever they are worth."""
    import numpy as np

    seen: list[Mask] = []

    def record(masks: Mask) -> NDArray[np.float64]:
        seen.append(np.array(masks, dtype=np.bool_))
        return np.zeros(len(masks))

    attributor.attribute(players, record, seed=seed)
    return np.unique(np.concatenate(seen), axis=0)


def all_coalitions(players: int) -> Mask:
    """Every coalition, shape (2 ** players, players), from none to all."""
    import numpy as np

    numbers = np.arange(2**players)[:, None]
    return np.asarray((numbers >> np.arange(players)) & 1, dtype=np.bool_)


@contextmanager
def own_random_numbers() -> Iterator[None]:
    """numpy's global random state is afterwards what it was before, whatever a library does to it."""
    import numpy as np

    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
