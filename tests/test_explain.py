"""Planning explanations, and turning scores into credits."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import factorial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filled_prompts import PERSONS, TEXTS, deltas_of, filled, pairs_of, prompt_row, scored, suite_of

from audit.attribution import ATTRIBUTORS
from audit.errors import InputError
from audit.explain import Explained, ExplainPlan, ExplainSettings, attribute, more, plan, priced
from audit.records import ATTRIBUTIONS, DELTAS, PROMPTS, QUALITY, SCORES

SMALL = ExplainSettings(largest=2, random=2)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def planted(text: str) -> float:
    """Women lose two, as engineers three more; references help; nothing else matters."""
    found = words(text)
    woman = "emily" in found or "she" in found or "her" in found
    return 1.0 - 2.0 * woman - 3.0 * (woman and "engineer" in found) + 1.5 * ("references" in found)


def restless(text: str) -> float:
    """Every word, and every pair of neighbours, has its own weight."""
    found = words(text)
    weigh = [np.random.default_rng([ord(c) for c in word]).normal() for word in found]
    return float(sum(weigh) + 0.3 * sum(a * b for a, b in pairwise(weigh)))


def planned(
    value: Callable[[str], float],
    settings: ExplainSettings = SMALL,
    *,
    texts: dict[str, str] | None = None,
    mask: str | None = "[M]",
) -> tuple[ExplainPlan, pd.DataFrame, pd.DataFrame]:
    prompts, pairs = suite_of(texts or TEXTS)
    deltas = deltas_of(pairs, scored(prompts, value))
    made = plan(prompts, pairs, deltas, metric="choice_logit", settings=settings, mask_text=mask, seed=5)
    return made, pairs, deltas


def explained(
    value: Callable[[str], float], settings: ExplainSettings = SMALL, **more: Any
) -> tuple[Explained, pd.DataFrame]:
    made, _, deltas = planned(value, settings, **more)
    return answered(made, value), deltas


def answered(made: ExplainPlan, value: Callable[[str], float]) -> Explained:
    """The explanations once every round has its scores."""
    for _ in range(20):
        if not len(made.prompts):
            break
        made = more(made, scored(made.prompts, value))
    assert not len(made.prompts)
    return attribute(made)


def test_the_prompts_are_distinct_and_fit_their_table() -> None:
    made, _, _ = planned(restless)
    assert list(made.prompts.columns) == PROMPTS.names
    assert made.prompts["prompt_id"].is_unique
    assert set(made.prompts["arm"]) == {"explain"}
    assert set(made.prompts["base_id"]) <= {prompt_id for one in made.explanations for prompt_id in one.ids}


def test_swap_credits_add_up_to_the_delta_of_their_pair() -> None:
    found, deltas = explained(restless)
    swap = found.attributions[
        (found.attributions["game"] == "swap") & (found.attributions["method"] == "shap")
    ]
    sums = swap.groupby("pair_id")["value"].sum()
    known = deltas.set_index("pair_id")
    assert sums.to_dict() == pytest.approx(known.loc[sums.index, "delta"].to_dict(), abs=1e-9)
    assert (swap["total"] - swap["pair_id"].map(known["delta"])).abs().max() < 1e-9
    assert (swap["base_value"] - swap["pair_id"].map(known["value_a"])).abs().max() < 1e-9
    assert swap["reliable"].all()
    assert set(swap["operator"]) == {"counterpart"}
    assert set(swap["slot"]) <= {"name", "pronoun"}


def test_gap_credits_add_up_to_what_the_context_does_to_the_gap() -> None:
    found, deltas = explained(restless)
    gap = found.attributions[found.attributions["game"] == "gap"]
    assert set(gap["pair_id"]) == set(found.attributions["pair_id"])
    for pair_id, rows in gap.groupby("pair_id"):
        delta = float(deltas.loc[deltas["pair_id"] == pair_id, "delta"].iloc[0])
        assert rows["base_value"].iloc[0] + rows["value"].sum() == pytest.approx(delta, abs=1e-9)
        assert rows["reliable"].all()


def test_the_context_word_that_triggers_the_difference_is_on_top_of_the_gap() -> None:
    found, _ = explained(planted, ExplainSettings(largest=1, random=0))
    gap = found.attributions[found.attributions["game"] == "gap"].sort_values("value", key=abs)
    assert (gap["slot"].iloc[-1], gap["text_b"].iloc[-1], gap["value"].iloc[-1]) == (
        "occupation",
        "an engineer",
        -3.0,
    )
    assert gap["value"].iloc[:-1].abs().max() < 1e-9


def test_pairs_that_are_asked_for_are_explained_and_stand_for_nothing_else() -> None:
    prompts, pairs = suite_of()
    ids = tuple(pairs["pair_id"][[1, 4]])
    settings = ExplainSettings(largest=0, random=0, pairs=ids)
    made = plan(
        prompts, pairs, DELTAS.frame(), metric="choice_logit", settings=settings, mask_text=None, seed=5
    )
    found = attribute(made, scored(made.prompts, restless))
    assert set(found.attributions["pair_id"]) == set(ids)
    assert set(found.attributions["sample"]) == {"requested"}
    assert not len(found.scores)
    both, _ = explained(restless, ExplainSettings(largest=2, random=1, pairs=tuple(pairs["pair_id"])))
    drawn, _ = explained(restless, ExplainSettings(largest=2, random=1))
    assert set(both.attributions["pair_id"]) == set(pairs["pair_id"])
    pd.testing.assert_frame_equal(both.scores, drawn.scores)
    samples = both.attributions.drop_duplicates("pair_id").set_index("pair_id")["sample"]
    for pair_id, sample in (
        drawn.attributions.drop_duplicates("pair_id").set_index("pair_id")["sample"].items()
    ):
        assert samples[pair_id] == sample


def test_every_explanation_with_credits_is_judged_by_every_criterion() -> None:
    found, _ = explained(restless)
    assert list(found.quality.columns) == QUALITY.names
    assert set(found.quality["attribution_id"]) == set(found.attributions["attribution_id"])
    wrong = found.quality[found.quality["applies"] & ~found.quality["met"]]
    assert (wrong["note"] != "").all()
    unreliable = found.attributions[~found.attributions["reliable"]]
    assert set(unreliable["attribution_id"]) == set(wrong["attribution_id"])
    open_ones = found.quality[~found.quality["applies"]]
    assert open_ones["bar"].isna().all()
    assert (open_ones["note"] != "").all()


def test_interactions_of_the_swap_game_add_up_to_the_delta_and_count_what_reads_oddly() -> None:
    found, deltas = explained(planted)
    rows = found.attributions[found.attributions["method"] == "shap_interactions"]
    known = deltas.set_index("pair_id")["delta"]
    sums = rows.groupby("pair_id")["value"].sum()
    assert sums.to_dict() == pytest.approx(known[sums.index].to_dict(), abs=1e-9)
    for _, one in rows.groupby("pair_id"):
        assert one[["player", "partner"]].to_numpy().tolist() == [[0, 0], [1, 1], [0, 1]]
        assert one["slot"].to_list() == ["name", "pronoun", "name × pronoun"]
        assert set(one["incongruent"]) == {2}
    both = rows[(rows["slot"] == "name × pronoun") & rows["pair_id"].map(known).lt(-1.5)]
    assert (both["value"] > 1.5).all(), "name and pronoun each say woman, which counts once"
    others = found.attributions[found.attributions["game"] != "swap"]
    assert (others["incongruent"] == 0).all()
    assert (others["partner"] == -1).all()


def test_the_gap_game_asks_for_nothing_that_the_removal_games_do_not_ask() -> None:
    made, _, _ = planned(restless, ExplainSettings(largest=1, random=1))
    ids = {
        kind: {name for key, table in made.tables.items() if key[0] == kind for row in table.coalitions.ids.values()
               for name in row}
        for kind in ("removal", "gap")
    }  # fmt: skip
    assert ids["gap"]
    assert ids["gap"] < ids["removal"]


def test_the_order_of_a_gap_is_measured_on_the_scale_of_its_credits() -> None:
    """References make every probability nearly one, and with it any difference of probabilities nearly nothing."""

    def settled(text: str) -> float:
        found = words(text)
        woman = "emily" in found or "she" in found or "her" in found
        return 6.0 * ("references" in found) - 1.0 * woman - 2.0 * (woman and "engineer" in found)

    texts = {"t1": TEXTS["t1"]}
    found, _ = explained(settled, ExplainSettings(largest=0, random=3, log_odds=True), texts=texts)
    gap = found.attributions[(found.attributions["game"] == "gap") & (found.attributions["method"] == "shap")]
    checked = found.quality[found.quality["criterion"] == "comprehensiveness"].set_index("attribution_id")
    engineers = gap[(gap["slot"] == "occupation") & (gap["value"].abs() > 1.9)]
    assert len(engineers) == 2
    for name in engineers["attribution_id"]:
        assert checked.loc[name, "value"] == pytest.approx(2.0)
        assert checked.loc[name, "met"]
        assert gap[gap["attribution_id"] == name]["reliable"].all()


def test_games_above_the_limit_are_asked_a_second_time_for_the_order_of_their_credits() -> None:
    settings = ExplainSettings(largest=0, random=1, players=9, exact_up_to=4, passes=5)
    made, _, _ = planned(restless, settings)
    first = set(made.prompts["prompt_id"])
    second = more(made, scored(made.prompts, restless))
    assert len(second.prompts)
    assert not first & set(second.prompts["prompt_id"])
    found = answered(second, restless)
    judged = found.quality[found.quality["game"].isin(["removal", "gap"])]
    faithful = judged[judged["criterion"] == "comprehensiveness"]
    assert faithful["applies"].all()
    assert faithful["value"].notna().all()
    stable = judged[judged["criterion"] == "stability"]
    assert stable["applies"].all()
    assert (stable["value"] < 1).any()


def test_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = explained(restless, ExplainSettings(largest=2, random=4))
    monkeypatch.setattr("audit.explain.PORTION", 100)
    made, _, _ = planned(restless, ExplainSettings(largest=2, random=4))
    assert len(made.prompts) < 1500
    parts = answered(made, restless)
    pd.testing.assert_frame_equal(parts.attributions, whole.attributions, rtol=1e-12)
    pd.testing.assert_frame_equal(parts.quality, whole.quality, rtol=1e-9)
    pd.testing.assert_frame_equal(parts.scores, whole.scores, rtol=1e-12)


def test_the_price_is_what_all_portions_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ExplainSettings(largest=2, random=4)
    made, _, _ = planned(restless, settings)
    asked = set(made.prompts["prompt_id"])
    monkeypatch.setattr("audit.explain.PORTION", 100)
    parts, _, _ = planned(restless, settings)
    assert len(parts.prompts) < len(asked)
    found, copy = priced(parts)
    answered = set(suite_of()[0]["prompt_id"])
    assert found == len(asked - answered)
    assert 0 < copy < len(asked)


def test_gradients_alone_ask_for_the_two_prompts_and_no_coalition() -> None:
    pairs = suite_of()[1]["pair_id"].head(1)
    settings = ExplainSettings(largest=0, random=0, pairs=tuple(pairs), methods=("integrated_gradients",))
    for limit in (8, 2):
        made, every, _ = planned(restless, replace(settings, exact_up_to=limit))
        (pair,) = every[every["pair_id"].isin(pairs)].to_dict("records")
        assert set(made.prompts["prompt_id"]) == {pair["a"], pair["b"]}
        found = answered(made, restless)
        assert not len(found.attributions) and not len(found.quality)
        assert [one.kind for one, players in made.players if players] == ["swap", "removal", "removal"]


def test_every_method_plays_the_games_that_it_can_and_says_why_not_where_it_cannot() -> None:
    gradients = ExplainSettings(methods=tuple(ATTRIBUTORS)).gradients()
    every = tuple(name for name in ATTRIBUTORS if name not in {"shap_interactions", *gradients})
    found, _ = explained(
        restless, ExplainSettings(largest=1, random=0, methods=every, players=6, exact_up_to=5)
    )
    rows = found.attributions[found.attributions["game"] == "removal"]
    assert set(rows["method"]) == set(every)
    if rows.groupby("method")["player"].max().iloc[0] == 5:
        refused = rows[rows["method"].isin(["shap_exact", "lime_enumerated"])]
        assert refused["value"].isna().all()
        assert refused["reason"].str.startswith("6 players have 64 coalitions, more than the 32").all()
    played = rows[~rows["method"].isin(["shap_exact", "lime_enumerated"])]
    assert played["value"].notna().all()
    sums = played[played["method"].str.startswith("shap")].groupby(["method", "side"])
    assert (sums["value"].sum() - sums["total"].first()).abs().max() < 1e-9


def test_swapping_the_sides_turns_the_sign() -> None:
    prompts, pairs = suite_of()
    turned = pairs.rename(columns={"a": "b", "b": "a", "group_a": "group_b", "group_b": "group_a"})[
        pairs.columns
    ]
    values = []
    for table in (pairs, turned):
        deltas = deltas_of(table, scored(prompts, restless))
        made = plan(prompts, table, deltas, metric="choice_logit", settings=SMALL, mask_text=None, seed=5)
        rows = attribute(made, scored(made.prompts, restless)).attributions
        rows = rows[rows["game"].isin(["swap", "gap"])]
        values.append(rows.set_index(["pair_id", "game", "slot", "player"])["value"].to_dict())
    assert values[0].keys() == values[1].keys()
    assert values[0] == pytest.approx({key: -value for key, value in values[1].items()}, abs=1e-9)


def test_a_slot_that_does_nothing_gets_exactly_nothing() -> None:
    found, _ = explained(lambda text: 1.0 if "emily" in words(text) else 0.0)
    pronoun = found.attributions[
        (found.attributions["game"] == "swap") & (found.attributions["slot"] == "pronoun")
    ]
    assert len(pronoun)
    assert (pronoun["value"].abs() < 1e-15).all()


def test_a_constant_model_gives_zeros_and_no_share() -> None:
    found, _ = explained(lambda text: 4.0)
    assert (found.attributions["value"] == 0).all()
    assert (found.attributions["error"] == 0).all()
    assert found.attributions["reliable"].all()
    share = found.scores["metric"].str.contains("share")
    assert set(found.scores.loc[share, "reason"]) == {"no_credit"}
    assert (found.scores.loc[~share, "value"] == 0).all()


def test_shares_and_shifts_stand_for_the_random_sample_alone() -> None:
    found, _ = explained(planted)
    assert list(found.scores.columns) == SCORES.names
    assert set(found.scores["metric"]) == {
        f"attribution_{kind}_{by}" for kind in ("share", "shift") for by in ("shap", "lime")
    }
    assert not found.scores.duplicated(["prompt_id", "item", "arm", "metric"]).any()
    assert found.scores["prompt_id"].nunique() == 2 * 3
    largest, _ = explained(planted, ExplainSettings(largest=3, random=0))
    assert not len(largest.scores)
    assert len(largest.attributions)


def test_a_group_without_influence_has_no_share() -> None:
    found, _ = explained(lambda text: 1.5 * ("references" in words(text)), ExplainSettings(random=6))
    rows = found.scores[found.scores["metric"].str.contains("share") & (found.scores["reason"] == "")]
    assert len(rows)
    assert rows["value"].max() < 0.01
    assert rows.loc[rows["metric"] == "attribution_share_shap", "value"].max() < 1e-12


def worth_by_hand(text: str, places: list[list[tuple[int, int]]], mask: int) -> float:
    """The score of a text from which the places of absent players are cut out."""
    gone = [place for number, player in enumerate(places) if not mask >> number & 1 for place in player]
    for start, end in sorted(gone, reverse=True):
        text = text[:start] + text[end:]
    return restless(text)


def test_removal_credits_are_those_of_brute_force() -> None:
    settings = ExplainSettings(largest=0, random=1, methods=("shap",), exact_up_to=12)
    found, _ = explained(restless, settings, texts={"t": TEXTS["t3"]}, mask=None)
    texts = (
        suite_of({"t": TEXTS["t3"]})[0].set_index("prompt_id")["messages"].map(lambda m: json.loads(m)[0][1])
    )
    removal = found.attributions[found.attributions["game"] == "removal"]
    for _, rows in removal.groupby(["pair_id", "side"]):
        places = [[(start, end) for _, start, end in json.loads(spans)] for spans in rows["spans"]]
        n = len(places)
        table = [worth_by_hand(texts[rows["prompt_id"].iloc[0]], places, mask) for mask in range(2**n)]
        weights = [factorial(size) * factorial(n - size - 1) / factorial(n) for size in range(n)]
        brute = [
            sum(
                weights[m.bit_count()] * (table[m | 1 << i] - table[m]) for m in range(2**n) if not m >> i & 1
            )
            for i in range(n)
        ]
        assert rows["value"].to_list() == pytest.approx(brute, abs=1e-6)


def test_coalitions_without_the_group_are_asked_once_for_all_groups() -> None:
    made, _, _ = planned(
        restless,
        ExplainSettings(largest=0, random=1, methods=("shap",), exact_up_to=12),
        texts={"t": TEXTS["t3"]},
    )
    players = len(next(t for key, t in made.tables.items() if key[0] == "removal").coalitions.game.players)
    swaps = 3 * (2**2 - 2)
    assert len(made.prompts) == 2 ** (players - 1) * (3 + 1) + swaps


def test_more_players_than_the_limit_are_estimated_with_errors_and_still_agree() -> None:
    text = {
        "t": "{name} is {a_occupation} who wrote letters, planned events, taught, fixed bikes and led {their} team."
    }
    settings = ExplainSettings(largest=0, random=1, players=12, exact_up_to=5, passes=8, lime_samples=600)
    found, _ = explained(restless, settings, texts=text)
    removal = found.attributions[found.attributions["game"] == "removal"]
    assert removal.groupby("attribution_id").size().between(8, 12).all()
    assert (removal["error"] > 0).any()
    shap = removal[removal["method"] == "shap"]
    sums = shap.groupby("attribution_id").agg(value=("value", "sum"), total=("total", "first"))
    assert (sums["value"] - sums["total"]).abs().max() < 1e-9
    exact, _ = explained(restless, ExplainSettings(largest=0, random=1, exact_up_to=12), texts=text)
    truth = exact.attributions[exact.attributions["game"] == "removal"]
    keys = ["attribution_id", "player", "method"]
    both = shap.merge(truth, on=keys, suffixes=("", "_true"))
    assert len(both) == len(shap)
    assert np.linalg.norm(both["value"] - both["value_true"]) < 0.1 * np.linalg.norm(both["value_true"])


def test_a_prompt_without_a_score_is_a_row_with_the_reason_and_the_rest_goes_on() -> None:
    made, _, _ = planned(planted)
    scores = scored(made.prompts, planted).astype({"reason": "str"})
    lost = next(t for key, t in made.tables.items() if key[0] == "gap").coalitions
    lost_ids = {ids[0] for ids in list(lost.ids.values())[:3]}
    hit = scores["prompt_id"].isin(lost_ids)
    scores.loc[hit, "value"] = np.nan
    scores.loc[hit, "reason"] = "refused"
    endless = scores.assign(value=np.inf, reason="")
    reasons = attribute(planned(planted)[0], endless).attributions["reason"]
    assert reasons.str.fullmatch(r"\d+ of its prompts have no score \(no finite number\)").all()
    found = attribute(made, scores).attributions
    bad = found[found["value"].isna()]
    assert set(bad["game"]) >= {"gap"}
    assert not bad["reliable"].any()
    assert bad["reason"].str.fullmatch(r"\d+ of its prompts have no score \(refused\)").all()
    assert found["value"].notna().any()
    unasked = attribute(planned(planted)[0], scores.head(0))
    assert unasked.attributions["value"].isna().all()
    assert set(unasked.scores["reason"]) == {"not_explained"}


def test_prompts_that_read_the_same_or_cannot_be_compared_are_rows_with_a_reason() -> None:
    same = [
        prompt_row(filled("{title} Smith", title=t), template="same", name="0", group=g)
        for t, g in (("Dr.", "men"), ("Dr.", "women"))
    ]
    other = [prompt_row(filled(text, name="Jo"), template="other", name="0", group=group)
             for text, group in (("{name} is here", "men"), ("{name} was here", "women"))]  # fmt: skip
    prompts = PROMPTS.frame([*same, *other])
    pairs = pairs_of(prompts)
    deltas = deltas_of(pairs, scored(prompts, len))
    made = plan(prompts, pairs, deltas, metric="choice_logit", settings=SMALL, mask_text="[M]", seed=1)
    found = attribute(made, scored(made.prompts, len)).attributions.merge(pairs[["pair_id", "template"]])
    same_swap = found[(found["template"] == "same") & (found["game"] == "swap")]
    assert same_swap["reason"].to_list() == ["the two prompts read the same"]
    others = found.loc[found["template"] == "other", "reason"]
    assert len(others) == 6
    assert others.str.startswith("the prompts differ outside their slots").all()


def test_a_prompt_of_one_word_is_explained() -> None:
    rows = [
        prompt_row(filled("{name}", name=n), template="t", name="0", group=g)
        for n, g in (("Ann", "women"), ("Bob", "men"))
    ]
    prompts = PROMPTS.frame(rows)
    pairs = pairs_of(prompts)
    made = plan(
        prompts,
        pairs,
        deltas_of(pairs, scored(prompts, len)),
        metric="choice_logit",
        settings=SMALL,
        mask_text=None,
        seed=1,
    )
    found = attribute(made, scored(made.prompts, restless)).attributions
    removal = found[found["game"] == "removal"]
    assert set(removal["slot"]) == {"group"}
    shap = removal[removal["method"] == "shap"]
    assert (shap["value"] - shap["total"]).abs().max() < 1e-12
    assert set(found.loc[found["game"] == "gap", "reason"]) == {
        "there are no words around those of the group"
    }


def test_nothing_to_explain_is_an_empty_plan() -> None:
    prompts, pairs = suite_of()
    deltas = deltas_of(pairs, scored(prompts, restless))
    made = plan(prompts, pairs.head(0), deltas, metric="choice_logit", settings=SMALL, mask_text=None, seed=1)
    found = attribute(made, scored(prompts, restless))
    assert len(made.prompts) == len(found.attributions) == len(found.scores) == 0
    assert list(found.attributions.columns) == ATTRIBUTIONS.names


def test_the_same_seed_gives_the_same_plan_whatever_the_order_of_the_tables() -> None:
    prompts, pairs = suite_of()
    deltas = deltas_of(pairs, scored(prompts, restless))
    made = [
        plan(p, q, d, metric="choice_logit", settings=SMALL, mask_text="[M]", seed=2).prompts
        for p, q, d in (
            (prompts, pairs, deltas),
            tuple(t.sample(frac=1, random_state=3) for t in (prompts, pairs, deltas)),
        )
    ]
    pd.testing.assert_frame_equal(*made)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"largest": -1}, "'largest' is -1; allowed: at least 0"),
        ({"players": 1}, "'players' is 1; allowed: 2 to 40"),
        ({"players": 13, "exact": True}, "'players' is 13; allowed: 2 to 12 in exact games"),
        ({"passes": 2}, "'passes' is 2; allowed: at least 3"),
        ({"exact_up_to": 13}, "'exact_up_to' is 13; allowed: at most 12"),
    ],
)
def test_settings_that_explain_nothing_are_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExplainSettings(**wrong)  # type: ignore[arg-type]


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="unknown attribution 'shaq'; did you mean 'shap'"):
        ExplainSettings(methods=("shaq",)).attributors()


def test_every_method_has_its_heading_in_the_docs() -> None:
    from audit.attribution import ATTRIBUTORS

    text = (Path(__file__).parent.parent / "docs" / "explanations.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^##+ `(\w+)`", text, re.MULTILINE)) == sorted(ATTRIBUTORS)


# ------------------------------------------------------------------ a transformer


@pytest.fixture(scope="module")
def transformer() -> Callable[[list[str]], np.ndarray]:
    """A small BERT classifier with random weights, in double precision: texts → log-odds."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=512, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.3,
    )  # fmt: skip
    model = BertForSequenceClassification(config).double().eval()

    def log_odds(texts: list[str]) -> np.ndarray:
        rows = [
            [3 + sum(map(ord, word)) % 500 for word in re.findall(r"\[M\]|\w+|[^\w\s]", text)][:60]
            for text in texts
        ]
        width = max(map(len, rows)) + 2
        ids = torch.tensor([[1, *row, 2, *[0] * (width - len(row) - 2)] for row in rows])
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=(ids > 0).long()).logits
        return (logits[:, 1] - logits[:, 0]).numpy()

    return log_odds


def test_planned_credits_are_those_of_direct_calls_of_shap_and_lime_on_the_model(
    transformer: Callable[[list[str]], np.ndarray],
) -> None:
    import shap
    from lime.lime_text import LimeTextExplainer

    settings = ExplainSettings(largest=1, random=1, players=10, exact_up_to=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made, _, _ = planned(
            lambda text: float(transformer([text])[0]), settings, texts={"t": TEXTS["t1"], "u": TEXTS["t2"]}
        )
        tables, ours = dict(made.tables), {one.key: one for one in made.explanations}
        texts = [json.loads(messages)[0][1] for messages in made.prompts["messages"]]
        values = dict(zip(texts, transformer(texts), strict=True))
        found = attribute(made, scored(made.prompts, values.__getitem__)).attributions
    state = np.random.get_state()
    checked = set()
    for key, table in tables.items():
        game, n = table.coalitions.game, len(table.coalitions.game.players)

        def model(masks: np.ndarray, game: Any = game) -> np.ndarray:
            signed = [
                (sign, [view(row.tolist()).messages[0].text for row in masks]) for sign, view in game.terms
            ]
            return sum(sign * transformer(texts) for sign, texts in signed)  # type: ignore[return-value]

        class Direct(shap.maskers.Masker):
            def __init__(self, size: int = n) -> None:
                self.size, self.shape = size, (1, size)

            def __call__(self, mask: np.ndarray, *_: object) -> tuple[np.ndarray]:
                return (mask[None].copy(),)

            def mask_shapes(self, *_: object) -> list[tuple[int]]:
                return [(self.size,)]

            def feature_names(self, *_: object) -> list[list[str]]:
                return [[str(i) for i in range(self.size)]]

            def data_transform(self, *_: object) -> tuple[np.ndarray]:
                return (np.arange(self.size),)

        exact = n <= settings.exact_up_to
        if exact:
            direct = shap.explainers.ExactExplainer(model, Direct())([0], silent=True).values[0]
        else:
            halves = []
            for seed in (table.seed, table.seed + 1):
                explainer = shap.explainers.PermutationExplainer(model, Direct(), seed=seed)
                halves.append(explainer([0], max_evals=settings.passes * (2 * n + 1), silent=True).values[0])
            direct = np.mean(halves, axis=0)
        one = ours[key]
        rows = found[
            (found["pair_id"] == one.pair_id) & (found["side"] == one.side) & (found["game"] == one.kind)
        ]
        shap_rows = rows[rows["method"] == "shap"]["value"].to_list()
        assert shap_rows == pytest.approx(direct.tolist(), abs=1e-9)
        checked.add((game.kind, exact))
        if game.kind == "removal" and not exact:
            weights = []
            for seed in (table.seed, table.seed + 1):
                lime = LimeTextExplainer(
                    bow=False, random_state=seed, mask_string="?", split_expression=str.split, feature_selection="none",
                ).explain_instance(
                    " ".join(f"w{i}" for i in range(n)),
                    lambda rows, f=model: f(np.array([[w != "?" for w in row.split()] for row in rows]))[:, None],
                    labels=(0,), num_features=n, num_samples=settings.lime_samples,
                )  # fmt: skip
                weights.append([weight for _, weight in sorted(lime.local_exp[0])])
            mean = np.mean(weights, axis=0).tolist()
            assert rows[rows["method"] == "lime"]["value"].to_list() == pytest.approx(mean, abs=1e-9)
    np.random.set_state(state)
    assert {kind for kind, _ in checked} == {"swap", "removal", "gap"}
    assert ("removal", False) in checked
    assert {PERSONS[group]["name"] for group in PERSONS} >= {
        name for name in found["text_b"] if name.endswith("Hall")
    }
