"""Takes questions to one OpenAI-compatible server and brings every answer, or the reason why there is none."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from audit.client import Terms, open_client
from audit.echoes import echo_body, likelihood, tried
from audit.errors import AuditError, InputError
from audit.faults import Fault, fault_of, used_by, wait_before
from audit.flight import Tell, side_by_side
from audit.forced import NOT_TOLD_APART, option_scores, separable
from audit.ledger import Ledger
from audit.limits import NOTHING, Exhausted, Pace, Purse, Use
from audit.protocols import Ask
from audit.records import UNKNOWN_TOKENS, Answer, Question, content_id
from audit.replies import Manner, Reply, Unreadable, longest, most_used, options_of, read_reply, request_body
from audit.soundings import NEXT, canaries, echo_problem

if TYPE_CHECKING:
    from openai import AsyncOpenAI

ALTERNATIVES = (20, 5, 0)
"""Likeliest tokens that are asked for: the first number that the server does not refuse."""
IN_A_ROW = 20
"""So many questions one after another without an answer, and no more are asked."""
UNHEARD_ATTEMPTS = 3
LOOK_AGAIN_S = 0.05
GUESSED_SHARE = 0.3
"""Tokens that a request uses for each it could use at most, before the first answer tells."""
FILTERED = "the server's content filter withheld the answer"
PATHS = {"chat": "/chat/completions", "completions": "/completions"}


class Courier:
    """One server, its limits, and what is known about it so far."""

    def __init__(self, terms: Terms, manner: Manner, ledger: Ledger) -> None:
        self.terms = terms
        asking = {"alternatives": ALTERNATIVES[0] if terms.by_tokens else 0} | ledger.manner
        self.manner = replace(manner, **asking)
        self.purse = Purse(terms.ceiling, ledger.used)
        self.ledger = ledger
        self._requests = Pace(terms.requests_per_minute)
        self._tokens = Pace(terms.tokens_per_minute)
        self._settled = not terms.by_tokens or "alternatives" in ledger.manner
        """Whether it is known if the server tells log-probabilities."""
        self._refusals: list[str] = []
        self._client: AsyncOpenAI | None = None
        self._turn = asyncio.Lock()
        self._name, self._number = f"audit-{uuid4()}", 0

    async def session(self, asks: Sequence[Ask], question: Question, tell: Tell[Answer]) -> None:
        """Tells the answer to every ask; InputError where the server lets nobody in."""
        told_apart = separable(options_of(question))

        async def one(number: int) -> None:
            tell(number, await self._answer(asks[number], question, by_tokens=told_apart))

        self._turn = asyncio.Lock()
        if not asks:
            return
        numbers = iter(range(len(asks)))
        first: Callable[[], Awaitable[None]] | None = None
        if question.kind == "likelihood" and not self.manner.echoes:
            first = self._check_echo
        elif told_apart and not self._settled:
            first = lambda: one(next(numbers))  # noqa: E731 - alone, since it shows how all others are to be asked
        with self.ledger.open():
            await self._between_canaries(first, one, numbers)

    async def _between_canaries(
        self,
        first: Callable[[], Awaitable[None]] | None,
        one: Callable[[int], Awaitable[None]],
        numbers: Iterator[int],
    ) -> None:
        """`first` alone, then `one` of all numbers, many at once."""
        async with open_client(self.terms) as self._client:
            if not self.ledger.canaries_before:
                await self._sound("before")
            if first is not None:
                await first()
            await side_by_side(one, numbers, most=self.terms.most_at_once)
            await self._sound("after")

    async def _sound(self, when: str) -> None:
        """Canaries, `before` all questions or `after` a round of them: any round may be the last of the command."""
        if self.terms.canaries:
            most = self.terms.most_at_once
            self.ledger.note_canaries(when, await canaries(self._answer, self.terms.canaries, most=most))

    async def _check_echo(self) -> None:
        """InputError unless the server scores given texts, and scores them as it does the next token."""
        why = await echo_problem(self._answer)
        if self.ledger.stopped:
            return
        if why:
            raise InputError(
                f"{self.terms.url}: this server cannot be asked how likely a text is: {why}; take a server that gives "
                "prompts back with their log-probabilities (vLLM does), or the model's weights with hf:"
            )
        self.manner = replace(self.manner, echoes=True)
        self.ledger.note_manner(echoes=True)

    async def _answer(
        self, ask: Ask, question: Question, *, by_tokens: bool = False, steady: bool = False
    ) -> Answer:
        """One ask to its answer or error, however often it has to be asked."""
        dice = random.Random(content_id("wait", ask.prompt.id, ask.repeat))
        attempt = 0
        while not self.ledger.stopped:
            manner = self._manner(by_tokens=by_tokens, steady=steady)
            if question is NEXT:  # as a bare text is scored: without the system prompt
                manner = replace(manner, system="")
            body = (
                echo_body(ask.prompt, manner)
                if question.kind == "likelihood"
                else request_body(ask.prompt, question, ask.repeat, manner)
            )
            try:
                answer = self._read(
                    await self._sent(body, limit=body[manner.limit], put=ask.put), question, manner
                )
            except Exhausted as spent:
                self.ledger.stopped = str(spent)
            except AuditError:
                raise
            except Exception as error:
                fault = fault_of(error, timeout_s=self.terms.timeout_s, key=self.terms.key)
                if self._changed(fault, body, manner):
                    continue
                attempt += 1
                if not self._worth_another(fault, attempt):
                    return self._lost(fault, attempt)
                self.ledger.note_repeated()
                await asyncio.sleep(wait_before(attempt, fault, dice=dice))
            else:
                if answer is not None:
                    return answer
        return Answer(error=f"not asked: {self.ledger.stopped}")

    def _manner(self, *, by_tokens: bool, steady: bool) -> Manner:
        """How a question is asked now; `steady` at temperature 0."""
        manner = self.manner if by_tokens else replace(self.manner, alternatives=0)
        return replace(manner, temperature=0.0) if steady and manner.temperature is not None else manner

    async def _sent(self, body: Mapping[str, Any], *, limit: int, put: Callable[[], None]) -> Reply:
        """The reply to one request, `put` within pace and budget; what it used is settled however it ends."""
        import openai

        most = most_used(body, limit)
        reserved = await self.purse.reserve(most)
        expected, used = 0.0, NOTHING
        try:
            expected = await self._paced(most)
            put()
            self.ledger.note_sent(reserved, most)
            used = most
            reply = read_reply(await self._posted(body))
            used = reply.use or most
            return reply
        except openai.APIStatusError as error:
            used = used_by(error, most)
            raise
        finally:
            self.purse.settle(reserved, used)
            if used.requests:
                self.ledger.note_used(reserved, used)
            self._tokens.settle(taken=expected, used=used.tokens)

    async def _paced(self, most: Use) -> float:
        """The tokens that a request is expected to use, once it may be sent; one waits in front, the rest behind it."""
        async with self._turn:
            while wait_s := max(self._requests.ahead_s(), self._tokens.ahead_s()):
                await asyncio.sleep(min(wait_s, LOOK_AGAIN_S))
            expected = most.tokens * self._share_used()
            self._requests.take(1)
            self._tokens.take(expected)
        return expected

    async def _posted(self, body: Mapping[str, Any]) -> bytes:
        """The body of the reply to one request."""
        import httpx2

        if self._client is None:
            raise AssertionError("there is no session")
        async with asyncio.timeout(self.terms.timeout_s):
            path = PATHS[self.manner.mode]
            self._number += 1
            response: httpx2.Response = await self._client.post(
                path,
                cast_to=httpx2.Response,
                body=dict(body),
                options={
                    "idempotency_key": f"{self._name}-{self._number}"
                },  # else the client draws one by lot
            )
        return response.content

    def _share_used(self) -> float:
        """Tokens used for each that could have been used at most, so far."""
        return self.purse.share_used or GUESSED_SHARE

    def _read(self, reply: Reply, question: Question, manner: Manner) -> Answer | None:
        """The answer in a reply; None where the question has to be asked in another way."""
        tokens = reply.use.input_tokens if reply.use else UNKNOWN_TOKENS
        if _is_filtered(reply, question, manner):
            return self._withheld(reply, FILTERED, tokens)
        if question.kind == "likelihood":
            answer = likelihood(reply) if manner.echoes else tried(reply)
            self.ledger.note_answer(reply.model, reply.fingerprint)
            return answer
        if manner.alternatives:
            if not reply.alternatives and not self._settled:
                self._settle(0, "log-probabilities: the server told none, answers are read as words")
            if not reply.alternatives and not self.manner.alternatives:
                return None
            if not reply.alternatives:
                raise Unreadable("no log-probabilities came with this answer, as they did with others")
            self._hold()
            self.ledger.note_answer(reply.model, reply.fingerprint)
            if question.kind == "next_token":
                return Answer(scores=dict(reply.alternatives), tokens=tokens)
            choice = question.kind == "choose"
            scores = option_scores(reply.alternatives, options_of(question), all_of_them=choice)
            if scores is not None and not scores:
                self.ledger.note_failed()
                return Answer(error=NOT_TOLD_APART, tokens=tokens, final=True)
            text = None if scores is not None else reply.text or ""
            return Answer(scores=scores, text=text, tokens=tokens)
        if reply.finish == "length" and not reply.text:
            room = longest(question, manner)
            return self._withheld(
                reply, f"the answer reached its end of {room} tokens before its first word", tokens
            )
        if reply.text is None:
            raise Unreadable("the server sent an answer without a text")
        self.ledger.note_answer(reply.model, reply.fingerprint)
        return Answer(text=reply.text, tokens=tokens)

    def _withheld(self, reply: Reply, reason: str, tokens: int) -> Answer:
        """The record of a reply that holds no answer and never will."""
        self.ledger.note_answer(reply.model, reply.fingerprint)
        self.ledger.note_failed()
        return Answer(error=reason, tokens=tokens, final=True)

    def _settle(self, alternatives: int, what: str) -> None:
        """Ask for other log-probabilities from now on, and say so."""
        self.manner = replace(self.manner, alternatives=alternatives)
        self.ledger.note_manner(what)
        if not alternatives:
            self._hold()

    def _hold(self) -> None:
        """From now on log-probabilities are asked for as they are now, by commands that go on with the run too."""
        if not self._settled:
            self._settled = True
            self.ledger.note_manner(alternatives=self.manner.alternatives)

    def _changed(self, fault: Fault, body: Mapping[str, Any], manner: Manner) -> bool:
        """Whether the request is to be sent in another way, because the server does not take one of its keys."""
        key, now = fault.key, self.manner
        if not key or key not in body or "echo" in body:
            return False
        if key == "max_tokens":
            if now.limit == key:
                self.manner = replace(now, limit="max_completion_tokens")
                self.ledger.note_manner(
                    "max_tokens: the server wants max_completion_tokens", limit=self.manner.limit
                )
            return True
        if key == "seed":
            if now.seed is not None:
                self.manner = replace(now, seed=None)
                self.ledger.note_manner(
                    "seed: the server takes none, so that draws cannot be repeated", seed=None
                )
            return True
        if key in ("logprobs", "top_logprobs"):
            if self._settled and now.alternatives:
                return False  # others were answered with them: to go on in words would mix two ways of asking
            if now.alternatives == manner.alternatives:
                fewer = next(number for number in ALTERNATIVES if number < manner.alternatives)
                self._settle(
                    fewer, f"log-probabilities: the server refused {manner.alternatives}, asked for {fewer}"
                )
            return True
        return False

    def _worth_another(self, fault: Fault, attempt: int) -> bool:
        """Whether the same question is asked again; InputError where no question has a chance."""
        heard = self.ledger.heard
        if fault.kind == "hopeless" and not heard:
            raise InputError(f"{self.terms.url}: {fault.reason}; {self._advice(fault)}")
        if fault.key == "temperature" and not heard:
            raise InputError(
                f"{self.terms.url}: {fault.reason}; set another 'temperature' in a model file, or null"
            )
        if fault.kind == "unheard" and not heard and attempt >= UNHEARD_ATTEMPTS:
            raise InputError(
                f"{self.terms.url}: {fault.reason}; check that the server runs and the url is right"
            )
        return fault.again and attempt <= self.terms.retries

    def _advice(self, fault: Fault) -> str:
        """What to look at when a server lets nobody in."""
        if any(f"answered {status}" in fault.reason for status in (404, 405, 410)):
            return "check the model's name, the url (most end in /v1) and the mode"
        if self.terms.key:
            return "check the key"
        return "no key was sent: set OPENAI_API_KEY, or name another variable with 'key' in a model file"

    def _lost(self, fault: Fault, attempts: int) -> Answer:
        """The record of a question without an answer; too many of them end the asking."""
        ledger = self.ledger
        ledger.note_failed()
        if fault.kind == "prompt" and not ledger.heard:
            self._refusals.append(fault.reason)
            if len(self._refusals) >= IN_A_ROW and len(set(self._refusals)) == 1:
                raise InputError(f"{self.terms.url}: refuses every question: {fault.reason}")
        if not fault.final:
            ledger.in_a_row += 1
            if fault.kind == "spent":
                ledger.stopped = fault.reason
            elif ledger.in_a_row >= max(IN_A_ROW, self.terms.most_at_once):
                ledger.stopped = (
                    f"{ledger.in_a_row} questions in a row got no answer, the last one: {fault.reason}"
                )
        times = f" (asked {attempts} times)" if attempts > 1 else ""
        return Answer(error=fault.reason + times, final=fault.final)


def _is_filtered(reply: Reply, question: Question, manner: Manner) -> bool:
    """Whether a content filter left nothing of what was asked for."""
    if reply.finish != "content_filter":
        return False
    if question.kind == "likelihood":
        return not reply.echoed
    return not (reply.alternatives if manner.alternatives else reply.text)
