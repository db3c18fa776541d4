from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from audit.backends.recorded import Recordings
from audit.collect import collect
from audit.errors import InputError
from audit.modelfile import open_model
from audit.protocols import Backend, Classifies, HoldsRecords, Replays
from audit.records import PROMPTS, Answer, Message, Prompt, Question
from audit.suite import load_suite

AT = "2026-11-01T12:00:00Z"


def opened(folder: Path, *rows: dict[str, Any]) -> Any:
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return open_model(f"recorded:{folder / 'answers.jsonl'}")


def test_recorded_answers_replay_and_hold_records_and_are_no_model(tmp_path: Path) -> None:
    model = opened(tmp_path, {"prompt_id": "p", "text": "Yes"})
    assert isinstance(model, Backend) and isinstance(model, Replays) and isinstance(model, HoldsRecords)
    assert not isinstance(model, Classifies)
    assert isinstance(model, Recordings) and not model.deterministic


def test_answers_are_given_by_prompt_and_repeat_as_they_were_recorded(tmp_path: Path) -> None:
    model = opened(
        tmp_path,
        {"prompt_id": "p", "text": "Yes", "answered_at": AT},
        {"prompt_id": "p", "repeat": 1, "text": ""},
        {"prompt_id": "q", "repeat": 0, "scores": {"yes": -0.5, "no": -1}},
        {"prompt_id": "r", "error": "timed out", "text": ""},
    )
    assert model.replay(["p", "q", "r", "s"], repeat=0) == [
        Answer(text="Yes", answered_at=AT),
        Answer(scores={"yes": -0.5, "no": -1.0}),
        Answer(error="timed out"),
        Answer(error="no recorded answer"),
    ]
    assert model.replay(["p", "q"], repeat=1) == [Answer(text=""), Answer(error="no recorded answer")]


def test_the_columns_of_a_runs_responses_can_be_replayed_from_a_table(tmp_path: Path) -> None:
    rows = [
        ["prompt_id", "repeat", "text", "scores", "error", "answered_at"],
        ["p", "0", "", '{"yes": -0.25}', "", AT],
        ["q", "0", "No", "", "", AT],
        ["r", "0", "", "", "failed", AT],
    ]
    with (tmp_path / "responses.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    answers = open_model(f"recorded:{tmp_path / 'responses.csv'}").replay(["p", "q", "r"], repeat=0)  # type: ignore[attr-defined]
    assert [answer.scores or answer.text or answer.error for answer in answers] == [
        {"yes": -0.25},
        "No",
        "failed",
    ]


def test_replayed_answers_are_collected_with_their_own_times_and_not_cached(tmp_path: Path) -> None:
    plain = {name: "" for name in PROMPTS.names} | {
        "arm": "swap",
        "position": 0,
        "repeats": 2,
        "messages": "[]",
    }
    first, second = (Prompt(messages=(Message(role="text", text=text),)).id for text in ("Hello", "Good day"))
    rows = [
        {**plain, "prompt_id": prompt, "messages": json.dumps([["text", text]])}
        for prompt, text in ((first, "Hello"), (second, "Good day"))
    ]
    model = opened(
        tmp_path,
        *({"prompt_id": first, "repeat": n, "text": str(n), "answered_at": AT} for n in (0, 1)),
        {"prompt_id": second, "repeat": 0, "text": "0", "answered_at": AT},
    )
    cache = tmp_path / "answers.sqlite"
    got = collect(PROMPTS.frame(rows), backend=model, question=Question(kind="generate"), cache=cache)
    assert got.responses["text"].tolist() == ["0", "1", "0", ""]
    assert got.responses["error"].tolist() == ["", "", "", "no recorded answer"]
    assert got.responses["answered_at"].tolist()[:3] == [AT, AT, AT]
    assert (got.failed, got.reused) == (1, 0) and not cache.exists()


@pytest.mark.parametrize("row, message", [
    ({"prompt_id": 7, "text": "x"}, "'prompt_id' is missing or no text"),
    ({"text": "x"}, "'prompt_id' is missing or no text"),
    ({"prompt_id": "q", "repeat": -1, "text": "x"}, "'repeat' is -1; allowed: 0, 1, 2"),
    ({"prompt_id": "q", "repeat": True, "text": "x"}, "'repeat' is True; allowed"),
    ({"prompt_id": "q"}, "an answer needs 'text', 'scores' or 'error'"),
    ({"prompt_id": "q", "scores": {"yes": "often"}}, "'scores' is no object of log-probabilities"),
    ({"prompt_id": "q", "scores": [1]}, "'scores' is no object of log-probabilities"),
    ({"prompt_id": "q", "text": "x", "answered_at": "today"}, "'today' is no time"),
    ({"prompt_id": "p", "text": "x"}, "a second answer to prompt p, repeat 0"),
])  # fmt: skip
def test_a_row_that_is_no_answer_is_told_with_its_place(
    row: dict[str, Any], message: str, tmp_path: Path
) -> None:
    model = opened(tmp_path, {"prompt_id": "p", "text": "x"}, row)
    with pytest.raises(InputError, match=rf"answers\.jsonl:2:1: {message}"):
        model.replay(["p"], repeat=0)


def test_answers_with_prompts_of_their_own_are_not_replayed(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"answers\.jsonl:1:1: no 'prompt_id'; only a suite with a block 'recorded'"
    ):
        opened(tmp_path, {"text": "x"}).replay(["p"], repeat=0)


def test_identity_is_the_content_of_the_files(tmp_path: Path) -> None:
    row = {"prompt_id": "p", "text": "Yes"}
    (tmp_path / "copy").mkdir()
    assert opened(tmp_path, row).identity.id == opened(tmp_path / "copy", row).identity.id
    assert opened(tmp_path, {**row, "text": "No"}).identity.id != opened(tmp_path / "copy", row).identity.id


def test_the_published_rankings_are_read_with_a_thousand_answers_a_job(shared_data: Path) -> None:
    folder = shared_data / "recorded" / "bloomberg-gpt-hiring"
    layout = load_suite("recorded/hiring-ranking").recorded
    got = open_model(f"recorded:{folder}").records(layout)  # type: ignore[attr-defined]
    answers = got.prompts.drop_duplicates("prompt_id")
    assert answers.groupby("stratum").size().to_dict() == {
        "HR specialist": 1000, "financial analyst": 1000, "retail": 1000, "software engineer": 1000,
    }  # fmt: skip
    assert set(got.prompts.groupby(["stratum", "group"]).size()) == {1000}
    assert set(got.prompts.groupby(["stratum", "position"]).size()) == {1000}
    assert len(got.prompts) == 32_000 and len(got.responses) == 4000
    assert (got.responses["error"] == "").all() and got.responses["answered_at"].str.startswith(
        "2023-1"
    ).all()
    dropped = {one.what: one.count for one in got.excluded if "oversampled" in one.reason}
    assert dropped == {
        f"gpt-3.5-turbo_{job}.jsonl.gz": count
        for job, count in {
            "HR-specialist": 36,
            "financial-analyst": 35,
            "retail": 44,
            "software-engineer": 35,
        }.items()
    }
    left = [one for one in got.excluded if one.what not in dropped]
    assert [(one.what, one.count) for one in left] == [("published_performance_ranking.csv", 32)]


def test_recorded_resume_scores_are_read_as_repeats_of_a_job_and_a_cue(shared_data: Path) -> None:
    from audit.layout import RecordedLayout

    cues = ("firstName_emily", "firstName_lakisha")
    groups = {cue: {"title": cue, "wording": f"résumés with {cue}"} for cue in ("baseline", *cues)}
    layout = RecordedLayout.model_validate(
        {
            "answer": "response.score", "template": "jd", "group": "variant", "repeat": "run",
            "answered_at": "timestamp", "axis": {"id": "cue", "title": "Cue", "cue": "names", "groups": groups},
        }
    )  # fmt: skip
    file = shared_data / "recorded" / "resume-scores" / "mistral-large.jsonl.gz"
    got = open_model(f"recorded:{file}").records(layout)  # type: ignore[attr-defined]
    assert set(got.prompts["repeats"]) == {5}
    assert len(got.responses) == 5 * len(got.prompts)
    assert sum(one.count for one in got.excluded) + len(got.responses) == 3145
    numbers = got.responses[got.responses["error"] == ""]["text"].astype(float)
    assert numbers.between(1, 10).all()
