"""Credits of the random sample, averaged over a suite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted_credits import TRUTH, Played, drawn, tables
from scipy import stats as scipy_stats

from audit import stats
from audit.carriers import MIN_CLUSTERS, NOT_TOLD, carriers

AUDITS = 300


def found(played: list[Played], **only: object) -> pd.DataFrame:
    table = carriers(*tables(played), alpha=0.05)
    for column, value in only.items():
        table = table[table[column] == value]
    return table


def one(table: pd.DataFrame, **only: object) -> pd.Series:  # type: ignore[type-arg]
    for column, value in only.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def audit_of(seed: int = 0, **given: object) -> list[Played]:
    return drawn(np.random.default_rng(seed), **given)  # type: ignore[arg-type]


# ------------------------------------------------------------- what is averaged


def test_the_slots_add_up_to_the_difference_and_their_shares_to_one() -> None:
    swap = found(audit_of(), game="swap")
    slots = swap[swap["kind"] == "slot"]
    assert list(slots["slot"]) == ["pronoun", "name"]
    assert slots["estimate"].sum() == pytest.approx(one(swap, kind="all")["estimate"], abs=1e-12)
    assert slots["share"].sum() == pytest.approx(1, abs=1e-12)
    assert ((slots["share_low"] < slots["share"]) & (slots["share"] < slots["share_high"])).all()


def test_words_values_and_their_pooled_rest_add_up_to_what_the_context_does() -> None:
    played = audit_of()
    played += [replace(played[0], gap=[("", "once", 1.0)])]
    gap = found(played, game="gap")
    parts = gap[~gap["kind"].isin(["all", "stratum"])]
    assert set(parts["kind"]) == {"value", "word", "other_words"}
    whole = one(gap, kind="all")
    assert (parts["estimate"] * parts["pairs"]).sum() == pytest.approx(whole["estimate"] * whole["pairs"])


def test_few_names_make_it_the_t_interval_of_the_clusters() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.3, 9)
    table = found([Played(swap=[("name", "Ann", value)], template=f"t{n}") for n, value in enumerate(values)])
    row = one(table, kind="slot")
    error = values.std(ddof=1) / 3
    low, high = scipy_stats.t.interval(row["level"], 8, values.mean(), error)
    assert (row["estimate"], row["se"], row["df"]) == pytest.approx((values.mean(), error, 8))
    assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_the_share_is_a_ratio_of_sums_with_a_jackknife_over_clusters() -> None:
    rng = np.random.default_rng(2)
    name, pronoun = rng.normal(0.5, 0.1, 12), rng.normal(1.0, 0.1, 12)
    played = [Played(swap=[("name", "Ann", a), ("pronoun", "she", b)], template=f"t{n}")
              for n, (a, b) in enumerate(zip(name, pronoun, strict=True))]  # fmt: skip
    row = one(found(played), slot="name")
    left_out = np.array([np.delete(name, n).sum() / np.delete(name + pronoun, n).sum() for n in range(12)])
    error = np.sqrt(11 / 12 * ((left_out - left_out.mean()) ** 2).sum())
    half = scipy_stats.t.ppf(1 - (1 - row["level"]) / 2, 11) * error
    assert row["share"] == pytest.approx(name.sum() / (name + pronoun).sum())
    assert (row["share_low"], row["share_high"]) == pytest.approx((row["share"] - half, row["share"] + half))


def test_a_slot_that_reads_the_same_in_a_pair_counts_as_zero_there() -> None:
    both = [("name", "Ann", 0.2), ("pronoun", "she", 1.0)]
    played = [Played(swap=both[: 1 + n % 2], template=f"t{n}") for n in range(10)]
    row = one(found(played), slot="pronoun")
    assert (row["estimate"], row["pairs"]) == (0.5, 10)


def test_what_two_slots_do_together_has_a_row_that_changes_no_other() -> None:
    both = [("name × pronoun", "Ann × she", 0.25)]
    played = [replace(each, together=both[: number % 2]) for number, each in enumerate(audit_of())]
    table = found(played, game="swap")
    row = one(table, kind="interaction")
    assert (row["slot"], row["pairs"], row["estimate"]) == ("name × pronoun", 16, pytest.approx(0.125))
    assert np.isnan(row["share"])
    plain = found(audit_of(), game="swap")
    np.testing.assert_allclose(table.loc[table["kind"] != "interaction", "estimate"], plain["estimate"])


def test_only_the_random_sample_counts() -> None:
    chosen = replace(audit_of()[0], swap=[("name", "Ann", 99.0)], gap=[("", "huge", 99.0)], in_random=False)
    pd.testing.assert_frame_equal(found([*audit_of(), chosen]), found(audit_of()))


def test_exchanging_the_groups_turns_every_sign() -> None:
    turned = [replace(each, groups=("women", "men")) for each in audit_of()]
    before, after = found(audit_of()), found(turned)
    np.testing.assert_allclose(before["estimate"], -after["estimate"], atol=1e-12)
    np.testing.assert_allclose(before["low"], -after["high"], atol=1e-12)
    np.testing.assert_allclose(before["share"], after["share"], atol=1e-12)


def test_of_many_groups_each_is_compared_with_the_mean_of_the_others() -> None:
    worth = {group: float(place) for place, group in enumerate("abcde")}
    pairs = [(a, b) for a in worth for b in worth if a < b]
    played = [Played(swap=[("name", "", worth[b] - worth[a])], groups=(a, b), template=f"t{n}")
              for n in range(6) for a, b in pairs]  # fmt: skip
    table = found(played, kind="slot")
    assert dict(zip(table["group_b"], table["estimate"], strict=True)) == pytest.approx(
        {group: np.mean([value - other for name, other in worth.items() if name != group])
         for group, value in worth.items()}
    )  # fmt: skip
    assert set(table["group_a"]) == {"*"} and set(table["pairs"]) == {24}


# ------------------------------------------------------------- words


def test_words_are_one_whatever_their_capitals_and_spaces() -> None:
    spellings = ("Night shift", "night  shift", "NIGHT SHIFT")
    played = [Played(gap=[("", spellings[n % 3], 0.5)], template=f"t{n}") for n in range(6)]
    row = one(found(played), kind="word")
    assert (row["text"], row["pairs"], row["clusters"]) == ("night shift", 6, 6)


def test_what_stands_in_too_few_templates_is_counted_together() -> None:
    played = [
        Played(
            gap=[("", f"rare {n}", 0.3), ("city", f"place {n}", 0.1), ("", "common", 0.2)], template=f"t{n}"
        )
        for n in range(MIN_CLUSTERS)
    ]
    table = found([*played, replace(played[0], gap=[("", "common", 0.2)])])
    words, values = one(table, kind="other_words"), one(table, kind="other_values")
    assert (words["pooled"], words["pairs"], words["estimate"]) == (
        MIN_CLUSTERS,
        MIN_CLUSTERS,
        pytest.approx(0.3),
    )
    assert (values["slot"], values["pooled"], values["text"]) == ("city", MIN_CLUSTERS, "")
    assert one(table, kind="word")["pairs"] == MIN_CLUSTERS + 1


def test_strata_have_the_summed_credit_of_their_context() -> None:
    played = [Played(gap=[("", "one", 0.2), ("", "two", 0.1 * (n % 2))], template=f"t{n}", stratum="xy"[n % 2])
              for n in range(12)]  # fmt: skip
    table = found(played, kind="stratum")
    assert dict(zip(table["text"], table["estimate"], strict=True)) == pytest.approx({"x": 0.2, "y": 0.3})


def test_rounding_of_scores_never_makes_a_trigger() -> None:
    played = [Played(gap=[("", "nothing", 4e-6)], template=f"t{n}") for n in range(30)]
    row = one(found(played), kind="word")
    assert (row["estimate"], row["told"], row["p_value"]) == (0.0, False, 1.0)


# ------------------------------------------------------------- what is said


def test_rows_of_one_game_are_one_family() -> None:
    table = found(audit_of(), game="gap")
    adjusted = stats.benjamini_hochberg(table["p_value"].to_numpy())
    np.testing.assert_allclose(table["p_adjusted"], adjusted)
    np.testing.assert_allclose(table["level"], stats.fcr_level(adjusted, 0.05))
    clear = (table["low"] > 0) | (table["high"] < 0)
    assert (table["told"] == clear).all() and 0 < clear.sum() < len(table)
    assert table.loc[~clear, "reason"].str.contains(NOT_TOLD).all()


def test_the_largest_comes_first_within_its_kind() -> None:
    sizes = found(audit_of(), kind="word")["estimate"].abs()
    assert list(sizes) == sorted(sizes, reverse=True)


def test_a_difference_that_is_not_told_from_zero_has_no_shares() -> None:
    played = [
        Played(swap=[("name", "Ann", (-1) ** n), ("pronoun", "she", 0.01)], template=f"t{n}")
        for n in range(20)
    ]
    slots = found(played, kind="slot")
    assert slots["share"].isna().all()
    assert slots["reason"].str.contains("no share, because the difference itself is not told from zero").all()


def test_pairs_without_credits_that_add_up_are_lost_and_counted() -> None:
    played = audit_of()
    played[0] = replace(played[0], swap=[("name", "Ann", float("nan"))])
    played[1] = replace(played[1], total=7.0)
    row = one(found(played, game="swap"), kind="all")
    assert (row["pairs"], row["lost"], row["unreliable"]) == (14, 2, 0)
    kept = one(found(played[2:], game="swap"), kind="all")
    assert row["estimate"] == pytest.approx(kept["estimate"])


def test_credits_that_add_up_stay_though_a_bar_was_missed_and_are_counted() -> None:
    played = [replace(each, reliable=number > 2) for number, each in enumerate(audit_of())]
    assert set(found(played, game="swap")["unreliable"]) == {3}
    assert one(found(played), kind="word", text="together")["unreliable"] == 3
    np.testing.assert_allclose(found(played)["estimate"], found(audit_of())["estimate"])


def test_where_every_pair_is_lost_the_comparison_says_so() -> None:
    nothing = [replace(each, swap=[("name", "Ann", float("nan"))], gap=[]) for each in audit_of()]
    row = one(found(nothing), kind="all")
    assert (row["pairs"], row["lost"], row["told"]) == (0, 16, False)
    assert row["reason"] == "no pair of the random sample has credits"
    assert np.isnan(row["estimate"])


def test_one_cluster_has_an_estimate_without_an_interval() -> None:
    row = one(found(audit_of()[:1], game="swap"), kind="all")
    assert np.isfinite(row["estimate"]) and np.isnan(row["low"])
    assert "a single cluster gives no interval" in row["reason"]


def test_nothing_explained_gives_an_empty_table() -> None:
    assert not len(found([]))
    assert not len(found([replace(each, in_random=False) for each in audit_of()]))


# ------------------------------------------------------------- planted credits


@pytest.mark.parametrize("error", [0.0, 0.3])
def test_intervals_hold_the_planted_credits_as_often_as_they_say(error: float) -> None:
    rng = np.random.default_rng(5)
    audits = [pair for n in range(AUDITS) for pair in drawn(rng, f"audit {n:03d}", error=error)]
    table = found(audits)
    truth = TRUTH | {"cook": TRUTH["nurse"]}
    whole = TRUTH["name"] + TRUTH["pronoun"]
    slack = 3 * np.sqrt(0.05 * 0.95 / AUDITS)
    for key in ("name", "pronoun", "nurse", "cook", "together", "elsewhere"):
        rows = table[np.where(table["kind"] == "slot", table["slot"], table["text"]) == key]
        assert len(rows) == AUDITS
        held = (rows["low"] <= truth[key]) & (truth[key] <= rows["high"])
        assert held.mean() >= rows["level"].iloc[0] - 0.02 - slack, key
        if rows["kind"].iloc[0] == "slot":
            shown = rows[rows["share"].notna()]
            inside = (shown["share_low"] <= truth[key] / whole) & (truth[key] / whole <= shown["share_high"])
            assert inside.mean() >= rows["level"].iloc[0] - 0.02 - slack, key
            assert len(shown) > 0.9 * AUDITS
    assert table.loc[table["text"] == "elsewhere", "told"].mean() <= 0.05
    assert table.loc[table["text"] == "together", "told"].mean() > 0.7
