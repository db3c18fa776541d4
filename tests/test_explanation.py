"""One explanation and its rows."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filled_prompts import PERSONS, filled, pairs_of, prompt_row

from audit.cells import Cell, cell_of
from audit.explanation import Explanation, Outcome, attribution_rows, explanations_of, score_rows
from audit.players import Player
from audit.protocols import Credits
from audit.quality import Check
from audit.records import ATTRIBUTIONS, PROMPTS, SCORES


@pytest.fixture
def cell() -> tuple[Cell, pd.DataFrame]:
    rows = PROMPTS.frame(
        prompt_row(
            filled("{name} is here; {they} need{s} help.", **words), template="t", name="0", group=group
        )
        for group, words in PERSONS.items()
    )
    return cell_of(rows, limit=12, fixed=""), pairs_of(rows)


def explained(cell: tuple[Cell, pd.DataFrame], number: int, sample: str = "largest") -> Explanation:
    pair = {str(key): value for key, value in cell[1].iloc[1].to_dict().items()} | {
        "sample": sample,
        "in_random": True,
    }
    return list(explanations_of(cell[0], pair))[number]


def outcome(cell: tuple[Cell, pd.DataFrame], *values: float, misses: tuple[str, ...] = ()) -> Outcome:
    row = np.array(values)
    credits = Credits(values=row, errors=row * 0, base_value=1.0, total=float(row.sum())) if values else None
    return Outcome(
        method="shap",
        players=cell[0].removal,
        operator="mask",
        rows=9,
        credits=credits,
        checks=tuple(Check(criterion="any", value=1.0, bar=0.5, note=note) for note in misses),
    )


def test_a_pair_has_four_explanations_whatever_sample_it_is_in(
    cell: tuple[Cell, pd.DataFrame],
) -> None:
    kinds = [(one.kind, one.side) for one in (explained(cell, number) for number in range(4))]
    assert kinds == [("swap", "pair"), ("removal", "a"), ("removal", "b"), ("gap", "pair")]
    assert explained(cell, 3, sample="random").kind == "gap"
    with pytest.raises(IndexError):
        explained(cell, 4)


def test_pairs_of_a_cell_share_the_removal_game_of_a_prompt_and_nothing_else(
    cell: tuple[Cell, pd.DataFrame],
) -> None:
    records = [{str(k): v for k, v in row.items()} for row in cell[1].to_dict("records")]
    keys = [
        one.key
        for row in records
        for one in explanations_of(cell[0], row | {"sample": "largest", "in_random": False})
    ]
    assert len(keys) == 12
    assert len(set(keys)) == 9


def test_rows_say_what_each_player_is_on_both_sides_and_where_it_stands(
    cell: tuple[Cell, pd.DataFrame],
) -> None:
    explanation = explained(cell, 2)
    table = ATTRIBUTIONS.frame(
        attribution_rows(explanation, outcome(cell, -2.0, 0.25, 0.0, 0.5), "choice_logit")
    )
    assert table["text_a"].to_list() == ["Greg Hall … he", "is here", "needs", "help"]
    assert table["text_b"].to_list() == ["Emily Hall … she", "is here", "needs", "help"]
    assert table["slot"].to_list() == ["group", "", "", ""]
    assert table["value"].to_list() == [-2.0, 0.25, 0.0, 0.5]
    assert table["player"].to_list() == [0, 1, 2, 3]
    assert table["attribution_id"].nunique() == 1
    assert table["reliable"].all()
    text = "Emily Hall is here; she needs help."
    assert [[text[s:e] for _, s, e in json.loads(spans)] for spans in table["spans"]] == [
        ["Emily Hall", "she", "s"], ["is here"], ["needs"], ["help"],
    ]  # fmt: skip
    assert set(table["prompt_id"]) == {explanation.ids[1]}


def test_a_missed_bar_stays_with_the_credits(cell: tuple[Cell, pd.DataFrame]) -> None:
    missed = outcome(cell, 1.0, 0.0, 0.0, 0.0, misses=("one bar", "another"))
    table = ATTRIBUTIONS.frame(attribution_rows(explained(cell, 1), missed, "choice_logit"))
    assert not table["reliable"].any()
    assert set(table["reason"]) == {"one bar; another"}
    assert table["value"][0] == 1.0


def test_without_players_there_is_one_row_with_the_reason(cell: tuple[Cell, pd.DataFrame]) -> None:
    nothing = Outcome(method="shap", players=(), operator="", rows=0)
    (row,) = attribution_rows(explained(cell, 0), nothing, "choice_logit")
    assert row["reason"] == "the two prompts read the same"
    assert not row["reliable"]
    assert math.isnan(float(str(row["value"])))


def test_share_and_shift_are_those_of_the_groups_words_and_of_the_others(
    cell: tuple[Cell, pd.DataFrame],
) -> None:
    table = SCORES.frame(score_rows(explained(cell, 1), outcome(cell, -2.0, 0.25, -0.25, 1.5)))
    assert table["metric"].to_list() == ["attribution_share_shap", "attribution_shift_shap"]
    assert table["value"].to_list() == [0.5, 1.5]
    assert table["reason"].to_list() == ["", ""]
    assert set(table["prompt_id"]) == {explained(cell, 1).ids[0]}


def test_no_credit_has_no_share_but_a_shift_of_zero(cell: tuple[Cell, pd.DataFrame]) -> None:
    table = SCORES.frame(score_rows(explained(cell, 1), outcome(cell, 0.0, 1e-7, 0.0, 0.0)))
    assert table["reason"].to_list() == ["no_credit", ""]
    assert math.isnan(table["value"][0])
    assert table["value"][1] == pytest.approx(0, abs=1e-6)


def test_what_could_not_be_explained_has_neither(cell: tuple[Cell, pd.DataFrame]) -> None:
    table = SCORES.frame(score_rows(explained(cell, 1), outcome(cell)))
    assert table["value"].isna().all()
    assert set(table["reason"]) == {"not_explained"}


def test_a_prompt_without_the_groups_words_gives_them_no_share() -> None:
    words = Player(kind="words", slot="", members=(0,))
    credits = Credits(values=np.array([2.0]), errors=np.zeros(1), base_value=0.0, total=2.0)
    one = Outcome(method="lime", players=(words,), operator="mask", rows=2, credits=credits)
    nowhere: Any = ((), ())
    place = Explanation(
        pair_id="p",
        kind="removal",
        side="a",
        ids=("a", "b"),
        texts=nowhere,
        place=(),
        sample="random",
        in_random=True,
    )
    assert [row["value"] for row in score_rows(place, one)] == [0.0, 2.0]
