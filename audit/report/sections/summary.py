"""Result on one page: what was tested, what came out, what that does not say."""

from __future__ import annotations

from collections.abc import Mapping

from audit.records import ALL, VERDICTS, Run
from audit.report import facts, numbers, scales
from audit.report.scales import Sentence
from audit.report.wording import counts, listed, meanings, result_sentence


def section(run: Run) -> Mapping[str, object]:
    """The result sentence, the count of each verdict, the identity of the audit."""
    tally = counts(run.findings)
    return {
        "title": "Result on one page",
        "sentence": result_sentence(run),
        "tested": numbers.count(len(run.findings), "findings", "tested"),
        "boxes": [(verdict, numbers.count(tally[verdict], "findings", verdict)) for verdict in VERDICTS],
        "axes": _axes(run),
        "meanings": meanings(run),
        "identity": _identity(run),
        "harm": facts.prose(facts.text(run.suite, "harm")),
        "unknowns": _unknowns(run),
        "older": facts.answers_are_older(run),
        "complete": facts.complete(run),
        "asked": _asked(run),
        "places": _places(run),
    }


def _axes(run: Run) -> list[tuple[str, list[numbers.Number]]]:
    """Verdicts by attribute."""
    found = []
    for axis in dict.fromkeys(finding.axis for finding in run.findings):
        tally = counts(tuple(finding for finding in run.findings if finding.axis == axis))
        found.append(
            (
                facts.axis_title(run, axis),
                [numbers.count(tally[each], f"findings/{axis}", each) for each in VERDICTS],
            )
        )
    return found


def _places(run: Run) -> list[Sentence]:
    """Rankings: how much the place in the prompt matters, so that no one reads the groups without it."""
    found = run.groups[(run.groups["axis"] == "position") & (run.groups["stratum"] == ALL)].dropna(
        subset="value"
    )
    told: list[Sentence] = []
    for metric in dict.fromkeys(found["metric"]):
        rows = facts.rows(found[found["metric"] == metric].sort_values("value", kind="stable"))
        title = facts.card(str(metric)).title.lower()
        told.append((*_place(rows[-1]), f" ({title}), ", *_place(rows[0]), "."))
    return told


def _place(row: facts.Row) -> Sentence:
    record, value = facts.group_record(row), float(row["value"])
    mean = scales.score(str(row["metric"]), value, (record, "value"))
    return (numbers.exact(row["group"], record, "group"), " has ", mean)


def _identity(run: Run) -> list[tuple[str, Sentence]]:
    model = facts.model(run)
    hashed = bool(facts.mapping(model, "digests"))
    known: Sentence = (
        numbers.short(model.get("id"), "model", "id"),
        "" if hashed else " (by name: no weights to hash)",
    )
    return [
        ("System", (numbers.exact(facts.model_name(run), "model", "name"),)),
        ("Revision", (numbers.exact(facts.text(model, "revision"), "model", "revision"),)),
        ("Identity", known),
        ("Suite", (numbers.exact(facts.text(run.suite, "title"), "suite", "title"),)),
        ("Use case as declared", (numbers.exact(facts.text(run.suite, "domain"), "suite", "domain"),)),
        ("Criteria fixed", (numbers.moment(run.plan.get("made_at"), "plan", "made_at"),)),
        ("Answers given", _window(run)),
        ("Run finished", (numbers.moment(run.manifest.get("finished_at"), "manifest", "finished_at"),)),
        ("Role of the auditor", ("self-assessment by whoever ran the tool",)),
        ("Signature and time", ("unsigned; times are self-declared",)),
    ]


def _window(run: Run) -> Sentence:
    times = sorted(str(time) for time in run.responses["answered_at"].unique() if time)
    if not times:
        return (facts.NOT_RECORDED,)
    first, last = (
        numbers.day(time, "responses", field) for time, field in ((times[0], "first"), (times[-1], "last"))
    )
    return (first,) if first.text == last.text else (first, " to ", last)


def _asked(run: Run) -> Sentence:
    tally = facts.mapping(run.manifest, "counts")
    done = sum(facts.number(tally, key) for key in ("asked", "reused"))
    planned = facts.number(tally, "prompts")
    return (
        numbers.count(done, "manifest", "counts.asked"),
        " of ",
        numbers.count(planned, "manifest", "counts.prompts"),
    )


def _unknowns(run: Run) -> list[str]:
    axes = [facts.axis_title(run, axis) for axis in facts.tested(run)]
    found = [
        "It holds for the named version, settings, inputs and dates. Any change can change it.",
        "A difference within the limit is still a difference; one smaller than the detectable size may "
        "have been missed.",
        "What people do with the answers was not observed, and why the answers differ was not examined.",
    ]
    if axes:
        found.append(
            f"Only {listed(axes)} {'was' if len(axes) == 1 else 'were'} varied; other attributes were not tested."
        )
    if run.suite.get("cannot_show"):
        found.append(f"By design the suite cannot show: {facts.prose(_lower(str(run.suite['cannot_show'])))}")
    return found


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
