"""Answers that exist: a model's recorded answers, replayed for our prompts or read with prompts of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from audit.layout import RecordedLayout
from audit.protocols import Backend
from audit.recordings import Recording, Row, find_recordings, moment, rows_of
from audit.records import Answer, ModelIdentity, Recorded
from audit.shape import Document, Text
from audit.transcripts import read_transcripts

NOTHING_RECORDED = "no recorded answer"


class RecordedAnswers(Document):
    """A model file of the kind `recorded`."""

    model: Literal[1]
    """Version of this format."""
    kind: Literal["recorded"]
    """Answers that exist."""
    name: Text
    """A file, a folder or a glob, relative to this file."""

    def open(self) -> Backend:
        """The back end; the files are hashed and not yet read."""
        found = find_recordings(self.name, beside=self.path.parent)
        digests = {recording.name: recording.digest for recording in found}
        return Recordings(found, ModelIdentity(kind=self.kind, name=self.name, digests=digests))


class Recordings:
    """Files of recorded answers."""

    deterministic = False

    def __init__(self, recordings: Sequence[Recording], identity: ModelIdentity) -> None:
        self.identity = identity
        self._recordings = tuple(recordings)

    def replay(self, prompt_ids: Sequence[str], *, repeat: int) -> list[Answer]:
        """The answers of rows {prompt_id, repeat, text | scores | error, answered_at}; an error where there is none."""
        missing = Answer(error=NOTHING_RECORDED)
        return [self._by_prompt.get((prompt, repeat), missing) for prompt in prompt_ids]

    def records(self, layout: object) -> Recorded:
        """The rows as prompts and responses, as a suite's `recorded:` block says; what is left out is counted."""
        if not isinstance(layout, RecordedLayout):
            raise TypeError(f"a RecordedLayout is needed, not {type(layout).__name__}")
        return read_transcripts(self._recordings, layout)

    @cached_property
    def _by_prompt(self) -> Mapping[tuple[str, int], Answer]:
        """Every recorded answer by prompt id and repeat; files without any prompt id are no recorded answers."""
        found: dict[tuple[str, int], Answer] = {}
        first: Row | None = None
        for recording in self._recordings:
            rows = list(rows_of(recording))
            first = first or next(iter(rows), None)
            if not any("prompt_id" in row.values for row in rows):
                continue
            for row in rows:
                key = _key(row)
                if key in found:
                    raise row.mistake(f"a second answer to prompt {key[0]}, repeat {key[1]}")
                found[key] = _answer(row)
        if not found and first is not None:
            raise first.mistake("no 'prompt_id'; only a suite with a block 'recorded' can read such answers")
        return found


def _key(row: Row) -> tuple[str, int]:
    prompt, repeat = row.values.get("prompt_id"), row.values.get("repeat", 0)
    if not isinstance(prompt, str) or not prompt:
        raise row.mistake("'prompt_id' is missing or no text, as it is in other rows of this file")
    if isinstance(repeat, bool) or not str(repeat).isdecimal():
        raise row.mistake(f"'repeat' is {repeat!r}; allowed: 0, 1, 2 …")
    return prompt, int(repeat)


def _answer(row: Row) -> Answer:
    """The answer of a row: its error, else its scores, else its text."""
    at = moment(row, row.values.get("answered_at")) or None
    error, text = row.values.get("error"), row.values.get("text")
    if error:
        return Answer(error=str(error), answered_at=at)
    scores = _scores(row)
    if scores:
        return Answer(scores=scores, answered_at=at)
    if not isinstance(text, str):
        raise row.mistake("an answer needs 'text', 'scores' or 'error'")
    return Answer(text=text, answered_at=at)


def _scores(row: Row) -> dict[str, float] | None:
    """The log-probabilities of a row, an object or its text; None where there are none."""
    given: Any = row.values.get("scores")
    if not given:
        return None
    try:
        plain = json.loads(given) if isinstance(given, str) else given
        return {str(label): float(value) for label, value in plain.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise row.mistake("'scores' is no object of log-probabilities by label") from error
