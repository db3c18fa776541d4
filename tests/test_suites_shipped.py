from __future__ import annotations

import re
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from audit.article import with_article
from audit.axis import Axis, load_axis
from audit.lint import lint
from audit.policy import load_policy
from audit.slots import fill, slots_of, wording
from audit.suite import Suite, load_axes, load_suite

SUITES = Path(__file__).parent.parent / "suites"
WRITTEN = ("healthcare", "hiring", "lending")
BARE = {
    "began", "became", "brought", "came", "can", "could", "did", "felt", "gave", "got", "had", "kept", "left", "lost",
    "made", "may", "said", "should", "slept", "spoke", "took", "will", "would",
}  # fmt: skip
"""Verbs that read the same after she, he and they; the others end in -ed."""
ADVERBS = {"even", "later", "never", "now", "rarely", "still"}
SINGULAR = re.compile(
    r"\bthey (is|has|was|does|\w+[^s]ses|wants|asks|seems|needs|earns|speaks)\b", re.IGNORECASE
)
PLURAL = re.compile(
    r"\b(?<!who )(she|he) (are|have|were|do|want|ask|seem|need|earn|speak|write|know)\b", re.IGNORECASE
)
ARTICLE = re.compile(r"\ba (?!one\b|once\b|eu)[aeio]|\ban (?!hour|hon|heir)[^aeiou\W]", re.IGNORECASE)
SMALL_START = re.compile(r"(?:^|[.?!] |\n)(?!- )[a-z]")


@cache
def suite(name: str) -> Suite:
    return load_suite(SUITES / f"{name}.yaml")


def texts(name: str) -> list[tuple[str, str]]:
    return [(t.id, text) for t in suite(name).templates for text in (t.text or "", *t.paraphrases)]


@cache
def variants(name: str) -> list[tuple[str, str]]:
    """Every text with every group's words and every filler, with two names a group."""
    made = []
    own = suite(name)
    fillers = [{key: value, f"a_{key}": with_article(value)}
               for key, filler in own.fillers.items() for value in filler.values]  # fmt: skip
    for axis in load_axes(own).values():
        for words in people(axis, load_axis(own.persons)):
            made += [(template, fill(text, {**words, **filler})) for template, text in texts(name) for filler in fillers
                     if set(slots_of(text)) <= {*words, *filler}]  # fmt: skip
    return made


def people(axis: Axis, persons: Axis) -> list[dict[str, str]]:
    """The words of one or two persons of each group, of each gender that has names."""
    found = []
    for group in axis.groups:
        for gender in persons.groups:
            if axis.id == persons.id and gender != group:
                continue
            named = axis if axis.cue == "names" else persons
            firsts = named.first_names(group if axis.cue == "names" else gender, gender)[:2]
            last = (axis.last_names(group) or persons.last_names(gender))[0]
            words = {**persons.words(gender), **axis.words(group), "last_name": last}
            found += [{**words, "name": f"{first} {last}", "first_name": first} for first in firsts]
    return found


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", wording(text).lower()))


@pytest.mark.parametrize("name", WRITTEN)
def test_a_shipped_suite_gets_no_warning(name: str) -> None:
    assert lint(suite(name), load_axes(suite(name)), load_policy("default")) == []


@pytest.mark.parametrize(("name", "least"), [("hiring", 56), ("healthcare", 24), ("lending", 24)])
def test_a_shipped_suite_has_enough_templates(name: str, least: int) -> None:
    assert len(suite(name).templates) >= least


@pytest.mark.parametrize("name", WRITTEN)
def test_every_axis_of_an_exploring_suite_has_at_least_twelve_templates(name: str) -> None:
    own = suite(name)
    for axis in (load_axes(own)[key] for key in own.axes):
        fillable = axis.slots() | load_axis(own.persons).slots() | {"last_name"}
        fillable |= {key for filler in own.fillers for key in (filler, f"a_{filler}")}
        assert len([t for t in own.templates if t.slots() & axis.slots() and t.slots() <= fillable]) >= 12


@pytest.mark.parametrize("name", WRITTEN)
def test_no_two_templates_share_three_fifths_of_their_words(name: str) -> None:
    for a, b in combinations(suite(name).templates, 2):
        first, second = words_of(a.text or ""), words_of(b.text or "")
        assert len(first & second) < 0.6 * min(len(first), len(second)), (a.id, b.id)


@pytest.mark.parametrize("name", WRITTEN)
def test_every_template_is_short_and_names_a_person_with_pronouns_and_a_paraphrase(name: str) -> None:
    for template in suite(name).templates:
        assert 1 <= len(template.paraphrases) <= 2, template.id
        for text in (template.text or "", *template.paraphrases):
            count = len(re.sub(r"(?<=\w)\$\{e?s\}", "", text).split()) + text.count("$name")
            assert 20 <= count <= 48, (template.id, count)
            assert "name" in slots_of(text), template.id
            assert len({"they", "them", "their", "themself"} & set(slots_of(text))) >= 2, template.id


def test_every_hiring_template_names_the_occupation() -> None:
    for template, text in texts("hiring"):
        assert {"occupation", "a_occupation"} & set(slots_of(text)), template


@pytest.mark.parametrize("name", WRITTEN)
def test_every_verb_after_a_pronoun_takes_the_person_s_ending(name: str) -> None:
    for template, text in texts(name):
        for match in re.finditer(r"\$[Tt]hey\b(?: (\S+))(?: (\S+))?", text):
            verb = match[2] if match[1] in ADVERBS else match[1]
            known = verb.startswith("$") or "${" in verb or verb in BARE or verb.rstrip(".,;").endswith("ed")
            assert known, (template, match[0])
        assert not re.search(r"[^aeiou]y\$\{e?s\}|(s|sh|ch|x|z|o)\$\{s\}|[^shxzo]\$\{es\}", text), template


@pytest.mark.parametrize("name", WRITTEN)
def test_every_variant_reads_as_english(name: str) -> None:
    assert len(variants(name)) > 1000
    for template, text in variants(name):
        flat = text.replace('"as', '"As')
        problems = [rule.search(flat) for rule in (SINGULAR, PLURAL, ARTICLE, SMALL_START)]
        assert not any(problems), (template, text)
        assert "  " not in text and "$" not in text and not re.search(r" [.,;:!?]|\b(\w+) \1\b", text), (
            template,
            text,
        )


@pytest.mark.parametrize("name", WRITTEN)
def test_groups_differ_and_nothing_else_does(name: str) -> None:
    own = suite(name)
    held = load_axis(own.persons)
    for template, text in texts(name):
        plain = {key: "x" for key in slots_of(text)}
        seen = {fill(text, {**plain, **held.words(group)}) for group in held.groups}
        assert len(seen) == len(held.groups), template


def test_the_hiring_suite_marks_nine_effects_for_decision() -> None:
    decided = {(entry.metric, entry.axis) for entry in suite("hiring").decision}
    assert decided == {("selection_rate", "gender"), ("selection_rate", "ethnicity")}
    counts = [len(load_axis(axis).groups) for _, axis in decided]
    assert sum(count * (count - 1) // 2 for count in counts) == 9


@pytest.mark.parametrize("name", ["healthcare", "lending"])
def test_an_exploring_suite_marks_nothing_for_decision(name: str) -> None:
    assert not suite(name).decision


@pytest.mark.parametrize("name", [*WRITTEN, "recorded/hiring-ranking", "recorded/resume-scores"])
def test_a_suite_says_which_harm_it_measures_and_what_it_cannot_show(name: str) -> None:
    assert len(suite(name).harm.split()) >= 15
    assert len(suite(name).cannot_show.split()) >= 20


def test_the_ranking_suite_reads_recorded_answers_of_eight_groups() -> None:
    own = suite("recorded/hiring-ranking")
    (axis,) = load_axes(own).values()
    assert own.design == "ranking" and own.recorded is not None
    assert list(axis.groups) == ["A_M", "A_W", "B_M", "B_W", "H_M", "H_W", "W_M", "W_W"]
    assert [(entry.metric, entry.contrasts, entry.strata) for entry in own.decision] == [
        ("rank_first", "others", True)
    ]


def test_the_ranking_suite_keeps_a_thousand_recorded_answers_of_every_job(shared_data: Path) -> None:
    import gzip
    import json

    own = suite("recorded/hiring-ranking")
    assert own.recorded is not None
    (condition,) = own.recorded.where
    for file in sorted((shared_data / "recorded" / "bloomberg-gpt-hiring").glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        kept = [row for row in rows if (condition.lacks or "") not in row[condition.path]]
        assert len(kept) == 1000
        assert {group for row in kept for group in row["context"]["demo_order"]} == set(
            load_axes(own)["demographic"].groups
        )


def test_the_index_lists_every_suite() -> None:
    index = (SUITES / "README.md").read_text(encoding="utf-8")
    for path in SUITES.rglob("*.yaml"):
        assert f"`{path.relative_to(SUITES).as_posix()}`" in index
