"""What `audit list` lists: a heading and rows of text for each kind of thing that can be named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from audit.catalogue import load, names

Row = tuple[str, ...]
Listing = tuple[Row, Sequence[Row]]


def axes() -> Listing:
    """Shipped protected attributes and their groups."""
    from audit.axis import load_axis, shipped_axes

    found = (load_axis(name) for name in shipped_axes())
    rows = [(axis.id, axis.title, axis.language, ", ".join(axis.groups), str(axis.date)) for axis in found]
    return ("axis", "title", "language", "groups", "date"), rows


def suites() -> Listing:
    """Shipped suites."""
    from audit.suite import load_suite, shipped_suites

    rows = []
    for name in shipped_suites():
        suite = load_suite(name)
        tested = ", ".join((*suite.axes, *suite.intersections))
        rows.append((name, suite.title, suite.design, str(len(suite.templates)), tested, suite.language))
    return ("suite", "title", "design", "templates", "axes", "language"), rows


def metrics() -> Listing:
    """Metrics, with what each one means."""
    from audit.metrics import METRICS
    from audit.protocols import Metric, PairMetric, Summary

    rows = []
    for name in names(METRICS, "metrics"):
        card = cast("Metric | PairMetric | Summary", load(METRICS, "metrics", name)).card
        rows.append((name, card.title, card.range, card.definition))
    return ("metric", "title", "range", "what it is"), rows


def backends() -> Listing:
    """Kinds of models, as written before the colon of `--model`."""
    from audit.backends import BACKENDS

    return ("kind", "what it is"), list(_documented(BACKENDS, "backends"))


def executors() -> Listing:
    """Places where a model is asked, as `--executor` names them."""
    from audit.executors import EXECUTORS

    return ("executor", "where the model is asked"), list(_documented(EXECUTORS, "executors"))


def exporters() -> Listing:
    """Machine formats of `audit export`."""
    from audit.exports import EXPORTERS

    return ("format", "what it is"), list(_documented(EXPORTERS, "exports"))


def policies() -> Listing:
    """Shipped policies."""
    from audit.policy import load_policy, shipped_policies

    found = (load_policy(name) for name in shipped_policies())
    return ("policy", "title"), [(policy.id, policy.title) for policy in found]


def models() -> Listing:
    """Models that come with the package."""
    folder = Path(__file__).parent / "reference"
    found = sorted(path.parent.name for path in folder.glob("*/model.safetensors"))
    return ("model",), [(f"reference:{name}",) for name in found]


LISTS: Mapping[str, Callable[[], Listing]] = {
    "axes": axes,
    "suites": suites,
    "metrics": metrics,
    "backends": backends,
    "executors": executors,
    "policies": policies,
    "models": models,
    "exporters": exporters,
}


def _documented(table: Mapping[str, str], folder: str) -> Iterator[Row]:
    """Each name of a folder's table with the first sentence that the thing says about itself."""
    for name in names(table, folder):
        text = load(table, folder, name).__doc__ or ""
        yield name, text.strip().partition("\n")[0]
