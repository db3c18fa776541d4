"""Likelihood of a given text on a server: the text is sent as a prompt that is to be given back with its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from math import fsum
from typing import Any

from audit.likelihoods import NOTHING
from audit.records import Answer, Prompt
from audit.replies import Manner, Reply, Unreadable

CHECKED = "The river was high after the rain, and the"
"""A text with several tokens in every vocabulary, to see whether a server scores given texts."""
NEAR = 0.1
"""Log-probabilities in half precision differ by less when a token is asked for in two ways."""


def echo_body(prompt: Prompt, manner: Manner) -> dict[str, Any]:
    """The request that has a text given back, with the log-probability of each token after those before it.

    One token more is asked for and left out again: some servers take a longest answer of 0 for one without an end.
    """
    said: dict[str, Any] = {"model": manner.model, "prompt": plain(prompt), manner.limit: 1}
    if manner.temperature is not None:
        said["temperature"] = 0.0
    return said | {"echo": True, "logprobs": 1}


def plain(prompt: Prompt) -> str:
    """The bare text, as local models score it: messages joined by blank lines, no system prompt."""
    return "\n\n".join(message.text for message in prompt.messages)


def likelihood(reply: Reply) -> Answer:
    """Sum of the log-probabilities of a given text's tokens and their number; Unreadable where they do not add up.

    The first token has none, since nothing comes before it, unless the server puts one before every text.
    """
    if reply.use is None:
        raise Unreadable("the server did not say how many tokens the text has")
    given, made = reply.use.input_tokens, reply.use.output_tokens
    shown = len(reply.echoed) - made
    if given - shown not in (0, 1):  # 1: the token before every text is left out
        raise Unreadable(f"the server told log-probabilities of {max(shown, 0)} of the text's {given} tokens")
    told = [value for value in reply.echoed[:shown] if value is not None]
    if len(told) < shown - 1 or any(value > 0 for value in told) or (shown and None in reply.echoed[1:shown]):
        raise Unreadable("the server left out log-probabilities of some of the text's tokens")
    if not told:
        return Answer(error=NOTHING, tokens=given, final=True)
    return Answer(scores={"log_likelihood": fsum(told), "tokens": float(len(told))}, tokens=given)


def tried(reply: Reply) -> Answer:
    """The same of a server of which it is not known whether it scores texts: to ask it again does not help."""
    try:
        return likelihood(reply)
    except Unreadable as why:
        return Answer(error=str(why), final=True)


def longer(next_tokens: Mapping[str, float], most: int) -> list[str]:
    """The likeliest tokens that are more than white space, with which `CHECKED` is made longer."""
    likeliest = sorted(next_tokens, key=lambda token: -next_tokens[token])
    return [token for token in likeliest if token.strip()][:most]


def disagreement(base: Answer, made: Mapping[str, Answer], next_tokens: Mapping[str, float]) -> str:
    """Why a server does not score given texts as it does next tokens; empty where it does.

    `base` is the likelihood of `CHECKED`, `made` that of the text with one more token, by token; `next_tokens` are
    the log-probabilities that the server tells of the next token after it. Some servers tell those of other places.
    """
    failed = next((answer.error for answer in (base, *made.values()) if answer.error), None)
    if failed or base.scores is None:
        return failed or "it told no log-probabilities"
    found = [
        (answer.scores["log_likelihood"] - base.scores["log_likelihood"], next_tokens[token])
        for token, answer in made.items()
        if answer.scores is not None and answer.scores["tokens"] == base.scores["tokens"] + 1
    ]
    if not found:
        return "no token could be compared with what it tells of next tokens"
    return next(
        (
            f"a token has the log-probability {given:.3f} in a given text and {told:.3f} as the next one"
            for given, told in found
            if abs(given - told) > NEAR
        ),
        "",
    )
