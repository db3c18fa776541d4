"""The order of a history: find the runs of some folders, read what is needed of each, say what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from audit import evidence, runs
from audit.baselinefile import digests_of
from audit.disk import refused
from audit.errors import InputError
from audit.history import Selection, history
from audit.records import PAIRS, PROMPTS, Compared, Exclusion, History, Outline, Progress, Table
from audit.tablefiles import read_table

READ = ("plan.json", "effects.parquet")
ITEMS = {PAIRS: ("pair_id", "axis", "arm", "stratum"), PROMPTS: ("prompt_id", "axis", "stratum")}
"""What of the tables tells which items an effect was measured on; the rest of their texts is not read."""


def history_of(
    folders: Sequence[Path], *, wanted: Selection | None = None, progress: Progress | None = None
) -> History:
    """The history of the runs in these folders; InputError where a folder is not there, or none holds a run."""
    found: list[Outline] = []
    left_out: list[Exclusion] = []
    places = list(dict.fromkeys(place for folder in folders for place in _places(folder)))
    for number, place in enumerate(places):
        if progress is not None:
            progress("reading runs", number, len(places))
        try:
            found.append(_outline(place))
        except InputError as error:
            left_out.append(Exclusion(what=str(place), reason=_without(place, str(error))))
        except OSError as error:
            left_out.append(Exclusion(what=str(place), reason=str(refused(error) or error)))
    if progress is not None:
        progress("reading runs", len(places), len(places))
    if not found:
        told = "".join(f"\n{one.what}: {one.reason}" for one in left_out[:10])
        raise InputError(f"{', '.join(map(str, folders))}: no finished run is in there{told}")
    return history(found, items=_items, wanted=wanted, left_out=left_out)


def _places(folder: Path) -> Iterator[Path]:
    """The folders in a folder, or itself if it is a run."""
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    if (folder / evidence.PLAN).is_file():
        yield folder
        return
    yield from sorted(path for path in folder.iterdir() if path.is_dir())


def _outline(folder: Path) -> Outline:
    """What is needed of a run whose files are as they were when it ended."""
    found = runs.outline(folder)
    evidence.require_named(folder, *READ)
    try:
        datetime.fromisoformat(found.facts.finished_at)
    except ValueError as error:
        raise InputError(f"{folder}: does not say when it ended ({found.facts.finished_at!r})") from error
    return found


def _without(place: Path, reason: str) -> str:
    """The reason without the folder's name, which stands before it."""
    return reason.removeprefix(f"{place}/").removeprefix(f"{place}: ")


def _items(facts: Compared) -> Mapping[str, str]:
    """Digest of what each effect of a run was measured on; nothing where that cannot be read."""
    import pandas as pd

    folder = Path(facts.source)
    try:
        evidence.require_named(folder, *(f"{table.name}.parquet" for table in ITEMS))
        pairs, prompts = (
            read_table(folder, table, without=_texts(table, kept)) for table, kept in ITEMS.items()
        )
        rows = [
            {name: row[name] for name in ("effect_id", "axis", "stratum")}
            for row in runs.outline(folder).rows
        ]
    except InputError:
        return {}
    return digests_of(pairs, prompts, pd.DataFrame(rows))


def _texts(table: Table, kept: Sequence[str]) -> set[str]:
    return {column.name for column in table.columns if column.dtype == "str" and column.name not in kept}
