"""Which pairs are explained."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from filled_prompts import deltas_of, filled, pairs_of, prompt_row, scored, suite_of

from audit.records import PAIRS, PROMPTS, content_id
from audit.samples import CELL, changed_in, chosen_pairs


def frames(templates: int = 12, names: int = 4, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    texts = {f"t{n:02d}": f"Letter {n}: {{name}} is {{a_occupation}}." for n in range(templates)}
    prompts, pairs = suite_of(texts, names=names)
    rng = np.random.default_rng(seed)
    worth = dict(zip(prompts["prompt_id"], rng.normal(size=len(prompts)), strict=True))
    scores = scored(prompts, lambda text: 0.0)
    return pairs, deltas_of(pairs, scores.assign(value=scores["prompt_id"].map(worth)))


def chosen(pairs: pd.DataFrame, deltas: pd.DataFrame, **given: object) -> pd.DataFrame:
    wanted = {"axes": (), "quotas": (4, 0, 5), "seed": 3} | given
    return chosen_pairs(pairs, deltas, **wanted)  # type: ignore[arg-type]


def test_the_largest_differences_come_from_distinct_templates() -> None:
    pairs, deltas = frames()
    found = chosen(pairs, deltas, quotas=(4, 0, 0))
    best = (
        deltas.assign(size=deltas["delta"].abs())
        .sort_values("size", ascending=False)
        .drop_duplicates("template")
    )
    assert set(best["pair_id"].head(3)) < set(found["pair_id"])
    assert len(found) == found["template"].nunique() == 4
    assert set(found["sample"]) == {"largest"}
    assert not found["in_random"].any()


@pytest.mark.parametrize("sign", [1, -1])
def test_both_directions_are_among_the_largest_where_both_occur(sign: int) -> None:
    pairs, deltas = frames()
    lone = deltas["template"] == "t05"
    skewed = deltas.assign(delta=sign * deltas["delta"].abs().where(~lone, -0.01))
    found = skewed[skewed["pair_id"].isin(chosen(pairs, skewed, quotas=(3, 0, 0))["pair_id"])]
    assert sorted(np.sign(found["delta"]) * sign) == [-1, 1, 1]
    rounding = deltas.assign(delta=sign * deltas["delta"].abs().where(~lone, -1e-7))
    found = rounding[rounding["pair_id"].isin(chosen(pairs, rounding, quotas=(3, 0, 0))["pair_id"])]
    assert (np.sign(found["delta"]) == sign).all()


def test_a_pair_without_a_delta_is_not_among_the_largest_but_may_be_drawn() -> None:
    pairs, deltas = frames(templates=3, names=1)
    failed = deltas.assign(delta=np.nan)
    assert not len(chosen(pairs, failed, quotas=(4, 0, 0)))
    assert len(chosen(pairs, failed, quotas=(4, 0, 2))) == 6


def test_random_cells_have_all_groups_and_distinct_templates_first() -> None:
    pairs, deltas = frames()
    found = chosen(pairs, deltas, quotas=(0, 0, 5))
    assert found["in_random"].all()
    assert len(found[CELL].drop_duplicates()) == found["template"].nunique() == 5
    assert (found.groupby(CELL).size() == 3).all()
    more = chosen(pairs, deltas, quotas=(0, 0, 20))
    assert len(more[CELL].drop_duplicates()) == 20
    assert more["template"].nunique() == 12


def test_the_draw_depends_on_the_seed_and_on_nothing_else() -> None:
    pairs, deltas = frames()
    first = chosen(pairs, deltas)
    shuffled = chosen(pairs.sample(frac=1, random_state=1), deltas.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(first, shuffled)
    assert set(chosen(pairs, deltas, seed=4)["pair_id"]) != set(first["pair_id"])


def test_a_pair_that_is_in_both_samples_is_there_once() -> None:
    pairs, deltas = frames(templates=2, names=1)
    found = chosen(pairs, deltas, quotas=(2, 0, 2))
    assert sorted(found["pair_id"]) == sorted(pairs["pair_id"])
    assert found["in_random"].all()
    assert (found["sample"] == "largest").sum() == 2


def test_changed_decisions_are_drawn_from_those_that_are_not_among_the_largest() -> None:
    pairs, deltas = frames()
    usual = chosen(pairs, deltas)
    turned = set(pairs["pair_id"].iloc[::2])
    found = chosen(pairs, deltas, quotas=(4, 6, 5), changed=turned)
    flips = found[found["sample"] == "flip"]
    assert len(flips) == flips["template"].nunique() == 6
    assert set(flips["pair_id"]) <= turned
    for column in ("largest", "random"):
        assert set(usual.loc[usual["sample"] == column, "pair_id"]) <= set(found["pair_id"])
    pd.testing.assert_frame_equal(
        usual.loc[usual["in_random"], ["pair_id", "in_random"]].reset_index(drop=True),
        found.loc[found["in_random"], ["pair_id", "in_random"]].reset_index(drop=True),
    )
    largest = found.loc[found["sample"] == "largest", "pair_id"]
    assert set(largest) == set(usual.loc[usual["sample"] == "largest", "pair_id"])
    few = chosen(pairs, deltas, quotas=(4, 6, 0), changed={*largest, pairs["pair_id"].iloc[-1]})
    assert (few["sample"] == "flip").sum() <= 1, "those among the largest are called so"


def test_changed_decisions_are_drawn_with_the_seed_and_not_by_their_size() -> None:
    pairs, deltas = frames()
    every = set(pairs["pair_id"])
    draw = [
        set(chosen(pairs, deltas, quotas=(0, 4, 0), changed=every, seed=seed)["pair_id"])
        for seed in (3, 3, 4)
    ]
    assert draw[0] == draw[1] != draw[2]
    turned = deltas.assign(delta=-1000 * deltas["delta"])
    assert set(chosen(pairs, turned, quotas=(0, 4, 0), changed=every)["pair_id"]) == draw[0]


def test_the_draw_of_changed_decisions_does_not_depend_on_the_order_of_templates() -> None:
    pairs, deltas = frames()
    every = set(pairs["pair_id"])
    first, turned = (
        chosen(rows, deltas, quotas=(0, 4, 0), changed=every) for rows in (pairs, pairs.iloc[::-1])
    )
    assert set(first["pair_id"]) == set(turned["pair_id"])


def test_a_decision_has_changed_where_its_rate_moves_by_half() -> None:
    pairs, _ = frames(templates=2, names=1)
    moved = pairs.assign(delta=[1.0, -0.5, 0.49, 0.0, np.nan, -1.0], metric="selection_rate")
    other = pairs.assign(delta=9.0, metric="choice_logit")
    assert set(changed_in(pd.concat([moved, other]))) == set(pairs["pair_id"].iloc[[0, 1, 5]])


def test_requested_pairs_are_added_once_and_change_no_sample() -> None:
    pairs, deltas = frames()
    usual = chosen(pairs, deltas)
    asked = [*usual["pair_id"].head(2), *pairs["pair_id"].tail(3)]
    found = chosen(pairs, deltas, requested=asked)
    assert sorted(found["pair_id"]) == sorted({*usual["pair_id"], *asked})
    kept = found[found["pair_id"].isin(usual["pair_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, usual)
    added = found[~found["pair_id"].isin(usual["pair_id"])]
    assert set(added["sample"]) == {"requested"}
    assert not added["in_random"].any()


def test_intersections_are_left_out_unless_they_are_named() -> None:
    pairs, deltas = frames()
    crossed = pairs.assign(axis="gender*ethnicity", pair_id=[content_id(p) for p in pairs["pair_id"]])
    both = pd.concat([pairs, crossed])
    known = pd.concat([deltas, deltas.assign(axis="gender*ethnicity", pair_id=crossed["pair_id"].to_list())])
    assert set(chosen(both, known)["axis"]) == {"gender"}
    assert set(chosen(both, known, axes=["gender*ethnicity"])["axis"]) == {"gender*ethnicity"}


def test_no_prompt_is_in_the_random_sample_of_two_axes() -> None:
    def cell(axis: str, name: str, people: tuple[str, str]) -> list[dict[str, object]]:
        return [
            prompt_row(
                filled("{name} writes.", name=person), template="t", name=name, group=f"g{n}", axis=axis
            )
            for n, person in enumerate(people)
        ]

    rows = [row for n in range(6) for row in cell("one", str(n), (f"A{n}", f"B{n}"))]
    rows += [row for n in range(6) for row in cell("two", str(n), (f"A{n}", f"C{n}"))]
    pairs = pairs_of(PROMPTS.frame(rows))
    found = chosen(pairs, deltas_of(pairs, scored(PROMPTS.frame(rows), len)), quotas=(0, 0, 3))
    ids = [set(found.loc[found["axis"] == axis, ["a", "b"]].to_numpy().ravel()) for axis in ("one", "two")]
    assert [len(one) for one in ids] == [6, 6]
    assert not ids[0] & ids[1]


def test_without_pairs_nothing_is_chosen() -> None:
    pairs, deltas = frames()
    assert not len(chosen(pairs.head(0), deltas))
    assert not len(chosen(pairs, deltas, axes=["culture"]))


def test_choosing_makes_no_objects_of_the_words_of_every_pair() -> None:
    count = 20_000
    number = np.arange(count)
    ids = [content_id(int(n)) for n in number]
    pairs = PAIRS.frame(
        pd.DataFrame({
            "pair_id": ids, "axis": "gender", "arm": "swap", "template": [f"t{n % 20}" for n in number],
            "cluster": "", "name": [f"n{n // 20 % 12}" for n in number], "stratum": [f"s{n // 720}" for n in number],
            "group_a": "f", "group_b": [f"g{n // 240 % 3}" for n in number], "a": ids, "b": ids[::-1],
        })
    )  # fmt: skip
    deltas = pairs[["pair_id"]].assign(metric="selection_rate", delta=np.sin(number))
    chosen(pairs.head(100), deltas, changed=changed_in(deltas))
    tracemalloc.start()
    chosen(pairs, deltas, quotas=(4, 4, 20), changed=changed_in(deltas))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak / count < 160, "ids and words as Python's strings took 250 bytes a pair"
