"""Players of an explanation: pieces of a prompt that are present or absent as one.

A player is the group's slots merged, another slot with all its occurrences, or a run of words. It holds numbers of
pieces, not characters, so the same players fit every prompt of a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from audit.records import Prompt, Span
from audit.spans import Piece, is_ending, is_form, slot_pieces

NAMES = frozenset({"name", "first_name", "last_name"})
DERIVED = ("a_", "de_", "que_", "le_", "du_", "au_")
"""Prefixes of derived slots."""
SENTENCE_END = re.compile(r"[.!?…;:।。！？\n]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Player:
    """What is present or absent as one: the numbers of its pieces."""

    kind: Literal["group", "slot", "words"]
    slot: str
    members: tuple[int, ...]


def family(slot: str) -> str:
    """The player a slot belongs to, whatever its capital or article: pronouns with verbs are one, names are one."""
    plain = slot[:1].lower() + slot[1:]
    if is_form(plain):
        return "pronoun"
    for prefix in DERIVED:
        plain = plain.removeprefix(prefix)
    return "name" if plain in NAMES else plain


def differing(a: Prompt, b: Prompt) -> frozenset[str]:
    """Families of the slots whose texts differ between two prompts of one cell."""
    pairs = zip(a.spans, b.spans, strict=True)
    return frozenset(family(one.slot) for one, other in pairs if _word(a, one) != _word(b, other))


def slot_players(prompt: Prompt, families: frozenset[str], *, limit: int) -> tuple[Player, ...]:
    """One player for each of `families`, over `slot_pieces`; above `limit` neighbours are joined."""
    pieces = slot_pieces(prompt)
    chosen = [index for index, piece in enumerate(pieces) if family(piece.slot) in families]
    return _merged(prompt, pieces, _by_family(pieces, chosen, frozenset()), limit)


def players(
    prompt: Prompt, pieces: Sequence[Piece], *, group: frozenset[str], limit: int
) -> tuple[Player, ...]:
    """The players of a prompt in order of appearance: families of `group` merged, each other slot, runs of words.

    Short words join the word after them; then the shortest neighbours are joined until no more than `limit` are left.
    """
    slots = [index for index, piece in enumerate(pieces) if piece.slot]
    words = [index for index, piece in enumerate(pieces) if not piece.slot]
    single = [Player(kind="words", slot="", members=(index,)) for index in words]
    found = _in_order([*_by_family(pieces, slots, group), *single])
    return _merged(prompt, pieces, _join_short(prompt, pieces, found), limit)


def text_of(prompt: Prompt, pieces: Sequence[Piece], player: Player) -> str:
    """The player's words as they stand in this prompt; each different text once, endings of verbs left out."""
    words = tuple(index for index in player.members if not is_ending(pieces[index].slot))
    places = marks(prompt, pieces, replace(player, members=words or player.members))
    texts = (prompt.messages[part].text[start:end] for part, start, end in places)
    return " … ".join(dict.fromkeys(text for text in texts if text))


def marks(prompt: Prompt, pieces: Sequence[Piece], player: Player) -> list[tuple[int, int, int]]:
    """The player's places in this prompt as (part, start, end); words with no word between them on a line are one."""
    places: list[tuple[int, int, int]] = []
    for piece in (pieces[index] for index in player.members):
        if places and player.kind == "words" and places[-1][0] == piece.part:
            part, start, end = places[-1]
            between = prompt.messages[part].text[end : piece.start]
            if "\n" not in between and not any(letter.isalnum() for letter in between):
                places[-1] = (part, start, max(end, piece.end))
                continue
        places.append((piece.part, piece.start, piece.end))
    return places


def _by_family(pieces: Sequence[Piece], chosen: Sequence[int], group: frozenset[str]) -> list[Player]:
    members: dict[tuple[bool, str], list[int]] = {}
    for index in chosen:
        name = family(pieces[index].slot)
        members.setdefault((name in group, "group" if name in group else name), []).append(index)
    return [
        Player(kind="group" if is_group else "slot", slot=slot, members=tuple(indexes))
        for (is_group, slot), indexes in members.items()
    ]


def _in_order(found: Iterable[Player]) -> list[Player]:
    return sorted(found, key=lambda player: player.members)


def _joined(left: Player, right: Player) -> Player:
    slots = [slot for slot in (left.slot, right.slot) if slot]
    kind = "slot" if slots else "words"
    return Player(kind=kind, slot=" + ".join(slots), members=tuple(sorted(left.members + right.members)))  # type: ignore[arg-type]


def _barrier(prompt: Prompt, pieces: Sequence[Piece], left: Player, right: Player) -> int:
    """What lies between two runs of words: 0 nothing, 1 the end of a sentence, 2 a slot or the end of a message."""
    one, other = left.members[-1], right.members[0]
    outside = [index for index in range(one + 1, other) if not pieces[index].inside]
    if pieces[one].part != pieces[other].part or outside:
        return 2
    between = prompt.messages[pieces[one].part].text[pieces[one].end : pieces[other].start]
    return 1 if SENTENCE_END.search(between) else 0


def _join_short(prompt: Prompt, pieces: Sequence[Piece], found: Sequence[Player]) -> list[Player]:
    """Words of up to three letters join the word after them, else the one before, within the sentence."""
    row = list(found)
    index = 0
    while index < len(row):
        if _is_short(prompt, pieces, row[index]):
            if index + 1 < len(row) and _can_join(prompt, pieces, row[index], row[index + 1]):
                row[index : index + 2] = [_joined(row[index], row[index + 1])]
                continue
            if index and _can_join(prompt, pieces, row[index - 1], row[index]):
                row[index - 1 : index + 1] = [_joined(row[index - 1], row[index])]
                continue
        index += 1
    return row


def _is_short(prompt: Prompt, pieces: Sequence[Piece], player: Player) -> bool:
    piece = pieces[player.members[-1]]
    word = prompt.messages[piece.part].text[piece.start : piece.end]
    return (
        player.kind == "words"
        and len(word) <= 3
        and word.isalpha()
        and not (len(word) > 1 and word.isupper())
    )


def _can_join(prompt: Prompt, pieces: Sequence[Piece], left: Player, right: Player) -> bool:
    both = left.kind == right.kind == "words"
    return both and _barrier(prompt, pieces, left, right) == 0


def _merged(
    prompt: Prompt, pieces: Sequence[Piece], found: Sequence[Player], limit: int
) -> tuple[Player, ...]:
    """Neighbours joined until at most `limit` players are left: words first, then slots, never the group's."""
    row = list(found)
    while len(row) > limit:
        words = [player for player in row if player.kind == "words"]
        free = words if len(words) > 1 else [player for player in row if player.kind != "group"]
        if len(free) < 2:
            break
        left, right = min(pairwise(free), key=lambda pair: _cost(prompt, pieces, *pair))
        row = _in_order([*(player for player in row if player not in (left, right)), _joined(left, right)])
    return tuple(row)


def _cost(prompt: Prompt, pieces: Sequence[Piece], left: Player, right: Player) -> tuple[int, int]:
    """Joins within a sentence come first, then those that make the shortest player; slots count no letters."""
    members = [pieces[index] for index in (*left.members, *right.members)]
    barrier = _barrier(prompt, pieces, left, right) if left.kind == right.kind == "words" else 3
    return barrier, sum(piece.end - piece.start for piece in members if not piece.slot)


def _word(prompt: Prompt, span: Span) -> str:
    return prompt.messages[span.part].text[span.start : span.end]
