"""The worked notebook of the docs: its cells run, and what is printed in it is what comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from notebooks import Output, code_cells, executed, read, text_of

PAGE = Path(__file__).parent.parent / "docs" / "notebook.ipynb"
LARGEST = 100_000
"""Bytes of the page with its outputs."""
VARYING = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|(?<=screening-v[12]-)[0-9a-f]{8}")
"""When a run ended, and the digest of its plan, which names the version of this program."""
NUMBER = re.compile(r"(?<![\w.])[-−+]?\d+(?:\.\d+)?(?![\w])")


@pytest.fixture(scope="module")
def notebook() -> dict[str, Any]:
    return read(PAGE)


@pytest.fixture(scope="module")
def ran(
    notebook: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[list[Output]], dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        yield executed(notebook)


def _assert_same(shown: str, now: str) -> None:
    """Same words, and numbers that differ by no more than one in their last place: processors round differently."""
    shown, now = VARYING.sub("", shown), VARYING.sub("", now)
    assert [part.strip() for part in NUMBER.split(shown)] == [part.strip() for part in NUMBER.split(now)]
    for before, after in zip(NUMBER.findall(shown), NUMBER.findall(now), strict=True):
        places = len(before.partition(".")[2])
        assert len(after.partition(".")[2]) == places
        one, other = (float(number.replace("−", "-")) for number in (before, after))
        assert abs(one - other) <= 1.001 * 10**-places if places else one == other, (before, after)


def test_what_the_notebook_shows_is_what_its_cells_give(
    notebook: dict[str, Any], ran: tuple[list[list[Output]], dict[str, Any]]
) -> None:
    cells = code_cells(notebook)
    assert len(cells) >= 8 and sum(len(cell["outputs"]) for cell in cells) >= 8
    for cell, outputs in zip(cells, ran[0], strict=True):
        assert [sorted(one.get("data", "")) for one in cell["outputs"]] == [
            sorted(one.get("data", "")) for one in outputs
        ], cell["source"]
        for shown, now in zip(cell["outputs"], outputs, strict=True):
            _assert_same(text_of(shown), text_of(now))


def test_the_planted_difference_is_found_and_the_second_version_is_better(
    ran: tuple[list[list[Output]], dict[str, Any]],
) -> None:
    names = ran[1]
    found = names["run"].findings.set_index(["group_a", "group_b"])
    assert found.loc[("men", "women"), "verdict"] == found.loc[("non-binary", "women"), "verdict"] == "beyond"
    assert found.loc[("men", "women"), "estimate"] < -0.15
    changes = names["change"].changes.set_index(["group_a", "group_b"])
    assert changes.loc[("men", "women"), "status"] == "better"
    assert "worse" not in set(changes["status"])
    assert names["run"].verify() == names["newer"].verify() == []


def test_the_file_is_a_small_notebook_without_places_of_a_machine(notebook: dict[str, Any]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(text.encode()) < LARGEST
    assert not re.search(r"(?<![\w<:/])/(?:home|root|tmp|work|Users|var)/", text)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(
        output["output_type"] != "error" for cell in code_cells(notebook) for output in cell["outputs"]
    )
    assert [cell["execution_count"] for cell in code_cells(notebook)] == list(
        range(1, len(code_cells(notebook)) + 1)
    )


def test_a_number_or_a_word_that_is_another_is_noticed() -> None:
    _assert_same("beyond −25.7 of 144", "beyond −25.8 of 144")
    for other in (
        "beyond −25.9 of 144",
        "within −25.7 of 144",
        "beyond −25.7 of 145",
        "beyond −25.70 of 144",
    ):
        with pytest.raises(AssertionError):
            _assert_same("beyond −25.7 of 144", other)


def test_links_of_the_notebook_lead_somewhere(notebook: dict[str, Any]) -> None:
    text = "".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert links and all((PAGE.parent / link).exists() for link in links)
