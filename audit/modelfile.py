"""What `--model` means: `KIND:NAME`, or a YAML file that the back end's own schema validates."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from audit.backends import BACKENDS
from audit.catalogue import load, names
from audit.errors import InputError
from audit.protocols import Backend
from audit.shape import Document, did_you_mean, finished, fit, one_of
from audit.yamlfile import read_yaml

EXAMPLES = (
    "hf:<name or folder>, reference:<name>, callable:<module>:<function>, recorded:<file, folder or glob>, "
    "endpoint:<model>@<url>, or the path of a YAML model file"
)


@runtime_checkable
class Opens(Protocol):
    """A model file that was read: it can be opened."""

    def open(self) -> Backend:
        """The back end; configuration and digests are read, weights are not."""
        ...


def open_model(spec: str, *, beside: Path = Path(), revision: str = "") -> Backend:
    """The back end that `spec` names, files relative to `beside`; InputError lists what is known."""
    if is_model_file(spec):
        return _opened(_from_file(beside / spec))
    kind, colon, name = spec.partition(":")
    known = names(BACKENDS, "backends")
    if not colon or not name:
        raise InputError(f"'{spec}' names no model; allowed: {EXAMPLES}")
    if kind not in known:
        raise InputError(
            f"unknown kind of model '{kind}'{did_you_mean(kind, known)} (known: {', '.join(known)})"
        )
    schema = _schema(kind)
    if revision and "revision" not in schema.model_fields:
        raise InputError(f"models of the kind '{kind}' have no revisions; leave 'revision' out")
    given = {"revision": revision} if revision else {}
    document = schema.model_validate({"model": 1, "kind": kind, "name": name, **given})
    document._path = beside / "model"
    return _opened(document)


def is_model_file(spec: str) -> bool:
    """Whether `spec` is the path of a model file."""
    return spec.endswith((".yaml", ".yml")) and ":" not in spec.partition("/")[0]


def _from_file(path: Path) -> Document:
    """The model file at `path`, validated by the schema of its kind."""
    file = read_yaml(path, what="model")
    known = names(BACKENDS, "backends")
    entry = file.root.get("kind")
    if entry is None:
        file.report(file.root, f"the key 'kind' is missing; allowed: {', '.join(known)}")
    elif entry.value not in known:
        file.report(entry, "'kind' " + one_of(entry.value, known))
    file.stop_on_mistakes()
    return finished(fit(_schema(file.root.text("kind") or ""), file), file)


def _schema(kind: str) -> type[Document]:
    """The schema of one kind of model file."""
    try:
        found = load(BACKENDS, "backends", kind)
    except (ImportError, AttributeError) as error:
        if kind in BACKENDS:
            raise
        raise InputError(f"the back end '{kind}' of another package cannot be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Document)):
        raise InputError(
            f"the back end '{kind}' of another package is no model file schema (a subclass of Document)"
        )
    return found


def _opened(document: Document) -> Backend:
    if not isinstance(document, Opens):
        raise InputError(f"{type(document).__name__} has no method 'open'")
    return document.open()
