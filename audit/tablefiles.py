"""Tables as Parquet files: words are categories in memory and text in the files, and equal tables give equal bytes."""

from __future__ import annotations

import math
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.disk import whole
from audit.errors import InputError
from audit.machine import return_freed
from audit.records import Column, Table

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 1 << 17
"""Rows of a table that are turned into text and written at once."""


def write_table(folder: Path, table: Table, rows: pd.DataFrame) -> None:
    """Writes `rows` as the folder's file of this table, without the writing library's own notes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame, path = table.frame(rows), folder / f"{table.name}.parquet"
    kinds = {"str": pa.large_string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
    schema = pa.schema([(column.name, kinds[column.dtype]) for column in table.columns])
    with whole(path) as waiting, pq.ParquetWriter(waiting, schema, compression="zstd") as writer:
        for start in range(0, max(len(frame), 1), ROWS_AT_ONCE):
            part = pa.Table.from_pandas(frame.iloc[start : start + ROWS_AT_ONCE], preserve_index=False)
            writer.write_table(part.cast(schema).replace_schema_metadata(None))


def read_table(folder: Path, table: Table, *, without: Collection[str] = ()) -> pd.DataFrame:
    """The folder's file of this table, with missing values in the columns `without`; InputError where it is damaged."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{table.name}.parquet"
    if not path.is_file():
        raise InputError(f"{path}: the file is missing")
    words = [column.name for column in table.columns if column.word]
    try:
        with pq.ParquetFile(path, memory_map=False, read_dictionary=words) as file:
            known, count = set(file.schema_arrow.names), file.metadata.num_rows
            columns = {
                column.name: _missing(count) if column.name in without else _column(file, column)
                for column in table.columns
                if column.name in known
            }
        frame = table.frame(pd.DataFrame(columns, copy=False))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: the file is damaged ({error})") from error
    except KeyError as error:
        raise InputError(f"{path}: the file is damaged, column {error} is missing") from error
    del columns
    if count > ROWS_AT_ONCE:
        return_freed()
    return frame


def read_rows(
    folder: Path, table: Table, *, columns: Collection[str], where: str
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows in which the flag `where` is set, with some columns only; InputError where the file is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"{table.name}.parquet"
    if not path.is_file():
        raise InputError(f"{path}: the file is missing")
    wanted = [column for column in table.columns if column.name in columns]
    try:
        with pq.ParquetFile(path, memory_map=False) as file:
            known = file.schema_arrow.names
            names = [column.name for column in wanted if column.name in known or column.default is None]
            found = file.read(columns=[*names, where], use_threads=False)
        rows = found.filter(found[where]).select(names).to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: the file is damaged ({error})") from error
    except KeyError as error:
        raise InputError(f"{path}: the file is damaged, column {error} is missing") from error
    nothing = {"str": "", "float64": math.nan, "int64": 0, "bool": False}
    return [
        {
            column.name: _value(row.get(column.name, column.default), nothing[column.dtype])
            for column in wanted
        }
        for row in rows
    ]


def _value(value: Any, nothing: Any) -> Any:
    return nothing if value is None else value


def with_texts(folder: Path, table: Table, frame: pd.DataFrame, *, of: Collection[str]) -> pd.DataFrame:
    """A table that was read without some columns, with these columns filled in for the prompts `of`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    lacking = [name for name in frame.columns if len(frame) and frame[name].isna().all()]
    rows = frame["prompt_id"].isin(list(of)).to_numpy().nonzero()[0]
    if not lacking or not len(rows):
        return frame
    wanted = pa.array(sorted(of), pa.large_string())
    with pq.ParquetFile(folder / f"{table.name}.parquet", memory_map=False) as file:
        parts = [
            part.filter(pc.is_in(part["prompt_id"].cast(pa.large_string()), wanted))
            for group in range(file.num_row_groups)
            for part in [file.read_row_group(group, columns=["prompt_id", *lacking])]
        ]
    found = pa.concat_tables(parts).to_pandas()
    filled = frame.copy(deep=False)
    for name in lacking:
        values = frame[name].astype("object")
        values.iloc[rows] = found[name].to_numpy(object)
        filled[name] = values.astype("str")
    return filled


def _column(file: Any, column: Column) -> pd.Series[Any]:
    """One column, so that not more than one is in memory twice."""
    found: pd.Series[Any] = file.read(columns=[column.name])[column.name].to_pandas()
    return found


def _missing(count: int) -> pd.Series[Any]:
    """A column of texts that are not there."""
    import pandas as pd

    return pd.Series([None], dtype="str").repeat(count).reset_index(drop=True)
