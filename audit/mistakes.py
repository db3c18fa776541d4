"""What is wrong in a suite file beyond its shape: things that do not fit together, each told at its place."""

from __future__ import annotations

from collections.abc import Mapping

from audit.attribution import ATTRIBUTORS
from audit.axis import Axis
from audit.catalogue import names, unknown
from audit.layout import report_recorded_mistakes
from audit.metrics import METRICS
from audit.question import report_question_mistakes
from audit.readers import report_reader_mistakes
from audit.shape import did_you_mean, one_of
from audit.template import report_template_mistakes
from audit.yamlfile import YamlFile
from audit.yamlnodes import Node

MOST_PARTS = 3
"""Axes of an intersection at most."""


def report_mistakes(file: YamlFile, axes: Mapping[str, Axis] | None) -> None:
    """Report to `file` all that does not fit; `axes` by the names the suite gives them, None where one is missing."""
    _check_sources(file)
    _check_axes(file, axes)
    _check_metrics(file)
    _check_methods(file)
    _check_explained(file)
    report_question_mistakes(file)
    report_template_mistakes(file, axes)
    _check_controls(file)
    _check_decision(file, axes)
    report_recorded_mistakes(file)
    report_reader_mistakes(file, axes)


def _check_sources(file: YamlFile) -> None:
    """Templates or recorded answers, and the design that goes with them."""
    root = file.root
    templates, recorded, design = root.get("templates"), root.get("recorded"), root.get("design")
    if recorded is not None and templates is not None:
        file.report(
            recorded, "'recorded' and 'templates' both stand here; a suite has one of them", at_key=True
        )
    if recorded is None and templates is None:
        file.report(root, "neither 'templates' nor 'recorded' stands here; a suite needs one of them")
    if templates is not None and templates.value == []:
        file.report(templates, "'templates' has no entries; write at least one template")
    if templates is not None and root.get("question") is None:
        file.report(root, "the key 'question' is missing: what is asked about the templates")
    if design is not None and design.text() == "ranking" and recorded is None:
        file.report(
            design, "the design 'ranking' needs recorded answers: a 'recorded' block with 'candidates'"
        )
    for key in ("fillers", "stratum", "persons", "controls", "intersections", "groups"):
        unused = root.get(key)
        if recorded is not None and templates is None and unused is not None:
            file.report(unused, f"'{key}' has no use where the answers are recorded", at_key=True)


def _check_metrics(file: YamlFile) -> None:
    """Every metric is one that the catalogue has."""
    known = names(METRICS, "metrics")
    for node in file.root.children("metrics"):
        name = node.text()
        if name and name not in known:
            file.report(node, unknown(name, known, what="metric"))


def _check_explained(file: YamlFile) -> None:
    """The score that is explained is one that there is."""
    node = file.root.get("explain")
    metric = node.get("metric") if node is not None else None
    name = metric.text() if metric is not None else None
    known = names(METRICS, "metrics")
    if metric is not None and name and name not in known:
        file.report(metric, unknown(name, known, what="metric"))


def _check_methods(file: YamlFile) -> None:
    """Every explanation method is one that there is."""
    known = names(ATTRIBUTORS, "attribution")
    explain = file.root.get("explain")
    for node in explain.children("methods") if explain is not None else []:
        name = node.text()
        if name and name not in known:
            file.report(node, unknown(name, known, what="explanation method"))


def _check_axes(file: YamlFile, axes: Mapping[str, Axis] | None) -> None:
    """Which attributes are under test."""
    root = file.root
    listed, recorded, given = root.children("axes"), root.get("recorded"), root.get("axes")
    own = recorded.get("axis") if recorded is not None else None
    if own is not None and given is not None:
        file.report(given, "'recorded' has an 'axis' of its own; keep one of them", at_key=True)
    elif own is None and (given is None or given.value == []):
        file.report(given or root, "no axis is named; write 'axes: [gender]' or another protected attribute")
    elif recorded is not None and len(listed) > 1:
        file.report(listed[1], "recorded answers are read for one axis; name one")
    file.report_repeats(listed, "axis")
    if root.text("design") == "groups":
        for extra in [*listed[1:], *root.children("intersections")]:
            file.report(extra, "the design 'groups' compares the groups of one axis; name one")
    if axes is not None:
        _check_ids(file, axes)
        _check_intersections(file, _ids(file, axes))
        _check_groups(file, axes)
        _check_persons(file, axes)


def _check_ids(file: YamlFile, axes: Mapping[str, Axis]) -> None:
    """Two names of one axis would be one axis under test twice."""
    first: dict[str, str] = {}
    for node in file.root.children("axes"):
        name = node.text() or ""
        if name in axes and first.setdefault(axes[name].id, name) != name:
            file.report(
                node, f"the axis '{axes[name].id}' is there already as '{first[axes[name].id]}'; keep one"
            )


def _check_intersections(file: YamlFile, ids: list[str]) -> None:
    seen_before: set[frozenset[str]] = set()
    for node in file.root.children("intersections"):
        text = node.text()
        if text is None:
            continue
        members = text.split("*")
        unknown_parts = [member for member in members if member not in ids]
        if not 2 <= len(members) <= MOST_PARTS or len(set(members)) < len(members):
            file.report(node, f"intersection '{text}'; allowed: two or three different axes joined by '*'")
        elif unknown_parts:
            first = unknown_parts[0]
            known = f"the suite's axes are {', '.join(ids)}{did_you_mean(first, ids)}"
            file.report(node, f"intersection '{text}' names '{first}'; {known}")
        elif frozenset(members) in seen_before:
            file.report(node, f"intersection '{text}' stands here twice")
        seen_before.add(frozenset(members))


def _check_groups(file: YamlFile, axes: Mapping[str, Axis]) -> None:
    """Which groups of an axis are compared: groups that it has, each once."""
    tested = {node.text() or "" for node in file.root.children("axes")}
    by_id = {axes[name].id: name for name in tested if name in axes}
    for key, node in file.root.entries("groups").items() if tested else ():
        name = key if key in tested else by_id.get(key, "")
        if not name:
            file.report(node, f"'groups' {one_of(key, sorted(tested), what='the suite tests')}", at_key=True)
            continue
        file.report_repeats(node.children(), "group")
        known = list(axes[name].groups) if name in axes else []
        for group in node.children():
            if known and group.text() is not None and group.text() not in known:
                file.report(group, f"a group of '{name}' {one_of(group.value, known)}")


def _check_persons(file: YamlFile, axes: Mapping[str, Axis]) -> None:
    """The persons axis has names to give."""
    name = file.root.text("persons") or "gender"
    axis = axes.get(name) or next((axis for axis in axes.values() if axis.id == name), None)
    if file.root.get("recorded") is not None or axis is None:
        return
    place = file.root.get("persons") or file.root
    if not axis.gives_names:
        message = (
            f"the persons axis gives the names, but the groups of '{axis.id}' have none (its cue is 'stated')"
        )
        file.report(place, message)
    elif not all(axis.last_names(group) for group in axis.groups):
        file.report(
            place, f"the persons axis gives the names, but '{axis.id}' has no surnames ('last_names')"
        )


def _check_controls(file: YamlFile) -> None:
    controls = file.root.get("controls")
    if controls is None:
        return
    for key, what in (("arms", "arm"), ("edits", "edit"), ("neutral_sentences", "sentence")):
        file.report_repeats(controls.children(key), what)
    edits = controls.get("edits")
    if edits is not None and edits.value == []:
        file.report(
            edits,
            "'edits' has no entries; leave the key out for the usual ones, or 'edit' out of 'arms'",
        )
    sentences = controls.get("neutral_sentences")
    for node in controls.children("edits"):
        if node.text() == "neutral_sentence" and not controls.children("neutral_sentences"):
            file.report(node, "the edit 'neutral_sentence' needs 'neutral_sentences'; write at least one")
    used = [node.text() for node in controls.children("edits")]
    if sentences is not None and "neutral_sentence" not in used:
        file.report(
            sentences, "'neutral_sentences' have no use without the edit 'neutral_sentence'", at_key=True
        )


def _check_decision(file: YamlFile, axes: Mapping[str, Axis] | None) -> None:
    """Decision entries name metrics and axes that the suite has."""
    metrics = [text for node in file.root.children("metrics") if (text := node.text())]
    file.report_repeats(file.root.children("metrics"), "metric")
    tested = (
        None
        if axes is None
        else [*_ids(file, axes), *(node.text() or "" for node in file.root.children("intersections"))]
    )
    before: set[tuple[object, ...]] = set()
    for entry in file.root.children("decision"):
        metric, axis, strata = entry.get("metric"), entry.get("axis"), entry.get("strata")
        for key, node, known in (("metric", metric, metrics), ("axis", axis, tested)):
            if node is not None and node.text() and known and node.text() not in known:
                file.report(node, f"'{key}' {one_of(node.value, known, what='the suite has')}")
        _check_contrasts(file, entry)
        if strata is not None and strata.value is True and not _has_strata(file.root):
            file.report(strata, "'strata' is true, but the suite names no 'stratum'")
        per_stratum = strata is not None and strata.value is True
        identity = (entry.text("metric"), entry.text("axis"), entry.text("contrasts") or "pairs", per_stratum)
        if None not in identity and identity in before:
            file.report(entry, f"the decision on '{identity[0]}' and '{identity[1]}' stands here twice")
        before.add(identity)


def _check_contrasts(file: YamlFile, entry: Node) -> None:
    """Interactions belong to intersections. Where there is a reference, every group is compared with it alone."""
    recorded, wanted = file.root.get("recorded"), entry.text("contrasts") or "pairs"
    known = recorded is not None and recorded.get("reference") is not None
    node, axis = entry.get("contrasts") or entry, entry.text("axis")
    if wanted == "interaction" and axis and "*" not in axis:
        file.report(node, f"'contrasts' is interaction, but '{axis}' is no intersection of two axes")
    if wanted == "reference" and not known:
        file.report(node, "'contrasts' is reference, but no block 'recorded' names a 'reference'")
    if wanted != "reference" and known:
        file.report(node, "these groups are compared with the reference only; write 'contrasts: reference'")


def _has_strata(root: Node) -> bool:
    recorded = root.get("recorded")
    return root.get("stratum") is not None or (recorded is not None and recorded.get("stratum") is not None)


def _ids(file: YamlFile, axes: Mapping[str, Axis]) -> list[str]:
    """Ids of the axes under test."""
    own = file.root.entries("recorded").get("axis")
    if own is not None:
        return [own.text("id") or ""]
    listed = (node.text() or "" for node in file.root.children("axes"))
    return [axes[name].id for name in listed if name in axes]
