from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
import swap_error

from audit.axis import load_axis
from audit.english import swap_data
from audit.lexicon import lexicon_of
from audit.settling import read_text
from audit.swap import exchanged

GENDER = lexicon_of(load_axis("gender"))
YEARS = range(1940, 2011, 10)


@pytest.fixture(scope="module")
def benchmarks(shared_data: Path) -> Path:
    return shared_data / "benchmarks"


def test_the_table_of_errors_in_the_docs_is_what_comes_out(benchmarks: Path) -> None:
    assert swap_error.table(benchmarks) in swap_error.DOCS.read_text(encoding="utf-8")


def test_every_sentence_of_winobias_and_winogender_that_is_swapped_is_right(benchmarks: Path) -> None:
    assert [count.wrong for count in swap_error.counts(benchmarks)[:3]] == [0, 0, 0]


def test_few_sentences_of_the_benchmarks_are_unsure(benchmarks: Path) -> None:
    shares = [count.unsure / (count.unsure + count.swapped) for count in swap_error.counts(benchmarks)]
    assert shares[0] < 0.025 and shares[1] < 0.005 and shares[2] < 0.005 and shares[3] < 0.08


def test_an_object_is_rarely_taken_for_a_possessive_in_sentences_that_the_rules_were_not_written_on(
    benchmarks: Path,
) -> None:
    count = swap_error.her_for_his(benchmarks)
    assert count.wrong / count.swapped < 0.015


def test_few_sentences_of_our_own_are_wrong() -> None:
    count = swap_error.own_sentences()
    assert count.unsure + count.swapped == 90
    assert count.wrong <= 2 and count.unsure <= 12


def test_what_is_left_out_of_winobias_is_little(benchmarks: Path) -> None:
    pairs, left = swap_error.winobias(benchmarks)
    assert len(pairs) // 2 + sum(left.values()) == 4 * 396
    assert sum(left.values()) < 40


def test_sentences_that_are_swapped_twice_are_the_sentences(benchmarks: Path) -> None:
    for text, _ in swap_error.winobias(benchmarks)[0]:
        turned = exchanged(text, GENDER)
        if not read_text(text, GENDER).unsure and not read_text(turned, GENDER).unsure:
            assert exchanged(turned, GENDER) == text


# ---------------------------------------------------------------- first names


@pytest.fixture(scope="module")
def births(benchmarks: Path) -> dict[str, list[int]]:
    """Name → births of girls and of boys in the eight years."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for year in YEARS:
        with (benchmarks / "names" / "ssa" / f"yob{year}.txt").open(encoding="utf-8") as stream:
            for name, sex, count in csv.reader(stream):
                found[name][sex == "M"] += int(count)
    return found


def shares(names: Sequence[str], births: dict[str, list[int]]) -> list[float]:
    return [births[name][0] / sum(births[name]) for name in names]


def test_paired_names_are_97_percent_of_one_sex_with_5000_births(births: dict[str, list[int]]) -> None:
    pairs = [pair.split() for line in swap_data("names")["pairs"] for pair in line.split(", ")]
    men, women = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assert min(shares(women, births)) >= 0.97
    assert max(shares(men, births)) <= 0.03
    assert min(sum(births[name]) for name in [*men, *women]) >= 5000


def test_other_lists_of_names_are_what_they_say(births: dict[str, list[int]]) -> None:
    data = swap_data("names")
    rare = [name for line in data["rare"] for name in line.split()]
    assert all(share >= 0.97 or share <= 0.03 for share in shares([*rare, *data["unpaired"]], births))
    assert all(300 <= sum(births[name]) < 5000 for name in rare)
    assert all(0.35 <= share <= 0.65 for share in shares(data["both"], births))
    assert all(0.03 < share < 0.97 for share in shares(data["unclear"], births))
