"""Token owners: which player of an explanation each token of a prompt belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from audit.inside import Inputs, Place, Route
from audit.players import Player
from audit.records import Prompt
from audit.spans import Piece

NOBODY = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """A route, how many of its tokens stand in words of several players, and how many players have no token."""

    route: Route
    straddling: int
    lacking: int


def owned(
    prompt: Prompt,
    pieces: Sequence[Piece],
    players: Sequence[Player],
    inputs: Inputs,
    *,
    start: Inputs | None = None,
) -> Owned:
    """Each token belongs to the player that most of its letters belong to, the first of them where several do."""
    letters = [[NOBODY] * len(message.text) for message in prompt.messages]
    for number, player in enumerate(players):
        for piece in (pieces[member] for member in player.members):
            for at in range(piece.start, piece.end):
                letters[piece.part][at] = number
    places = {place for line in inputs.lines for place in line.places if place is not None}
    shares = {place: _shares(place, letters) for place in places}
    owner = {place: max(sorted(some), key=some.__getitem__) for place, some in shares.items() if some}
    owners = tuple(
        tuple(NOBODY if place is None else owner.get(place, NOBODY) for place in line.places)
        for line in inputs.lines
    )
    route = Route(inputs=inputs, owners=owners, players=len(players), start=start)
    return Owned(
        route=route,
        straddling=sum(len(some) > 1 for some in shares.values()),
        lacking=len(set(range(len(players))) - set(owner.values())),
    )


def token_by_token(a: Inputs, b: Inputs) -> bool:
    """Whether two inputs differ in nothing but which tokens stand in the same places."""
    same = len(a.lines) == len(b.lines) and (a.needs, a.onward) == (b.needs, b.onward)
    return same and all(
        (len(one.ids), one.types, one.target) == (len(other.ids), other.types, other.target)
        for one, other in zip(a.lines, b.lines, strict=True)
    )


def _shares(place: Place, letters: Sequence[Sequence[int]]) -> Counter[int]:
    """How many characters of a token belong to each player."""
    part, start, end = place
    return Counter(number for number in letters[part][start:end] if number != NOBODY)
