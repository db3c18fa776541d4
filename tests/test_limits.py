from __future__ import annotations

import asyncio

import pytest

from audit.limits import Ceiling, Exhausted, Pace, Purse, Use


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pace_lets_no_more_through_in_any_minute() -> None:
    clock = Clock()
    pace = Pace(120, clock=clock)
    sent = []
    for _ in range(500):
        clock.now += pace.ahead_s()
        pace.take(1)
        sent.append(clock.now)
    for first in sent:
        assert sum(first <= at < first + 60 for at in sent) <= 120
    assert sent[-1] - sent[0] == pytest.approx(500 / 120 * 61, rel=0.02)


def test_a_pause_is_not_made_up_for_by_a_burst() -> None:
    clock = Clock()
    pace = Pace(60, clock=clock)
    pace.take(1)
    clock.now += 3600
    waits = []
    for _ in range(5):
        waits.append(pace.ahead_s())
        pace.take(1)
    assert waits[0] == 0 and waits[-1] > 2.5


def test_without_a_number_nobody_waits() -> None:
    pace = Pace(None)
    for _ in range(3):
        assert pace.ahead_s() == 0
        pace.take(1000)


def test_what_was_taken_and_not_used_is_given_back() -> None:
    clock = Clock()
    pace = Pace(6000, clock=clock)
    pace.take(6000)
    assert pace.ahead_s() > 50
    pace.settle(taken=6000, used=0)
    assert pace.ahead_s() == 0


def test_a_purse_never_lets_its_ceiling_be_exceeded() -> None:
    purse = Purse(Ceiling(requests=3))

    async def ask() -> bool:
        try:
            token = await purse.reserve(Use(requests=1, input_tokens=5))
        except Exhausted as error:
            assert str(error) == "the budget of 3 requests is spent"
            return False
        await asyncio.sleep(0.01)
        purse.settle(token, Use(requests=1, input_tokens=5))
        return True

    async def all_of_them() -> list[bool]:
        return list(await asyncio.gather(*(ask() for _ in range(8))))

    assert sum(asyncio.run(all_of_them())) == 3
    assert purse.used == Use(requests=3, input_tokens=15)


def test_reservations_that_were_too_large_make_room_when_they_are_settled() -> None:
    purse = Purse(Ceiling(tokens=100))

    async def all_of_them() -> int:
        done = 0
        for _ in range(9):
            token = await purse.reserve(Use(requests=1, input_tokens=20))
            purse.settle(token, Use(requests=1, input_tokens=10))
            done += 1
        with pytest.raises(Exhausted, match="100 tokens"):
            await purse.reserve(Use(requests=1, input_tokens=20))
        return done

    assert asyncio.run(all_of_them()) == 9


def test_money_is_price_times_millions_of_tokens() -> None:
    ceiling = Ceiling(money=2.0, input_price=1.0, output_price=4.0)
    assert ceiling.cost(Use(input_tokens=500_000, output_tokens=250_000)) == 1.5
    assert ceiling.exceeded_by(Use(input_tokens=500_000, output_tokens=400_000)) == "the budget of 2 in money"
    assert ceiling.exceeded_by(Use(input_tokens=1_000_000, output_tokens=250_000)) == ""
