"""Models behind an OpenAI-compatible server: hosted ones, and local ones that vLLM, SGLang or llama.cpp serve."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, Field

from audit.client import Terms
from audit.courier import Courier
from audit.errors import InputError
from audit.flight import flown
from audit.ledger import Ledger
from audit.limits import Ceiling
from audit.protocols import Ask, Backend
from audit.records import Answer, ModelIdentity, Prompt, Question
from audit.replies import Manner
from audit.shape import Document, Number, Text, Whole
from audit.soundings import CANARIES

USUAL_KEY = "OPENAI_API_KEY"
ANSWERED = frozenset({"choose", "rate", "generate"})
"""Kinds of question that a server answers."""


class Prices(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """What a million tokens cost, in any currency."""

    input: Annotated[Number, Field(ge=0)]
    """Tokens of prompts."""
    output: Annotated[Number, Field(ge=0)]
    """Tokens of answers."""


class Budget(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """The most that a run may use, however often it is gone on with; asking stops before it is exceeded."""

    requests: Annotated[Whole, Field(ge=1)] | None = None
    """Requests, repeated ones too."""
    tokens: Annotated[Whole, Field(ge=1)] | None = None
    """Tokens of prompts and answers together."""
    money: Annotated[Number, Field(gt=0)] | None = None
    """Price of those tokens; needs 'price_per_million'."""
    price_per_million: Prices | None = None
    """Prices, in the currency of 'money'."""

    def ceiling(self) -> Ceiling:
        """The budget as what is counted against."""
        prices = self.price_per_million or Prices(input=0.0, output=0.0)
        return Ceiling(
            requests=self.requests,
            tokens=self.tokens,
            money=self.money,
            input_price=prices.input,
            output_price=prices.output,
        )


class Endpoint(Document):
    """A model file of the kind `endpoint`."""

    model: Literal[1]
    """Version of this format."""
    kind: Literal["endpoint"]
    """A model behind an OpenAI-compatible server."""
    name: Text
    """The model's name, as the server knows it; or 'name@url'."""
    url: Text | None = None
    """Where the server's interface begins, most often an address that ends in /v1."""
    mode: Literal["chat", "completions"] = "chat"
    """chat: prompts are messages. completions: prompts are one text that the model goes on with."""
    system: str = ""
    """System prompt before every prompt."""
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = 1.0
    """Of answers in words; null sends none, for models that take none."""
    seed: Annotated[Whole, Field(ge=0)] | None = 0
    """Goes into the seed that every draw of every prompt has; null sends none."""
    max_tokens: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None
    """Room for answers in words where it is more than the question wants: models that think first need it."""
    log_probabilities: Literal["auto", "never"] = "auto"
    """auto: choices are read from log-probabilities where the server tells them. never: from words."""
    max_parallel: Annotated[Whole, Field(ge=1, le=4096)] = 64
    """Questions under way at once."""
    requests_per_minute: Annotated[Whole, Field(ge=1)] | None = None
    """No more are sent in any minute."""
    tokens_per_minute: Annotated[Whole, Field(ge=1)] | None = None
    """About as many tokens of prompts and answers in any minute, no more."""
    timeout_s: Annotated[Number, Field(gt=0, le=3600)] = 120.0
    """Seconds after which a request is given up."""
    retries: Annotated[Whole, Field(ge=0, le=100)] = 6
    """How often a question is asked again after a fault that may go by."""
    budget: Budget = Budget()
    """The most that a run may use, however often it is gone on with."""
    canaries: Annotated[Whole, Field(ge=0, le=len(CANARIES))] = 0
    """Fixed prompts, asked at the start and after every round of questions, that show whether the model was changed."""
    key: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of the environment variable that holds the key, never the key itself."""

    def open(self) -> Backend:
        """The back end; nothing is sent yet. InputError where the settings do not fit together."""
        name, url = self._placed()
        budget = self.budget
        if budget.money is not None and budget.price_per_million is None:
            raise InputError(
                f"{self.path}: a budget of money needs 'price_per_million' with 'input' and 'output'"
            )
        if budget.price_per_million is not None and budget.money is None:
            raise InputError(f"{self.path}: 'price_per_million' has no use without 'money' in the budget")
        manner = Manner(
            mode=self.mode,
            model=name,
            system=self.system,
            temperature=self.temperature,
            seed=self.seed,
            longest=self.max_tokens or 0,
        )
        scores = self.mode == "completions" and self.log_probabilities == "auto"
        return (ScoringServer if scores else Server)(self, manner=manner, url=url)

    def _placed(self) -> tuple[str, str]:
        """The model's name and the server's address."""
        name, url = self.name, self.url
        if url is None:
            found = re.fullmatch(r"(.+?)@(https?://.+)", name)
            if found is None:
                raise InputError(
                    f"{self.path}: '{name}' names no server; allowed: a name with its url, such as "
                    "endpoint:my-model@http://localhost:8000/v1, or the key 'url' in a model file"
                )
            name, url = found[1], found[2]
        return name, _checked(url, str(self.path))

    def secret(self, url: str) -> str:
        """The key from the environment; InputError where a variable is named that is not set, or holds no key."""
        if self.key is not None:
            value = os.environ.get(self.key, "").strip()
            if not value:
                raise InputError(
                    f"the environment variable {self.key}, which the model file names, is not set"
                )
            return _sendable(value, self.key)
        if urlsplit(url).scheme != "https" and not _is_here(urlsplit(url)):
            return ""
        return _sendable(os.environ.get(USUAL_KEY, "").strip(), USUAL_KEY)


class Server:
    """One model on one server."""

    deterministic = False
    kinds: frozenset[str] = ANSWERED

    def __init__(self, settings: Endpoint, *, manner: Manner, url: str) -> None:
        self._settings = settings
        self._manner = manner
        self._url = url
        self._ledger = Ledger()
        told = urlsplit(url)
        self.identity = ModelIdentity(
            kind="endpoint",
            name=manner.model,
            settings={
                "url": f"{told.netloc}{told.path}",
                "mode": settings.mode,
                "system": settings.system,
                "temperature": settings.temperature,
                "seed": settings.seed,
                "max_tokens": settings.max_tokens,
                "log_probabilities": settings.log_probabilities,
            },
        )

    @cached_property
    def _courier(self) -> Courier:
        """Made at the first question: only then a key is needed."""
        said = self._settings
        terms = Terms(
            url=self._url,
            key=said.secret(self._url),
            most_at_once=said.max_parallel,
            requests_per_minute=said.requests_per_minute,
            tokens_per_minute=said.tokens_per_minute,
            timeout_s=said.timeout_s,
            retries=said.retries,
            ceiling=said.budget.ceiling(),
            canaries=said.canaries,
            by_tokens=said.log_probabilities == "auto",
        )
        return Courier(terms, self._manner, self._ledger)

    def stream(self, asks: Sequence[Ask], question: Question) -> Iterator[tuple[int, Answer]]:
        """(Number of the ask, its answer) as they come, `max_parallel` under way at once."""
        if question.kind not in self.kinds:
            raise InputError(
                f"endpoint:{self.identity.name} cannot answer a question of the kind '{question.kind}'"
            )
        courier = self._courier
        return flown(lambda tell: courier.session(asks, question, tell))

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        """One answer a prompt, in order: log-probabilities of the options, or words."""
        return self._in_order(prompts, Question(kind="choose", options=tuple(options)))

    def generate(self, prompts: Sequence[Prompt], *, repeat: int, question: Question) -> list[Answer]:
        """One text a prompt, in order."""
        return self._in_order(prompts, question, repeat=repeat)

    def remember(self, path: Path) -> None:
        """Count for a run as a whole: go on from what stands in `path`, and write there what happens."""
        self._ledger = Ledger.read(path)
        self.__dict__.pop("_courier", None)  # it counts in the ledger before

    def facts(self) -> Mapping[str, object]:
        """What is known after the run: models and fingerprints that answered, cost, canaries, warnings."""
        return self._ledger.facts(ceiling=self._settings.budget.ceiling())

    def _in_order(self, prompts: Sequence[Prompt], question: Question, *, repeat: int = 0) -> list[Answer]:
        asks = [Ask(prompt=prompt, repeat=repeat) for prompt in prompts]
        found = dict(self.stream(asks, question))
        return [found[number] for number in range(len(asks))]


class ScoringServer(Server):
    """One model on a server of completions, which may also give texts back with their log-probabilities."""

    kinds = ANSWERED | {"likelihood"}

    def log_likelihood(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """One answer a prompt, in order; InputError where the server scores no texts."""
        return self._in_order(prompts, Question(kind="likelihood"))


def _checked(url: str, place: str) -> str:
    """The address without a slash at its end; InputError where it is none, or holds a secret."""
    try:
        told = urlsplit(url)
        right = told.scheme in ("http", "https") and url.isprintable() and _is_host(told)
        right = right and told.port != 0
    except ValueError:
        right = False
    if not right:
        shown = re.split(r"[?#]", url)[0].rpartition("@")[2]
        raise InputError(f"{place}: {shown!r} is no address of a server; allowed: http://… or https://…")
    if told.username is not None or told.password is not None or told.query or told.fragment:
        raise InputError(
            f"{place}: the url of {told.hostname} holds a user name, a query or a fragment; keys are read from the "
            "environment variable that 'key' names"
        )
    return url.rstrip("/")


def _is_host(url: SplitResult) -> bool:
    """Whether an address has the name or the number of a machine; ValueError too where it has none."""
    host, place = url.hostname or "", url.netloc.rpartition("@")[2]
    if place.startswith("["):
        return ip_address(host).version == 6 and re.fullmatch(r"\[[^]]*\](:\d*)?", place) is not None
    if re.fullmatch(r"[0-9.]+", host):
        return ip_address(host).version == 4
    return re.fullmatch(r"[\w.-]+", host.encode("idna").decode()) is not None


def _sendable(key: str, variable: str) -> str:
    """The key; InputError where a header cannot hold it, which does not show it."""
    if re.fullmatch(r"[!-~]*", key) is None:
        raise InputError(
            f"the environment variable {variable} holds white space or a character that is not ASCII, which no key has"
        )
    return key


def _is_here(url: SplitResult) -> bool:
    """Whether an address is this machine."""
    host = url.hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
