from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from preloaded import Parent

from audit.axis import load_axis
from audit.cli import main
from audit.suite import load_suite
from audit.yamlfile import MAX_BYTES
from audit.yamlnodes import MAX_DEPTH, MAX_LINES, MAX_VALUES

FOLDER = Path(__file__).parent / "data" / "bad"
FILES = ("suite.yaml", "people.yaml", "home.yaml", "couple.yaml")
SUITE = (FOLDER / "suite.yaml").read_bytes()
SECONDS = 4  # of processor time, with another test on the same core


def rows() -> list[dict[str, str]]:
    from ruamel.yaml import YAML

    found: list[dict[str, str]] = YAML(typ="safe", pure=True).load(FOLDER / "cases.yaml")
    return found


ROWS = rows()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a command came to: exit code, both outputs, processor time."""

    code: object
    out: str
    err: str
    seconds: float


def command(*words: object) -> Told:
    """A command line in this process; nothing but SystemExit gets out of it."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["audit", *map(str, words)]
    code: object = 0
    start = time.process_time()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv = before
    return Told(code=code, out=out.getvalue(), err=err.getvalue(), seconds=time.process_time() - start)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def same(got: str, wanted: str) -> bool:
    """Whether the sentences are equal; an ellipsis at the end stands for any rest."""
    return got.startswith(wanted[:-1]) if wanted.endswith("…") else got == wanted


@pytest.fixture(scope="module", autouse=True)
def _imports_are_done() -> None:
    assert command("check", FOLDER / "suite.yaml").code == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that have no mistake, and one that only looks like a file."""
    place = tmp_path / "suites"
    (place / "folder.yaml").mkdir(parents=True)
    for name in FILES:
        shutil.copy(FOLDER / name, place)
    return place


def broken(folder: Path, row: dict[str, str]) -> Path:
    """The suite, after the change of the row in one of its files."""
    path = folder / row["file"]
    text = path.read_text(encoding="utf-8")
    assert row["find"] in text
    path.write_text(text.replace(row["find"], row["write"], 1), encoding="utf-8")
    return folder / "suite.yaml"


def sentence(folder: Path, path: Path, *, words: tuple[object, ...] = ("check",)) -> str:
    """The only sentence that is told of a broken file: exit code 2, at once, and nothing is written."""
    before = contents(folder)
    told = command(*words, path)
    assert told.code == 2, told.err
    assert told.out == ""
    assert told.seconds < SECONDS
    assert contents(folder) == before
    lines = told.err.splitlines()
    assert len(lines) == 1, told.err
    assert told.err.endswith("\n") and lines[0].startswith("audit: ") and len(lines[0]) < 2_000
    return lines[0].removeprefix("audit: ").replace(f"{folder}{os.sep}", "")


# --------------------------------------------------------- suites and axes


def test_there_are_more_than_a_hundred_broken_suites_and_axes_each_of_its_own() -> None:
    assert len({row["name"] for row in ROWS}) == len(ROWS) > 200
    assert len({(row["file"], row["find"], row["write"]) for row in ROWS}) == len(ROWS)
    assert sum(row["file"] != "suite.yaml" for row in ROWS) > 60


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_mistake_is_told_in_one_sentence_with_its_place(row: dict[str, str], folder: Path) -> None:
    got = sentence(folder, broken(folder, row))
    assert same(got, row["told"]), got


@pytest.mark.parametrize("row", ROWS[::60], ids=lambda row: row["name"])
def test_the_same_is_told_by_a_new_process(row: dict[str, str], folder: Path) -> None:
    path = broken(folder, row)
    before = contents(folder)
    words = [sys.executable, "-m", "audit", "check", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stdout, contents(folder)) == (2, "", before)
    assert "Traceback" not in done.stderr
    assert same(done.stderr.replace(f"{folder}{os.sep}", "").strip(), f"audit: {row['told']}")


@pytest.mark.parametrize("row", ROWS[::14], ids=lambda row: row["name"])
def test_the_same_is_told_by_a_process_of_its_own(row: dict[str, str], folder: Path, forks: Parent) -> None:
    path = broken(folder, row)
    before = contents(folder)
    done = forks.run("check", path)
    assert (done.code, done.out, contents(folder)) == (2, "", before)
    assert "Traceback" not in done.err
    assert same(done.err.replace(f"{folder}{os.sep}", "").strip(), f"audit: {row['told']}")


@pytest.mark.parametrize("row", ROWS[::60], ids=lambda row: row["name"])
@pytest.mark.parametrize("name", ["run", "plan"])
def test_no_command_begins_with_a_broken_suite(name: str, row: dict[str, str], folder: Path) -> None:
    words = (name, "--model", "reference:screening-v1", *(("-o", folder / "runs") if name == "run" else ()))
    assert same(sentence(folder, broken(folder, row), words=words), row["told"])
    assert not (folder / "runs").exists()


# ------------------------------------------------------------------- bytes


def bomb() -> bytes:
    """Twelve lines that would unfold into ten thousand million words."""
    layers = (f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    return f"a0: &a0 [x, x]\n{''.join(layers)}".encode()


def with_value(old: bytes, new: bytes) -> bytes:
    assert old in SUITE
    return SUITE.replace(old, new, 1)


ANCHOR = "the anchor '&a0' is not allowed here; write the value where it is used"
BINARY = "the file is binary; expected a suite file (YAML text)"
EMPTY = "the file is empty; expected a suite file, which begins 'suite: 1'"
MAPPING = "a suite file is a mapping, which begins 'suite: 1'"
MARK = "the invisible character U+FEFF (byte order mark) stands here; remove it"
DEEP = "nested more than 20 levels deep; such a file needs far fewer"
LARGE = "suite.yaml: the file has 10.0 MB; at most 1 MB is read as a suite file"
MANY = "the file holds more than 30000 values; split it into several files"
UTF8 = "is not UTF-8; save the file as UTF-8 text"
UTF16 = "the file is not UTF-8, perhaps UTF-16; save it as UTF-8 text"
SECOND = "a second document begins here ('---'); one file holds one document"
TAB = (
    "not YAML: while scanning for the next token, found character '\\t' that cannot start any token; "
    "indent with spaces"
)
RAW: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", f"1:1: {EMPTY}"),
    "line breaks": (b"\n" * 10, f"1:1: {EMPTY}"),
    "a comment": (b"# nothing", f"1:1: {EMPTY}"),
    "the begin of a document": (b"---\n", f"2:1: {EMPTY}"),
    "a byte order mark": (b"\xef\xbb\xbf", f"1:1: {EMPTY}"),
    "spaces": (b" " * 900_000, f"1:1: {EMPTY}"),
    "null": (b"null", f"1:1: {EMPTY}"),
    "a number": (b"12", f"1:1: the file holds the number 12; {MAPPING}"),
    "a list": (b'[{"suite": 1}]', f"1:1: the file holds a list; {MAPPING}"),
    "a table": (b"suite,id\n1,x\n", f"1:1: the file holds 'suite,id 1,x'; {MAPPING}"),
    "a page": (b"<!DOCTYPE html><p>x", f"1:1: the file holds '<!DOCTYPE html><p>x'; {MAPPING}"),
    "an axis": (
        (FOLDER / "home.yaml").read_bytes(),
        "1:1: this is an axis file; expected a suite file, which begins 'suite: 1'",
    ),
    "two marks": (b"\xef\xbb\xbf\xef\xbb\xbf" + SUITE, f"1:1: {MARK}"),
    "a mark before a key": (with_value(b"domain:", b"\xef\xbb\xbfdomain:"), f"5:1: {MARK}"),
    "latin-1": (with_value(b"housing", "für".encode("latin-1")), f"5:10: byte 0xfc {UTF8}"),
    "quotes of Windows": (with_value(b"housing", b"\x93flats\x94"), f"5:9: byte 0x93 {UTF8}"),
    "a character that is cut": (with_value(b"housing", b"\xe2\x82"), f"5:9: byte 0xe2 {UTF8}"),
    "a character that is too long": (with_value(b"housing", b"\xc0\xaf"), f"5:9: byte 0xc0 {UTF8}"),
    "half a character": (with_value(b"housing", b"\xed\xa0\xbd"), f"5:9: byte 0xed {UTF8}"),
    "UTF-16 with a mark": (SUITE.decode().encode("utf-16-le"), f"1:1: {UTF16}"),
    "UTF-16": (b"\xff\xfe" + SUITE.decode().encode("utf-16-le"), f"1:1: byte 0xff {UTF8}"),
    "UTF-16, the other way round": (SUITE.decode().encode("utf-16-be"), f"1:1: {UTF16}"),
    "UTF-32": (SUITE.decode().encode("utf-32"), f"1:1: byte 0xff {UTF8}"),
    "a NUL": (with_value(b"housing", b"hou\0sing"), f"5:12: {BINARY}"),
    "a NUL at the end": (SUITE + b"\0", f"37:1: {BINARY}"),
    "an image": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", f"3:1: {BINARY}"),
    "a packed suite": (gzip.compress(SUITE, mtime=0), f"1:4: {BINARY}"),
    "a PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", f"2:2: byte 0xe2 {UTF8}"),
    "a bomb": (bomb(), f"1:5: {ANCHOR}"),
    "a suite with a bomb": (SUITE + bomb(), f"37:5: {ANCHOR}"),
    "a bomb of mergers": (
        SUITE + b"x: &x {a: 1}\ny: {<<: *x}\n",
        "37:4: the anchor '&x' is not allowed here; write the value where it is used",
    ),
    "an alias as a key": (b"*a : x\n", "1:1: the alias '*a' is not allowed here; write the value out"),
    "ten million letters in a line": (b"title: " + b"x" * 10_000_000, LARGE),
    "ten million lines": (b"\n" * 10_000_000, LARGE),
    "a line that is just read": (
        with_value(b"axes:", b"design: " + b"x" * 900_000 + b"\naxes:"),
        f"8:9: 'design' is '{'x' * 57}…'; allowed: paired, groups, ranking",
    ),
    "a slot of a million letters": (with_value(b"$name of", b"$" + b"x" * 900_000 + b" of"), "26:11: template…"),
    "a metric of a million letters": (with_value(b"flip_rate]", b"x" * 900_000 + b"]"), "32:27: unknown…"),
    "an axis of a million letters": (with_value(b"couple.yaml]", b"x" * 900_000 + b"]"), "8:32: unknown axis…"),
    "a value of many letters twice": (
        with_value(b"[Leeds, York]", b"[York, " + b"x" * 400_000 + b", " + b"x" * 400_000 + b"]"),
        "19:400018: the value…",
    ),
    "a key of a million letters": (with_value(b"domain:", b"x" * 900_000 + b":"), "5:900001: not YAML: while…"),
    "a tag of a million letters": (b"!" * 900_000, "1:1: 900000 characters without a space follow a '!' here"),
    "an anchor of a million letters": (b"a: &" + b"x" * 900_000 + b" b", "1:4: the anchor…"),
    "a directive of a million letters": (b"%" * 900_000, "1:2: not YAML: while scanning a directive…"),
    "too many lines": (
        b"# x\n" * 230_000,
        f"{MAX_LINES + 1}:1: the file has 230001 lines; at most {MAX_LINES} are read",
    ),
    "too many values": (b"x: [" + b"1," * 450_000 + b"]", f"1:59999: {MANY}"),
    "too many keys": (b"".join(b"k%d: 1\n" % i for i in range(60_000)), f"15000:9: {MANY}"),
    "lists in lists": (b"a: " + b"[" * 900_000, f"1:23: {DEEP}"),
    "lists in lists, in lines": (b"- " * 400_000, f"1:41: {DEEP}"),
    "mappings in mappings": (b"".join(b" " * i + b"a:\n" for i in range(1200)), f"21:21: {DEEP}"),
    "mappings as keys": (b"a: " + b"{" * 900_000, "1:5: a key is a mapping; keys are words"),
    "keys of keys": (b"? " * 400_000, "1:3: a key is a mapping; keys are words"),
    "many documents": (b"---\n" * 90_000, f"2:1: {SECOND}"),
    "two documents": (SUITE + b"---\n" + SUITE, f"37:1: {SECOND}"),
    "tabs": (b"\t" * 900_000, f"1:1: {TAB}"),
}  # fmt: skip


@pytest.mark.parametrize("name", RAW)
def test_what_is_no_suite_at_all_is_told_in_one_sentence(name: str, folder: Path) -> None:
    data, wanted = RAW[name]
    path = folder / "suite.yaml"
    path.write_bytes(data)
    got = sentence(folder, path)
    assert same(got, wanted) or same(got.removeprefix("suite.yaml:"), wanted), got


@pytest.mark.parametrize(
    "name", ["nothing", "a NUL", "latin-1", "a bomb", "UTF-16", "a list", "too many lines"]
)
def test_the_same_holds_for_an_axis(name: str, folder: Path) -> None:
    (folder / "home.yaml").write_bytes(RAW[name][0])
    got = sentence(folder, folder / "suite.yaml")
    assert got.startswith("home.yaml:") and "a suite file" not in got


def test_a_suite_is_no_axis(folder: Path) -> None:
    shutil.copy(folder / "suite.yaml", folder / "home.yaml")
    got = sentence(folder, folder / "suite.yaml")
    assert got == "home.yaml:1:1: this is a suite file; expected an axis file, which begins 'axis: 1'"


# ------------------------------------------------------------------- paths


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    assert sentence(folder, folder / "none.yaml") == "none.yaml: there is no such suite file"
    assert sentence(folder, folder / "suite.yaml" / "x.yaml").endswith("there is no such suite file")


def test_a_folder_is_no_suite(folder: Path) -> None:
    path = folder / "folder.yaml"
    assert sentence(folder, path) == "folder.yaml: this is not a file; expected a suite file (YAML)"


def test_a_name_that_is_too_long_or_no_name_is_told(folder: Path) -> None:
    assert sentence(folder, folder / f"{'x' * 300}.yaml").endswith("cannot be read (File name too long)")
    assert sentence(folder, Path("a\0b.yaml")) == "a\0b.yaml: there is no such suite file"
    assert sentence(folder, folder / "hirng").startswith("unknown suite")


def test_a_file_that_may_not_be_read_is_told(folder: Path) -> None:
    path = folder / "suite.yaml"
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read every file")
    told = command("check", path)
    assert (told.code, told.err) == (2, f"audit: {path}: cannot be read (Permission denied)\n")


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="needs a file whose reading fails")
def test_a_file_whose_reading_fails_is_told(folder: Path) -> None:
    (folder / "memory.yaml").symlink_to("/proc/self/mem")
    told = command("check", folder / "memory.yaml")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "memory.yaml: cannot be read (Input/output error)" in told.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_suite_and_nobody_waits_for_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    told = command("check", folder / "pipe.yaml")
    assert (told.code, "this is not a file" in told.err) == (2, True)


def test_a_link_to_itself_is_no_suite(folder: Path) -> None:
    (folder / "loop.yaml").symlink_to(folder / "loop.yaml")
    told = command("check", folder / "loop.yaml")
    assert (told.code, told.err.count("\n")) == (2, 1)


def test_several_broken_suites_are_told_at_once(folder: Path) -> None:
    told = command("check", folder / "none.yaml", folder / "folder.yaml", "hirng")
    assert (told.code, told.out, len(told.err.splitlines())) == (2, "", 3)


# ------------------------------------------------------- what is no mistake

GOOD: dict[str, Callable[[bytes], bytes]] = {
    "line ends of Windows": lambda data: data.replace(b"\n", b"\r\n"),
    "line ends of old": lambda data: data.replace(b"\n", b"\r"),
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "YAML 1.2": lambda data: b"%YAML 1.2\n---\n" + data + b"...\n",
    "no line end at the end": lambda data: data.rstrip(),
    "a tab within a text": lambda data: data.replace(b"What landlords do.", b'"What\\tlandlords do."'),
    "signs of all kinds": lambda data: data.replace(b"housing", "“Wohnen” 住宅 🏠 घर".encode()),
    "a word of a language without spaces": lambda data: data.replace(b"housing", "住".encode() * 50_000),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_no_mistake_is_read(name: str, folder: Path) -> None:
    path = folder / "suite.yaml"
    path.write_bytes(GOOD[name](SUITE))
    assert command("check", path).code == 0


def test_no_is_a_word_a_country_and_a_language(folder: Path) -> None:
    path = folder / "home.yaml"
    text = path.read_text(encoding="utf-8")
    text = text.replace("a villa, a town house, a manor", "no, yes, on").replace("  upper:", "  no:")
    path.write_text(text.replace("language: en", "language: no"), encoding="utf-8")
    axis = load_axis("home.yaml", beside=folder)
    assert list(axis.groups) == ["lower", "no"]
    assert axis.language == "no"
    assert axis.groups["no"].terms["address"] == ("no", "yes", "on")
    suite: Any = load_suite(folder / "suite.yaml")
    assert suite.axes == ("people", "home", "couple")


def test_the_limits_of_a_file_are_those_of_the_docs() -> None:
    page = (Path(__file__).parent.parent / "docs" / "suites.md").read_text(encoding="utf-8")
    words = (
        f"{MAX_BYTES / 1e6:.0f} MB, {MAX_LINES:,} lines and {MAX_VALUES:,} values, {MAX_DEPTH} levels deep"
    )
    assert words in page


def test_a_file_may_be_as_large_as_the_limit(folder: Path) -> None:
    path = folder / "suite.yaml"
    filler = b"# " + b"x" * 78 + b"\n"
    data = SUITE + filler * ((MAX_BYTES - len(SUITE)) // len(filler))
    path.write_bytes(data)
    assert command("check", path).code == 0
