"""Second models, before the first question: which read the answers of a suite, and how each is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from audit.axis import Axis
from audit.backends import BACKENDS
from audit.catalogue import names, unknown
from audit.errors import AuditError, InputError
from audit.kinds import kind_of
from audit.labelled import Item, Labelled, read_labelled
from audit.modelfile import is_model_file, open_model
from audit.protocols import Backend, Chooses, Classifies, Generates, Replays, Streams
from audit.readers import JUDGE, JudgeSpec, with_intersections
from audit.records import Expansion, Question, Reading, content_id
from audit.suite import Suite

SHORT_ANSWER = 16
"""Tokens: a judge that can only write says which option it takes within so many."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A second model, ready to be asked, or the reason why it is not."""

    reading: Reading
    question: Question
    """As the model is asked: a choice that has to be written is a text."""
    backend: Backend | None = None
    problem: str = ""
    items: tuple[Item, ...] = ()
    items_digest: str = ""
    swap: bool = False
    """Whether every answer is read once more in the words of the other group."""

    @property
    def document(self) -> dict[str, object]:
        """What the plan says about it."""
        found = self.backend.identity if self.backend is not None else None
        return {
            "metric": self.reading.metric,
            "model": {**asdict(found), "id": found.id} if found is not None else None,
            "problem": self.problem,
            "reading": {**asdict(self.reading), "asked": self.question.kind},
            "reading_digest": content_id("reading", asdict(self.reading)),
            "labelled_items": len(self.items),
            "labelled_digest": self.items_digest,
        }  # fmt: skip


def open_readers(suite: Suite, axes: Mapping[str, Axis]) -> tuple[Reader, ...]:
    """The second models of a suite's metrics; one that is not there says why."""
    kinds = [kind_of(name) for name in suite.metrics]
    readings = {kind.name: kind.reading.reading for kind in kinds if kind.reading is not None}
    return tuple(_reader(suite, axes, reading) for reading in readings.values())


def _reader(suite: Suite, axes: Mapping[str, Axis], own: Reading) -> Reader:
    reading, revision = replace(own, question=replace(own.question, language=suite.language)), ""
    items: Labelled | None = None
    if own.metric == JUDGE and suite.judge is not None:
        reading, revision = judge_reading(suite.judge, own, language=suite.language), suite.judge.revision
        items = _items(suite, axes, suite.judge)
    elif own.metric in suite.text_models:
        named = suite.text_models[own.metric]
        values = dict(named.labels) or reading.values
        reading, revision = replace(reading, model=named.model, values=values), named.revision
    reader = Reader(
        reading=reading, question=reading.question,
        items=items.items if items else (), items_digest=items.digest if items else "",
        swap=own.metric == JUDGE and suite.judge is not None and suite.judge.swap,
    )  # fmt: skip
    return _opened(reader, suite.path, revision)


def judge_reading(judge: JudgeSpec, own: Reading, *, language: str) -> Reading:
    """The suite's block `judge` as a reading: the favourable option counts 1, or the scale goes from 0 to 1."""
    asked_, common = judge.question, {"model": judge.model, "prompt": judge.rubric, "repeats": judge.orders}
    if asked_.low is not None and asked_.high is not None:
        question = Question(kind="rate", low=asked_.low, high=asked_.high, language=language)
        values = {str(asked_.low): 0.0, str(asked_.high): 1.0}
        return replace(own, question=question, values=values, decides=False, **common)  # type: ignore[arg-type]
    question = Question(
        kind="choose", options=asked_.options, favourable=asked_.favourable, language=language
    )
    values = {option: float(option == asked_.favourable) for option in asked_.options}
    return replace(own, question=question, values=values, **common)  # type: ignore[arg-type]


def _items(suite: Suite, axes: Mapping[str, Axis], judge: JudgeSpec) -> Labelled | None:
    """The labelled items of the judge; InputError for a mistake in their file."""
    if judge.labelled is None:
        return None
    found = read_labelled(
        suite.path.parent / judge.labelled, options=judge.question.options, favourable=judge.question.favourable,
        groups=groups_of(suite, axes), with_prompt=judge.shows_prompt,
    )  # fmt: skip
    if isinstance(found, str):
        raise InputError(f"{suite.path}: 'labelled' is {judge.labelled!r}; {found}")
    if found.problems:
        raise InputError(found.problems)
    return found


def groups_of(suite: Suite, axes: Mapping[str, Axis]) -> dict[str, list[str]]:
    """Groups of every axis and intersection under test."""
    named = {name: list(axes[name].groups) for name in suite.axes if name in axes}
    return with_intersections(named, list(suite.intersections))


def _opened(reader: Reader, path: Path, revision: str) -> Reader:
    """The reader with its model and the question as that is asked, or with the reason why there is none."""
    spec = reader.reading.model
    kind, known = spec.partition(":")[0], names(BACKENDS, "backends")
    if not is_model_file(spec) and kind not in known:
        raise InputError(f"{path}: {reader.reading.metric}: {unknown(kind, known, what='kind of model')}")
    try:
        backend = open_model(spec, beside=path.parent, revision=revision)
    except InputError as error:
        if error.problems:
            raise
        return replace(reader, problem=f"the model {spec} cannot be opened: {first_line(error)}")
    except AuditError as error:
        return replace(reader, problem=f"the model {spec} cannot be opened: {first_line(error)}")
    question, problem = asked_as(reader.reading, backend)
    return replace(reader, backend=None if problem else backend, question=question, problem=problem)


def asked_as(reading: Reading, backend: Backend) -> tuple[Question, str]:
    """The question in the form that the model can answer, or why it can answer none."""
    question, name = reading.question, backend.identity.name
    if isinstance(backend, Replays):
        return question, ""
    if question.kind == "classify":
        if not isinstance(backend, Classifies):
            return question, f"{name} is no classifier"
        own = {label.strip().casefold() for label in backend.labels}
        lacking = [label for label in reading.values if label.strip().casefold() not in own]
        told = f"{name} has the labels {', '.join(backend.labels)}, not {', '.join(lacking)}"
        return question, told if lacking else ""
    if isinstance(backend, Chooses) and not isinstance(backend, Streams):
        return question, ""
    if not isinstance(backend, Generates | Streams):
        return question, f"{name} cannot answer a question of the kind '{question.kind}'"
    temperature = backend.identity.settings.get("temperature", 0)
    said = "of the server" if temperature is None else temperature
    told = f"{name} draws its answers by lot (temperature {said}); set 'temperature: 0' in a model file"
    if isinstance(backend, Streams):
        return question, told if temperature != 0 else ""
    written = replace(question, kind="generate", options=(), max_tokens=SHORT_ANSWER)
    return written if question.kind == "choose" else question, told if temperature != 0 else ""


def asked_at_most(reader: Reader, answers: int, *, expansion: Expansion) -> str:
    """One line on a second model: its metric, its name, and how many questions it is asked at most."""
    if reader.problem:
        return f"{reader.reading.metric}: {reader.problem}"
    orders = reader.reading.repeats
    again = 0
    if reader.swap:
        repeats = expansion.prompts.drop_duplicates("prompt_id").set_index("prompt_id")["repeats"]
        swaps = expansion.pairs[expansion.pairs["arm"] == "swap"]
        again = int(swaps["a"].map(repeats).sum() + swaps["b"].map(repeats).sum())
    parts = [f"{answers:,} answers", f"{len(reader.items):,} labelled items", f"{again:,} in other words"]
    kept = [part for part in parts if not part.startswith("0 ")]
    total = orders * (answers + len(reader.items) + again)
    each = ", each in both orders" if orders == 2 else ""
    return f"{reader.reading.metric}: {reader.reading.model}, at most {total:,} questions ({', '.join(kept)}{each})"


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
