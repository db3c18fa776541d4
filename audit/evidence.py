"""What lets a second party check a run: digests of the plan and of every file, and `verify`.

`plan.json` is hashed before the first question. `manifest.json` is written once, when the run ends: it names
the model, the machine and the SHA-256 of every file, and closes them with a Merkle root. `receipt.json` is
written last and covers the manifest, the report and the exports. Digests show that files are unchanged
since they were made, not that they were made honestly.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from audit.disk import LOCK, half_written, told, whole
from audit.errors import AuditError, InputError
from audit.machine import hardware, now, stamp, versions

SCHEMA = 2
PLAN, MANIFEST, RECEIPT = "plan.json", "manifest.json", "receipt.json"
ANSWERS = "answers.sqlite"
"""Answers of a model without digests, in the folder of a run that is not finished."""
SIGNATURES = tuple(f"{RECEIPT}.{ending}" for ending in ("sigstore.json", "sig", "asc", "p7s"))
"""Names of a signature over the receipt, which lies beside it; a run with one of them counts as signed."""
RENDERED = ("report.html", "report.pdf")
"""Made from the run after it ended, as is everything in `exports/`: covered by the receipt, not the manifest."""
LEFT = "not part of the run, left half written by a command that was killed; `audit run` or `audit report` removes it"


def _inside(name: str) -> str:
    """`name` if it is a plain path below the run's folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name:
        raise ValueError(f"'{name}' is no path below the run's folder")
    return name


Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, AfterValidator(_inside)]


class Wire(BaseModel):
    """What a file may hold: exactly these fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Model(Wire):
    """Which model answered; `digests` names its weight files where there are any."""

    kind: str
    name: str
    revision: str
    digests: dict[str, str]
    settings: dict[str, Any]
    id: str


class SecondModel(Wire):
    """A model that read the answers for a metric: questions put to it now and earlier, and those without an answer."""

    metric: str
    model: str
    id: str
    asked: int
    reused: int
    failed: int
    problem: str
    service: dict[str, Any] = {}


class Hardware(Wire):
    """The machine the answers and numbers were computed on."""

    system: str
    machine: str
    processor: str
    cores: int
    accelerator: str


class TokenDifference(Wire):
    """Lengths of the prompts of two groups: pairs, equally long ones, mean and largest difference in tokens, b - a."""

    axis: str
    group_a: str
    group_b: str
    pairs: int
    equal: int
    mean: float
    largest: float


class Manifest(Wire):
    """`manifest.json`: what a finished run consists of. The root closes the list of files."""

    version: Literal[2] = Field(default=2, alias="schema")
    suite: str
    plan: Digest
    model: Model
    second_models: list[SecondModel] = []
    versions: dict[str, str]
    hardware: Hardware
    counts: dict[str, int]
    token_differences: list[TokenDifference] = []
    service: dict[str, Any] = {}
    answered_from: str
    answered_to: str
    answers_older_than_plan: bool
    complete: bool
    finished_at: str
    files: dict[FileName, Digest]
    root: Digest


class Receipt(Wire):
    """`receipt.json`: digests of the manifest and of what was rendered; `digest` covers the rest of it."""

    version: Literal[2] = Field(default=2, alias="schema")
    root: Digest
    files: dict[FileName, Digest]
    digest: Digest


WireFile = TypeVar("WireFile", Manifest, Receipt)


def plan_digest(plan: Mapping[str, object]) -> str:
    """SHA-256 of the plan's content: of everything but the digest itself and the time it was made."""
    content = {"schema": SCHEMA, **plan}
    return _digest_of({key: content[key] for key in content if key not in ("digest", "made_at")})


def merkle_root(files: Mapping[str, str]) -> str:
    """Root of the hash tree over the files sorted by name.

    A leaf is SHA-256 of a zero byte, the name, a zero byte and the file's digest in hexadecimal; a node is SHA-256
    of a one byte and its two children; a node without a partner moves up unchanged. No files: SHA-256 of nothing.
    """
    level = [hashlib.sha256(b"\0" + f"{name}\0{files[name]}".encode()).digest() for name in sorted(files)]
    if not level:
        return hashlib.sha256().hexdigest()
    while len(level) > 1:
        joined = [
            hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)
        ]
        level = joined + level[len(joined) * 2 :]
    return level[0].hex()


def write_manifest(folder: Path, *, facts: Mapping[str, object]) -> Manifest:
    """The manifest of the files that lie in `folder` now, written; AuditError where a finished one exists.

    `facts` are its fields that files cannot tell: model, counts, answered_from, answered_to,
    answers_older_than_plan, complete.
    """
    path = folder / MANIFEST
    if path.exists() and _read(path, Manifest).complete:
        raise AuditError(f"{path}: this run is finished, its manifest never changes; --again starts another")
    plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    files = {name: digest_of_file(folder / name) for name in _names(folder) if not _is_late(name)}
    manifest = Manifest.model_validate(
        {
            "suite": plan["suite"]["id"],
            "plan": plan["digest"],
            "versions": versions(),
            "hardware": hardware(),
            "finished_at": stamp(now()),
            "files": files,
            "root": merkle_root(files),
            **facts,
        }
    )
    _write(path, manifest)
    return manifest


def reopen(folder: Path) -> None:
    """Takes away manifest and receipt of a run with answers missing, before its files are written again.

    So nobody takes a mixture of old and new files for a run, also if this process is killed while it writes them.
    """
    for name in (RECEIPT, MANIFEST):
        with told(folder / name):
            (folder / name).unlink(missing_ok=True)


def remove_answers(folder: Path) -> None:
    """Takes away the answers that were kept so that the run could go on; they are in its tables now."""
    for path in folder.glob(f"{ANSWERS}*"):
        path.unlink(missing_ok=True)


def finished_at(manifest: Mapping[str, object]) -> datetime:
    """When the run ended: the time that its report and everything rendered later carries."""
    return datetime.fromisoformat(str(manifest["finished_at"]))


def write_receipt(folder: Path) -> Receipt:
    """The receipt over the manifest and everything rendered that lies in `folder` now, written."""
    names = [name for name in _names(folder) if _is_late(name)]
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "root": _read(folder / MANIFEST, Manifest).root,
        "files": {name: digest_of_file(folder / name) for name in names},
    }
    receipt = Receipt.model_validate({**content, "digest": _digest_of(content)})
    _write(folder / RECEIPT, receipt)
    return receipt


def verify(folder: Path) -> list[str]:
    """One sentence for each file that changed, is missing or does not belong; empty where all is as it was."""
    if not (folder / PLAN).is_file():
        raise InputError(f"{folder}: this is not the folder of a run, plan.json is missing")
    if not (folder / MANIFEST).is_file():
        raise InputError(f"{folder}: this run is not finished, there is no manifest to compare with")
    late = _problems(folder, _receipt_files, is_late=True)
    left = (f"{path.relative_to(folder).as_posix()}: {LEFT}" for path in half_written(folder))
    return sorted({*_plan_problems(folder), *_problems(folder, _manifest_files, is_late=False), *late, *left})


def read_manifest(folder: Path) -> Manifest:
    """The manifest; InputError where it is missing, damaged, or does not fit its own list of files."""
    manifest = _read(folder / MANIFEST, Manifest)
    if merkle_root(manifest.files) != manifest.root:
        raise InputError(f"{MANIFEST}: changed, its root does not fit its list of files")
    return manifest


def require_named(folder: Path, *names: str) -> None:
    """InputError unless these files of a run are as its manifest names them."""
    files = read_manifest(folder).files
    for name in names:
        if not (folder / name).is_file() or files.get(name) != digest_of_file(folder / name):
            raise InputError(f"{name}: not as it was when the run ended")


def signatures(folder: Path) -> list[str]:
    """Names of the signatures over the receipt of a run."""
    return [name for name in SIGNATURES if (folder / name).is_file()]


def strangers(folder: Path) -> list[str]:
    """What lies in the folder of a run and is not its own: files that no digest covers, and links. None is followed."""
    own = {MANIFEST, RECEIPT, LOCK, *SIGNATURES, *RENDERED, *_manifest_files(folder)}
    if (folder / RECEIPT).is_file():
        own |= _receipt_files(folder).keys()
    found = []
    for place, folders, files in os.walk(folder, onerror=_raised):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in (*links, *files):
            path = Path(place) / name
            inner = path.relative_to(folder).as_posix()
            if path.is_symlink() or not (inner in own or inner.startswith(ANSWERS)):
                found.append(inner)
    return sorted(found)


def _raised(error: OSError) -> None:
    """What cannot be looked into may hold anything."""
    raise error


def own_files(folder: Path) -> list[str]:
    """Every file of a finished run, the receipt and its signatures last, as paths with slashes below `folder`."""
    return [*_names(folder), RECEIPT, *signatures(folder)]


def require_unchanged(folder: Path) -> None:
    """AuditError unless the plan and every result are as they were: nothing is rendered from altered results."""
    if not (folder / MANIFEST).is_file():
        return
    problems = sorted({*_plan_problems(folder), *_problems(folder, _manifest_files, is_late=False)})
    if problems:
        way_out = "`audit run` with --again makes them anew"
        raise AuditError(
            "\n".join([f"{folder}: nothing is made from results that changed; {way_out}", *problems])
        )


def _problems(folder: Path, files_of: Callable[[Path], Mapping[str, str]], *, is_late: bool) -> list[str]:
    own = [name for name in _names(folder) if _is_late(name) == is_late]
    try:
        return list(_compare(folder, own, listed=files_of(folder)))
    except InputError as error:
        return [str(error)]


def _compare(folder: Path, found: Sequence[str], *, listed: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{name}: not part of the run" for name in found if name not in listed)
    for name, digest in listed.items():
        if name not in found:
            yield f"{name}: missing"
        elif digest_of_file(folder / name) != digest:
            yield f"{name}: changed since the run ended"


def _manifest_files(folder: Path) -> Mapping[str, str]:
    return read_manifest(folder).files


def _receipt_files(folder: Path) -> Mapping[str, str]:
    receipt = _read(folder / RECEIPT, Receipt)
    if receipt.digest != _digest_of(receipt.model_dump(by_alias=True, exclude={"digest"})):
        raise InputError(f"{RECEIPT}: changed, its digest does not fit its content")
    return receipt.files


def _plan_problems(folder: Path) -> Iterator[str]:
    try:
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        if plan_digest(plan) != plan["digest"]:
            yield f"{PLAN}: changed, its digest does not fit its content"
    except (ValueError, KeyError, TypeError):
        yield f"{PLAN}: damaged, it cannot be read"


def _names(folder: Path) -> Iterator[str]:
    """Every file of the run but the receipt and signatures over it, as paths with slashes, sorted.

    What a command that was killed left half written is none.
    """
    for path in sorted({*folder.rglob("*")} - {*half_written(folder)}):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in (RECEIPT, LOCK, *SIGNATURES) and not name.startswith(ANSWERS):
            yield name


def _is_late(name: str) -> bool:
    """Whether the file is made after the list of files was closed, so that only the receipt can cover it."""
    return name == MANIFEST or name in RENDERED or name.startswith("exports/")


def digest_of_file(path: Path) -> str:
    """SHA-256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(value: object) -> str:
    text = json.dumps(
        json.loads(json.dumps(value)),
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _text(wire: Wire) -> str:
    return wire.model_dump_json(by_alias=True, indent=2) + "\n"


def _write(path: Path, wire: Wire) -> None:
    with whole(path) as waiting:
        waiting.write_text(_text(wire), encoding="utf-8", newline="\n")


def _read(path: Path, kind: type[WireFile]) -> WireFile:
    """The file as `kind`; InputError where it is missing, damaged, or not as this program writes it."""
    if not path.is_file():
        raise InputError(f"{path.name}: missing")
    text = path.read_bytes().decode("utf-8", errors="replace")
    try:
        wire = kind.model_validate_json(text)
    except ValidationError as error:
        raise InputError(f"{path.name}: changed or damaged, {error.errors()[0]['msg'].lower()}") from error
    if _text(wire) != text:
        raise InputError(f"{path.name}: changed, it is not as this program writes it")
    return wire
