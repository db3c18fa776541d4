"""What is sent to an OpenAI-compatible server, and what comes back: plain JSON on both sides."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from audit.forced import named, turned
from audit.limits import Use
from audit.records import Prompt, Question, content_id

Mode = Literal["chat", "completions"]
LARGEST_SEED = 2**31 - 1


class Unreadable(Exception):
    """The server said 200, and what it sent is no answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How a server is asked; what it refuses is changed once, for all that follows."""

    mode: Mode
    model: str
    system: str = ""
    temperature: float | None = 1.0
    alternatives: int = 0
    """Likeliest first tokens that are asked for; 0: the answer is read as words."""
    longest: int = 0
    """Tokens that an answer in words has at least room for, whatever the question says."""
    limit: str = "max_tokens"
    """Name of the key for the longest answer."""
    seed: int | None = 0
    """Goes into the seed of every question; None: no seed is sent."""
    echoes: bool = False
    """Whether it was seen that the server scores given texts as it does next tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a server sent."""

    text: str | None
    finish: str = ""
    alternatives: tuple[tuple[str, float], ...] = ()
    echoed: tuple[float | None, ...] = ()
    """Log-probabilities of all tokens of a completion, in order."""
    use: Use | None = None
    model: str = ""
    fingerprint: str = ""


def options_of(question: Question) -> tuple[str, ...]:
    """What can be answered: the options, or the whole numbers of a scale; empty for free text and other scales."""
    if question.kind == "rate":
        if question.low % 1 or question.high % 1:
            return ()
        return tuple(str(number) for number in range(int(question.low), int(question.high) + 1))
    return question.options if question.kind == "choose" else ()


def request_body(prompt: Prompt, question: Question, repeat: int, manner: Manner) -> dict[str, Any]:
    """The request for one answer."""
    seed = None if manner.seed is None else seed_of(prompt, repeat, manner.seed)
    by_tokens = manner.alternatives > 0 and question.kind in ("choose", "rate", "next_token")
    if question.kind == "choose" and not by_tokens:
        prompt = turned(prompt, question.options) if repeat % 2 else named(prompt, question.options)
    body: dict[str, Any] = {
        "model": manner.model,
        manner.limit: 1 if by_tokens else longest(question, manner),
    }
    if manner.temperature is not None:
        body["temperature"] = 1.0 if by_tokens else manner.temperature
    if seed is not None:
        body["seed"] = seed
    if by_tokens and manner.mode == "chat":
        body |= {"logprobs": True, "top_logprobs": manner.alternatives}
    elif by_tokens:
        body |= {"logprobs": manner.alternatives}
    return body | _said(prompt, manner)


def longest(question: Question, manner: Manner) -> int:
    """Tokens that an answer in words has at most."""
    return max(question.max_tokens, manner.longest)


def seed_of(prompt: Prompt, repeat: int, seed: int) -> int:
    """A seed of its own for every draw of every prompt."""
    return int(content_id("seed", prompt.id, repeat, seed), 16) % LARGEST_SEED


def _said(prompt: Prompt, manner: Manner) -> dict[str, Any]:
    """The prompt as messages, or as one text with blank lines between them."""
    if manner.mode == "completions":
        texts = [manner.system] * bool(manner.system) + [message.text for message in prompt.messages]
        return {"prompt": "\n\n".join(texts)}
    system = [{"role": "system", "content": manner.system}] if manner.system else []
    turns = [
        {"role": "user" if message.role == "text" else message.role, "content": message.text}
        for message in prompt.messages
    ]
    return {"messages": system + turns}


def most_used(body: Mapping[str, Any], limit: int) -> Use:
    """The most that a request can use: a token is at least one byte; each message has a few more."""
    said = body["prompt"] if "prompt" in body else "".join(turn["content"] for turn in body["messages"])
    around = 16 * (1 + len(body.get("messages", ())))
    return Use(requests=1, input_tokens=len(said.encode()) + around, output_tokens=limit)


def read_reply(content: bytes) -> Reply:
    """The answer in a body; Unreadable says why there is none."""
    if not content.strip():
        raise Unreadable("the server sent an empty answer")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Unreadable("the server sent no JSON, or only the beginning of it") from None
    if not isinstance(document, dict):
        raise Unreadable("the server sent JSON that is no object")
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        told = told_error(document)
        raise Unreadable(
            f"the server sent an error as an answer: {told}" if told else "an answer without choices"
        )
    choice: dict[str, Any] = choices[0]
    return Reply(
        text=_text(choice),
        finish=str(choice.get("finish_reason") or ""),
        alternatives=_alternatives(choice.get("logprobs")),
        echoed=_echoed(choice.get("logprobs")),
        use=use_of(document.get("usage")),
        model=_word(document.get("model")),
        fingerprint=_word(document.get("system_fingerprint")),
    )


def told_error(document: object) -> str:
    """The message of an error object of a server, whole; empty where there is none. It may hold the key."""
    if not isinstance(document, Mapping):
        return ""
    error = document.get("error", document.get("detail", document.get("message")))
    if isinstance(error, Mapping):
        error = error.get("message") or error.get("type") or error.get("code")
    return str(error).strip() if error else ""


def _text(choice: Mapping[str, Any]) -> str | None:
    """The words of a choice: of a chat the content, else what it says where it declines."""
    message = choice.get("message")
    if isinstance(message, dict):
        found = message.get("content")
        if isinstance(found, list):
            found = "".join(str(part.get("text") or "") for part in found if isinstance(part, dict))
        found = found if found else message.get("refusal") or found
    else:
        found = choice.get("text")
    return found if isinstance(found, str) else None


def _alternatives(told: object) -> tuple[tuple[str, float], ...]:
    """The likeliest first tokens with their log-probabilities, in either form that servers use."""
    if not isinstance(told, dict):
        return ()
    content, plain = told.get("content"), told.get("top_logprobs")
    if isinstance(content, list) and content and isinstance(content[0], dict):
        rows = content[0].get("top_logprobs")
        return _pairs(
            [(row.get("token"), row.get("logprob")) for row in rows if isinstance(row, dict)]
            if isinstance(rows, list)
            else []
        )
    if isinstance(plain, list) and plain and isinstance(plain[0], dict):
        return _pairs(list(plain[0].items()))
    return ()


def _echoed(told: object) -> tuple[float | None, ...]:
    """The log-probability of each token of a completion; None for a token without one."""
    values = told.get("token_logprobs") if isinstance(told, dict) else None
    if not isinstance(values, list):
        return ()
    return tuple(float(value) if isinstance(value, int | float) else None for value in values)


def _pairs(rows: Sequence[tuple[object, object]]) -> tuple[tuple[str, float], ...]:
    """The rows that are a token and a number."""
    return tuple(
        (token, float(value))
        for token, value in rows
        if isinstance(token, str) and isinstance(value, int | float) and value == value
    )


def use_of(told: object) -> Use | None:
    """What the server says that the request used; None where it does not."""
    if not isinstance(told, dict):
        return None
    counts = [told.get("prompt_tokens"), told.get("completion_tokens", 0)]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return None
    return Use(requests=1, input_tokens=counts[0], output_tokens=counts[1])


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""
