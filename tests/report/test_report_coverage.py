"""The coverage section: the swap proof, what was left out, token lengths, what was not tested."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page import all_of, parsed, words
from synthetic import make_run
from tiny_models import causal

from audit import pipeline
from audit.records import SWAP_PROOF, Exclusion, Run
from audit.report.render import render
from audit.runs import read_run


@pytest.fixture(scope="module")
def made() -> Run:
    return make_run(templates=2)


def coverage(run: Run) -> Any:
    return next(each for each in all_of(parsed(render(run)), "section") if each.get("id") == "coverage")


def table(section: Any, caption: str) -> list[dict[str, str]]:
    """The rows of the table whose caption has these words, by heading; none where there is no such table."""
    for each in all_of(section, "table"):
        if caption in words(all_of(each, "caption")[0]):
            heads = [words(cell) for cell in all_of(all_of(each, "thead")[0], "th")]
            body = all_of(all_of(each, "tbody")[0], "tr")
            return [dict(zip(heads, map(words, row), strict=True)) for row in body]
    return []


# ------------------------------------------------------------------------ proof


def left_out(*counts: int) -> tuple[Exclusion, ...]:
    return tuple(
        Exclusion(
            what=f"{SWAP_PROOF}, gender: template t{place}, men and women",
            reason="does not agree: 'an nurse'",
            count=n,
        )
        for place, n in enumerate(counts)
    )


@pytest.mark.parametrize("counts", [(), (3,), (3, 4, 1)])
def test_pairs_for_which_the_proof_held_and_did_not_are_counted(made: Run, counts: tuple[int, ...]) -> None:
    other = Exclusion(what="gender: template t9", reason="no words for $title", count=50)
    section = coverage(replace(made, excluded=(*left_out(*counts), other)))
    held = int((made.pairs["arm"] == "swap").sum())
    assert 0 < held < len(made.pairs)
    text = words(section)
    assert f"Swap proof: {held:,} pairs differ in their marked words alone" in text
    assert f"{sum(counts)} pairs did not hold and are left out" in text
    assert "listed below" in text
    rows = table(section, "Left out, and why")
    wanted = [
        (f"{SWAP_PROOF}, gender: template t{place}, men and women", "does not agree: 'an nurse'", str(count))
        for place, count in enumerate(counts)
    ]
    assert [tuple(row.values()) for row in rows] == [
        *wanted,
        ("gender: template t9", "no words for $title", "50"),
    ]


@pytest.mark.parametrize(
    "changes", [{"design": "groups"}, {"design": "ranking"}, {"recorded": {"answer": "text"}}]
)
def test_where_no_pairs_are_made_nothing_is_said_of_a_proof(made: Run, changes: dict[str, Any]) -> None:
    assert "Swap proof" not in words(coverage(replace(made, suite={**made.suite, **changes})))


# ---------------------------------------------------------------------- lengths


def difference(axis: str, a: str, b: str, mean: float, largest: float, pairs: int = 12) -> dict[str, Any]:
    return {
        "axis": axis, "group_a": a, "group_b": b, "pairs": pairs, "equal": 2, "mean": mean, "largest": largest
    }  # fmt: skip


def test_lengths_are_shown_with_the_largest_mean_first(made: Run) -> None:
    entries = [
        difference("gender", "men", "women", 0.25, 2.0), difference("gender", "men", "non-binary", -1.5, -4.0, 1200),
        difference("ethnicity", "Asian", "Black", 1.0, 3.0),
    ]  # fmt: skip
    found = replace(made, manifest={**made.manifest, "token_differences": entries})
    rows = [tuple(row.values()) for row in table(coverage(found), "in tokens")]
    assert [row[:5] for row in rows] == [
        ("Gender", "men", "non-binary people", "1,200", "2"), ("Ethnicity", "Asian people", "Black people", "12", "2"),
        ("Gender", "men", "women", "12", "2"),
    ]  # fmt: skip
    assert [float(row[5].replace("−", "-")) for row in rows] == [-1.5, 1.0, 0.25]
    assert [float(row[6].replace("−", "-")) for row in rows] == [-4, 3, 2]


def test_more_than_fifteen_lengths_are_cut_and_it_is_said(made: Run) -> None:
    entries = [difference("gender", "men", "women", float(number), 20.0) for number in range(16)]
    for count in (15, 16):
        section = coverage(replace(made, manifest={**made.manifest, "token_differences": entries[:count]}))
        assert len(table(section, "in tokens")) == 15
        assert ("Further groups are in manifest.json" in words(section)) is (count == 16)


@pytest.mark.parametrize("found", [None, []])
def test_without_lengths_there_is_no_table_of_them(made: Run, found: object) -> None:
    assert (
        table(coverage(replace(made, manifest={**made.manifest, "token_differences": found})), "in tokens")
        == []
    )


AXIS: dict[str, Any] = {
    "axis": 1, "id": "crest", "title": "Crest", "attribute": "made", "language": "en", "cue": "stated",
    "source": "Written for tests, 2026.", "date": "2026-11-20",
    "groups": {
        "long": {"title": "long ones", "wording": "inputs that state a long one", "terms": {"crest": ["zzzzz", "zz"]}},
        "short": {"title": "short ones", "wording": "inputs that state a short one", "terms": {"crest": ["zz", "zz."]}},
    },
}  # fmt: skip
SUITE: dict[str, Any] = {
    "suite": 1, "id": "crests", "title": "Crests", "language": "en", "domain": "employment", "harm": "Fewer answers.",
    "cannot_show": "Anything else.", "axes": ["crest.yaml"],
    "question": {"kind": "choose", "ask": "Yes or No?", "options": [" Yes", " No"], "favourable": " Yes"},
    "templates": [
        {"id": "first", "text": "A friend of $name wears the crest $crest on a coat."},
        {"id": "twice", "text": "The letter by $name shows $crest at the top, and $crest at the end."},
    ],
    "controls": {"arms": ["again"]}, "metrics": ["selection_rate"], "explain": {"largest": 0, "random": 0},
    "sampling": {"names_per_group": 4, "seed": 7},
}  # fmt: skip


def test_token_lengths_of_a_run_are_those_of_the_tokenizer_by_hand(tmp_path: Path) -> None:
    """No merge of the tokenizer has a `z`, so that every `z` is a token, and so is a full stop after it.

    Row 1: 5 against 2 letters; row 2: 2 against 2 and a stop. Template `first` differs by -3 and +1, `twice`, which
    has the word twice, by -6 and +2. Each row has two of the four persons.
    """
    for name, content in (("crest", AXIS), ("crests", SUITE)):
        (tmp_path / f"{name}.yaml").write_text(json.dumps(content), encoding="utf-8")
    model = causal(tmp_path / "model")
    folder = pipeline.run(str(tmp_path / "crests.yaml"), model=f"hf:{model}", output=tmp_path / "runs")
    run = read_run(folder)
    differences: list[Mapping[str, Any]] = run.manifest["token_differences"]
    assert [dict(each) for each in differences] == [
        {"axis": "crest", "group_a": "long", "group_b": "short", "pairs": 8, "equal": 0,
         "mean": pytest.approx((2 * -3 + 2 * 1 + 2 * -6 + 2 * 2) / 8), "largest": -6.0},
    ]  # fmt: skip
    (row,) = table(coverage(run), "in tokens")
    assert list(row.values())[:5] == ["Crest", "long ones", "short ones", "8", "0"]
    assert [float(each.replace("−", "-")) for each in list(row.values())[5:]] == [-1.5, -6]
    assert "Swap proof: 8 pairs differ" in words(coverage(run))


# ------------------------------------------------------------------- not tested


def untested(run: Run) -> str:
    (line,) = [words(each) for each in all_of(coverage(run), "li") if "did not vary" in words(each)] or [""]
    return line


@pytest.mark.parametrize(
    ("language", "there", "not_there"),
    [
        ("en", ("Religion", "Nationality"), ("(German)", "(French)", "(Spanish)", "(Hindi)")),
        ("en-GB", ("Religion",), ("(German)", "(Hindi)")),
        ("de", ("Gender (German)",), ("Religion", "Nationality", "(French)", "(Hindi)")),
        ("fr", ("Gender (French)",), ("Religion", "(German)")),
        ("es", ("Gender (Spanish)",), ("Religion", "(German)")),
        ("hi", ("Gender (Hindi)", "Religion (Hindi)"), ("Nationality", "(German)")),
    ],
)
def test_only_attributes_of_the_language_are_listed_as_not_tested(
    made: Run, language: str, there: tuple[str, ...], not_there: tuple[str, ...]
) -> None:
    line = untested(replace(made, suite={**made.suite, "language": language}))
    assert all(title in line for title in there)
    assert not any(title in line for title in not_there)


def test_attributes_that_were_varied_are_not_listed(made: Run) -> None:
    listed = untested(made).partition(": ")[2].rstrip(".").split(", ")
    assert "Gender" not in listed and "Religion" in listed


def test_a_language_without_attributes_has_no_such_line(made: Run) -> None:
    assert untested(replace(made, suite={**made.suite, "language": "tr"})) == ""
