"""What went wrong with a request to a server: why, whether it is worth asking again, and what it says of the others."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

from audit.limits import Use
from audit.replies import Unreadable, told_error, use_of

if TYPE_CHECKING:
    from openai import APIStatusError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
LONGEST_TOLD_WAIT_S = 600.0
"""A server that wants a longer pause gets no further question for this prompt."""
LONGEST_REASON = 240
WORTH_ANOTHER = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
HOPELESS = frozenset({401, 403, 404, 405, 410})
REFUSING = frozenset({400, 403, 422})
OF_PROMPTS = frozenset({400, 413, 422})
"""Statuses with which servers refuse single prompts."""
UNHEARD = frozenset({"ConnectError", "ConnectTimeout"})
OF_MONEY = frozenset({400, 403, 429})
"""Statuses that may mean an empty account, besides 402, which always does."""
NO_MONEY = re.compile(
    r"\b(insufficient_(quota|balance|credits?|funds)|billing_(not_active|hard_limit_reached|error))\b"
)
"""Codes of an empty account; a server that is only busy has others."""
BEGINS_NO_MONEY = re.compile(
    r"(your )?(credit balance is too low|insufficient (balance|credits?|funds))", re.I
)
GENERATED_NOTHING = frozenset(range(300, 500)) - {408, 499} | {529}
"""Statuses of requests that were turned away. Behind 408, 499 and the other 5xx a model may have answered."""
POLICY = re.compile(
    r"\b(content_filter|content_policy(_violation)?|moderation_blocked|flagged_input|Content violates)\b"
)
"""With these a server says that it does not want to read a prompt."""
KEYS = ("max_tokens", "max_completion_tokens", "top_logprobs", "logprobs", "temperature", "seed")
"""Keys of a request that some servers do not take."""
WORDS = frozenset({"temperature", "seed"})
"""Keys that are words of the language too, and may be those of a prompt that is given back."""
NAMING = (
    r"""(?:^|['"`]|\bbody(?:\.| -> )|\b(?:parameters?|arguments?|fields?|keys?|value)(?: supplied)?:? )"""
)
"""What stands before a word that is the name of a key: nothing, a quotation mark, a path or its kind."""
REFUSES = re.compile(
    "unsupported|not support|unexpected|unknown|unrecogni|not allowed|not permitted|extra|at most|must be|invalid|"
    "less than",
    re.IGNORECASE,
)
TOO_LONG = re.compile(r"context.(length|window)|context_length_exceeded", re.IGNORECASE)
"""Of a prompt, whatever keys are mentioned with it."""
TOO_LARGE = re.compile(r"too (large|long|many|high)|exceed", re.IGNORECASE)
"""Of the longest answer, whatever it is called."""

Kind = Literal["prompt", "server", "unheard", "hopeless", "spent"]
"""prompt: about this prompt. server: about the server, or unknown. unheard: nobody answers. hopeless: no question has a
chance. spent: the account is empty."""


class TooLong(Exception):
    """A body is longer than allowed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One thing that went wrong."""

    reason: str
    kind: Kind
    again: bool = False
    wait_s: float = 0.0
    """How long the server wants us to wait; 0 where it does not say."""
    key: str = ""
    """The key of the request that the server does not take."""

    @property
    def final(self) -> bool:
        """Whether it lies in the prompt alone, so that the same question has no chance later either."""
        return self.kind == "prompt" and not self.key


def fault_of(error: BaseException, *, timeout_s: float, key: str = "") -> Fault:
    """What an error of the client, or of reading the reply, means; its reason is one line without the `key`."""
    fault = _whole(error, timeout_s=timeout_s)
    return replace(fault, reason=" ".join(without(fault.reason, key).split())[:LONGEST_REASON])


def without(text: str, key: str) -> str:
    """The text with [key] in place of the key, as it is or as it stands in quotes."""
    if not key:
        return text
    forms = {key, repr(key)[1:-1], json.dumps(key)[1:-1], repr(repr(key))[2:-2]}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "[key]")
    return text


def _whole(error: BaseException, *, timeout_s: float) -> Fault:
    """What an error means, with all that was told of it."""
    import openai

    if isinstance(error, Unreadable):
        return Fault(reason=str(error), kind="server", again=True)
    if isinstance(error, TooLong):
        return Fault(reason=str(error), kind="server", again=True)
    if isinstance(error, openai.APIStatusError):
        return _by_status(error)
    if (
        isinstance(error, TimeoutError | openai.APITimeoutError)
        and type(error.__cause__).__name__ not in UNHEARD
    ):
        return Fault(reason=f"no answer within {timeout_s:g} s", kind="server", again=True)
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        told = str(cause or error).strip() or type(cause or error).__name__
        unheard = type(cause).__name__ in UNHEARD
        return Fault(
            reason=f"the connection failed: {told}", kind="unheard" if unheard else "server", again=True
        )
    told = str(error).strip() or "no reason given"
    return Fault(reason=f"{type(error).__name__}: {told}", kind="server")


def _by_status(error: APIStatusError) -> Fault:
    """What a status other than 200 means."""
    status, document = error.status_code, _document(error)
    told = told_error(document)
    reason = f"the server answered {status}" + (f": {told}" if told else "")
    wait_s = told_wait_s(error.response.headers)
    if _is_spent(status, document, told):
        return Fault(reason=reason, kind="spent")
    key = _refused_key(document, told[:LONGEST_REASON]) if status in REFUSING else ""
    if status in OF_PROMPTS or key or (status == 403 and POLICY.search(json.dumps(document))):
        return Fault(reason=reason, kind="prompt", key=key)
    if status in HOPELESS:
        return Fault(reason=reason, kind="hopeless")
    again = (status in WORTH_ANOTHER or status >= 500) and wait_s <= LONGEST_TOLD_WAIT_S
    return Fault(reason=reason, kind="server", again=again, wait_s=wait_s)


def used_by(error: APIStatusError, most: Use) -> Use:
    """What a refused request used: what the server says, nothing if it was turned away, else the most it could."""
    document = _document(error)
    told = use_of(document.get("usage")) if isinstance(document, Mapping) else None
    return told or (Use(requests=1) if error.status_code in GENERATED_NOTHING else most)


def _document(error: APIStatusError) -> object:
    """The JSON that came with a status; None where there is none."""
    try:
        return json.loads(error.response.content)
    except (ValueError, RecursionError):
        return None


def _is_spent(status: int, document: object, told: str) -> bool:
    """Whether the server says that the account is empty."""
    if status in OF_MONEY:
        return bool(NO_MONEY.search(json.dumps(document)) or BEGINS_NO_MONEY.match(told))
    return status == 402


def _refused_key(document: object, told: str) -> str:
    """The key of the request that the server names as the one it does not take; empty where it names none."""
    error = document.get("error") if isinstance(document, Mapping) else None
    named = error.get("param") if isinstance(error, Mapping) else None
    if TOO_LONG.search(told):
        return ""
    if named in KEYS[2:]:
        return str(named)
    if all(re.search(rf"\b{key}\b", told) for key in KEYS[:2]):
        return "" if TOO_LARGE.search(told) else "max_tokens"
    found = [key for key in KEYS[2:] if _is_named(key, told)]
    return found[0] if found and REFUSES.search(told) else ""


def _is_named(key: str, told: str) -> bool:
    """Whether a message means the key by its name; an English word has to stand as a name does."""
    return re.search(rf"{NAMING if key in WORDS else ''}\b{key}\b", told) is not None


def told_wait_s(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks us to wait, as a number or a date; 0 where it does not, or not readably."""
    milliseconds = headers.get("retry-after-ms", "")
    if re.fullmatch(r"\d+(\.\d+)?", milliseconds):
        return float(milliseconds) / 1000
    told = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", told):
        return float(told)
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def wait_before(attempt: int, fault: Fault, *, dice: random.Random) -> float:
    """Seconds after fault number `attempt` (from 1): doubled each time, with jitter, never less than was asked for."""
    doubled = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (attempt - 1))
    return max(fault.wait_s * (1 + 0.1 * dice.random()), doubled * (0.5 + 0.5 * dice.random()))
