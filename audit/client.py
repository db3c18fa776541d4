"""The official client of OpenAI-compatible servers, made so that it repeats nothing and reads nothing endless."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from audit.errors import InputError, MissingExtra
from audit.faults import TooLong
from audit.limits import Ceiling

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECT_S = 10.0
LARGEST_BODY = 8 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How a server is reached, and what it may be asked."""

    url: str
    key: str = field(default="", repr=False)
    most_at_once: int = 64
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    timeout_s: float = 120.0
    retries: int = 6
    ceiling: Ceiling = field(default_factory=Ceiling)
    canaries: int = 0
    by_tokens: bool = True
    """Whether log-probabilities are asked for."""


def open_client(terms: Terms) -> AsyncOpenAI:
    """The official client, which repeats nothing by itself and reads no body beyond the limit."""
    try:
        import httpx2
        import openai
    except ImportError:
        raise MissingExtra("endpoint", "asking a server") from None

    class Counted(httpx2.AsyncByteStream):
        """A body that is cut off where it becomes too long."""

        def __init__(self, body: httpx2.AsyncByteStream) -> None:
            self.body = body

        async def __aiter__(self) -> AsyncIterator[bytes]:
            read = 0
            async for part in self.body:
                read += len(part)
                if read > LARGEST_BODY:
                    raise TooLong(f"the server sent more than {LARGEST_BODY // 2**20} MiB")
                yield part

        async def aclose(self) -> None:
            await self.body.aclose()

    async def count(response: httpx2.Response) -> None:
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = Counted(response.stream)

    most = terms.most_at_once
    try:
        httpx2.URL(terms.url)
    except httpx2.InvalidURL as why:
        raise InputError(f"'{terms.url}' is no address of a server: {why}") from None
    client = openai.AsyncOpenAI(
        api_key=terms.key or "none",
        base_url=terms.url,
        max_retries=0,
        default_headers={"Accept-Encoding": "identity"},
        http_client=openai.DefaultAsyncHttpxClient(
            timeout=httpx2.Timeout(terms.timeout_s, connect=min(CONNECT_S, terms.timeout_s)),
            limits=httpx2.Limits(max_connections=most, max_keepalive_connections=most),
            event_hooks={"response": [count]},
        ),
    )
    client.organization = client.project = (
        None  # of the environment; this need not be the server they are for
    )
    return client
