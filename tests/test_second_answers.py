from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tiny_models
from audits import only
from judged_suites import TEXT, items, write_suite

from audit import pipeline, runs
from audit.axis import load_axis
from audit.exchange import exchanged, joined, of_groups, of_prompts
from audit.expand import expand
from audit.job import prepare
from audit.metrics.judge import JUDGE
from audit.readings import ReadingPlan, plan
from audit.records import Message, Progress, Run, Span
from audit.second_models import judge_reading
from audit.suite import load_axes, load_suite

Says = Callable[[str, str], str]
"""The text of a reading prompt and the option that it names first → what the judge says."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tiny language models and a classifier."""
    folder = tmp_path_factory.mktemp("models")
    tiny_models.causal(folder / "writer")
    tiny_models.causal(folder / "judge", "LlamaForCausalLM")
    tiny_models.classifier(folder / "classes", id2label={"0": "cold", "1": "warm"})
    return folder


@pytest.fixture(scope="module")
def kept(models: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A folder with a suite, the answers of its run, and that run as it lies on disk."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_CACHE", str(folder / "cache"))
        made = pipeline.run(
            str(beside(folder, models)), model=f"hf:{models / 'writer'}", output=folder / "out"
        )
    return folder, runs.read_run(made)


def computed(suite: Path, model: str, progress: Progress | None = None) -> SimpleNamespace:
    """The tables of a run, its findings and what was left out, without a folder and a report."""
    results = pipeline.compute(prepare(str(suite), model=model), progress=progress)
    rest = {name: getattr(results, name) for name in ("findings", "excluded", "second_models")}
    return SimpleNamespace(**results.tables, **rest)


def beside(folder: Path, models: Path, text: str = TEXT, number: int = 2) -> Path:
    """The suite in a folder, its judge by full path."""
    return write_suite(folder, text.replace("hf:judge", f"hf:{models / 'judge'}"), items(number))


# ---------------------------------------------------------------- answers and judgements that a test wrote


def written(
    folder: Path, text: str, letters: Callable[[str, str], str], says: Says, labelled: list[dict[str, str]]
) -> Path:
    """A suite whose audited answers and whose judge are both recorded: `letters` (template, group) and `says`."""
    suite_file = write_suite(folder, text.replace("hf:judge", "recorded:judge.jsonl"), labelled)
    (folder / "judge.jsonl").write_text('{"prompt_id": "none", "text": "none"}\n')
    suite = load_suite(suite_file)
    prompts = expand(suite, load_axes(suite), ask=suite.question.ask).prompts
    rows = [
        {"prompt_id": row.prompt_id, "repeat": repeat, "text": letters(row.template, row.group)}
        for row in prompts.itertuples()
        for repeat in range(row.repeats * (1 + (row.arm == "again")))
        if row.arm != "again" or repeat >= row.repeats
    ]
    _write(folder / "answers.jsonl", rows)
    job = prepare(str(suite_file), model=f"recorded:{folder / 'answers.jsonl'}")
    reading = job.readers[0].reading
    texts = {(str(row["text"]), "") for row in rows} | {(item["answer"], "") for item in labelled}
    texts |= {
        (exchanged(text, words), "") for (text, _), words in product(sorted(texts), _exchanges(prompts))
    }
    planned = plan(reading, sorted(texts))
    shown = {row.prompt_id: json.loads(row.messages)[0][1] for row in planned.prompts.itertuples()}
    _write(
        folder / "judge.jsonl",
        [{"prompt_id": key, "text": says(text, _first(text))} for key, text in shown.items()],
    )
    return suite_file


def _first(text: str) -> str:
    return "Yes" if "Answer Yes or" in text else "No"


def _exchanges(prompts: pd.DataFrame) -> list[object]:
    """Every exchange of words that the pairs of a suite about gender may need."""
    gender = load_axis("gender")
    found = []
    for a, b in product(gender.groups, gender.groups):
        if a != b:
            found.append(of_groups(gender.words(a), gender.words(b), terms=gender.groups[a].terms))
    return found


def _write(path: Path, rows: Iterable[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def letter(warm: bool, group: str) -> str:
    pronoun = {"men": "He", "women": "She", "non-binary": "They"}[group]
    return f"{pronoun} wrote. This is a {'warm' if warm else 'cold'} letter."


def by_content(text: str, first: str) -> str:
    return "Yes" if "warm letter" in text else "No"


MANY = TEXT.replace(
    TEXT[TEXT.index("templates:"):TEXT.index("controls:")],
    "templates:\n" + "".join(f'  - {{id: t{n:02d}, text: "Number {n}: what of $name and $their {word}?"}}\n'
                             for n, word in enumerate("abcdefghijklmnopqrst")),
).replace("repeats: 2", "repeats: 1").replace("arms: [again, name]", "arms: [name]")  # fmt: skip


def fewer_for_women(template: str, group: str) -> str:
    """Warm letters for all but women, who get them in half of the templates."""
    return letter(group != "women" or int(template[1:]) % 2 == 0, group)


# ---------------------------------------------------------------- end to end


def test_a_language_model_judges_the_letters_of_another(kept: tuple[Path, Run]) -> None:
    run = kept[1]
    scores = run.scores[run.scores["metric"] == "judge"]
    lengths = run.scores[run.scores["metric"] == "length"]
    place = ["prompt_id", "item", "arm"]
    assert scores[place].to_numpy().tolist() == lengths[place].to_numpy().tolist()
    assert scores["value"].dropna().isin([0.0, 0.5, 1.0]).all()
    assert (scores["reason"] != "").sum() == scores["value"].isna().sum()
    assert len(run.deltas[run.deltas["metric"] == "judge"]) == len(run.pairs)
    assert set(run.effects["metric"]) == {"length", "judge", "judge_swap"}
    assert not run.effects.loc[run.effects["metric"] == "judge_swap", "decision"].any()
    assert (run.effects.loc[run.effects["decision"], "verdict"] != "within").all()


def test_the_plan_names_the_judge_and_its_items_before_the_first_question(kept: tuple[Path, Run]) -> None:
    (told,) = kept[1].plan["second_models"]
    assert told["metric"] == "judge"
    assert set(told["model"]["digests"]) >= {"model.safetensors"}
    assert told["labelled_items"] == 12
    assert len(told["labelled_digest"]) == 64
    assert told["reading"]["prompt"] == load_suite(kept[0] / "letters.yaml").judge.rubric


def test_the_scores_can_be_had_again_from_what_the_run_keeps(kept: tuple[Path, Run]) -> None:
    folder, run = kept
    (fact,) = run.manifest["second_models"]
    is_second = run.responses["prompt_id"].str.startswith("judge:")
    second, own = run.responses[is_second], run.responses[~is_second]
    assert (fact["asked"], fact["failed"]) == (len(second), 0)
    reading = judge_reading(load_suite(folder / "letters.yaml").judge, JUDGE.reading, language="en")
    answers = dict(zip(second["prompt_id"], second["scores"].map(json.loads), strict=True))
    swap = run.prompts[(run.prompts["arm"] == "swap")]
    for prompt, repeats in zip(swap["prompt_id"][:5], swap["repeats"], strict=False):
        texts = own.loc[(own["prompt_id"] == prompt) & (own["repeat"] < repeats), "text"]
        judged = [float(_share(plan(reading, [(text, "")]), answers) > 0.5) for text in texts if text.strip()]
        assert only(run.scores, metric="judge", prompt_id=prompt, arm="swap")["value"] == np.mean(judged)


def _share(planned: ReadingPlan, answers: dict[str, dict[str, float]]) -> float:
    """Probability of the favourable option, averaged over both orders."""
    odds = [np.exp(list(answers[f"judge:{prompt}"].values())) for prompt in planned.prompts["prompt_id"]]
    return float(np.mean([one[0] / one.sum() for one in odds]))


def test_a_second_run_asks_the_judge_nothing_anew(
    kept: tuple[Path, Run], models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = kept
    monkeypatch.setenv("AUDIT_CACHE", str(folder / "cache"))
    again = computed(folder / "letters.yaml", f"hf:{models / 'writer'}")
    (before,), (after,) = run.manifest["second_models"], again.second_models
    assert (after["asked"], after["reused"]) == (0, before["asked"])
    pd.testing.assert_frame_equal(run.scores, again.scores)


def test_a_run_that_was_stopped_while_the_judge_answered_goes_on_from_there(
    models: Path, tmp_path: Path
) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what == "answers for judge" and done > total // 2:
            raise KeyboardInterrupt

    suite, model = beside(tmp_path, models), f"hf:{models / 'writer'}"
    with pytest.raises(KeyboardInterrupt):
        computed(suite, model, stop)
    run = computed(suite, model)
    (fact,) = run.second_models
    second = run.responses["prompt_id"].str.startswith("judge:").sum()
    assert 0 < fact["asked"] < second
    assert fact["asked"] + fact["reused"] == second


def test_a_rating_judge_gives_shares_of_its_scale_and_decides_nothing(models: Path, tmp_path: Path) -> None:
    text = TEXT.replace(
        'question: {options: [" Yes", " No"], favourable: " Yes"}', "question: {low: 1, high: 5}"
    )
    text = text.replace("  labelled: labelled.jsonl\n", "  swap: false\n").replace(
        "Answer $first or $second.", "$first to $second."
    )
    run = computed(beside(tmp_path, models, text), f"hf:{models / 'writer'}")
    values = run.scores.loc[run.scores["metric"] == "judge", "value"].dropna()
    assert values.between(0, 1).all() and values.nunique() > 2
    decided = run.effects[run.effects["decision"]]
    assert (decided["verdict"] == "undecided").all()
    assert (
        decided["reason"].str.contains("the judge's error is not known: a rating has no labelled items").all()
    )
    assert "judge_swap" not in set(run.effects["metric"])


# ---------------------------------------------------------------- errors of the judge


def erring(number: int, wrong: Callable[[str, str, int], bool]) -> list[dict[str, str]]:
    """Labelled letters; where `wrong` (group, label, number) the label is not what the judge will say."""
    return [
        {
            "answer": f"{n}: {letter((label == 'Yes') != wrong(group, label, n), group)}",
            "group": group,
            "label": label,
        }
        for group in ("men", "non-binary", "women")
        for label in ("Yes", "No")
        for n in range(number)
    ]


def test_effects_are_divided_by_what_the_labelled_items_say_of_the_judge(tmp_path: Path) -> None:
    labelled = erring(600, lambda _, label, n: n % 10 == 0 if label == "Yes" else n % 20 == 0)
    suite = written(tmp_path, MANY, fewer_for_women, by_content, labelled)
    run = computed(suite, f"recorded:{tmp_path / 'answers.jsonl'}")
    divisor = 0.9 + 0.95 - 1
    effect = only(run.effects, metric="judge", group_a="men", group_b="women")
    assert effect["estimate"] == pytest.approx(-0.5 / divisor)
    assert effect["mean_b"] - effect["mean_a"] == pytest.approx(-0.5)
    assert effect["low"] < -0.5 / divisor < effect["high"]
    assert "divided by 0.850" in effect["reason"]
    pooled = only(run.judged, group="*")
    assert (pooled["sensitivity"], pooled["specificity"]) == pytest.approx((0.9, 0.95))
    assert (pooled["favourable"], pooled["found"]) == (1800, 1620)


def test_a_judge_that_errs_more_for_one_group_is_not_corrected_and_nothing_is_decided(tmp_path: Path) -> None:
    labelled = erring(600, lambda group, label, n: n % 10 < (4 if (group, label) == ("women", "Yes") else 1))
    suite = written(tmp_path, MANY, fewer_for_women, by_content, labelled)
    run = computed(suite, f"recorded:{tmp_path / 'answers.jsonl'}")
    effect = only(run.effects, metric="judge", group_a="men", group_b="women")
    assert effect["estimate"] == pytest.approx(-0.5)
    assert effect["verdict"] == "undecided"
    assert effect["reason"].startswith("not corrected: the judge's errors are not shown to be alike")


def test_without_labelled_items_even_no_difference_is_undecided(tmp_path: Path) -> None:
    text = MANY.replace("  labelled: labelled.jsonl\n", "")
    suite = written(tmp_path, text, lambda _, group: letter(True, group), by_content, [])
    run = computed(suite, f"recorded:{tmp_path / 'answers.jsonl'}")
    decided = run.effects[run.effects["decision"]]
    assert (decided["estimate"] == 0).all()
    assert (decided["verdict"] == "undecided").all()
    assert {finding.verdict for finding in run.findings} == {"undecided"}
    assert decided["reason"].str.contains("there are no labelled items").all()


# ---------------------------------------------------------------- the judge's own lean


def test_a_judge_that_reads_the_pronoun_is_told_by_the_exchange(tmp_path: Path) -> None:
    suite = written(
        tmp_path,
        MANY,
        lambda _, group: letter(True, group),
        lambda text, _: "No" if "She" in text else "Yes",
        items(2),
    )
    run = computed(suite, f"recorded:{tmp_path / 'answers.jsonl'}")
    moves = run.effects[(run.effects["metric"] == "judge_swap")].set_index(["group_a", "group_b"])
    assert moves.loc[("men", "women"), "estimate"] == -1.0
    assert moves.loc[("men", "non-binary"), "estimate"] == 0.0
    assert moves.loc[("men", "women"), "pair_count"] == 40
    assert not moves["decision"].any()


def test_a_judge_that_reads_the_content_alone_does_not_move(tmp_path: Path) -> None:
    suite = written(tmp_path, MANY, fewer_for_women, by_content, items(2))
    run = computed(suite, f"recorded:{tmp_path / 'answers.jsonl'}")
    moves = run.effects[run.effects["metric"] == "judge_swap"]
    assert (moves["estimate"] == 0).all()
    assert len(moves) == 3


def test_answers_without_a_word_of_the_group_are_counted_and_not_judged_again(tmp_path: Path) -> None:
    suite = written(tmp_path, MANY, lambda *_: "A warm letter.", by_content, items(2))
    run = computed(suite, f"recorded:{tmp_path / 'answers.jsonl'}")
    (left_out,) = [one for one in run.excluded if one.what == "judge_swap"]
    assert left_out.reason == "answers in which no word of the group occurs"
    assert left_out.count == 20 * 2 * 3
    assert run.deltas.loc[run.deltas["metric"] == "judge_swap", "delta"].isna().all()


def test_a_judge_that_takes_whatever_stands_first_gives_ties(tmp_path: Path) -> None:
    suite = written(tmp_path, MANY, fewer_for_women, lambda _, first: first, items(2))
    run = computed(suite, f"recorded:{tmp_path / 'answers.jsonl'}")
    scores = run.scores[run.scores["metric"] == "judge"]
    assert (scores["reason"] == "tie").all()
    assert (run.effects.loc[run.effects["decision"], "verdict"] == "undecided").all()


def test_the_words_of_a_prompt_and_those_of_its_axis_change_together() -> None:
    one = ([Message(role="text", text="Ann asks.")], [Span(part=0, start=0, end=3, slot="name")])
    other = ([Message(role="text", text="Bob asks.")], [Span(part=0, start=0, end=3, slot="name")])
    gender = load_axis("gender")
    words = joined(
        of_prompts(one, other), of_groups(gender.words("women"), gender.words("men"), terms=["child"])
    )
    assert exchanged("Ann and her daughter", words) == "Bob and his son"
