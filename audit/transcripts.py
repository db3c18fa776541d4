"""Transcripts: recorded rows as prompts and responses, by the paths of a suite's `recorded:` block."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from audit.contrasts import UNKNOWN
from audit.errors import InputError
from audit.layout import RecordedLayout, Where
from audit.recordings import Recording, Row, moment, rows_of
from audit.records import PROMPTS, RESPONSES, Exclusion, Recorded, content_id

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

WORDS = ("stratum", "template", "name", "group", "repeat")
"""Parts of a layout that are one word in a row."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answered:
    """A row that counts."""

    id: str
    """Content id of the row, its file and its line: two equal answers stay two."""
    row: Row
    """The place of the row, without its values."""
    text: str
    error: str
    answered_at: str
    words: Mapping[str, str]
    expected: str = ""
    candidates: tuple[tuple[str, str], ...] = ()
    """(name, group) in the order of the prompt."""


class _LeftOut(Exception):
    """A row that does not count, and why."""


@dataclass(kw_only=True, slots=True)
class _Reader:
    """Reads the rows of one file; remembers which paths had a value, and counts the rows that it leaves out."""

    layout: RecordedLayout
    paths: Mapping[str, ParsedResult]
    found: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)
    answers: list[_Answered] = field(default_factory=list)
    first: Row | None = None
    meeting: int = 0
    """How many rows met all conditions."""

    def read(self, recording: Recording) -> None:
        """All rows of the file."""
        for row in rows_of(recording):
            self.first = self.first or row
            try:
                self.answers.append(self._answered(row))
            except _LeftOut as reason:
                self.left_out[str(reason)] += 1

    def _answered(self, row: Row) -> _Answered:
        for condition in self.layout.where:
            self._meet(row, condition)
        self.meeting += 1
        answer = self._value(row, self.layout.answer)
        words = {part: self._word(row, path) for part in WORDS if (path := getattr(self.layout, part))}
        at = self._value(row, self.layout.answered_at) if self.layout.answered_at else None
        right = self._value(row, self.layout.expected) if self.layout.expected else None
        candidates = self._candidates(row)
        for group in {group for _, group in candidates} or ({words["group"]} if "group" in words else set()):
            if self.layout.axis is not None and group not in {*self.layout.axis.groups, *UNKNOWN}:
                raise _LeftOut(f"its group '{group}' is none of the axis '{self.layout.axis.id}'")
        return _Answered(
            id=content_id("recorded", row.recording.name, row.line, row.values),
            row=replace(row, values={}),
            text="" if answer is None else _text(answer),
            error=f"no value at '{self.layout.answer}'" if answer is None else "",
            answered_at=moment(row, at),
            words=words,
            expected="" if right is None else _text(right),
            candidates=candidates,
        )

    def _value(self, row: Row, path: str) -> Any:
        """What stands at a path; None where nothing does."""
        value = self.paths[path].search(row.values)
        if value is not None:
            self.found.add(path)
        return value

    def _word(self, row: Row, path: str) -> str:
        value = self._value(row, path)
        if value is None or value == "":
            raise _LeftOut(f"no value at '{path}'")
        return _text(value)

    def _meet(self, row: Row, condition: Where) -> None:
        """Nothing where the row meets the condition."""
        value = self._value(row, condition.path)
        held = _held(value)
        if condition.lacks is not None and any(condition.lacks in text for text in held):
            raise _LeftOut(f"'{condition.path}' contains '{condition.lacks}'")
        if condition.contains is not None and not any(condition.contains in text for text in held):
            raise _LeftOut(f"'{condition.path}' does not contain '{condition.contains}'")
        if (
            condition.equals is not None
            and value != condition.equals
            and _text(value) != _text(condition.equals)
        ):
            raise _LeftOut(f"'{condition.path}' is not {_text(condition.equals)}")

    def _candidates(self, row: Row) -> tuple[tuple[str, str], ...]:
        """Name and group of every candidate; none where the layout has no candidates."""
        if self.layout.candidates is None:
            return ()
        names, groups = (
            self._list(row, path) for path in (self.layout.candidates.names, self.layout.candidates.groups)
        )
        if len(names) != len(groups):
            raise _LeftOut(f"{len(names)} candidates' names, but {len(groups)} groups")
        if len(set(names)) < len(names):
            raise _LeftOut("two candidates have one name")
        return tuple(zip(names, groups, strict=True))

    def _list(self, row: Row, path: str) -> list[str]:
        value = self._value(row, path)
        if value is None or value == "":
            raise _LeftOut(f"no value at '{path}'")
        if isinstance(value, str):
            value = _parsed(value)
        if not isinstance(value, list):
            raise row.mistake(f"a list of candidates is expected at '{path}'")
        return [_text(item) for item in value]


def read_transcripts(recordings: Sequence[Recording], layout: RecordedLayout) -> Recorded:
    """The rows of all files as prompts and responses; InputError where a path is found in no row.

    Rows that `where` drops, that lack a group or another part, or that cannot be used are counted. A row without an
    answer is a failed response. Of several files those without a single answer are left out whole.
    """
    if layout.axis is None:
        raise InputError("recorded answers need an axis: the block 'recorded' has none")
    paths = _compiled(layout)
    readers = {recording.name: _Reader(layout=layout, paths=paths) for recording in recordings}
    for recording in recordings:
        readers[recording.name].read(recording)
    used = {name: reader for name, reader in readers.items() if not _is_other(reader)}
    _check_paths(list((used or readers).values()), paths)
    excluded = [
        Exclusion(what=name, reason=reason, count=count)
        for name, reader in used.items()
        for reason, count in reader.left_out.items()
    ]
    excluded += [
        Exclusion(what=name, reason=f"no row has a value at '{layout.answer}'", count=reader.meeting)
        for name, reader in readers.items()
        if name not in used
    ]
    answers = [answer for reader in used.values() for answer in reader.answers]
    prompts, responses = (_rankings if layout.candidates else _singles)(answers, layout.axis.id)
    return Recorded(
        prompts=PROMPTS.frame(prompts), responses=RESPONSES.frame(responses), excluded=tuple(excluded)
    )


def _compiled(layout: RecordedLayout) -> dict[str, ParsedResult]:
    """Every path of the layout, ready to search."""
    import jmespath

    paths = [layout.answer, *(condition.path for condition in layout.where)]
    paths += [path for part in (*WORDS, "answered_at", "expected") if (path := getattr(layout, part))]
    if layout.candidates is not None:
        paths += [layout.candidates.names, layout.candidates.groups]
    return {path: jmespath.compile(path) for path in paths}


def _is_other(reader: _Reader) -> bool:
    """Whether a file holds something else: rows that meet the conditions, but no answer in any."""
    return reader.meeting > 0 and reader.layout.answer not in reader.found


def _check_paths(readers: Sequence[_Reader], paths: Mapping[str, object]) -> None:
    """Some row counts, and every path has a value somewhere; InputError at the first row otherwise."""
    first = next((reader.first for reader in readers if reader.first is not None), None)
    if first is None:
        raise InputError("the recorded files hold no rows")
    if not any(reader.answers for reader in readers):
        reasons = sum((reader.left_out for reader in readers), Counter[str]())
        reason, count = reasons.most_common(1)[0]
        raise first.mistake(f"every row is left out; {count} because: {reason} (this row has {_keys(first)})")
    found = {path for reader in readers for path in reader.found}
    for path in paths:
        if path not in found:
            raise first.mistake(f"no row has a value at '{path}' (this row has {_keys(first)})")


def _keys(row: Row) -> str:
    return ", ".join(row.values) or "nothing"


def _rankings(
    answers: Sequence[_Answered], axis: str
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """A prompt for every candidate of an answer, all with the id of that answer, which is the cluster."""
    prompts: list[dict[str, object]] = []
    responses: list[dict[str, object]] = []
    for answer in answers:
        stratum = answer.words.get("stratum", "")
        template = answer.words.get("template") or f"{stratum} {answer.row.place}".strip()
        for position, (name, group) in enumerate(answer.candidates, 1):
            place = {"item": name, "name": name, "group": group, "stratum": stratum, "template": template}
            place |= {"cluster": answer.id, "expected": answer.expected}
            prompts.append(_prompt(answer.id, axis, **place, position=position))
        responses.append(_response(answer.id, 0, answer))
    return prompts, responses


def _singles(
    answers: Sequence[_Answered], axis: str
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """A prompt for every template, person and group, with its answers as repeats; without templates, for every row."""
    cells: defaultdict[tuple[str, str, str, str], list[_Answered]] = defaultdict(list)
    for answer in answers:
        words = answer.words
        template = words.get("template") or answer.row.place
        cells[words.get("stratum", ""), template, words.get("name", ""), words["group"]].append(answer)
    most: Counter[tuple[str, str, str]] = Counter()
    for (stratum, template, name, _), members in cells.items():
        most[stratum, template, name] = max(most[stratum, template, name], len(members))
    prompts: list[dict[str, object]] = []
    responses: list[dict[str, object]] = []
    for (stratum, template, name, group), members in cells.items():
        prompt_id = content_id("recorded", axis, stratum, template, name, group)
        place = {"name": name, "group": group, "stratum": stratum, "template": template, "cluster": template}
        expected = _expected(members)
        prompts.append(
            _prompt(prompt_id, axis, **place, expected=expected, repeats=most[stratum, template, name])
        )
        responses += [_response(prompt_id, number, one) for number, one in enumerate(_in_order(members))]
    return prompts, responses


def _expected(answers: Sequence[_Answered]) -> str:
    """The right answer to one prompt; InputError where two rows expect different ones."""
    first = answers[0]
    for other in answers[1:]:
        if other.expected != first.expected:
            raise other.row.mistake(
                f"expects '{other.expected}', but {first.row.place} with the same template, name and group expects "
                f"'{first.expected}'"
            )
    return first.expected


def _in_order(answers: Sequence[_Answered]) -> list[_Answered]:
    """The repeats of one prompt by their number where the rows give one, else as they stand; no number twice."""
    numbers = [answer.words.get("repeat") for answer in answers]
    for at, number in enumerate(numbers):
        if number is not None and number in numbers[:at]:
            other = answers[numbers.index(number)].row.place
            raise answers[at].row.mistake(f"the same template, name, group and repeat '{number}' as {other}")
    return sorted(answers, key=lambda answer: _number(answer.words.get("repeat", "")))


def _number(word: str) -> tuple[int, str]:
    """Sorts 2 before 10, and words by the alphabet."""
    return (int(word), "") if word.isdecimal() else (0, word)


def _prompt(prompt_id: str, axis: str, **columns: object) -> dict[str, object]:
    """One row of PROMPTS; recorded answers have no prompts of ours, so the messages are empty."""
    plain = {"item": "", "position": 0, "base_id": "", "repeats": 1, "messages": "[]", "spans": "[]"}
    return {"prompt_id": prompt_id, "axis": axis, "arm": "swap", **plain, **columns}


def _response(prompt_id: str, repeat: int, answer: _Answered) -> dict[str, object]:
    """One row of RESPONSES."""
    return {
        "prompt_id": prompt_id,
        "repeat": repeat,
        "text": answer.text,
        "scores": "",
        "error": answer.error,
        "answered_at": answer.answered_at,
    }


def _text(value: object) -> str:
    """A value as a word: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _held(value: Any) -> list[str]:
    """The texts among which a condition looks: the members of a list, or the value itself; none where there is none."""
    if value is None:
        return []
    return [_text(item) for item in value] if isinstance(value, list) else [_text(value)]


def _parsed(text: str) -> object:
    """The JSON in a cell of a table; the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
