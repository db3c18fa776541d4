"""How near a server of a given latency comes to its ideal throughput, and what a call costs the client.

    python benchmarks/endpoint.py                  latencies of 1 s and 200 ms, about a minute and a half
    python benchmarks/endpoint.py --rounds 3       three rounds of 64 each

A server in a process of its own answers every request after a fixed time. 64 questions are under way at once, so that
`rounds` x 64 of them take `rounds` x latency at best. Beside the back end, which counts budgets, keeps an account on
disk and reads the answers, the same requests go through the official client alone, as many at once.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
AT_ONCE = 64
ROUNDS = {1.0: 15, 0.2: 100}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, help="rounds of 64 calls; default: 15 at 1 s, 100 at 200 ms")
    parser.add_argument("--latency-s", type=float, help="one latency only")
    given = parser.parse_args()
    begun = time.process_time()
    import openai  # noqa: F401 - what follows is measured without it

    print(f"import of the official client, once a command: {time.process_time() - begun:.2f} s")
    print(f"{'latency':>8} {'calls':>7} {'what':<22} {'seconds':>8} {'of the ideal':>13} {'CPU a call':>11}")
    for latency_s, rounds in ROUNDS.items():
        if given.latency_s in (None, latency_s):
            _table(latency_s, given.rounds or rounds)
    if given.latency_s is not None and given.latency_s not in ROUNDS:
        _table(given.latency_s, given.rounds or 15)


def _table(latency_s: float, rounds: int) -> None:
    calls = AT_ONCE * rounds
    for what, ask in (("audit", _by_audit), ("official client alone", _by_client)):
        server = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "endpoint_server.py"), "--latency-s", str(latency_s)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stdout is not None
            seconds, processor = _measured(ask, server.stdout.readline().strip(), calls)
        finally:
            server.kill()
            server.wait()
        share, each_ms = rounds * latency_s / seconds, 1000 * processor / calls
        print(f"{latency_s:>7g}s {calls:>7,} {what:<22} {seconds:>8.2f} {share:>12.1%} {each_ms:>8.2f} ms")


def _measured(ask: Callable[[str, int], int], url: str, calls: int) -> tuple[float, float]:
    """Seconds, and seconds of this process's processor time, of so many calls."""
    begun, processor = time.perf_counter(), time.process_time()
    answered = ask(url, calls)
    taken = time.perf_counter() - begun, time.process_time() - processor
    if answered != calls:
        sys.exit(f"{calls - answered} of {calls} calls got no answer")
    return taken


def _by_audit(url: str, calls: int) -> int:
    from audit.modelfile import open_model
    from audit.protocols import Ask
    from audit.records import Message, Prompt, Question

    asks = [Ask(prompt=Prompt(messages=(Message(role="text", text=_text(n)),))) for n in range(calls)]
    backend: Any = open_model(f"endpoint:m@{url}")
    with tempfile.TemporaryDirectory() as folder:
        backend.remember(Path(folder) / "account.jsonl")
        answers = backend.stream(asks, Question(kind="generate", max_tokens=20))
        return sum(answer.error is None for _, answer in answers)


def _by_client(url: str, calls: int) -> int:
    return asyncio.run(_gathered(url, calls))


async def _gathered(url: str, calls: int) -> int:
    """The same requests through the official client, as it is used by those who use nothing else."""
    import openai

    client = openai.AsyncOpenAI(api_key="none", base_url=url, max_retries=0)
    numbers = iter(range(calls))
    answered = 0

    async def one_after_another() -> None:
        nonlocal answered
        for number in numbers:
            said: Any = {"role": "user", "content": _text(number)}
            got = await client.chat.completions.create(
                model="m", messages=[said], max_tokens=20, temperature=1.0, seed=number
            )
            answered += got.choices[0].message.content is not None

    async with client:
        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return answered


def _text(number: int) -> str:
    return f"Applicant number {number} applies as a nurse. Should they be invited? Answer Yes or No."


if __name__ == "__main__":
    main()
