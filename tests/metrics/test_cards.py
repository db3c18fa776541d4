from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.catalogue import load
from audit.metrics import METRICS
from audit.protocols import Compares, Differs, Metric, PairMetric, ReadByModel, Relative, Summary

DOCS = Path(__file__).parent.parent.parent / "docs" / "metrics.md"


MERE_CARDS = ("judge_swap", "choice_logit_smoothed", "continuation")
"""Besides those of explanations' credits: their values come from elsewhere."""


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_complete_card_of_its_own_name(name: str) -> None:
    metric: Any = load(METRICS, "metrics", name)
    card = metric.card
    assert card.name == name
    assert all((card.title, card.definition, card.formula, card.range, card.source, card.critique))


@pytest.mark.parametrize("name", METRICS)
def test_every_object_is_one_kind_of_metric_or_a_mere_card(name: str) -> None:
    metric = load(METRICS, "metrics", name)
    kinds = [
        isinstance(metric, Metric),
        isinstance(metric, Relative),
        isinstance(metric, Compares),
        isinstance(metric, Differs),
        isinstance(metric, ReadByModel),
        PairMetric in type(metric).__mro__,
        Summary in type(metric).__mro__,
    ]
    assert sum(kinds) == (0 if name.startswith("attribution_") or name in MERE_CARDS else 1)


@pytest.mark.parametrize("name", METRICS)
def test_the_docs_print_every_card(name: str) -> None:
    metric: Any = load(METRICS, "metrics", name)
    card = metric.card
    part = DOCS.read_text(encoding="utf-8").split(f"\n## {name}\n")[1].split("\n## ")[0]
    flat = " ".join(part.split())
    for text in (card.title, card.definition, card.formula, card.range, card.source, card.critique):
        assert " ".join(text.split()) in flat


def test_the_docs_have_the_cards_of_the_table_and_no_others() -> None:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    headings = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert headings[headings.index(next(iter(METRICS))) :] == list(METRICS)
