"""Limits: how far the result can be used. Each limit is printed where its condition holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from audit.records import Run
from audit.report import facts

Condition = Callable[[Run], bool]


def _always(run: Run) -> bool:
    return True


def _cued(run: Run) -> bool:
    return any(data.get("cue") for data in run.axes.values())


def _within(run: Run) -> bool:
    return any(finding.verdict == "within" for finding in run.findings)


def _written(run: Run) -> bool:
    return not run.suite.get("recorded")


def _hosted(run: Run) -> bool:
    return not facts.mapping(facts.model(run), "digests")


def _ratios(run: Run) -> bool:
    return bool(run.groups["impact_ratio"].notna().any())


def _few_names(run: Run) -> bool:
    names = run.effects[run.effects["decision"]]["name_count"]
    return bool(((names > 0) & (names < 5)).any())


def _explained(run: Run) -> bool:
    return len(run.attributions) > 0


def _several_metrics(run: Run) -> bool:
    return len({finding.metric for finding in run.findings}) > 1


LIMITS: tuple[tuple[str, Condition, str], ...] = (
    (
        "Scope",
        _always,
        "The result holds for the named version, settings, inputs and dates; any change can change it.",
    ),
    (
        "Incomplete",
        lambda run: not facts.complete(run),
        "Not everything planned was asked; no verdict of this run says that a difference stayed within "
        "its limit.",
    ),
    (
        "Order",
        facts.answers_are_older,
        "The answers existed before the criteria were set, so the criteria may have been chosen in view "
        "of them.",
    ),
    (
        "Cue",
        _cued,
        "Groups were suggested through names or words. Such cues also carry class, age and place; a "
        "difference may stem from those.",
    ),
    ("Names", _few_names, "Few names were used for each group: results hold for these names."),
    (
        "Items",
        lambda run: run.suite.get("generalise") == "items",
        "The statements are about exactly these inputs, not about inputs like them.",
    ),
    (
        "Absence",
        _within,
        "A difference within the limit means none larger than the limit in these tasks; it does not "
        "mean none at all.",
    ),
    (
        "Written for the test",
        _written,
        "Inputs were written for the test; frequencies here are not frequencies in use.",
    ),
    ("Answers, not decisions", _always, "What people do with the answers was not observed."),
    ("Cause", _always, "The audit shows that answers differ, not why; training data were not examined."),
    (
        "Explanations",
        _explained,
        "Word credits describe how this model's score moves when words change. Methods can disagree; "
        "where they do, the explanation is marked as not reliable.",
    ),
    (
        "Second models",
        lambda run: bool(run.plan.get("second_models")),
        "Part of the scores was given by a second model, which has errors and leanings of its own. Where they were "
        "measured on labelled items, they stand under reliability and widen the intervals.",
    ),
    (
        "One cue",
        facts.only_cues,
        "Every comparison is of inputs with one cue against reference inputs; it says something about this cue in "
        "these inputs, not about a group.",
    ),
    (
        "Many comparisons",
        lambda run: len(run.findings) > 1,
        "Several comparisons were made at once; the intervals of the verdicts are widened for that. "
        "Explorations carry no verdict.",
    ),
    (
        "Small groups",
        lambda run: bool((run.groups["note"] != "").any()),
        "Some groups have no ratio or no interval of it; the note beside them says why.",
    ),
    (
        "Hosted model",
        _hosted,
        "No weights could be hashed. A provider can change such a model without notice; the name is "
        "what the provider returned.",
    ),
    (
        "Several metrics",
        _several_metrics,
        "Metrics can contradict each other; which ones decide was fixed in the plan.",
    ),
    (
        "Law",
        _ratios,
        "The ratio of four fifths is a screening line from the United States, shown for readers who "
        "expect it. Nothing here is legal advice.",
    ),
    (
        "Integrity",
        _always,
        "Digests show that files are unchanged since they were hashed, not that they were made honestly.",
    ),
    (
        "Not covered",
        _always,
        "Attributes, languages and tasks that are not in the coverage table were not tested.",
    ),
)


def section(run: Run) -> Mapping[str, object]:
    """The limits that apply to this run."""
    return {"title": "Limits", "limits": [(name, words) for name, holds, words in LIMITS if holds(run)]}
