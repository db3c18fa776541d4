"""`junit.xml`: one suite for each attribute, one case for each finding, as build servers show tests.

A finding beyond its limit is a failure, one that was not decided or not measured is skipped, a test that did not work
is an error. JUnit has no standard; tests/data/junit.xsd is what this file keeps to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

from audit.changenames import Changed, changed, gate_line
from audit.disk import whole
from audit.harmless import visible
from audit.records import Comparison, Finding, Run
from audit.statuses import Entry, comparison, entries, finished_at, model_name, run_name

NAME = "junit.xml"
LONGEST = 600
NOTHING = "no comparison was marked for decision"


def export(run: Run, folder: Path) -> list[Path]:
    """The file, written into `folder` (made if missing)."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / NAME) as waiting:
        waiting.write_bytes(document(run))
    return [folder / NAME]


def document(run: Run) -> bytes:
    """The file's bytes."""
    by_axis: dict[str, list[Xml.Element]] = {}
    for entry in entries(run):
        by_axis.setdefault(entry.finding.axis, []).append(_case(run, entry))
    if not by_axis:
        case = Xml.Element("testcase", name=NOTHING, classname=_class(run, "findings"))
        Xml.SubElement(case, "skipped", message=NOTHING)
        by_axis["findings"] = [case]
    root = Xml.Element("testsuites", {"name": f"audit {_clean(run.suite.get('id'))}"})
    root.extend(_suite(run, axis, cases) for axis, cases in by_axis.items())
    root.attrib.update(_counts(case for cases in by_axis.values() for case in cases))
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _suite(run: Run, axis: str, cases: Sequence[Xml.Element]) -> Xml.Element:
    made = Xml.Element("testsuite", {"name": _clean(axis), **_counts(cases)})
    if ended := finished_at(run):
        made.set("timestamp", ended)
    facts = {
        "run": run_name(run), "suite": run.suite.get("id"), "model": model_name(run), "policy": run.policy.get("id"),
        "plan": run.plan.get("digest"), "root": run.manifest.get("root"),
        "complete": str(run.manifest.get("complete") is True).lower(),
    }  # fmt: skip
    made.append(_properties(facts))
    made.extend(cases)
    return made


def _case(run: Run, entry: Entry) -> Xml.Element:
    finding, names = entry.finding, entry.names
    made = Xml.Element("testcase", name=_clean(comparison(finding)), classname=_class(run, finding.metric))
    facts = {"finding": finding.id, "effect": finding.effect_id, "verdict": finding.verdict}
    made.append(_properties({**facts, "status": entry.status, **entry.numbers}))
    if names.junit:
        told = Xml.SubElement(made, names.junit, message=_clean(entry.sentence))
        if names.junit != "skipped":
            told.set("type", entry.status)
            told.text = _clean("\n".join([entry.sentence, *_example(run, finding)]))
    return made


def _class(run: Run, metric: str) -> str:
    return _clean(f"{run.suite.get('id')}.{metric}")


def _properties(facts: Mapping[str, object]) -> Xml.Element:
    """`facts` as properties; floats so that reading them gives the same number."""
    made = Xml.Element("properties")
    for name, value in facts.items():
        text = repr(float(value)) if isinstance(value, float) else _clean(value)
        Xml.SubElement(made, "property", name=name, value=text)
    return made


def _counts(cases: Iterable[Xml.Element]) -> dict[str, str]:
    found = list(cases)
    kinds = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    told = {name: sum(case.find(kind) is not None for case in found) for name, kind in kinds.items()}
    return {"tests": str(len(found)), **{name: str(count) for name, count in told.items()}}


def _example(run: Run, finding: Finding) -> list[str]:
    """The two prompts of the pair with the largest difference."""
    pairs = run.pairs[run.pairs["pair_id"] == finding.example_pair].to_dict("records")
    if not finding.example_pair or not pairs:
        return []
    sides = [_quoted(run, str(pairs[0][side])) for side in ("a", "b")]
    return [
        f"pair {finding.example_pair}",
        *(f"{side}: {text}" for side, text in zip("ab", sides, strict=True)),
    ]


def _quoted(run: Run, prompt_id: str) -> str:
    found = run.prompts.loc[run.prompts["prompt_id"] == prompt_id, "messages"]
    text = "\n".join(content for _, content in json.loads(found.iloc[0])) if len(found) else ""
    return text if len(text) <= LONGEST else text[:LONGEST] + " [shortened]"


def _clean(value: object) -> str:
    """`value` as text without characters that XML does not know."""
    return visible("" if value is None else str(value))


# ---------------------------------------------------------------- comparisons


def compared(found: Comparison) -> bytes:
    """One suite for each attribute and one for the gate, one case for each change."""
    by_axis: dict[str, list[Xml.Element]] = {"gate": _gate(found)}
    for each in changed(found):
        by_axis.setdefault(each.change.axis, []).append(_change(found, each))
    root = Xml.Element("testsuites", {"name": _clean(f"audit compare {found.candidate.suite}")})
    sides = {"baseline": found.baseline, "candidate": found.candidate}
    facts = {
        f"{side}_{name}": getattr(one, name)
        for side, one in sides.items() for name in ("model", "plan", "root", "finished_at")
    }  # fmt: skip
    for axis, cases in by_axis.items():
        suite = Xml.SubElement(root, "testsuite", {"name": _clean(axis), **_counts(cases)})
        suite.append(_properties({**facts, "paired": str(found.paired).lower()}))
        suite.extend(cases)
    root.attrib.update(_counts(case for cases in by_axis.values() for case in cases))
    Xml.indent(root)
    return bytes(Xml.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _gate(found: Comparison) -> list[Xml.Element]:
    """The gate as a case of its own, so that a reason without an effect is seen too."""
    case = Xml.Element("testcase", name="gate", classname=_clean(f"{found.candidate.suite}.gate"))
    kinds = {"open": "", "closed": "failure", "incomplete": "error"}
    kind = kinds[found.gate.state] if found.gate is not None else "skipped"
    if kind:
        told = Xml.SubElement(case, kind, message=_clean(gate_line(found)))
        if kind != "skipped":
            told.set("type", kind)
            told.text = _clean("\n".join(reason.text for reason in found.gate.closing) if found.gate else "")
    return [case]


def _change(found: Comparison, each: Changed) -> Xml.Element:
    change = each.change
    made = Xml.Element(
        "testcase",
        name=_clean(comparison(change)),
        classname=_clean(f"{found.candidate.suite}.{change.metric}"),
    )
    facts = {
        "change": change.id,
        "effect": change.effect_id,
        "status": change.status,
        "waived_by": each.waived_by,
    }
    made.append(_properties({**facts, "reversed": str(change.reversed).lower(), **each.numbers}))
    if each.junit:
        told = Xml.SubElement(made, each.junit, message=_clean(each.sentence))
        if each.junit != "skipped":
            told.set("type", change.status)
            told.text = _clean("\n".join([each.sentence, *each.closing]))
    return made
