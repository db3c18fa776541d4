"""Choices of a model that answers in words: options in both orders, and options among the likeliest first tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from audit.records import Prompt

LONGEST_GAP = 12
"""Characters between two options that are named in a row: ' or ', ', ', ' oder '."""
SHORTEST_BEGINNING = 3
"""Letters of an option that a first token needs to stand for it, unless it is the whole option."""

NOT_TOLD_APART = (
    "likely first tokens begin several options, or one of them too briefly to be sure; with `log_probabilities: never` "
    "answers are read from words"
)
UNCLEAR = 0.01
"""Share of the told probability of a scale's numbers at which tokens may begin several of them, at most."""
ROUNDING = 1e-6
"""Log-probabilities in single precision are no more exact than this, so what they leave is not either."""


def separable(options: Sequence[str]) -> bool:
    """Whether a first token can tell options apart: none begins another (as 1 begins 10), or with a mark (as -1)."""
    plain = [_plain(option) for option in options]
    return len(plain) > 1 and all(
        one[:1].isalnum() and not other.startswith(one)
        for place, one in enumerate(plain)
        for number, other in enumerate(plain)
        if place != number
    )


def turned(prompt: Prompt, options: Sequence[str]) -> Prompt:
    """The prompt with its options named in the opposite order; a list of them is added where it names none in a row."""
    last = prompt.messages[-1]
    plain = [option.strip() for option in options]
    places = _named_in_a_row(last.text, plain)
    if not places:
        text = listed(last.text, plain[::-1])
    else:
        words = [last.text[place] for place in places]
        text = last.text
        for place, word in zip(reversed(places), words, strict=True):
            text = text[: place.start] + word + text[place.stop :]
    return replace(prompt, messages=(*prompt.messages[:-1], replace(last, text=text)), spans=())


def named(prompt: Prompt, options: Sequence[str]) -> Prompt:
    """The prompt as it is, if it names its options in a row; else with a list of them."""
    last = prompt.messages[-1]
    plain = [option.strip() for option in options]
    if _named_in_a_row(last.text, plain):
        return prompt
    return replace(
        prompt, messages=(*prompt.messages[:-1], replace(last, text=listed(last.text, plain))), spans=()
    )


def listed(text: str, options: Sequence[str]) -> str:
    """The text with its options below it, without a word of any language."""
    return f"{text}\n({' / '.join(options)})"


def _named_in_a_row(text: str, options: Sequence[str]) -> list[slice]:
    """Where the text last names each option once, close together; empty where it does not."""
    longest_first = sorted(map(re.escape, options), key=len, reverse=True)
    found = list(re.finditer(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", text))
    for end in range(len(found), len(options) - 1, -1):
        row = found[end - len(options) : end]
        close = all(b.start() - a.end() <= LONGEST_GAP for a, b in pairwise(row))
        if close and len({match[0] for match in row}) == len(options):
            return [slice(*match.span()) for match in row]
    return []


def option_scores(
    alternatives: Sequence[tuple[str, float]], options: Sequence[str], *, all_of_them: bool = True
) -> Mapping[str, float] | None:
    """Log-probability of each option from the likeliest first tokens; None where no option is among them.

    Probabilities of all tokens that mean one option and no other are added up ("Yes", " yes"). An option that is not
    among them gets the most it can have: the smallest that was told, or what all told ones leave, whichever is less,
    and what told tokens may begin it; without `all_of_them` it gets no score. Empty where such tokens ("Re" of Reject,
    "Strong" of several) might make another option the likeliest, or without `all_of_them` are more than UNCLEAR of all.
    """
    told = [(_plain(token), math.exp(min(value, 0.0))) for token, value in alternatives]
    meant = [(_meant(word, options), share) for word, share in told]
    sums = {option: math.fsum(share for one, share in meant if one == option) for option in options}
    if not any(sums.values()):
        return None
    unclear = [
        (word, share) for (word, share), (one, _) in zip(told, meant, strict=True) if word and one is None
    ]
    may_be = {
        option: math.fsum(share for word, share in unclear if _plain(option).startswith(word))
        for option in options
    }
    best = max(options, key=sums.__getitem__)
    if any(
        sums[option] + may_be[option] >= sums[best] for option in options if may_be[option] and option != best
    ):
        return {}
    if not all_of_them:
        lost = math.fsum(
            share for word, share in unclear if any(_plain(option).startswith(word) for option in options)
        )
        shares = {option: math.log(value) for option, value in sums.items() if value > 0}
        return shares if lost <= UNCLEAR * (lost + math.fsum(sums.values())) else {}
    known = [share for _, share in told if share > 0]
    left = min(min(known), max(1.0 - math.fsum(known), ROUNDING))
    return {option: math.log(value if value > 0 else left + may_be[option]) for option, value in sums.items()}


def _meant(word: str, options: Sequence[str]) -> str | None:
    """The option that a first token stands for: it is the option, or the beginning of this one alone."""
    if not word:
        return None
    whole = [option for option in options if _plain(option) == word]
    begun = [option for option in options if _plain(option).startswith(word)]
    if len(begun) != 1:
        return None
    return begun[0] if whole or len(word) >= SHORTEST_BEGINNING else None


def _plain(text: str) -> str:
    """A token or an option without spaces, the marks that stand for them, and case."""
    return text.replace("Ġ", " ").replace("▁", " ").strip().casefold()
