from __future__ import annotations

import json
import re
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from audit.axis import load_axis
from audit.expand import expand
from audit.lint import lint
from audit.policy import load_policy
from audit.records import SWAP_PROOF
from audit.slots import WORD, fill, slots_of, wording
from audit.suite import Suite, load_axes, load_suite, shipped_suites

SUITES = Path(__file__).parent.parent / "suites"
WRITTEN = tuple(name for name in shipped_suites() if not name.startswith("recorded/"))
ENGLISH = tuple(name for name in WRITTEN if load_suite(name).language == "en")
DECIDING = tuple(name for name in WRITTEN if load_suite(name).decision)
ABOUT_NAMES = ("are ambiguous", "have no share", "may come with length")
"""Warnings about what is known of names and cannot be mended in a suite."""
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
    """Every text that the suite asks with a few persons, its paraphrases too, without the question."""
    own = suite(name)
    few = own.sampling.model_copy(update={"names_per_group": 6})
    prompts = expand(own.model_copy(update={"sampling": few}), load_axes(own)).prompts
    rows = prompts[prompts["arm"].isin(["swap", "paraphrase"])].drop_duplicates("prompt_id")
    return [(t, json.loads(m)[-1][1]) for t, m in zip(rows["template"], rows["messages"], strict=True)]


def words_of(text: str) -> set[str]:
    return set(WORD.findall(wording(text).lower()))


@pytest.mark.parametrize("name", WRITTEN)
def test_a_shipped_suite_gets_no_warning_but_about_what_is_known_of_names(name: str) -> None:
    found = lint(suite(name), load_axes(suite(name)), load_policy("default"))
    assert [warning for warning in found if not any(about in warning for about in ABOUT_NAMES)] == []


@pytest.mark.parametrize("name", WRITTEN)
def test_every_pair_of_a_shipped_suite_holds_in_the_swap_proof(name: str) -> None:
    found = expand(suite(name), load_axes(suite(name)), ask=suite(name).question.ask)
    assert [each for each in found.excluded if each.what.startswith(SWAP_PROOF)] == []
    assert len(found.pairs) > 1000


@pytest.mark.parametrize("name", DECIDING)
def test_every_axis_that_is_decided_on_has_at_least_forty_templates_and_twelve_persons(name: str) -> None:
    own = suite(name)
    rows = expand(own, load_axes(own)).prompts
    for axis in {entry.axis for entry in own.decision}:
        mine = rows[(rows["axis"] == axis) & (rows["arm"] == "swap")]
        assert mine["cluster"].nunique() >= 40, axis
        assert mine.groupby("template")["name"].nunique().median() >= 12, axis


@pytest.mark.parametrize("name", WRITTEN)
def test_no_two_templates_share_three_fifths_of_their_words(name: str) -> None:
    for a, b in combinations(suite(name).templates, 2):
        first, second = words_of(a.turns[-1][1]), words_of(b.turns[-1][1])
        assert len(first & second) < 0.6 * min(len(first), len(second)), (a.id, b.id)


@pytest.mark.parametrize("name", ENGLISH)
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


@pytest.mark.parametrize("name", ["hiring"])
def test_every_verb_after_a_pronoun_takes_the_person_s_ending(name: str) -> None:
    for template, text in texts(name):
        for match in re.finditer(r"\$[Tt]hey\b(?: (\S+))(?: (\S+))?", text):
            verb = match[2] if match[1] in ADVERBS else match[1]
            known = verb.startswith("$") or "${" in verb or verb in BARE or verb.rstrip(".,;").endswith("ed")
            assert known, (template, match[0])
        assert not re.search(r"[^aeiou]y\$\{e?s\}|(s|sh|ch|x|z|o)\$\{s\}|[^shxzo]\$\{es\}", text), template


@pytest.mark.parametrize("name", ENGLISH)
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


@pytest.mark.parametrize("name", ENGLISH)
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
