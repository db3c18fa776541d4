from __future__ import annotations

import numpy as np
import pytest
from answering import scores, texts
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from audit.metrics.choice import CHOICE_LOGIT, FLIP_RATE, IMPACT_RATIO, SELECTION_RATE
from audit.protocols import Metric, PairMetric, Summary
from audit.records import Question

YES_NO = Question(kind="choose", options=(" Yes", " No"), favourable=" Yes")
LABEL = Question(kind="classify", favourable="invite")


def log(**probabilities: float) -> dict[str, float]:
    return {label: float(np.log(p)) for label, p in probabilities.items()}


def test_the_objects_are_what_the_contracts_say() -> None:
    assert isinstance(SELECTION_RATE, Metric) and isinstance(CHOICE_LOGIT, Metric)
    assert PairMetric in type(FLIP_RATE).__mro__ and Summary in type(IMPACT_RATIO).__mro__


@given(st.lists(st.floats(-30, 0), min_size=2, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_logit_is_the_favourable_log_probability_against_all_others_together(logs: list[float]) -> None:
    labels = ["invite", *(f"other {n}" for n in range(len(logs) - 1))]
    found = CHOICE_LOGIT.score(scores(dict(zip(labels, logs, strict=True))), LABEL)
    assert found.values[0] == pytest.approx(logs[0] - logsumexp(logs[1:]), abs=1e-12)


def test_the_logit_of_two_options_swaps_its_sign_with_the_favourable_one() -> None:
    answers = scores(log(invite=0.9, reject=0.1))
    other = Question(kind="classify", favourable="reject")
    assert CHOICE_LOGIT.score(answers, LABEL).values[0] == pytest.approx(np.log(9))
    assert CHOICE_LOGIT.score(answers, other).values[0] == pytest.approx(-np.log(9))


@pytest.mark.filterwarnings("error")
def test_a_settled_decision_has_a_rate_but_no_logit() -> None:
    answers = scores({"invite": 0.0, "reject": -np.inf}, {"invite": -np.inf, "reject": 0.0})
    logits = CHOICE_LOGIT.score(answers, LABEL)
    assert np.isnan(logits.values).all() and logits.reasons == ["settled", "settled"]
    assert SELECTION_RATE.score(answers, LABEL).values.tolist() == [1.0, 0.0]


def test_the_favourable_option_wins_alone_loses_or_ties() -> None:
    answers = scores(
        log(invite=0.5, reject=0.3, wait=0.2),
        log(invite=0.2, reject=0.4, wait=0.4),
        log(invite=0.4, reject=0.4, wait=0.2),
    )
    found = SELECTION_RATE.score(answers, LABEL)
    assert found.values[:2].tolist() == [1.0, 0.0]
    assert np.isnan(found.values[2]) and list(found.reasons) == ["", "", "tie"]


def test_scores_without_the_favourable_label_have_no_value() -> None:
    found = SELECTION_RATE.score(scores(log(accept=0.5, reject=0.5)), LABEL)
    assert found.reasons == ["not_supported"] and np.isnan(found.values[0])
    assert CHOICE_LOGIT.score(scores(log(accept=0.5, reject=0.5)), LABEL).reasons == ["not_supported"]


@pytest.mark.parametrize("text, value", [
    ("Yes", 1.0), (" no.", 0.0), ("YES, certainly", 1.0), ("The answer is: No", 0.0), ("**Yes**", 1.0),
])  # fmt: skip
def test_the_one_option_that_a_text_names_is_its_answer(text: str, value: float) -> None:
    assert SELECTION_RATE.score(texts(text), YES_NO).values.tolist() == [value]


@pytest.mark.parametrize(
    "text", ["", "Yes or no, hard to say", "I would not know", "Yesterday", "Nobody knows"]
)
def test_a_text_that_names_no_option_or_several_is_unparsed(text: str) -> None:
    found = SELECTION_RATE.score(texts(text), YES_NO)
    assert np.isnan(found.values[0]) and found.reasons == ["unparsed"]


def test_the_longer_of_two_options_is_read_where_one_holds_the_other() -> None:
    question = Question(kind="choose", options=("hire", "do not hire"), favourable="hire")
    found = SELECTION_RATE.score(texts("I would hire her.", "We do  not hire him."), question)
    assert found.values.tolist() == [1.0, 0.0]


def test_recorded_labels_need_no_options() -> None:
    found = SELECTION_RATE.score(texts("Invite", "reject", "I am not sure what to answer here"), LABEL)
    assert found.values[:2].tolist() == [1.0, 0.0] and found.reasons[2] == "unparsed"


def test_texts_have_no_logit() -> None:
    assert CHOICE_LOGIT.score(texts("Yes"), YES_NO).reasons == ["not_supported"]


def test_flips_are_counted_over_all_combinations_of_repeats() -> None:
    a, b = (
        np.array([[1.0, 1.0], [1.0, 0.0], [1.0, np.nan]]),
        np.array([[1.0, 0.0], [1.0, 0.0], [0.0, np.nan]]),
    )
    assert FLIP_RATE.between(a, b).tolist() == [0.5, 0.5, 1.0]


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_flips_do_not_depend_on_which_side_is_called_a(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, (2, 5, 3)).astype(float)
    np.testing.assert_array_equal(FLIP_RATE.between(a, b), FLIP_RATE.between(b, a))
    np.testing.assert_array_equal(FLIP_RATE.between(a[:, :1], a[:, :1]), np.zeros(5))


@pytest.mark.filterwarnings("error")
def test_a_side_without_values_has_no_flips() -> None:
    assert np.isnan(FLIP_RATE.between(np.array([[np.nan]]), np.array([[1.0]])))[0]


@pytest.mark.filterwarnings("error")
def test_the_ratio_is_a_logarithm_and_not_defined_at_zero() -> None:
    found = IMPACT_RATIO.between(np.array([0.5, 0.2, 0.0, 0.5, np.nan]), np.array([0.4, 0.4, 0.5, 0.0, 0.5]))
    assert found[:2].tolist() == [pytest.approx(np.log(0.8)), pytest.approx(np.log(2))]
    assert np.isnan(found[2:]).all()
