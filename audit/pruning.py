"""Which runs of a folder may go by the rules of a policy, and how they go: each is renamed first, emptied after.

What is not surely a run that ended is kept, with the reason: other folders, links, damaged and unfinished runs, runs in
which something else lies. No link is followed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit.baselinefile import KIND, read_baseline
from audit.disk import held
from audit.errors import AuditError, InputError, StorageError
from audit.evidence import MANIFEST, PLAN, RECEIPT, Manifest, read_manifest, signatures, strangers
from audit.policy import Policy, load_policy
from audit.retention import KeepRules, of_signed, of_unsigned

GOING = ".pruned"
"""How the name of a run ends that is being deleted; it begins with a dot."""
LARGEST_BASELINE = 20_000_000
"""Bytes of a JSON file up to which it is looked at, whether it is a baseline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fate:
    """What becomes of one folder, and why."""

    folder: Path
    goes: bool
    reason: str
    root: str = ""
    """Merkle root of the run; empty where there is no manifest."""


def rules_of(policy: Policy) -> KeepRules:
    """What a policy keeps; of one that does not say the rules of the policy `default`."""
    found = policy.keep or load_policy("default").keep
    assert found is not None, "the shipped policy says what is kept"
    return found


def fates(
    folder: Path, *, rules: KeepRules, baselines: Sequence[Path] = (), today: datetime
) -> list[Fate]:  # fmt: skip
    """What becomes of each folder in `folder`; InputError where that holds no runs but is one, or is a link.

    Runs are kept that a baseline file names: one of `baselines`, or one beside the runs or where the command is run.
    """
    _require_folder(folder)
    named = _named([*baselines, *_baselines_in(folder, Path())], must=baselines)
    entries = sorted(path for path in folder.iterdir() if path.is_dir() or path.is_symlink())
    found = {path: _looked_at(path) for path in entries}
    runs = {path: one for path, one in found.items() if isinstance(one, Manifest)}
    places = _places(runs)
    return [
        Fate(folder=path, goes=False, reason=one) if isinstance(one, str)
        else _gone_half(path) if one is None
        else _of_run(path, one, rules=rules, place=places[path], named=named, today=today)
        for path, one in found.items()
    ]  # fmt: skip


def _require_folder(folder: Path) -> None:
    if folder.is_symlink():
        raise InputError(f"{folder}: is a link, and links are not followed; name the folder itself")
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    if (folder / PLAN).exists() or (folder / MANIFEST).exists():
        raise InputError(f"{folder}: is the folder of a run; name the folder that holds the runs")


# ------------------------------------------------------------------ what is kept whatever the rules say


def _looked_at(path: Path) -> Manifest | str | None:
    """The manifest of a run that ended, why the folder is kept, or None for what a prune has left half deleted."""
    if path.is_symlink():
        return "a link, which is not followed"
    if not (path / PLAN).is_file():
        return None if _is_going(path) else "not the folder of a run, plan.json is missing"
    if not (path / MANIFEST).is_file():
        return "an unfinished run; the same `audit run` goes on with it"
    try:
        manifest = read_manifest(path)
        others = strangers(path)
    except (InputError, OSError) as error:
        return f"a run that cannot be read ({error})"
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        return f"holds what is not of the run: {others[0]}{more}"
    try:
        _moment(manifest)
    except ValueError:
        return f"does not say when it ended ({manifest.finished_at!r} is no time)"
    return manifest


def _is_going(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(GOING)


def _gone_half(path: Path) -> Fate:
    """A folder that an earlier prune has begun to empty, if nothing else lies in it."""
    try:
        others = strangers(path) if (path / MANIFEST).is_file() else list(_inside(path))
    except (InputError, OSError) as error:
        others = [str(error)]
    if others:
        return Fate(folder=path, goes=False, reason=f"half deleted, and holds something else: {others[0]}")
    return Fate(folder=path, goes=True, reason="half deleted by a prune that was stopped")


def _inside(folder: Path) -> Iterator[str]:
    """Names of the files and links anywhere in a folder."""
    for place, folders, files in os.walk(folder):
        yield from files
        yield from (name for name in folders if Path(place, name).is_symlink())


def _moment(manifest: Manifest) -> datetime:
    found = datetime.fromisoformat(manifest.finished_at)
    if found.tzinfo is None:
        raise ValueError(f"{manifest.finished_at} names no time zone")
    return found


# ------------------------------------------------------------------ baselines


def _named(paths: Sequence[Path], *, must: Collection[Path]) -> Mapping[str, Path]:
    """Merkle root → the baseline file that names the run; InputError where one cannot be read."""
    found: dict[str, Path] = {}
    for path in paths:
        try:
            found.setdefault(read_baseline(path).facts.root, path)
        except InputError as error:
            if path in must:
                raise
            raise InputError(f"{error}\nNothing is deleted while a baseline cannot be read") from error
    return found


def _baselines_in(*folders: Path) -> Iterator[Path]:
    """JSON files that say they are baselines, also where they are damaged."""
    for folder in folders:
        for path in sorted(folder.glob("*.json")):
            if path.is_file() and path.stat().st_size <= LARGEST_BASELINE and _says_baseline(path):
                yield path


def _says_baseline(path: Path) -> bool:
    text = path.read_bytes()
    try:
        found = json.loads(text)
    except ValueError:
        return f'"kind": "{KIND}"'.encode() in text
    return isinstance(found, dict) and found.get("kind") == KIND


# ------------------------------------------------------------------ what the rules say


def _places(runs: Mapping[Path, Manifest]) -> dict[Path, int]:
    """The place of each run among those of its suite and model, 1 for the newest."""
    ordered = sorted(runs, key=lambda path: (_moment(runs[path]), path.name), reverse=True)
    seen: dict[tuple[str, str, str], int] = {}
    places = {}
    for path in ordered:
        one = runs[path]
        key = (one.suite, one.model.kind, one.model.name)
        seen[key] = seen.get(key, 0) + 1
        places[path] = seen[key]
    return places


def _of_run(
    path: Path, manifest: Manifest, *, rules: KeepRules, place: int, named: Mapping[str, Path], today: datetime
) -> Fate:  # fmt: skip
    if manifest.root in named:
        goes, reason = False, f"the baseline file {named[manifest.root]} names it"
    elif _moment(manifest) > today:
        goes, reason = (
            False,
            f"ended on {manifest.finished_at}, which is still to come by this machine's clock",
        )
    elif signatures(path):
        goes, reason = of_signed(rules.signed, _moment(manifest), today=today)
    else:
        goes, reason = of_unsigned(rules.unsigned, _moment(manifest), place=place, today=today)
    return Fate(folder=path, goes=goes, reason=reason, root=manifest.root)


# ------------------------------------------------------------------ deleting


def delete(fate: Fate) -> str:
    """Deletes a folder that goes; gives why it stayed, empty where it is gone. AuditError where only a part could be.

    The name goes first and `plan.json` next, so that nothing half deleted looks like a run.
    """
    path = fate.folder
    if not _is_going(path):
        try:
            with held(path):
                if changed := _changed(fate):
                    return changed
                path = _renamed(path)
        except StorageError as error:
            return str(error)
        except OSError as error:
            return f"the system does not let it be renamed ({error.strerror})"
    elif (path / PLAN).is_file() and (changed := _changed(fate)):
        return changed
    _empty(path)
    return ""


def _changed(fate: Fate) -> str:
    """Why a run must not go after all: something came to it since it was looked at."""
    found = _looked_at(fate.folder)
    if not isinstance(found, Manifest):
        return found or "it is no run any more"
    return "" if found.root == fate.root else "it became another run meanwhile"


def _renamed(path: Path) -> Path:
    away = path.with_name(f".{path.name}{GOING}")
    if away.exists():
        raise StorageError(f"{path}: {away.name} lies beside it, from a prune that was stopped")
    path.rename(away)
    return away


def _empty(folder: Path) -> None:
    """Deletes the folder: the plan first, the lists of its files last, by which a next prune knows the rest."""
    lists = [folder / RECEIPT, folder / MANIFEST]
    try:
        (folder / PLAN).unlink(missing_ok=True)
        files = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
        for path in [*(path for path in files if path not in lists), *lists]:
            path.unlink(missing_ok=True)
        for place, _, _ in os.walk(folder, topdown=False):
            os.rmdir(place)
    except OSError as error:
        raise AuditError(
            f"{folder}: a part could not be deleted ({error.strerror}); what is left is no run, and the same "
            "command goes on with it"
        ) from error
