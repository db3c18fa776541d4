"""What is sent to a server at most: so much a minute (`Pace`), and so much in all (`Purse`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

BURST_S = 1.0
"""After a pause, what this many seconds allow may be sent at once."""
MINUTE_S = 60.0
LOOK_AGAIN_S = 0.02
ROUNDING = 1 + 1e-6
MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """What requests cost."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Of both kinds together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Use) -> Use:
        return Use(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )

    def __sub__(self, other: Use) -> Use:
        return Use(
            requests=self.requests - other.requests,
            input_tokens=self.input_tokens - other.input_tokens,
            output_tokens=self.output_tokens - other.output_tokens,
        )


NOTHING = Use()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """The most that may be used; None: no end. Prices are for a million tokens."""

    requests: int | None = None
    tokens: int | None = None
    money: float | None = None
    input_price: float = 0.0
    output_price: float = 0.0

    def cost(self, use: Use) -> float:
        """Price of `use`."""
        return (use.input_tokens * self.input_price + use.output_tokens * self.output_price) / MILLION

    def exceeded_by(self, use: Use) -> str:
        """Which budget `use` goes beyond, in words; empty where it stays within all."""
        if self.requests is not None and use.requests > self.requests:
            return f"the budget of {self.requests:,} requests"
        if self.tokens is not None and use.tokens > self.tokens:
            return f"the budget of {self.tokens:,} tokens"
        if self.money is not None and self.cost(use) > self.money * (1 + 1e-9):
            return f"the budget of {self.money:g} in money"
        return ""


class Pace:
    """So much a minute at most, in any minute; without a number it never waits."""

    def __init__(self, per_minute: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_each = (MINUTE_S + BURST_S) * ROUNDING / per_minute if per_minute else 0.0
        self._clock = clock
        self._taken_until = float("-inf")

    def ahead_s(self) -> float:
        """Seconds until something more may be sent."""
        now = self._clock()
        return max(0.0, max(self._taken_until, now - BURST_S) - now)

    def take(self, amount: float) -> None:
        """Count `amount` as sent now."""
        self._taken_until = max(self._taken_until, self._clock() - BURST_S) + amount * self._seconds_each

    def settle(self, *, taken: float, used: float) -> None:
        """Correct what was taken by what was used in truth."""
        self._taken_until += (used - taken) * self._seconds_each


class Exhausted(Exception):
    """No budget is left; the message says which."""


class Purse:
    """What was used and what is under way, against a ceiling that is never exceeded."""

    def __init__(self, ceiling: Ceiling, used: Use = NOTHING) -> None:
        self.ceiling = ceiling
        self.used = used
        self.most = NOTHING
        """What could have been used by all that was settled here."""
        self._settled_here = NOTHING
        self._reserved = used
        """What is used, and what is under way could use."""
        self._under_way: dict[int, Use] = {}
        self._numbers = count()

    @property
    def share_used(self) -> float:
        """Tokens used for each that could have been used at most, so far; 0 before the first answer."""
        return self._settled_here.tokens / self.most.tokens if self.most.tokens else 0.0

    async def reserve(self, most: Use) -> int:
        """A number for `settle`, once `most` fits beside all that is under way; Exhausted where it never will."""
        while reason := self.ceiling.exceeded_by(self._reserved + most):
            if not self._under_way:
                raise Exhausted(f"{reason} is spent")
            await asyncio.sleep(LOOK_AGAIN_S)
        number = next(self._numbers)
        self._under_way[number] = most
        self._reserved += most
        return number

    def settle(self, number: int, used: Use) -> None:
        """Put what was used in truth in place of what was reserved."""
        most = self._under_way.pop(number)
        self.most += most
        self._settled_here += used
        self.used += used
        self._reserved += used - most
