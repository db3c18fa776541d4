from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import audit
from audit.axis import shipped_axes
from audit.policy import shipped_policies
from audit.suite import shipped_suites

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "audit"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = ("torch", "transformers", "pandas", "scipy", "statsmodels", "shap", "lime", "matplotlib")
FORBIDDEN_FOLDERS = {"core", "utils", "common", "helpers", "base"}
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


@dataclass(frozen=True)
class Folder:
    """A folder of interchangeable things, the module and name of its table, and the page that documents it."""

    files: str
    holder: str
    table: str
    page: str


FOLDERS = (
    Folder("audit/attribution", "audit.attribution", "ATTRIBUTORS", "docs/explanations.md"),
    Folder("audit/backends", "audit.backends", "BACKENDS", "docs/backends.md"),
    Folder("audit/executors", "audit.executors", "EXECUTORS", "docs/scale.md"),
    Folder("audit/exports", "audit.exports", "EXPORTERS", "docs/exports.md"),
    Folder("audit/metrics", "audit.metrics", "METRICS", "docs/metrics.md"),
    Folder("audit/report/sections", "audit.report", "SECTIONS", "docs/report.md"),
)


# ------------------------------------------------------------------- layers


@dataclass(frozen=True)
class Place:
    """Where a module stands: the row of the layer table, and its number in it if the row is ordered."""

    row: int
    number: int | None


def layers() -> dict[str, Place]:
    """Part of the package → its place, as docs/architecture.md says."""
    rows = re.findall(
        r"^\| \d \| (.+) \| (in order|never) \|$", (ROOT / "docs/architecture.md").read_text(), re.M
    )
    places: dict[str, Place] = {}
    for row, (cell, inside) in enumerate(rows):
        for number, name in enumerate(re.findall(r"`([^`]+)`", cell)):
            assert name not in places, f"{name} stands in two rows"
            places[name] = Place(row, number if inside == "in order" else None)
    return places


LAYERS = layers()


def part_of(name: str) -> str:
    """The entry of the layer table for `audit.x.y`: a module, or a folder with a slash."""
    inner = name.removeprefix("audit").removeprefix(".")
    first = inner.partition(".")[0] or "__init__"
    return f"{first}/" if (PACKAGE / first).is_dir() else first


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Every module of this package that the file imports, at its top or inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "audit")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module and node.module.partition(".")[0] == "audit":
                yield from (module_or_name(node.module, alias.name) for alias in node.names)


def module_or_name(module: str, name: str) -> str:
    """`from audit import runs` imports audit.runs; `from audit.runs import now` imports audit.runs."""
    inner = f"{module}.{name}"
    path = ROOT / inner.replace(".", "/")
    return inner if path.is_dir() or path.with_suffix(".py").is_file() else module


def is_below(own: str, other: str) -> bool:
    """Whether the layer table lets `own` import `other`."""
    here, there = LAYERS[own], LAYERS[other]
    if here.row != there.row:
        return there.row < here.row
    return here.number is not None and there.number is not None and there.number < here.number


def test_every_module_has_a_place_in_the_layer_table_and_every_place_a_module() -> None:
    assert {
        part_of(name_of(path)) if path != PACKAGE / "__init__.py" else "__init__" for path in MODULES
    } == set(LAYERS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_only_point_down(path: Path) -> None:
    own = part_of(name_of(path))
    wrong = {other for other in imports(path) if part_of(other) != own and not is_below(own, part_of(other))}
    assert not wrong, f"{own} may not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.files)
def test_a_plug_in_never_imports_its_neighbour(folder: Folder) -> None:
    package = folder.files.replace("/", ".")
    for path in sorted((ROOT / folder.files).glob("[!_]*.py")):
        neighbours = {name for name in imports(path) if name.startswith(f"{package}.")}
        assert not neighbours, f"{path.name} imports {neighbours}"


# ------------------------------------------------------- tables, files, docs


def table_of(folder: Folder) -> dict[str, str]:
    return dict(getattr(importlib.import_module(folder.holder), folder.table))


def headings(page: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.M)


def has_heading(name: str, page: str) -> bool:
    """Whether a heading of the page names it: `## rating` or "## The `rating` metric"."""
    return any(name == heading or f"`{name}`" in heading for heading in headings(page))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.files)
def test_every_row_of_a_table_names_something_in_its_folder(folder: Folder) -> None:
    for name, target in table_of(folder).items():
        module, _, attribute = target.partition(":")
        assert module.rpartition(".")[0] == folder.files.replace("/", "."), name
        assert hasattr(importlib.import_module(module), attribute), name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.files)
def test_every_file_of_a_folder_is_named_by_a_row(folder: Folder) -> None:
    named = {target.partition(":")[0].rpartition(".")[2] for target in table_of(folder).values()}
    assert {path.stem for path in (ROOT / folder.files).glob("*.py")} - {"__init__"} == named


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.files)
def test_every_row_has_a_heading_in_the_docs(folder: Folder) -> None:
    missing = [name for name in table_of(folder) if not has_heading(name, folder.page)]
    assert not missing, f"{folder.page} has no heading for {', '.join(missing)}"


@pytest.mark.parametrize("names, page", [
    (shipped_axes(), "docs/axes.md"),
    (shipped_policies(), "docs/policies.md"),
    (shipped_suites(), "docs/suites.md"),
    (sorted(path.parent.name for path in PACKAGE.glob("reference/*/model.safetensors")), "docs/backends.md"),
])  # fmt: skip
def test_everything_that_ships_as_data_has_a_heading_in_the_docs(names: list[str], page: str) -> None:
    assert names
    assert not [name for name in names if not has_heading(name, page)]


def test_every_section_has_its_template_and_every_template_its_section() -> None:
    templates = {
        path.name.removesuffix(".html.j2") for path in (ROOT / "templates/sections").glob("*.html.j2")
    }
    assert templates == set(table_of(FOLDERS[-1]))


# --------------------------------------------------------------- shape of code


def test_these_are_the_public_names() -> None:
    assert audit.__all__ == sorted(audit.__all__)
    assert all(getattr(audit, name).__doc__ for name in audit.__all__)
    public = {name for name in vars(audit) if not name.startswith(("_", "@"))}
    modules = {path.stem for path in PACKAGE.glob("*.py")} | {path.name for path in PACKAGE.iterdir()}
    assert public - modules == set(audit.__all__) - {"__version__"}


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=name_of)
def test_an_init_file_holds_imports_and_a_table_and_nothing_else(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_import = isinstance(node, ast.Import | ast.ImportFrom)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        is_table = isinstance(value, ast.Dict | ast.List | ast.Tuple | ast.Constant)
        assert is_docstring or is_import or is_table, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_and_no_function_is_longer_than_one_can_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    assert lines <= LONGEST_MODULE or path.name == "records.py", f"{lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name}: {length} lines"


def test_folders_are_flat_and_named_for_what_is_in_them() -> None:
    folders = [path for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__"]
    assert not [path for path in folders if path.name in FORBIDDEN_FOLDERS]
    assert not [path for path in folders if len(path.relative_to(PACKAGE).parts) > 2]


def test_no_test_replaces_our_own_code() -> None:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        modules = {name for node in ast.walk(ast.parse(path.read_text())) for name in imported_names(node)}
        assert not {name for name in modules if "mock" in name}, path


def imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


# ------------------------------------------------------------------ lightness


@pytest.mark.parametrize("statement", [
    "import audit",
    *(f"sys.argv = {['audit', *words, '--help']!r}; from audit.cli import main; main()"
      for words in ([], ["run"], ["plan"], ["check"], ["list"], ["report"], ["export"], ["verify"], ["swap"],
                    ["compare"], ["baseline", "set"], ["evidence", "prune"],
                    ["history"])),
])  # fmt: skip
def test_importing_and_asking_for_help_load_no_heavy_library(statement: str) -> None:
    script = f"""
import atexit, sys
atexit.register(lambda: print(sorted({set(HEAVY)!r} & sys.modules.keys()), file=sys.stderr))
{statement}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
