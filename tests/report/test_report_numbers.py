"""How numbers are printed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.report import numbers

SOURCE = ("record", "field")
ordinary = st.floats(min_value=-5, max_value=5, allow_nan=False)


def read(text: str) -> float:
    """The number that a reader sees."""
    return float(text.replace(numbers.MINUS, "-").replace(",", "").rstrip("%"))


def test_a_ratio_just_below_a_limit_never_prints_as_the_limit() -> None:
    assert numbers.ratio(0.7996, SOURCE, beside=(0.8,)).text == "0.7996"
    assert numbers.ratio(0.79999996, SOURCE, beside=(0.8,)).text == "0.79999996"
    assert numbers.ratio(0.8, SOURCE, beside=(0.8,)).text == "0.800"
    assert numbers.ratio(0.7996, SOURCE).text == "0.800"


@given(value=ordinary, mark=st.sampled_from([-1.0, -0.4, -0.1, 0.0, 0.05, 0.1, 0.8, 1.25]))
def test_rounding_never_moves_a_number_across_what_it_is_compared_with(value: float, mark: float) -> None:
    shown = read(numbers.plain(value, SOURCE, beside=(mark,)).text)
    if abs(value - mark) > 1e-8:
        assert (shown > mark) == (value > mark)
        assert (shown < mark) == (value < mark)


@given(value=ordinary)
def test_a_printed_number_is_at_most_half_a_unit_off(value: float) -> None:
    assert abs(read(numbers.plain(value, SOURCE).text) - value) <= 0.005 + 1e-12
    assert abs(read(numbers.points(value, SOURCE).text) - 100 * value) <= 0.05 + 1e-9
    assert abs(read(numbers.percent(value, SOURCE).text) - 100 * value) <= 0.05 + 1e-9


@pytest.mark.parametrize(
    ("value", "text"), [(0.433, "+43.3"), (-0.433, "−43.3"), (0.0, "0.0"), (-0.00001, "0.0"), (1.0, "+100.0")]
)
def test_points_have_one_decimal_a_sign_and_no_sign_at_zero(value: float, text: str) -> None:
    assert numbers.points(value, SOURCE).text == text


def test_the_end_of_an_interval_never_rounds_to_zero_from_one_side() -> None:
    assert numbers.points(-0.00004, SOURCE, beside=(0.0,)).text == "−0.004"


@pytest.mark.parametrize(
    ("share", "text"), [(0.0374, "37"), (0.0, "0"), (1.0, "1,000"), (0.0002, "fewer than 1")]
)
def test_natural_frequencies_are_whole_numbers_out_of_a_thousand(share: float, text: str) -> None:
    assert numbers.frequency(share, SOURCE).text == text


@pytest.mark.parametrize(("p", "text"), [(0.04, "0.040"), (0.0009, "<0.001"), (1.0, "1.000")])
def test_small_p_values_are_printed_as_a_bound(p: float, text: str) -> None:
    assert numbers.probability(p, SOURCE).text == text


def test_levels_keep_the_decimals_they_have() -> None:
    assert numbers.level(0.95, SOURCE).text == "95%"
    assert numbers.level(1 - 0.05 / 9, SOURCE).text == "99.44%"


def test_what_has_no_value_is_a_dash_with_its_record() -> None:
    for printed in (
        numbers.percent,
        numbers.points,
        numbers.plain,
        numbers.ratio,
        numbers.probability,
        numbers.level,
    ):
        assert printed(math.nan, SOURCE) == numbers.Number(
            text=numbers.NO_VALUE, record="record", field="field"
        )
    assert numbers.count(math.nan, *SOURCE).text == numbers.NO_VALUE


def test_times_are_printed_in_utc_and_what_is_no_time_as_it_is() -> None:
    assert numbers.moment("2026-11-20T10:30:00+01:00", "plan").text == "20 November 2026, 09:30 UTC"
    assert numbers.day("2026-11-20T23:30:00Z", "plan").text == "20 November 2026"
    assert numbers.moment("yesterday", "plan").text == "yesterday"
    assert numbers.moment(None, "plan").text == "not recorded"
