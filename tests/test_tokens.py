"""Token lengths of both sides of a pair, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from audit.records import UNKNOWN_TOKENS
from audit.tokens import token_differences

PAIRS = pd.DataFrame(
    [
        ("gender", "swap", "men", "women", "p1", "p2"),
        ("gender", "swap", "men", "women", "p3", "p4"),
        ("gender", "swap", "men", "women", "p5", "p6"),
        ("gender", "name", "men", "men", "p1", "p9"),
        ("faith", "swap", "a", "b", "p1", "p4"),
        ("faith", "swap", "a", "c", "p1", "p7"),
    ],
    columns=["axis", "arm", "group_a", "group_b", "a", "b"],
)
LENGTHS = {"p1": 10, "p2": 10, "p3": 12, "p4": 9, "p5": 20, "p6": 22, "p7": UNKNOWN_TOKENS, "p9": 40}


def responses(lengths: dict[str, int]) -> pd.DataFrame:
    """One row an answer; the first prompt was answered twice."""
    rows = [{"prompt_id": prompt, "tokens": length, "repeat": 0} for prompt, length in lengths.items()]
    return pd.DataFrame([*rows, {**rows[0], "repeat": 1}])


def test_lengths_are_compared_pair_by_pair() -> None:
    assert token_differences(PAIRS, responses(LENGTHS)) == [
        {"axis": "faith", "group_a": "a", "group_b": "b", "pairs": 1, "equal": 0, "mean": -1.0, "largest": -1.0},
        {
            "axis": "gender", "group_a": "men", "group_b": "women", "pairs": 3, "equal": 1,
            "mean": pytest.approx((0 - 3 + 2) / 3), "largest": -3.0,
        },
    ]  # fmt: skip


def test_swapping_the_sides_turns_the_sign() -> None:
    turned = PAIRS.rename(columns={"a": "b", "b": "a", "group_a": "group_b", "group_b": "group_a"})
    for one, other in zip(
        sorted(token_differences(PAIRS, responses(LENGTHS)), key=lambda row: str(row["axis"])),
        sorted(token_differences(turned, responses(LENGTHS)), key=lambda row: str(row["axis"])),
        strict=True,
    ):
        assert one["mean"] == pytest.approx(-float(str(other["mean"])))
        assert one["largest"] == -float(str(other["largest"]))
        assert (one["pairs"], one["equal"]) == (other["pairs"], other["equal"])


def test_the_order_of_rows_does_not_matter() -> None:
    wanted = token_differences(PAIRS, responses(LENGTHS))
    shuffled = responses(LENGTHS).sample(frac=1, random_state=3)
    assert token_differences(PAIRS.sample(frac=1, random_state=5), shuffled) == wanted


def test_where_no_length_is_known_nothing_is_said() -> None:
    assert token_differences(PAIRS, responses(dict.fromkeys(LENGTHS, UNKNOWN_TOKENS))) == []
    assert token_differences(PAIRS, responses(LENGTHS).iloc[:0]) == []
    assert token_differences(PAIRS.iloc[:0], responses(LENGTHS)) == []


def test_a_pair_counts_only_where_both_sides_are_known() -> None:
    (entry,) = token_differences(PAIRS, responses({"p1": 5, "p2": 8, "p3": 5, "p4": UNKNOWN_TOKENS, "p6": 1}))
    assert (entry["axis"], entry["pairs"], entry["equal"], entry["mean"]) == ("gender", 1, 0, 3.0)
