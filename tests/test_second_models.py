from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_models
from judged_suites import TEXT, items, write_suite

from audit import pipeline
from audit.errors import InputError
from audit.job import prepare
from audit.protocols import Backend
from audit.records import Answer, ModelIdentity, Prompt, Question, Reading
from audit.second_models import Reader, asked_as, open_readers
from audit.suite import load_axes, load_suite

PLAIN = TEXT[: TEXT.index("judge:\n")].replace("metrics: [length, judge]", "metrics: [length, sentiment]")
PLAIN = (
    PLAIN[: PLAIN.index("decision:")]
    + "decision:\n  - {metric: sentiment, axis: gender}\nexplain: {largest: 0, random: 0}\n"
)
OWN = PLAIN + "text_models:\n  sentiment: {model: hf:classes, labels: {warm: 1, cold: -1}}\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_models.causal(folder / "writer")
    tiny_models.classifier(folder / "classes", id2label={"0": "cold", "1": "warm"})
    return folder


def readers(suite: Path) -> tuple[Reader, ...]:
    loaded = load_suite(suite)
    return open_readers(loaded, load_axes(loaded))


def computed(suite: Path, models: Path) -> SimpleNamespace:
    results = pipeline.compute(prepare(str(suite), model=f"hf:{models / 'writer'}"))
    return SimpleNamespace(**results.tables, second_models=results.second_models)


def at(models: Path, text: str) -> str:
    return text.replace("hf:classes", f"hf:{models / 'classes'}").replace(
        "hf:judge", f"hf:{models / 'writer'}"
    )


# ---------------------------------------------------------------- opening


def test_a_suite_without_such_metrics_has_no_second_model(tmp_path: Path) -> None:
    plain = PLAIN.replace("length, sentiment", "length").replace("metric: sentiment", "metric: length")
    assert readers(write_suite(tmp_path, plain)) == ()


def test_a_model_and_the_worth_of_its_labels_may_be_named_in_the_suite(models: Path, tmp_path: Path) -> None:
    (reader,) = readers(write_suite(tmp_path, at(models, OWN)))
    assert reader.problem == ""
    assert reader.backend is not None
    assert reader.reading.values == {"warm": 1.0, "cold": -1.0}
    assert reader.document["model"]["digests"]


def test_a_model_is_found_beside_the_suite(models: Path, tmp_path: Path) -> None:
    (tmp_path / "classes").symlink_to(models / "classes")
    (tmp_path / "own.yaml").write_text(
        "model: 1\nkind: hf\nname: classes\nlabels: {warm: positive, cold: negative}\n"
    )
    for name, labels in (("hf:classes", "warm: 1, cold: -1"), ("own.yaml", "positive: 1, negative: -1")):
        text = OWN.replace("model: hf:classes", f"model: {name}").replace("warm: 1, cold: -1", labels)
        (reader,) = readers(write_suite(tmp_path, text))
        assert reader.problem == ""
        assert reader.reading.values.keys() == {label.split(":")[0] for label in labels.split(", ")}


def test_a_model_without_the_labels_says_which_it_has(models: Path, tmp_path: Path) -> None:
    (reader,) = readers(write_suite(tmp_path, at(models, OWN).replace("cold: -1", "chilly: -1")))
    assert reader.backend is None
    assert reader.problem.endswith("classes has the labels cold, warm, not chilly")


def test_a_model_that_is_no_classifier_says_so(models: Path, tmp_path: Path) -> None:
    text = OWN.replace("hf:classes", f"hf:{models / 'writer'}")
    (reader,) = readers(write_suite(tmp_path, text))
    assert reader.problem.endswith("writer is no classifier")


def test_a_judge_without_weights_is_no_crash(tmp_path: Path) -> None:
    (reader,) = readers(write_suite(tmp_path, TEXT.replace("hf:judge", "hf:./nowhere")))
    assert reader.backend is None
    assert reader.problem == (
        "the model hf:./nowhere cannot be opened: ./nowhere: no such folder, and no name of a model on the hub "
        "(owner/name)"
    )


def test_an_unknown_kind_of_model_and_a_broken_model_file_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"letters\.yaml: judge: unknown kind of model 'fh' \(known: callable,"
    ):
        readers(write_suite(tmp_path, TEXT.replace("hf:judge", "fh:judge")))
    (tmp_path / "own.yaml").write_text("model: 1\nkind: hf\nnam: x\n")
    with pytest.raises(InputError, match=r"own\.yaml:3:1: unknown key 'nam'"):
        readers(write_suite(tmp_path, TEXT.replace("hf:judge", "own.yaml")))


def test_a_metric_that_no_model_reads_has_no_model_of_its_own(models: Path, tmp_path: Path) -> None:
    text = at(models, OWN).replace("  sentiment: {model", "  length: {model")
    with pytest.raises(InputError, match=r"letters\.yaml:\d+:3: no second model reads the metric 'length'"):
        readers(write_suite(tmp_path, text))


def test_a_revision_is_handed_on(tmp_path: Path) -> None:
    (reader,) = readers(write_suite(tmp_path, TEXT.replace("hf:judge", "hf:.\n  revision: main")))
    assert "has no revision 'main'" in reader.problem
    (reader,) = readers(
        write_suite(tmp_path, TEXT.replace("hf:judge", "recorded:labelled.jsonl\n  revision: main"))
    )
    assert reader.problem.endswith("models of the kind 'recorded' have no revisions; leave 'revision' out")


def test_the_plan_tells_how_much_a_second_model_is_asked_at_most(models: Path, tmp_path: Path) -> None:
    summary = pipeline.plan(str(write_suite(tmp_path, at(models, TEXT))), model=f"hf:{models / 'writer'}")
    judge, pairs = f"hf:{models / 'writer'}", 3 * 2 * 3
    again = pairs * 2 * 2
    total = 2 * (summary.answers + 12 + again)
    assert summary.second_models == (
        f"judge: {judge}, at most {total:,} questions ({summary.answers:,} answers, 12 labelled items, {again:,} in "
        "other words, each in both orders)",
    )
    text = OWN.replace("hf:classes", "hf:./nowhere")
    summary = pipeline.plan(str(write_suite(tmp_path, text)), model=f"hf:{models / 'writer'}")
    assert summary.second_models[0].startswith("sentiment: the model hf:./nowhere cannot be opened")


# ---------------------------------------------------------------- how a model is asked


class Writer:
    """A back end that can only write."""

    deterministic = False

    def __init__(self, **settings: object) -> None:
        self.identity = ModelIdentity(kind="test", name="writer", settings=settings)

    def generate(self, prompts: Sequence[Prompt], *, repeat: int, question: Question) -> list[Answer]:
        return [Answer(text="Yes") for _ in prompts]


def test_a_judge_that_can_only_write_is_asked_to_write_at_temperature_zero() -> None:
    reading = Reading(metric="judge", model="x", question=Question(kind="choose", options=(" Yes", " No")))
    question, problem = asked_as(reading, Writer(temperature=0))
    assert (question.kind, question.max_tokens, problem) == ("generate", 16, "")
    _, problem = asked_as(reading, Writer(temperature=1.0))
    assert (
        problem == "writer draws its answers by lot (temperature 1.0); set 'temperature: 0' in a model file"
    )


def test_a_model_that_can_do_nothing_of_the_kind_says_so() -> None:
    class Silent:
        identity = ModelIdentity(kind="test", name="silent")
        deterministic = True

    silent: Backend = Silent()
    reading = Reading(metric="judge", model="x", question=Question(kind="rate", low=1, high=5))
    assert asked_as(reading, silent)[1] == "silent cannot answer a question of the kind 'rate'"


# ---------------------------------------------------------------- what becomes of it


def test_a_classifier_reads_every_answer(models: Path, tmp_path: Path) -> None:
    run = computed(write_suite(tmp_path, at(models, OWN)), models)
    values = run.scores[run.scores["metric"] == "sentiment"]
    assert values["value"].dropna().between(-1, 1).all()
    assert values["value"].nunique() > 5
    assert set(run.effects["metric"]) == {"length", "sentiment"}
    assert run.responses["prompt_id"].str.startswith("sentiment:").any()


def test_a_model_that_is_not_there_leaves_its_metric_not_measured_and_the_rest_as_it_is(
    models: Path, tmp_path: Path
) -> None:
    text = OWN.replace("hf:classes", "hf:./nowhere")
    run = computed(write_suite(tmp_path, text), models)
    decided = run.effects[run.effects["decision"]]
    assert (decided["verdict"] == "not_measured").all()
    assert decided["reason"].str.contains("the model hf:./nowhere cannot be opened").all()
    scores = run.scores[run.scores["metric"] == "sentiment"]
    assert scores["reason"].str.startswith("not_supported: the model hf:./nowhere").all()
    assert run.scores.loc[run.scores["metric"] == "length", "value"].notna().all()
    assert "nowhere" in run.second_models[0]["problem"]


def test_a_judge_whose_weights_cannot_be_loaded_is_not_measured(models: Path, tmp_path: Path) -> None:
    tiny_models.causal(tmp_path / "broken")
    weights = tmp_path / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    text = TEXT.replace("hf:judge", f"hf:{tmp_path / 'broken'}")
    run = computed(write_suite(tmp_path, text, items(1)), models)
    decided = run.effects[run.effects["decision"]]
    assert (decided["verdict"] == "not_measured").all()
    assert decided["reason"].str.contains("broken").all()
    assert "judge_swap" not in set(run.effects["metric"])
