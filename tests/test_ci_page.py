"""docs/ci.md: its files are read as YAML, and every `audit` command in them is one that the program knows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from audit.cli import app
from audit.exports import EXPORTERS
from audit.modelfile import open_model
from audit.suite import load_suite

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S)
FILES = {
    text.split("\n", 1)[0].removeprefix("# "): YAML(typ="safe", pure=True).load(text)
    for language, text in BLOCKS
    if language == "yaml"
}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from strings(each)
    elif isinstance(value, str):
        yield value


def commands() -> list[str]:
    """Every line of the page's files and shell blocks that starts `audit`."""
    shell = [text for language, text in BLOCKS if not language]
    lines = [line for text in (*strings(list(FILES.values())), *shell) for line in text.splitlines()]
    return list(dict.fromkeys(line.strip() for line in lines if line.strip().startswith("audit ")))


def parsed(line: str) -> dict[str, Any]:
    """What the real command line makes of a line; an error where it does not know a word of it."""
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="audit")
    words = shlex.split(line)[1:]
    while hasattr(command, "commands"):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"audit has no command {name}"
        context = found.context_class(found, info_name=name, parent=context)
        command = found
    if command.name == "check" and not words:
        words = ["hiring"]  # pre-commit adds the files
    command.parse_args(context, words)
    return dict(context.params)


def test_the_page_has_a_file_for_each_service() -> None:
    assert set(FILES) == {".github/workflows/audit.yml", ".gitlab-ci.yml", ".pre-commit-config.yaml"}
    assert len(commands()) == 7


@pytest.mark.parametrize("line", commands())
def test_every_command_is_one_that_the_program_knows(line: str) -> None:
    given = parsed(line)
    for suite in given.get("suites") or []:
        load_suite(str(ROOT / suite) if "/" in suite else suite)
    if given.get("model"):
        open_model(given["model"])
    if given.get("format"):
        assert given["format"] in EXPORTERS


def test_an_option_that_the_program_does_not_know_is_seen() -> None:
    with pytest.raises(Exception, match="No such option: --gates"):
        parsed("audit run suites/hiring.yaml --model x --gates")


def test_both_services_keep_answers_and_report_and_ask_the_gate() -> None:
    github, gitlab = FILES[".github/workflows/audit.yml"], FILES[".gitlab-ci.yml"]["audit"]
    job = github["jobs"]["audit"]
    steps = {step.get("uses", "").partition("@")[0]: step for step in job["steps"]}
    folder = job["env"]["AUDIT_CACHE"].rpartition("/")[2]
    assert steps["actions/cache"]["with"]["path"] == folder
    assert "audit-runs/" in steps["actions/upload-artifact"]["with"]["path"]
    assert (
        steps["actions/upload-artifact"]["if"]
        == "always()"
        == steps["github/codeql-action/upload-sarif"]["if"]
    )
    assert gitlab["cache"]["paths"] == [gitlab["variables"]["AUDIT_CACHE"].rpartition("/")[2]]
    assert gitlab["artifacts"]["when"] == "always"
    for text in ("\n".join(strings(github)), "\n".join(strings(gitlab))):
        assert "--gate" in text and "--baseline audit-baseline.json" in text and "-o audit-runs" in text
