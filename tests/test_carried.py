"""Noise of answers in credits: whole games of prompts with answers that are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from filled_prompts import deltas_of, filled, scored, suite_of

from audit.attribution.lime_weights import Lime
from audit.attribution.shap_values import Shap
from audit.carried import prompt_weights, refined, with_noise
from audit.explain import ExplainPlan, ExplainSettings, attribute, plan
from audit.games import Coalitions, Game, all_coalitions
from audit.noise import Drawn, Means, standard_errors
from audit.players import Player
from audit.protocols import Credits, Linear
from audit.records import Prompt

SWAP = ExplainSettings(
    largest=6, random=0, games=("swap", "gap"), methods=("shap",), players=4, exact_up_to=4
)


def chance(text: str) -> float:
    """How often a prompt is answered with yes."""
    found = text.lower()
    return 0.75 - 0.3 * ("emily" in found) - 0.25 * ("she" in found.split()) + 0.15 * ("nurse" in found)


def table_of(prompts: pd.DataFrame) -> pd.DataFrame:
    return scored(prompts, chance).drop_duplicates("prompt_id")


def answered(table: pd.DataFrame, count: int, rng: np.random.Generator) -> tuple[pd.DataFrame, Means]:
    """Scores that are means of `count` answers, and what is known of these."""
    yes = rng.binomial(count, table["value"])
    drawn = {
        name: Drawn(count=count, mean=k / count, squares=k * (1 - k / count))
        for name, k in zip(table["prompt_id"], yes.tolist(), strict=True)
    }
    return table.assign(value=yes / count), Means(drawn=drawn, binary=True)


@pytest.fixture
def planned() -> ExplainPlan:
    return a_plan()


def a_plan() -> ExplainPlan:
    prompts, pairs = suite_of()
    deltas = deltas_of(pairs, scored(prompts, chance))
    return plan(prompts, pairs, deltas, metric="choice_logit", settings=SWAP, mask_text=None, seed=5)


def credits_of(scores: pd.DataFrame, noise: Means | None) -> pd.DataFrame:
    found = attribute(a_plan(), scores, noise=noise).attributions
    return found[found["method"] == "shap"]


@pytest.mark.parametrize("count", [4, 12])
def test_credits_lie_within_their_stated_error_in_95_of_100_games(planned: ExplainPlan, count: int) -> None:
    rng = np.random.default_rng(count)
    table = table_of(planned.prompts)
    games = [
        prompt_weights(coalitions, method.weights(len(coalitions.game.players), seed=seed))
        for method, coalitions, seed in planned.games()
        if isinstance(method, Linear)
    ]
    truth = table.set_index("prompt_id")["value"]
    inside: list[bool] = []
    for _ in range(80):
        drawn, noise = answered(table, count, rng)
        scores = drawn.set_index("prompt_id")["value"]
        for ids, weights in games:
            miss = np.abs(weights @ (scores[ids] - truth[ids]).to_numpy())
            inside += (miss <= 1.96 * standard_errors(weights, noise.of_means(ids))).tolist()
    assert np.mean(inside) >= 0.94


def test_the_table_holds_these_errors_and_credits_that_add_up(planned: ExplainPlan) -> None:
    scores, noise = answered(table_of(planned.prompts), 6, np.random.default_rng(1))
    found = credits_of(scores, noise)
    values = scores.set_index("prompt_id")["value"]
    errors = [
        standard_errors(weights, noise.of_means(ids))
        for method, coalitions, seed in planned.games()
        if isinstance(method, Linear)
        for ids, weights in [
            prompt_weights(coalitions, method.weights(len(coalitions.game.players), seed=seed))
        ]
    ]
    assert sorted(found["error"]) == pytest.approx(sorted(np.concatenate(errors)))
    for _, one in found.groupby("attribution_id"):
        assert one["value"].sum() == pytest.approx(one["total"].iloc[0], abs=1e-9)
    swap = found[found["game"] == "swap"]
    assert set(swap["base_value"]) <= set(values)


def test_without_noise_credits_stay_as_they_are(planned: ExplainPlan) -> None:
    assert (credits_of(table_of(planned.prompts), None)["error"] == 0).all()


class Same:
    """One prompt whatever the coalition."""

    def key(self, mask: Sequence[bool]) -> tuple[int, ...]:
        return (1,)

    def __call__(self, mask: Sequence[bool]) -> Prompt:
        return filled("the same")


def test_a_prompt_that_two_sides_share_cancels_out() -> None:
    players = (Player(kind="words", slot="", members=(0,)),)
    game = Game(kind="gap", players=players, terms=((1, Same()), (-1, Same())), operator="deletion")
    coalitions = Coalitions(game=game)
    list(coalitions.add(all_coalitions(1)))
    ids, weights = prompt_weights(coalitions, Shap().weights(1, seed=0))
    assert len(ids) == 1 and weights.tolist() == [[0.0]]


class Opaque:
    """A method that does not say how its credits depend on scores."""

    def attribute(self, players: int, value: Callable[..., object], *, seed: int) -> Credits:
        raise NotImplementedError


def test_a_method_that_does_not_know_its_weights_has_no_error(planned: ExplainPlan) -> None:
    _, coalitions, seed = planned.games()[0]
    players = len(coalitions.game.players)
    credits = Credits(values=np.ones(players), errors=np.zeros(players), base_value=0.0, total=1.0)
    noise = Means(drawn={}, binary=True)
    assert np.isnan(with_noise(credits, Opaque(), coalitions, seed=seed, noise=noise).errors).all()


def test_more_answers_where_they_count_beat_as_many_everywhere(planned: ExplainPlan) -> None:
    rng = np.random.default_rng(3)
    table = table_of(planned.prompts)
    _, noise = answered(table, 8, rng)
    asked = dict.fromkeys(table["prompt_id"], 8)
    budget = 4 * len(asked)
    counts = asked | refined(planned.games(), asked, noise=noise, budget=budget, step=1)
    assert sum(counts.values()) == 12 * len(asked)

    def squares(many: dict[str, int]) -> float:
        more = {
            name: Drawn(count=many[name], mean=one.mean, squares=one.squares * many[name] / one.count)
            for name, one in noise.drawn.items()
        }
        found = credits_of(table, Means(drawn=more, binary=True))
        return float((found["error"] ** 2).sum())

    assert squares(counts) < 0.95 * squares(dict.fromkeys(asked, 12))


def test_a_game_without_all_of_its_scores_gets_no_more_answers(planned: ExplainPlan) -> None:
    assert refined(planned.games(), {}, noise=Means(drawn={}, binary=True), budget=50, step=1) == {}


def test_weights_of_lime_reach_prompts_too(planned: ExplainPlan) -> None:
    _, coalitions, seed = planned.games()[0]
    players = len(coalitions.game.players)
    method = Lime(exact_up_to=8)
    found = method.weights(players, seed=seed)
    ids, weights = prompt_weights(coalitions, found)
    values = dict(zip(ids, np.linspace(-1, 1, len(ids)), strict=True))
    credits = method.attribute(players, lambda masks: coalitions.values(masks, values), seed=seed)
    assert weights @ np.linspace(-1, 1, len(ids)) == pytest.approx(credits.values, abs=1e-9)
