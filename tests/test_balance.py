"""Names are drawn so that the groups' names are about equally long and frequent."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.axis import Name, load_axis
from audit.balance import Shape, ordered, shape, target

LETTERS = "abcdefghijklm"
NAMES = st.lists(
    st.tuples(st.text(alphabet=LETTERS, min_size=2, max_size=12), st.integers(1, 10**6)),
    min_size=8, max_size=40, unique_by=lambda entry: entry[0],
).map(lambda entries: [Name(name=name, count=count) for name, count in entries])  # fmt: skip


def distance(names: list[Name], towards: Shape, pool: list[Name]) -> float:
    """How far mean length and mean log frequency lie from the target, in standard deviations of the pool."""
    lengths = [len(name.name) for name in pool]
    logs = [math.log10(name.count or 1) for name in pool]
    size = statistics.fmean(len(name.name) for name in names)
    often = statistics.fmean(math.log10(name.count or 1) for name in names)
    wanted = often if towards.frequency is None else towards.frequency
    by_length = (size - towards.length) / max(statistics.pstdev(lengths), 0.1)
    return by_length**2 + ((often - wanted) / max(statistics.pstdev(logs), 0.1)) ** 2


def within_reach(names: list[Name], towards: Shape) -> Shape:
    """The target with a frequency at most half a standard deviation away from that of the list."""
    logs = [math.log10(name.count) for name in names if name.count]
    if towards.frequency is None or len(logs) < len(names):
        return towards
    room, own = 0.5 * max(statistics.pstdev(logs), 0.1), statistics.fmean(logs)
    return Shape(length=towards.length, frequency=sorted((own - room, towards.frequency, own + room))[1])


@settings(deadline=None, max_examples=40)
@given(NAMES, st.integers(0, 99), st.data())
def test_those_drawn_first_lie_closer_to_the_target_than_the_median_of_random_draws(
    names: list[Name], seed: int, data: st.DataObject
) -> None:
    drawn = data.draw(st.integers(2, len(names) - 1))
    wanted = target([names, [Name(name="Abcde", count=1000), Name(name="Abcdefg", count=300)]])
    towards = within_reach(names, wanted)
    by_name = {name.name: name for name in names}
    order = [by_name[name] for name in ordered(names, "x", seed, drawn=drawn, towards=wanted)]
    source = random.Random(seed)
    others = [distance(source.sample(names, drawn), towards, names) for _ in range(101)]
    assert distance(order[:drawn], towards, names) <= statistics.median(others) + 1e-9


@settings(deadline=None, max_examples=40)
@given(NAMES, st.integers(1, 40), st.randoms(use_true_random=False))
def test_all_names_stay_and_the_order_of_the_file_does_not_matter(
    names: list[Name], drawn: int, source: random.Random
) -> None:
    towards = Shape(length=6.0, frequency=3.0)
    wanted = ordered(names, "first", "men", 7, drawn=drawn, towards=towards)
    turned = list(names)
    source.shuffle(turned)
    assert sorted(wanted) == sorted(name.name for name in names)
    assert ordered(turned, "first", "men", 7, drawn=drawn, towards=towards) == wanted


@settings(deadline=None, max_examples=40)
@given(NAMES, st.floats(1, 12), st.floats(0, 6))
def test_where_the_whole_list_is_drawn_the_order_hangs_on_the_key_alone(
    names: list[Name], length: float, frequency: float
) -> None:
    plain = ordered(names, "k", 7, drawn=len(names), towards=Shape(length=5.0, frequency=None))
    for drawn in (len(names), len(names) + 5):
        towards = Shape(length=length, frequency=frequency)
        assert ordered(names, "k", 7, drawn=drawn, towards=towards) == plain
    bare = [Name(name=name.name) for name in names]
    assert ordered(bare, "k", 7, drawn=len(names), towards=Shape(length=5.0, frequency=None)) == plain


def test_another_key_gives_another_order() -> None:
    names = [Name(name=f"{letter}{other}", count=10) for letter in LETTERS for other in LETTERS]
    towards = Shape(length=2.0, frequency=1.0)
    orders = {tuple(ordered(names, "k", seed, drawn=12, towards=towards)) for seed in range(5)}
    orders |= {tuple(ordered(names, "other", 0, drawn=12, towards=towards))}
    assert len(orders) == 6


def test_a_shape_is_the_mean_length_and_the_mean_of_log_counts() -> None:
    assert shape([Name(name="Al", count=10), Name(name="Anna", count=1000)]) == Shape(
        length=3.0, frequency=2.0
    )
    assert shape([Name(name="Al"), Name(name="Anna", count=1000)]) == Shape(length=3.0, frequency=None)
    assert shape([Name(name="Zoë", count=0)]) == Shape(length=3.0, frequency=None)


def test_the_target_weighs_groups_and_not_names() -> None:
    short, long = [Name(name="Al", count=100)] * 9, [Name(name="Annabell", count=10_000)]
    assert target([short, long]) == Shape(length=5.0, frequency=3.0)
    assert target([long, short, []]) == target([short, long])
    assert target([short, [Name(name="Annabell")]]) == Shape(length=5.0, frequency=None)


def test_names_without_counts_are_drawn_by_length_alone() -> None:
    names = [Name(name=LETTERS[0] * size + letter) for size in (1, 5, 9) for letter in LETTERS]
    first = ordered(names, "k", drawn=6, towards=Shape(length=8.0, frequency=None))[:6]
    assert abs(statistics.fmean(map(len, first)) - 8.0) < abs(
        statistics.fmean(len(n.name) for n in names) - 8.0
    )


@pytest.mark.parametrize("drawn", [6, 12])
@pytest.mark.parametrize("name", ["gender", "gender-de", "gender-es", "gender-fr", "gender-in"])
def test_drawn_names_of_shipped_axes_lie_closer_to_the_target_than_random_ones(name: str, drawn: int) -> None:
    axis = load_axis(name)
    entries = {group: axis.first_entries(group, group) for group in axis.groups}
    towards = target(list(entries.values()))
    for group, names in entries.items():
        by_name = {entry.name: entry for entry in names}
        order = [by_name[key] for key in ordered(names, name, group, drawn=drawn, towards=towards)]
        source = random.Random(7)
        others = [distance(source.sample(names, drawn), towards, list(names)) for _ in range(101)]
        assert distance(order[:drawn], towards, list(names)) <= statistics.median(others), group
