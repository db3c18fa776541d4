"""What the shipped axes state of their names is what the sources say."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from audit.axis import Axis, Name, load_axis

YEARS = (1970, 1980, 1990, 2000)
NEW_YORK = "New York City births 2011-2017"
ROUNDING = 0.00051
"""Shares have three digits."""
Births = Mapping[str, tuple[int, int]]
"""Girls and boys with a name."""
Row = tuple[object, ...]


@pytest.fixture(scope="module")
def gender() -> Axis:
    return load_axis("gender")


@pytest.fixture(scope="module")
def ethnicity() -> Axis:
    return load_axis("ethnicity")


def first_names(axis: Axis) -> Iterator[tuple[str, str, Name]]:
    """Group, gender and entry of every first name."""
    for group, entry in axis.groups.items():
        for suggested, names in entry.names.first.items():
            for name in names:
                yield group, suggested, name


@pytest.fixture(scope="module")
def lists(shared_data: Path) -> Path:
    return shared_data / "benchmarks" / "names"


def births_of(folder: Path, year: int) -> dict[str, tuple[int, int]]:
    """Girls and boys by name, of one year."""
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for line in (folder / "ssa" / f"yob{year}.txt").read_text(encoding="ascii").splitlines():
        name, sex, count = line.split(",")
        found[name]["FM".index(sex)] += int(count)
    return {name: (girls, boys) for name, (girls, boys) in found.items()}


@pytest.fixture(scope="module")
def by_year(lists: Path) -> dict[int, Births]:
    return {year: births_of(lists, year) for year in YEARS}


def girls_and_boys(by_year: Mapping[int, Births], name: str) -> tuple[int, int]:
    counts = [births.get(name, (0, 0)) for births in by_year.values()]
    return sum(girls for girls, _ in counts), sum(boys for _, boys in counts)


def sheet(path: Path, name: str) -> list[Row]:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl reads the sources' sheets")
    return list(openpyxl.load_workbook(path, read_only=True)[name].iter_rows(values_only=True, max_col=11))


@pytest.fixture(scope="module")
def applicants(lists: Path) -> dict[str, Row]:
    """Tzioumis: name → name, applicants, percent Hispanic, White, Black, Asian …"""
    return {str(row[0]).title(): row for row in sheet(lists / "firstnames.xlsx", "Data")[1:]}


@pytest.fixture(scope="module")
def census(lists: Path) -> dict[str, Row]:
    """Census 2010: surname → surname, rank, bearers, two rates, percent White, Black, Asian, …, Hispanic."""
    return {
        str(row[0]).title(): row for row in sheet(lists / "Names_2010Census_Top1000.xlsx", "2010_Top1000")[3:]
    }


@pytest.fixture(scope="module")
def new_york(lists: Path) -> dict[tuple[str, str], Counter[str]]:
    """(name, FEMALE or MALE) → births by the first letters of the ethnicity; rows that repeat count once."""
    with (lists / "Popular_Baby_Names.csv").open(encoding="utf-8", newline="") as lines:
        rows = {(r[3].title(), r[1], r[0], r[2][:5]): int(r[4]) for r in list(csv.reader(lines))[1:]}
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (name, sex, _, ethnic), count in rows.items():
        found[name, sex][ethnic] += count
    return dict(found)


def percent(row: Row, column: int) -> float:
    value = row[column]
    return float(value) if isinstance(value, int | float) else 0.0  # "(S)": too few to be published


def test_gender_shares_and_counts_are_those_of_the_births(
    gender: Axis, by_year: Mapping[int, Births]
) -> None:
    for group, _, entry in first_names(gender):
        girls, boys = girls_and_boys(by_year, entry.name)
        wanted = boys if group == "men" else girls
        assert entry.count == girls + boys, entry.name
        assert entry.share == pytest.approx(wanted / (girls + boys), abs=ROUNDING), entry.name


def test_seven_names_of_women_and_of_men_come_from_each_year(
    gender: Axis, by_year: Mapping[int, Births]
) -> None:
    for group, sex in (("women", 0), ("men", 1)):
        born = {year: sum(counts[sex] for counts in births.values()) for year, births in by_year.items()}
        rates = (
            {year: by_year[year].get(name, (0, 0))[sex] / born[year] for year in YEARS}
            for name in gender.first_names(group, group)
        )
        assert Counter(max(rate, key=rate.__getitem__) for rate in rates) == dict.fromkeys(YEARS, 7)


def test_ethnic_first_names_suggest_their_gender(ethnicity: Axis, by_year: Mapping[int, Births]) -> None:
    for _, suggested, entry in first_names(ethnicity):
        counts = girls_and_boys(by_year, entry.name)
        assert counts[suggested == "men"] / sum(counts) >= 0.9, entry.name


def test_ethnic_shares_are_those_of_mortgage_applicants(
    ethnicity: Axis, applicants: Mapping[str, Row]
) -> None:
    column = {"Asian": 5, "Black": 4, "Hispanic": 2, "White": 3}
    for group, _, entry in first_names(ethnicity):
        if entry.source is None:
            row = applicants[entry.name]
            assert entry.count == row[1], entry.name
            assert entry.share == pytest.approx(percent(row, column[group]) / 100, abs=ROUNDING), entry.name


def test_names_from_new_york_say_so_and_are_not_in_the_main_source(
    ethnicity: Axis, applicants: Mapping[str, Row], new_york: Mapping[tuple[str, str], Counter[str]]
) -> None:
    entries = [each for each in first_names(ethnicity) if each[2].source is not None]
    assert len(entries) == 10
    for group, suggested, entry in entries:
        births = new_york[entry.name, "MALE" if suggested == "men" else "FEMALE"]
        assert (group, entry.source) == ("Black", NEW_YORK) and entry.name not in applicants, entry.name
        assert entry.count == births.total(), entry.name
        assert entry.share == pytest.approx(births["BLACK"] / births.total(), abs=ROUNDING), entry.name


def test_surname_shares_are_those_of_the_census(ethnicity: Axis, census: Mapping[str, Row]) -> None:
    column = {"Asian": 7, "Black": 6, "Hispanic": 10, "White": 5}
    for key, group in ethnicity.groups.items():
        for entry in group.names.last:
            row = census[entry.name]
            assert entry.count == row[2], entry.name
            assert entry.share == pytest.approx(percent(row, column[key]) / 100, abs=ROUNDING), entry.name


def test_shared_surnames_are_frequent_and_of_no_single_ethnic_group(
    gender: Axis, census: Mapping[str, Row]
) -> None:
    for entry in gender.shared_last_names:
        row = census[entry.name]
        assert isinstance(row[1], int) and row[1] <= 400, entry.name
        assert max(percent(row, column) for column in (5, 6, 7, 10)) < 80 and percent(row, 6) < 40, entry.name
