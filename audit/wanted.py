"""Wanted: which answers the rows of a PROMPTS table want, in portions that fit into memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, overload

import numpy as np

from audit.journal import Entry, Key
from audit.protocols import Ask
from audit.records import RESPONSES, Message, Prompt

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

PORTION = 8192
"""Prompts that are looked up, measured and cut into batches together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Portion:
    """Some distinct prompts, and the answers they want by number (of `Wanted.prompt` and `Wanted.repeat`)."""

    ids: Sequence[str]
    messages: Sequence[str]
    keys: Mapping[Key, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Every answer that is wanted, once, in the order of the rows.

    Answer number i is draw `repeat[i]` of the distinct prompt number `prompt[i]`; `ids` and `rows` belong to the
    distinct prompts, `messages` to the rows of the table, whose texts are not copied. Where a model is asked `once`,
    draw 0 of a prompt stands for all of them.
    """

    ids: pa.Array
    messages: pa.ChunkedArray
    rows: NDArray[np.int64]
    """The first row of each distinct prompt."""
    prompt: NDArray[np.int64]
    repeat: NDArray[np.int64]
    once: bool

    def __len__(self) -> int:
        """How many answers are asked for: all that are wanted, or one a prompt."""
        return len(self.ids) if self.once else len(self.prompt)

    def portions(self) -> Iterator[Portion]:
        """All prompts in the order of their texts, whatever the order of the rows; neighbours begin alike."""
        order = self._by_text()
        numbers, starts = self._by_prompt()
        for first in range(0, len(order), PORTION):
            some = order[first : first + PORTION]
            ids = self.ids.take(some).to_pylist()
            keys: dict[Key, int] = {}
            for name, prompt in zip(ids, some.tolist(), strict=True):
                if self.once:
                    keys[name, 0] = prompt
                    continue
                for number in numbers[starts[prompt] : starts[prompt + 1]].tolist():
                    keys[name, int(self.repeat[number])] = number
            yield Portion(ids=ids, messages=self._texts(self.rows[some]), keys=keys)

    def key(self, number: int) -> Key:
        """Prompt id and repeat of an answer that is asked for."""
        if self.once:
            return self.ids[number].as_py(), 0
        return self.ids[int(self.prompt[number])].as_py(), int(self.repeat[number])

    def read(self, number: int) -> Prompt:
        """The prompt of an answer that is asked for."""
        prompt = number if self.once else int(self.prompt[number])
        return prompt_of(self.messages[int(self.rows[prompt])].as_py())

    def responses(self, parts: Sequence[pa.Table]) -> pd.DataFrame:
        """The RESPONSES table, in the order of the rows, from one part (see `part`) for each portion."""
        import pandas as pd
        import pyarrow as pa

        if not parts:
            return RESPONSES.frame()
        table = pa.concat_tables(parts)
        place = np.empty(len(table), dtype=np.int64)
        place[table.column("number").to_numpy()] = np.arange(len(table))
        rows = table.drop_columns("number").take(place[self.prompt] if self.once else place)
        columns = {
            "prompt_id": _strings(self.ids.take(self.prompt)),
            "repeat": self.repeat,
            **{name: _strings(rows.column(name)) for name in ("text", "scores", "error", "answered_at")},
            "tokens": rows.column("tokens").to_numpy(),
        }
        return RESPONSES.frame(pd.DataFrame(columns))

    def _texts(self, rows: NDArray[np.int64]) -> list[str]:
        """The texts of some rows; taken chunk by chunk, because Arrow would put all chunks together first."""
        chunks = self.messages.chunks
        starts = np.cumsum([0, *map(len, chunks)])
        where = np.searchsorted(starts, rows, side="right") - 1
        found = np.empty(len(rows), dtype=object)
        for number in np.unique(where):
            mine = np.flatnonzero(where == number)
            found[mine] = chunks[number].take(rows[mine] - starts[number]).to_pylist()
        return list(found)

    def _by_text(self) -> NDArray[np.int64]:
        """Numbers of the distinct prompts in the order of their texts."""
        import pyarrow.compute as pc

        prompt = np.full(len(self.messages), -1, dtype=np.int64)
        prompt[self.rows] = np.arange(len(self.rows))
        order: NDArray[np.int64] = prompt[pc.sort_indices(self.messages).to_numpy()]
        found: NDArray[np.int64] = order[order >= 0]
        return found

    def _by_prompt(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of the wanted answers sorted by prompt and repeat, and where each prompt's begin."""
        numbers = np.lexsort((self.repeat, self.prompt))
        starts = np.searchsorted(self.prompt[numbers], np.arange(len(self.ids) + 1))
        return numbers, starts


class Asks(Sequence[Ask]):
    """Answers that are asked for as asks; each prompt is read when it is looked at. `put` is told what is sent."""

    def __init__(self, wanted: Wanted, numbers: Sequence[int], put: Callable[[int], None]) -> None:
        self._wanted = wanted
        self._numbers = numbers
        self._put = put

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Ask: ...
    @overload
    def __getitem__(self, index: slice) -> Asks: ...
    def __getitem__(self, index: int | slice) -> Ask | Asks:
        if isinstance(index, slice):
            return Asks(self._wanted, self._numbers[index], self._put)
        number = int(self._numbers[index])
        _, repeat = self._wanted.key(number)
        return Ask(prompt=self._wanted.read(number), repeat=repeat, put=partial(self._put, number))


def wanted_answers(prompts: pd.DataFrame, *, once: bool) -> Wanted:
    """What the rows want: of each the repeats 0 … n-1, and n … 2n-1 for the arm `again`."""
    import pandas as pd
    import pyarrow as pa

    codes, ids = pd.factorize(prompts["prompt_id"])
    counts = prompts["repeats"].to_numpy(dtype=np.int64)
    first = np.where((prompts["arm"] == "again").to_numpy(), counts, 0)
    rows = np.repeat(np.arange(len(counts)), counts)
    repeat = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + first[rows]
    prompt = codes[rows].astype(np.int64)
    most = int(repeat.max(initial=0)) + 1
    _, kept = np.unique(prompt * most + repeat, return_index=True)
    kept.sort()
    where = np.full(len(ids), len(codes), dtype=np.int64)
    np.minimum.at(where, codes, np.arange(len(codes)))
    messages = pa.array(prompts["messages"], type=pa.large_string())
    return Wanted(
        ids=pa.array(ids, type=pa.large_string()),
        messages=messages if isinstance(messages, pa.ChunkedArray) else pa.chunked_array([messages]),
        rows=where,
        prompt=prompt[kept],
        repeat=repeat[kept],
        once=once,
    )


def prompt_of(messages: str) -> Prompt:
    """The prompt from the JSON of its messages."""
    return Prompt(messages=tuple(Message(role=role, text=text) for role, text in json.loads(messages)))


def part(keys: Mapping[Key, int], entries: Mapping[Key, Entry]) -> pa.Table:
    """The entries of a portion in columns, each with the number of its answer."""
    import pyarrow as pa

    rows = [entries[key] for key in keys]
    texts = {
        name: pa.array([getattr(row, name) for row in rows], type=pa.large_string())
        for name in ("text", "scores", "error", "answered_at")
    }
    return pa.table({"number": list(keys.values()), **texts, "tokens": [row.tokens for row in rows]})


def _strings(values: pa.Array | pa.ChunkedArray) -> pd.Series[str]:
    import pandas as pd
    import pyarrow as pa

    chunked = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return pd.Series(pd.arrays.ArrowExtensionArray(chunked)).astype("str")
