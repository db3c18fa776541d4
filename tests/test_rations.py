"""Budgets of explanations: what fits, in which order, and what is said of the rest."""

from __future__ import annotations

import pandas as pd
import pytest

from audit.rations import Answered, Ration, turns
from audit.records import Game


def ration(limit: int, *, repeats: int = 4, answered: dict[str, int] | None = None) -> Ration:
    return Ration(limit=limit, repeats=repeats, answered=answered or {})


def test_answers_that_the_audit_asks_for_anyway_cost_nothing() -> None:
    known = ration(8, answered={"a": 1, "b": 4, "c": 9})
    assert known.admits("swap", ["a", "b", "c"]) and known.used == 3
    assert known.admits("swap", ["new"]) and known.used == 7
    assert not known.admits("swap", ["newer"])


def test_the_first_game_that_does_not_fit_ends_it_and_the_rest_is_counted_by_game() -> None:
    small = ration(10)
    assert small.admits("swap", ["a", "b"])
    games: list[tuple[Game, list[str]]] = [("swap", ["c", "d"]), ("swap", []), ("gap", ["e"])]
    assert [small.admits(kind, prompts) for kind, prompts in games] == [False, False, False]
    told = {each.what: (each.count, each.reason) for each in small.exclusions()}
    reason = "2 of 10 requests are left, and the next game takes 8"
    assert told == {"explanations: gap games": (1, reason), "explanations: swap games": (2, reason)}


def test_counts_of_a_table_are_told_like_those_of_a_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.rations.AT_A_TIME", 3)
    ids = [f"{number * 7919 % 1000:x}" for number in range(20)]
    table = pd.DataFrame({"prompt_id": [*ids, ids[3]], "repeats": [*range(20), 99]}).astype(
        {"prompt_id": "str"}
    )
    told = Answered(table)
    assert dict(told) == dict(zip(ids, range(20), strict=True)) and len(told) == 20
    assert [told.get(name, -1) for name in ("", "0", "zz", "longer than any of them", ids[3])] == [
        -1,
        0,
        -1,
        -1,
        3,
    ]
    assert not Answered(table.head(0)) and Answered(table.head(0)).get("0", 0) == 0


def test_a_budget_below_a_single_swap_game_says_so() -> None:
    tiny = ration(3)
    assert not tiny.admits("swap", ["a", "b"])
    (told,) = tiny.exclusions()
    assert told.reason == "3 requests are too few for a single game, which takes 8"


def test_without_a_limit_everything_fits() -> None:
    free = ration(0)
    assert all(free.admits("removal", [str(n)]) for n in range(100))
    assert free.used == 400 and free.exclusions() == []


CHOSEN = pd.DataFrame(
    [
        {
            "axis": "gender",
            "template": f"t{n}",
            "name": "01",
            "stratum": "",
            "pair_id": str(n),
            "sample": sample,
        }
        for n, sample in enumerate(["random", "largest", "random", "largest", "requested"])
    ]
)
DIFFERENCES = pd.DataFrame({"pair_id": list("01234"), "delta": [9.0, 0.5, -3.0, -2.0, 0.1]})
GAMES: tuple[Game, ...] = ("swap", "removal", "gap")


def test_with_a_limit_swap_games_come_first_and_the_largest_before_the_random_ones() -> None:
    order = list(turns(CHOSEN, DIFFERENCES, games=GAMES, limited=True, seed=1))
    ids = [pair["pair_id"] for _, pair, _ in order]
    assert ids[:3] == ids[5:8] == ["3", "1", "4"]
    assert sorted(ids[3:5]) == ["0", "2"] and ids[3:5] == ids[8:]
    assert {games for _, _, games in order[:5]} == {("swap",)}
    assert {games for _, _, games in order[5:]} == {("removal", "gap")}


def test_the_random_ones_come_in_an_order_that_depends_on_the_seed_alone() -> None:
    many = pd.concat([CHOSEN.assign(template=f"t{n}", pair_id=str(n), sample="random") for n in range(40)])

    def drawn(seed: int, table: pd.DataFrame) -> list[str]:
        found = turns(table, DIFFERENCES, games=GAMES, limited=True, seed=seed)
        return [pair["pair_id"] for _, pair, _ in found]

    assert drawn(1, many) == drawn(1, many.iloc[::-1]) != drawn(2, many)


def test_without_a_limit_it_is_pair_by_pair() -> None:
    order = list(turns(CHOSEN, DIFFERENCES, games=GAMES, limited=False, seed=1))
    assert [pair["pair_id"] for _, pair, _ in order] == list("01234")
    assert {games for _, _, games in order} == {GAMES}
