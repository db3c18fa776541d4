"""Explanations of models that answer in words: a server whose replies are random, and functions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoint_server import Server, asked, serving
from test_explained_kinds import suite

from audit import pipeline
from audit.explaining import explained_pairs, price
from audit.job import Job, prepare

CHOICE = '{kind: choose, ask: "Invite? Answer Yes or No.", options: ["Yes", "No"], favourable: "Yes"}'
TEXT = "$name applies as a nurse. $They $have seven years of experience."
RATING = '{kind: rate, ask: "From 1 to 9?", low: 1, high: 9}'
METRICS = "[selection_rate, refusal]"


def says(body: dict[str, Any], number: int) -> str:
    """Yes to nine of ten, to four of ten where the text says she; the draw hangs on the seed of the request."""
    text = asked(body)
    return (
        "Yes."
        if random.Random(f"{body['seed']} {text}").random() < (0.4 if "She" in text else 0.9)
        else "No."
    )


@pytest.fixture
def server() -> Iterator[Server]:
    pytest.importorskip("openai")
    with serving(says=says) as running:
        yield running


def job_of(folder: Path, server: Server, explain: str, *, more: str = "", **kind: Any) -> Job:
    model = folder / "model.yaml"
    model.write_text(
        f"model: 1\nkind: endpoint\nname: tiny\nurl: {server.url}\nlog_probabilities: never\nretries: 0\n{more}",
        encoding="utf-8",
    )
    return prepare(suite(folder, CHOICE, METRICS, explain=explain, text=TEXT, **kind), model=str(model))


def test_swap_credits_of_drawn_answers_have_errors_and_add_up(tmp_path: Path, server: Server) -> None:
    results = pipeline.compute(job_of(tmp_path, server, "{largest: 2, random: 0}"))
    every = results.tables["attributions"]
    rows = every[every["method"] == "shap"]
    assert set(every["game"]) == {"swap"} and set(rows["metric"]) == {"selection_rate"}
    assert (rows["error"] > 0).all() and set(rows["operator"]) == {"counterpart"}
    for _, one in rows.groupby("attribution_id"):
        assert one["value"].sum() == pytest.approx(one["total"].iloc[0], abs=1e-9)
    (left_out,) = (each for each in results.excluded if each.what.startswith("explanations"))
    assert left_out.what == "explanations: removal and gap games" and "holes" in left_out.reason


def test_both_orders_of_the_options_are_asked_equally_often(tmp_path: Path, server: Server) -> None:
    job = job_of(tmp_path, server, "{largest: 1, random: 0}")
    pairs = job.expansion.pairs
    chosen = str(pairs.loc[pairs["arm"] == "swap", "pair_id"].iloc[0])
    server.log.bodies.clear()
    explained_pairs(job, [chosen])
    orders = ["Yes or No" in asked(body) for body in server.log.bodies]
    assert len(orders) == 16 and sum(orders) == 8


def test_a_budget_is_kept_and_spent_where_it_helps(tmp_path: Path, server: Server) -> None:
    job = job_of(tmp_path, server, "{largest: 0, random: 2, requests: 60}")
    own = int(job.expansion.prompts["repeats"].sum())
    results = pipeline.compute(job, folder=None)
    asked_for = results.tables["responses"].groupby("prompt_id")["repeat"].max() + 1
    assert 50 <= len(server.log.bodies) - own <= 60 + own
    assert asked_for.max() > 4
    assert len(results.tables["attributions"])


def test_a_budget_too_small_for_one_game_says_so(tmp_path: Path, server: Server) -> None:
    results = pipeline.compute(job_of(tmp_path, server, "{largest: 1, random: 0, requests: 3}"))
    assert results.tables["attributions"].empty
    told = [each.reason for each in results.excluded if each.what == "explanations: swap games"]
    assert told == ["3 requests are too few for a single game, which takes 14"]


def test_the_server_s_own_budget_holds_and_the_run_goes_on(tmp_path: Path, server: Server) -> None:
    job = job_of(tmp_path, server, "{largest: 2, random: 0}", more="budget: {requests: 10}\n")
    results = pipeline.compute(job)
    rows = results.tables["attributions"]
    assert len(server.log.bodies) <= 10 and not results.complete
    assert len(rows) and rows["value"].isna().all() and rows["reason"].str.contains("no score").all()


def test_the_suite_can_have_another_score_and_other_games(tmp_path: Path, server: Server) -> None:
    explain = "{largest: 1, random: 0, metric: choice_logit_smoothed, games: [gap], methods: [shap]}"
    rows = pipeline.compute(job_of(tmp_path, server, explain)).tables["attributions"]
    assert set(rows["metric"]) == {"choice_logit_smoothed"} and set(rows["game"]) == {"gap"}
    assert set(rows["operator"]) == {"deletion"} and (rows["error"] > 0).all()


FUNCTIONS = """
def texts(given) -> list[str]:
    return ["Yes" if "She" in text else "No" for text in given]
def numbers(given) -> list[float]:
    return [4.0 - ("She" in text) + 0.5 * ("nurse" in text) for text in given]
def scores(given) -> list[dict[str, float]]:
    return [{"Yes": 0.2 + 0.3 * ("She" in text), "No": 0.4} for text in given]
"""
GIVEN = {
    "texts": (CHOICE, METRICS, "selection_rate", {"swap"}),
    "numbers": (RATING, "[rating]", "rating", {"swap", "removal", "gap"}),
    "scores": (CHOICE, METRICS, "choice_logit", {"swap", "removal", "gap"}),
}


@pytest.mark.parametrize("gives", GIVEN)
def test_functions_are_explained_by_what_they_give(
    gives: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, metrics, metric, games = GIVEN[gives]
    (tmp_path / f"answering_{gives}.py").write_text(FUNCTIONS, encoding="utf-8")
    model = tmp_path / "model.yaml"
    model.write_text(f"model: 1\nkind: callable\nname: answering_{gives}:{gives}\n", encoding="utf-8")
    written = suite(
        tmp_path, question, metrics, text=TEXT, explain="{largest: 1, random: 0, methods: [shap]}"
    )
    results = pipeline.compute(prepare(written, model=str(model)))
    rows = results.tables["attributions"]
    assert set(rows["metric"]) == {metric} and set(rows["game"]) == games
    swap = rows[(rows["game"] == "swap") & (rows["method"] == "shap")].set_index("slot")["value"]
    known = {"texts": 1.0, "numbers": -1.0, "scores": 0.9163}[gives]
    assert abs(swap["pronoun"]) == pytest.approx(abs(known), abs=1e-4) and swap["name"] == pytest.approx(0)


def test_what_cannot_be_explained_says_why(tmp_path: Path, server: Server) -> None:
    job = job_of(tmp_path, server, "{largest: 1, random: 0, metric: sentiment}")
    results = pipeline.compute(job)
    told = [each.reason for each in results.excluded if each.what == "explanations"]
    assert told == ["'sentiment' is read by a second model, which reads no answers of explanations"]


def test_the_price_is_known_before_any_answer(tmp_path: Path, server: Server) -> None:
    assert price(job_of(tmp_path, server, "{largest: 1, random: 0}")) == 14
    assert price(job_of(tmp_path, server, "{largest: 0, random: 0}")) == 0
    assert not server.log.bodies
