"""What the axes by name and the Indian axes state of their names is what the sources say."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

import pytest

from audit.axis import Axis, Name, load_axis

YEARS = (1940, 1950, 1960, 1970, 1980, 1990, 2000, 2010)
LATER = (1970, 1980, 1990, 2000, 2010)
COHORTS = {"under 35": (2000, 2010), "35 to 54": (1980, 1990), "55 and over": (1940, 1950, 1960, 1970)}
ROUNDING = 0.00051
"""Shares have three digits."""
TZIOUMIS = {"English": 3, "Indian": 5, "Spanish": 2, "Vietnamese": 5}
CENSUS = {"English": 5, "Indian": 7, "Spanish": 10, "Vietnamese": 7}
"""Columns with the percentage of the broader group."""
ARABIC = str.maketrans("أإآى", "اااي")
"""Spellings of the same letter."""
Births = Mapping[int, Mapping[str, tuple[int, int]]]
"""Girls and boys by year and name."""
Row = tuple[object, ...]


def first_names(axis: Axis) -> Iterator[tuple[str, str, Name]]:
    """Group, gender and entry of every first name."""
    for group, entry in axis.groups.items():
        for suggested, names in entry.names.first.items():
            for name in names:
                yield group, suggested, name


@pytest.fixture(scope="module")
def culture() -> Axis:
    return load_axis("culture-names")


@pytest.fixture(scope="module")
def lists(shared_data: Path) -> Path:
    return shared_data / "benchmarks" / "names"


@pytest.fixture(scope="module")
def births(lists: Path) -> Births:
    return {year: births_of(lists, year) for year in YEARS}


def births_of(folder: Path, year: int) -> dict[str, tuple[int, int]]:
    """Girls and boys by name, of one year."""
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for line in (folder / "ssa" / f"yob{year}.txt").read_text(encoding="ascii").splitlines():
        name, sex, count = line.split(",")
        found[name]["FM".index(sex)] += int(count)
    return {name: (girls, boys) for name, (girls, boys) in found.items()}


def born(births: Births, name: str, years: tuple[int, ...]) -> tuple[int, int]:
    """Girls and boys with a name in some years."""
    counts = [births[year].get(name, (0, 0)) for year in years]
    return sum(girls for girls, _ in counts), sum(boys for _, boys in counts)


def of_its_sex(births: Births, name: str, gender: str, years: tuple[int, ...]) -> float:
    counts = born(births, name, years)
    return counts[gender == "men"] / sum(counts)


@pytest.fixture(scope="module")
def indian(shared_data: Path) -> Mapping[str, set[str]]:
    """Bhatt et al.: name → female, male or both."""
    path = shared_data / "benchmarks" / "nlp-fairness-for-india" / "gender_proxy_idterms.tsv"
    found: defaultdict[str, set[str]] = defaultdict(set)
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        name, gender = line.split("\t")
        found[name.strip().title()].add(gender.strip())
    return found


def sheet(path: Path, name: str, columns: int = 11) -> list[Row]:
    openpyxl = pytest.importorskip("openpyxl", reason="openpyxl reads the sources' sheets")
    book = openpyxl.load_workbook(path, read_only=True)
    return list(book[name].iter_rows(values_only=True, max_col=columns))


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


def arab(lists: Path, gender: str) -> set[str]:
    """CAMeL: Arab first names of women or of men, in Arabic script."""
    sex = "female" if gender == "women" else "male"
    rows = sheet(lists / f"camel_arab_western_names-{sex}.xlsx", "Sheet1", 2)
    return {str(name).strip() for name, of in rows if of == "Arab"}


def percent(row: Row, column: int) -> float:
    value = row[column]
    assert isinstance(value, int | float)
    return float(value)


# age-cohort


def test_cohort_shares_and_counts_are_those_of_the_births(births: Births) -> None:
    for group, gender, entry in first_names(load_axis("age-cohort")):
        count = sum(born(births, entry.name, YEARS))
        mine = sum(born(births, entry.name, COHORTS[group]))
        assert entry.count == count, entry.name
        assert entry.share == pytest.approx(mine / count, abs=ROUNDING), entry.name
        assert of_its_sex(births, entry.name, gender, YEARS) >= 0.95, entry.name


def test_names_of_the_young_are_names_of_adults_too(births: Births) -> None:
    for group, _, entry in first_names(load_axis("age-cohort")):
        if group == "under 35":
            adults, minors = (sum(born(births, entry.name, (year,))) for year in (2000, 2010))
            assert adults >= minors / 2, entry.name


def test_cohorts_differ_in_frequency_as_the_file_states() -> None:
    counts: defaultdict[str, list[int]] = defaultdict(list)
    for group, _, entry in first_names(load_axis("age-cohort")):
        counts[group].append(entry.count or 0)
    middle = {group: median(found) for group, found in counts.items()}
    assert middle["under 35"] < 11_000 and min(middle["35 to 54"], middle["55 and over"]) > 30_000


# India


def test_shares_of_indian_names_are_those_of_the_births(births: Births) -> None:
    for _, gender, entry in first_names(load_axis("gender-in")):
        assert entry.count == sum(born(births, entry.name, LATER)), entry.name
        wanted = of_its_sex(births, entry.name, gender, LATER)
        assert entry.share == pytest.approx(wanted, abs=ROUNDING), entry.name


@pytest.mark.parametrize("axis", ["gender-in", "religion-names"])
def test_indian_first_names_are_listed_under_one_gender(axis: str, indian: Mapping[str, set[str]]) -> None:
    for _, gender, entry in first_names(load_axis(axis)):
        assert indian[entry.name] == {"female" if gender == "women" else "male"}, entry.name


def test_castes_are_identity_terms_of_the_source(shared_data: Path) -> None:
    path = shared_data / "benchmarks" / "nlp-fairness-for-india" / "caste_idterms.tsv"
    terms = (
        path.read_text(encoding="utf-8").lower().replace("khsatirya", "kshatriya").split()
    )  # misspelt there
    assert {group.lower() for group in load_axis("caste").groups} <= set(terms)


# culture-names


def test_first_names_of_cultures_suggest_their_gender(culture: Axis, births: Births) -> None:
    for _, gender, entry in first_names(culture):
        assert of_its_sex(births, entry.name, gender, LATER) >= 0.9, entry.name


def test_first_name_shares_are_those_of_mortgage_applicants(
    culture: Axis, applicants: Mapping[str, Row]
) -> None:
    for group, _, entry in first_names(culture):
        if group != "Arabic":
            row = applicants[entry.name]
            assert entry.count == row[1], entry.name
            assert entry.share == pytest.approx(percent(row, TZIOUMIS[group]) / 100, abs=ROUNDING), entry.name


def test_arabic_names_show_their_original_of_the_source(culture: Axis, lists: Path) -> None:
    listed = {gender: arab(lists, gender) for gender in ("men", "women")}
    for group, gender, entry in first_names(culture):
        if group == "Arabic":
            original = str(entry.source).removeprefix("CAMeL (").removesuffix(")")
            assert original in listed[gender], entry.name


def test_two_arabic_names_of_a_gender_are_not_one_name_in_two_spellings(culture: Axis) -> None:
    for names in culture.groups["Arabic"].names.first.values():
        assert len({str(entry.source).translate(ARABIC) for entry in names}) == len(names)


def test_indian_names_of_cultures_are_in_the_indian_list(
    culture: Axis, indian: Mapping[str, set[str]]
) -> None:
    assert all(entry.name in indian for group, _, entry in first_names(culture) if group == "Indian")


def test_surname_shares_are_those_of_the_census_and_are_given_where_it_has_them(
    culture: Axis, census: Mapping[str, Row]
) -> None:
    for group, column in CENSUS.items():
        for entry in culture.groups[group].names.last:
            assert (entry.share is not None) == (entry.name in census), entry.name
            if entry.share is not None:
                assert entry.count == census[entry.name][2], entry.name
                expected = percent(census[entry.name], column) / 100
                assert entry.share == pytest.approx(expected, abs=ROUNDING), entry.name


def test_surnames_from_the_bbq_list_are_in_it(culture: Axis, lists: Path) -> None:
    with (lists / "bbq_vocabulary_proper_names.csv").open(encoding="utf-8", newline="") as lines:
        listed = {row[0] for row in csv.reader(lines) if row[1] == "last" and row[3] == "Arab"}
    for entry in culture.groups["Arabic"].names.last:
        assert entry.source in (None, "BBQ") and (entry.source == "BBQ") == (entry.name in listed), entry.name


def test_cultures_differ_in_frequency_as_the_file_states(culture: Axis, births: Births) -> None:
    counts: defaultdict[str, list[int]] = defaultdict(list)
    for group, _, entry in first_names(culture):
        counts[group].append(sum(born(births, entry.name, LATER)))
    middle = {group: median(found) for group, found in counts.items()}
    assert min(middle["English"], middle["Spanish"]) > 2_500
    assert max(middle["Indian"], middle["Vietnamese"]) < 70
