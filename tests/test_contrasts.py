from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from audits import Cells
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.contrasts import Contrasts, each_against_others, plan_contrasts

FIVE = ("a", "b", "c", "d", "e")


def planned(groups: tuple[str, ...], *, strata: tuple[str, ...] = ("",), **more: object) -> Contrasts:
    prompts, _, _ = Cells(values=np.zeros((4, 2, len(groups))), groups=groups, strata=strata).tables("rating")
    return plan_contrasts(prompts, {"colour": groups}, **more)  # type: ignore[arg-type]


def pair_rows(groups: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        {"axis": "colour", "stratum": s, "group_a": a, "group_b": b}
        for s in ("x", "y")
        for a, b in combinations(groups, 2)
    ]
    return pd.DataFrame(rows)


def test_all_pairs_are_compared_in_alphabetical_order_pooled_and_by_stratum() -> None:
    found = planned(("red", "blue", "green"), strata=("x", "y"))
    pairs = list(zip(found.group_a, found.group_b, strict=True))
    assert pairs[:3] == [("blue", "green"), ("blue", "red"), ("green", "red")]
    assert found.stratum == ("*",) * 3 + ("x",) * 3 + ("y",) * 3


def test_with_more_than_four_groups_each_is_compared_with_the_others() -> None:
    assert "*" not in planned(FIVE[:4]).group_a
    assert [b for a, b in zip(planned(FIVE).group_a, planned(FIVE).group_b, strict=True) if a == "*"] == list(
        FIVE
    )
    assert planned(FIVE[:2], others={"colour"}).group_a == ("a", "*", "*")


def test_groups_that_were_not_asked_still_have_their_rows() -> None:
    found = plan_contrasts(
        Cells(values=np.zeros((2, 2, 2))).tables("rating")[0], {"colour": ("blue", "red", "white")}
    )
    assert ("blue", "white") in zip(found.group_a, found.group_b, strict=True)


def test_unknown_groups_are_not_compared() -> None:
    found = planned(("blue", "red", "unknown", ""))
    assert (found.group_a, found.group_b) == (("blue",), ("red",))


def test_a_pair_speaks_for_its_contrast_and_for_both_groups_against_the_others() -> None:
    contrasts = planned(FIVE, strata=("x", "y"))
    rows = pair_rows(FIVE)
    members = contrasts.of_pairs(rows)
    for row, contrast, side in zip(members.row, members.contrast, members.side, strict=True):
        a, b = contrasts.group_a[contrast], contrasts.group_b[contrast]
        own = rows.iloc[row][["group_a", "group_b"]].tolist()
        assert contrasts.stratum[contrast] in ("*", rows.iloc[row]["stratum"])
        assert b == own[side] and a in ("*", own[1 - side])
    assert len(members.row) == len(rows) * 2 * 3


@given(st.integers(2, 7), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_pairs_against_the_others_add_up_to_the_group_minus_the_mean_of_the_others(
    count: int, seed: int
) -> None:
    groups = tuple(f"g{n}" for n in range(count))
    value = dict(zip(groups, np.random.default_rng(seed).normal(size=count), strict=True))
    contrasts = planned(groups, others={"colour"})
    rows = pair_rows(groups)
    change = rows["group_b"].map(value) - rows["group_a"].map(value)
    members = contrasts.of_pairs(rows)
    signed = change.to_numpy()[members.row] * np.where(members.side == 1, 1, -1)
    for number in np.flatnonzero(contrasts.against_others):
        own = contrasts.group_b[number]
        others = np.mean([v for g, v in value.items() if g != own])
        assert np.isclose(signed[members.contrast == number].mean(), value[own] - others)


def test_single_rows_belong_to_both_sides_of_their_contrasts() -> None:
    contrasts = planned(("a", "b", "c"))
    rows = pd.DataFrame({"axis": "colour", "stratum": "", "group": ["a", "b", "c"]})
    members = contrasts.of_groups(rows)
    found = {(rows["group"][r], contrasts.group_a[c], contrasts.group_b[c], s) for r, c, s in
             zip(members.row, members.contrast.tolist(), members.side.tolist(), strict=True)}  # fmt: skip
    assert found == {(g, a, b, int(g == b)) for a, b in combinations("abc", 2) for g in (a, b)}


def test_control_pairs_give_both_sides_of_a_contrast_the_same_weight() -> None:
    contrasts = planned(FIVE)
    rows = pd.DataFrame({"axis": "colour", "stratum": "", "group_a": FIVE})
    members = contrasts.of_controls(rows)
    number = contrasts.group_a.index("*")
    assert np.bincount(members.row[members.contrast == number]).tolist() == [4, 1, 1, 1, 1]


def test_positions_are_in_the_order_of_their_numbers() -> None:
    rows = pd.DataFrame({"axis": "position", "stratum": "", "group": [f"position {n}" for n in (10, 2, 1)]})
    assert each_against_others(rows, "position").group_b == ("position 1", "position 2", "position 10")


def test_columns_name_the_groups_of_a_contrast() -> None:
    contrasts = planned(FIVE)
    assert contrasts.columns(np.array([0, len(contrasts) - 1])).tolist() == [[0, 1], [-5, 4]]


def test_nothing_to_compare_is_no_error() -> None:
    empty = plan_contrasts(
        Cells(values=np.zeros((1, 1, 1)), groups=("only",)).tables("rating")[0], {"colour": ()}
    )
    assert len(empty) == 0
    assert len(empty.of_pairs(pair_rows(("a", "b"))).row) == 0
