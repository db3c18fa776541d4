"""A server on loopback that speaks as OpenAI-compatible ones do: well-behaved, slow, or faulty as it is told."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

FAULTS = (
    "429",
    "429-date",
    "500",
    "503",
    "529",
    "hang",
    "reset",
    "cut",
    "empty",
    "huge",
    "html",
    "error-200",
    "null",
)
HUGE = 9 * 2**20


@dataclass
class Behaviour:
    """What the server does; `fails` is called with the number of a request and may name one of FAULTS."""

    latency_s: float = 0.0
    log_probabilities: int = 0
    """The most alternatives that it tells; 0: none."""
    refuses: dict[str, str] = field(default_factory=dict)
    """Key of a request → the message with which it is refused (400)."""
    status: int = 200
    needs_key: str = ""
    fails: Callable[[int], str] = lambda number: ""
    instead: Callable[[dict[str, Any], int], tuple[int, Any] | None] = lambda body, number: None
    """Status and document that are sent in place of an answer."""
    says: Callable[[dict[str, Any], int], str] = lambda body, number: f"{asked(body)} {body.get('seed')}"
    tells: Callable[[str], list[tuple[str, float]]] = lambda prompt: alternatives(prompt)
    """Likeliest first tokens after a prompt."""
    echo: str = ""
    """How given texts are scored: "" not at all, "plain", "begun" with a token before every text, "hidden" likewise but
    not shown, "shifted" by one place, "gaps" where tokens have none, "uncounted" without the number of tokens."""
    finish: str = "stop"
    withholds: Callable[[dict[str, Any]], bool] = lambda body: False
    """Whether a content filter leaves nothing of the answer."""
    model: str = ""
    fingerprint: str = "fp_1"


@dataclass
class Log:
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    open_now: int = 0
    most_open: int = 0
    cancelled: int = 0


def asked(body: dict[str, Any]) -> str:
    """What the request asks: its prompt, or the last message."""
    return str(body["prompt"] if "prompt" in body else body["messages"][-1]["content"])


def one_in_five(number: int) -> str:
    """A fault for 20 % of requests, every kind among them."""
    dice = random.Random(number)
    return dice.choice(FAULTS) if dice.random() < 0.2 else ""


class Server:
    """The server in a thread of its own."""

    def __init__(self, behaviour: Behaviour, port: int = 0) -> None:
        self.behaviour = behaviour
        self.log = Log()
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._talk, "127.0.0.1", self.port, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        with suppress(Exception):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))) or b"{}")
        log, number = self.log, len(self.log.bodies)
        log.bodies.append(body)
        log.headers.append(headers)
        log.times.append(time.monotonic())
        log.open_now += 1
        log.most_open = max(log.most_open, log.open_now)
        try:
            await asyncio.sleep(self.behaviour.latency_s)
            fault = self.behaviour.fails(number)
            if fault:
                log.faults[fault] += 1
                return await self._fail(fault, writer)
            status, answer = self._answer(first.split()[1], headers, body, number)
            await _send(writer, status, json.dumps(answer).encode())
            return True
        finally:
            log.open_now -= 1

    def _answer(
        self, path: str, headers: dict[str, str], body: dict[str, Any], number: int
    ) -> tuple[int, Any]:
        told = self.behaviour
        if (other := told.instead(body, number)) is not None:
            return other
        if told.needs_key and headers.get("authorization") != f"Bearer {told.needs_key}":
            return 401, {"error": {"message": f"Incorrect API key provided: {headers.get('authorization')}"}}
        if told.status != 200:
            return told.status, {"error": {"message": f"status {told.status} for {body.get('model')}"}}
        for key, message in told.refuses.items():
            if key in body:
                return 400, {"error": {"message": message, "type": "invalid_request_error"}}
        if body.get("top_logprobs", body.get("logprobs", 0)) > max(told.log_probabilities, 20):
            return 400, {"error": {"message": "top_logprobs must be less than 20"}}
        return 200, reply(body, told, number, chat=path.endswith("/chat/completions"))

    async def _fail(self, fault: str, writer: asyncio.StreamWriter) -> bool:
        """Something that is no answer; whether the connection can go on."""
        whole = json.dumps({"choices": [{"message": {"content": "never seen " * 20}}]}).encode()
        if fault == "429":
            await _send(writer, 429, b'{"error": {"message": "slow down"}}', extra="Retry-After: 0.05\r\n")
        elif fault == "429-date":
            at = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 0.5))
            await _send(writer, 429, b"", extra=f"Retry-After: {at}\r\n")
        elif fault in ("500", "503", "529"):
            await _send(writer, int(fault), b"<html>Oops</html>", kind="text/html")
        elif fault == "hang":
            await asyncio.sleep(3600)
        elif fault == "reset":
            writer.transport.abort()
            return False
        elif fault == "cut":
            await _send(writer, 200, whole[: len(whole) // 2])
        elif fault == "empty":
            await _send(writer, 200, b"")
        elif fault == "huge":
            await _send(writer, 200, b'{"choices": "' + b"x" * HUGE + b'"}')
        elif fault == "html":
            await _send(writer, 200, b"<html>Welcome to the gateway</html>", kind="text/html")
        elif fault == "error-200":
            await _send(writer, 200, b'{"error": {"message": "the engine is overloaded"}}')
        else:
            await _send(writer, 200, b'{"choices": [{"message": {"content": null}}]}')
        return True


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, *, kind: str = "application/json", extra: str = ""
) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


def reply(body: dict[str, Any], told: Behaviour, number: int, *, chat: bool) -> dict[str, Any]:
    """An answer in the form of the interface."""
    withheld = told.withholds(body)
    if told.echo and not withheld:
        return echoed(body, told)
    text = "" if withheld else told.says(body, number)
    choice: dict[str, Any] = {"index": 0, "finish_reason": "content_filter" if withheld else told.finish}
    choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    wanted = body.get("top_logprobs", 0) if chat else body.get("logprobs", 0)
    if wanted and told.log_probabilities and not withheld:
        rows = told.tells(asked(body))[: min(wanted, told.log_probabilities)]
        if chat:
            told_rows = [{"token": token, "logprob": value} for token, value in rows]
            choice["logprobs"] = {"content": [{"token": rows[0][0], "top_logprobs": told_rows}]}
        else:
            choice["logprobs"] = {"top_logprobs": [dict(rows)]}
    words = len(asked(body).split())
    return {
        "model": told.model or body.get("model"),
        "system_fingerprint": told.fingerprint,
        "choices": [choice],
        "usage": {"prompt_tokens": words, "completion_tokens": len(text.split())},
    }


def alternatives(prompt: str) -> list[tuple[str, float]]:
    """Likeliest first tokens: "Yes" in two spellings and "No", more of "Yes" the longer the prompt."""
    yes = min(0.9, 0.1 + len(prompt) / 1000)
    rows = [("Yes", yes * 0.75), (" yes", yes * 0.25), (" No", (1 - yes) * 0.9), ("The", (1 - yes) * 0.1)]
    return [(token, math.log(share)) for token, share in rows]


def log_probability(before: str, token: str) -> float:
    """Of one token after a text: any number that depends on both."""
    return -0.1 - random.Random(f"{before}|{token}").random() * 5


def pieces(text: str) -> list[str]:
    """Tokens: words with the space before them."""
    return re.findall(r"\s*\S+|\s+$", text)


def echoed(body: dict[str, Any], told: Behaviour) -> dict[str, Any]:
    """A completion of a single token, after the given text with its log-probabilities where it is asked for."""
    text, likeliest = str(body["prompt"]), [" river", " man", " day"]
    tokens: list[str] = pieces(text) if body.get("echo") else []
    values: list[float | None] = [
        log_probability("".join(tokens[:place]), token) for place, token in enumerate(tokens)
    ]
    if told.echo == "shifted":
        values = [log_probability("".join(tokens[: place + 1]), token) for place, token in enumerate(tokens)]
    if told.echo == "gaps":
        values = [None if place % 3 == 2 else value for place, value in enumerate(values)]
    begun = told.echo in ("begun", "hidden")
    if tokens and told.echo == "begun":
        tokens, values = ["<s>", *tokens], [None, *values]
    elif tokens:
        values[0] = None
    rest = {token: log_probability(text, token) for token in likeliest}
    said = {
        "tokens": [*tokens, " river"],
        "token_logprobs": [*values, rest[" river"]],
        "top_logprobs": [*[None for _ in tokens], rest],
    }
    if not body.get("echo"):
        said["top_logprobs"] = [rest]
    use = {"prompt_tokens": len(pieces(text)) + begun, "completion_tokens": 1}
    return {
        "model": told.model or body.get("model"),
        "choices": [{"index": 0, "text": text + " river", "finish_reason": "length", "logprobs": said}],
        **({} if told.echo == "uncounted" else {"usage": use}),
    }


@contextmanager
def serving(**behaviour: Any) -> Iterator[Server]:
    """A running server that behaves as told."""
    server = Server(Behaviour(**behaviour))
    server.start()
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-s", type=float, default=0.0)
    given = parser.parse_args()
    running = Server(Behaviour(latency_s=given.latency_s), port=given.port)
    running.start()
    print(running.url, flush=True)
    threading.Event().wait()
