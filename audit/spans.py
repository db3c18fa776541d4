"""Spans of a prompt: the pieces (slots and words) it is made of, and the prompt's text without some of them.

The prompts of a cell (one template, one person, one choice of words) have the same pieces with different characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from audit.records import Prompt, Span

PRONOUNS = frozenset({"they", "them", "their", "theirs", "themself", "are", "have", "were", "do", "does"})
"""Slots of English pronouns and of the verbs that go with them."""
SUFFIXES = frozenset({"s", "es"})
"""Endings of English verbs that are slots (`need${s}`)."""
FORM, ENDING = "form_", "ending_"
"""How the slots of other forms begin: words that agree with the person, and endings of words."""
OPENING = "([{<\"'“‘«¿¡*_"
CLOSING = ".,;:!?)]}>\"'”’»…*_।。！？，"
SLOT = re.compile(r"\$(?:\$|\{\w+\}|\w+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """The characters [start, end) of message `part`; `slot` is empty for a word.

    A verb's ending that is a slot (`need${s}`) is `inside` the word before it: absent, it leaves nothing behind.
    """

    part: int
    start: int
    end: int
    slot: str = ""
    inside: bool = False


def is_ending(slot: str) -> bool:
    """Whether a slot is the ending of the word before it."""
    return slot.startswith(ENDING) or slot[:1].lower() + slot[1:] in SUFFIXES


def is_form(slot: str) -> bool:
    """Whether a slot agrees with the person: pronouns, verbs and endings."""
    return slot.startswith((FORM, ENDING)) or slot in PRONOUNS or slot in SUFFIXES


def aligned(a: Prompt, b: Prompt) -> bool:
    """Whether two prompts have the same slots and the same words around them."""
    if [message.role for message in a.messages] != [message.role for message in b.messages]:
        return False
    if [(span.part, span.slot) for span in a.spans] != [(span.part, span.slot) for span in b.spans]:
        return False
    return frame(a) == frame(b)


def frame(prompt: Prompt) -> list[str]:
    """The texts around the slots of a prompt, in order: n + 1 texts for a part with n slots."""
    texts: list[str] = []
    for part, message in enumerate(prompt.messages):
        at = 0
        for span in prompt.spans:
            if span.part == part:
                texts.append(message.text[at : span.start])
                at = span.end
        texts.append(message.text[at:])
    return texts


def cut(prompt: Prompt, *, fixed: str = "") -> tuple[Piece, ...]:
    """The slots and words of a prompt, in order; words of the question `fixed` at its end are left out.

    `fixed` is the question as the suite writes it, with `$slots`; slots in it are pieces all the same.
    """
    found: list[Piece] = []
    for part, message in enumerate(prompt.messages):
        spans = [span for span in prompt.spans if span.part == part]
        last = part == len(prompt.messages) - 1
        stop = _question_start(message.text, fixed) if last and fixed else len(message.text)
        for start, end, inside in _chunks(message.text, spans):
            pieces = _pieces_of(message.text, part, bounds=(start, end), spans=inside)
            found += [piece for piece in pieces if piece.slot or piece.start < stop]
    return tuple(found)


def slot_pieces(prompt: Prompt) -> tuple[Piece, ...]:
    """The slots alone, one piece a slot."""
    return tuple(Piece(part=s.part, start=s.start, end=s.end, slot=s.slot) for s in prompt.spans)


def without(text: str, removed: Iterable[Piece], off: str) -> str:
    """`text` with pieces (in order) replaced by `off`, or cut out with clean spacing where `off` is empty."""
    kept, at, open_gap = "", 0, False
    for piece in removed:
        if piece.start < at:
            continue
        between = text[at : piece.start]
        kept = _close(kept, between) if open_gap else kept + between
        open_gap = (open_gap and not between) or not (piece.inside or off)
        kept, at = kept + ("" if piece.inside else off), piece.end
    return _close(kept, text[at:]) if open_gap else kept + text[at:]


def _close(kept: str, rest: str) -> str:
    """Both sides of a removed piece, with one space at most between them and none before punctuation."""
    if not rest or rest[0] in ".,;:!?)]}…।\n":
        return kept.rstrip(" ") + rest
    return kept + (rest.lstrip(" ") if not kept or kept[-1].isspace() else rest)


def _question_start(text: str, fixed: str) -> int:
    """Where the question at the end of `text` begins; the length of the text where it does not end with it."""
    literals = SLOT.split(fixed.rstrip())
    at = len(text.rstrip())
    if not text[:at].endswith(literals[-1]):
        return len(text)
    for literal in reversed(literals):
        at = text.rfind(literal, 0, at)
        if at < 0:
            return len(text)
    return at


def _chunks(text: str, spans: Sequence[Span]) -> list[tuple[int, int, list[Span]]]:
    """Runs without spaces, united where a slot lies across or touches them: (start, end, slots in it)."""
    runs = [(match.start(), match.end(), None) for match in re.finditer(r"\S+", text)]
    chunks: list[tuple[int, int, list[Span]]] = []
    for start, end, span in sorted([*runs, *((s.start, s.end, s) for s in spans)], key=lambda item: item[:2]):
        if chunks and start <= chunks[-1][1]:
            first, last, inside = chunks.pop()
            start, end = first, max(end, last)
        else:
            inside = []
        chunks.append((start, end, [*inside, span] if span else inside))
    return chunks


def _pieces_of(text: str, part: int, *, bounds: tuple[int, int], spans: Sequence[Span]) -> list[Piece]:
    """The pieces of one chunk: a word with its endings, or its slots with what is glued to them."""
    start, end = _stripped(text, bounds, spans)
    endings = [span for span in spans if is_ending(span.slot)]
    if len(endings) == len(spans) and (not spans or start < spans[0].start):
        inner = [Piece(part=part, start=s.start, end=s.end, slot=s.slot, inside=True) for s in spans]
        word = [Piece(part=part, start=start, end=end)] if any(c.isalnum() for c in text[start:end]) else []
        return word + inner
    ends = [*(span.end for span in spans[:-1]), end]
    starts = [start, *ends[:-1]]
    return [
        Piece(part=part, start=s, end=e, slot=span.slot)
        for s, e, span in zip(starts, ends, spans, strict=True)
    ]


def _stripped(text: str, bounds: tuple[int, int], spans: Sequence[Span]) -> tuple[int, int]:
    """The bounds without punctuation at either end; slots stay whole."""
    start, end = bounds
    first = min((span.start for span in spans), default=end)
    last = max((span.end for span in spans), default=start)
    while start < first and text[start] in OPENING:
        start += 1
    while end > max(last, start) and text[end - 1] in CLOSING:
        end -= 1
    return start, end
