"""Prompts of a suite in a file of their own, part by part: for whoever asks a model by other means.

Answers to them, one JSON line each with `prompt_id`, `repeat` (0, 1 …; 0 where it is left out) and `text` or `scores`,
are audited with `--model recorded:FILE`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import InputError
from audit.records import PROMPTS

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".jsonl", ".parquet")
SHOWN = ("prompt_id", "axis", "arm", "template", "name", "group", "stratum", "repeats", "expected")
"""Columns of a JSON line beside the messages."""
Write = Callable[["pd.DataFrame"], None]


@contextmanager
def prompt_file(path: Path) -> Iterator[Write]:
    """A function that writes rows of the prompts table to `path`; what was there stays unless all could be written.

    `.jsonl`: one object a distinct prompt, with `messages` as role and content, and `repeats`: how many answers are
    wanted (twice as many where the prompt is in the arm `again` too). `.parquet`: the table as it is.
    InputError where the ending is another, or nothing can be written there.
    """
    if path.suffix not in ENDINGS:
        raise InputError(f"{path}: prompts are written as {' or '.join(ENDINGS)}")
    waiting = path.with_name(f"{path.name}.part")
    try:
        with _lines(waiting) if path.suffix == ".jsonl" else _table(waiting) as write:
            yield write
        waiting.replace(path)
    except OSError as error:
        raise InputError(f"{path}: the prompts cannot be written here ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            waiting.unlink()


@contextmanager
def _lines(path: Path) -> Iterator[Write]:
    seen: set[bytes] = set()
    twice: set[bytes] = set()
    late: set[bytes] = set()
    with path.open("w", encoding="utf-8", newline="\n") as file:

        def write(prompts: pd.DataFrame) -> None:
            again = set(map(bytes.fromhex, prompts.loc[prompts["arm"] == "again", "prompt_id"]))
            late.update((again & seen) - twice)
            twice.update(again)
            for row in prompts.to_dict("records"):
                key = bytes.fromhex(str(row["prompt_id"]))
                if key not in seen:
                    seen.add(key)
                    turns = json.loads(str(row["messages"]))
                    messages = [{"role": role, "content": text} for role, text in turns]
                    content = {**{name: row[name] for name in SHOWN}, "messages": messages}
                    content["repeats"] *= 2 if key in again else 1
                    file.write(json.dumps(content, ensure_ascii=False) + "\n")

        yield write
    if late:
        _ask_twice(path, late)


def _ask_twice(path: Path, prompts: Collection[bytes]) -> None:
    """Doubles the answers wanted of prompts that stood in the arm `again` after their line was written."""
    waiting = path.with_name(f"{path.name}.again")
    try:
        with path.open(encoding="utf-8") as old, waiting.open("w", encoding="utf-8", newline="\n") as new:
            for line in old:
                content = json.loads(line)
                if bytes.fromhex(content["prompt_id"]) in prompts:
                    content["repeats"] *= 2
                new.write(json.dumps(content, ensure_ascii=False) + "\n")
        waiting.replace(path)
    finally:
        with suppress(OSError):
            waiting.unlink()


@contextmanager
def _table(path: Path) -> Iterator[Write]:
    import pyarrow
    import pyarrow.parquet

    kinds = {"str": pyarrow.string(), "int64": pyarrow.int64()}
    schema = pyarrow.schema([(column.name, kinds[column.dtype]) for column in PROMPTS.columns])
    with path.open("wb") as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
        yield lambda prompts: writer.write_table(
            pyarrow.Table.from_pandas(prompts, schema=schema, preserve_index=False)
        )
