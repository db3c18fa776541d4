"""Kinds of model that another installed package brings: found by its entry points, used like our own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_suites import write_suite

from audit.errors import InputError
from audit.modelfile import open_model
from audit.protocols import Chooses
from audit.records import Message, Prompt
from audit.runs import read_run

ROOT = Path(__file__).parent.parent.parent

CODE = """
from typing import Literal
from audit.records import Answer, ModelIdentity
from audit.shape import Document, Text

class Coin:
    deterministic = True

    def __init__(self, side):
        self.identity = ModelIdentity(kind="coin", name=side)
        self.side = side

    def choose(self, prompts, options):
        return [Answer(scores={option: -0.1 if option.strip() == self.side else -3.0 for option in options})
                for _ in prompts]

class CoinFile(Document):
    model: Literal[1]
    kind: Literal["coin"]
    name: Text
    edge: bool = False

    def open(self):
        return Coin(self.name)

NOTHING = 3
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a package with one entry point on the path, as an installer leaves it."""

    def installed(target: str) -> None:
        site = tmp_path / "site-packages"
        facts = site / "coin_for_audit-1.0.dist-info"
        facts.mkdir(parents=True)
        (site / "coin_for_audit.py").write_text(CODE)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: coin-for-audit\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[audit.backends]\ncoin = {target}\n")
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, "coin_for_audit", raising=False)
        importlib.invalidate_caches()

    return installed


def test_a_kind_of_another_package_opens_by_name_and_by_model_file(
    install: Callable[[str], None], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="unknown kind of model 'coin'"):
        open_model("coin:Yes")
    install("coin_for_audit:CoinFile")
    named = open_model("coin:Yes")
    assert isinstance(named, Chooses)
    asked = [Prompt(messages=(Message(role="text", text="Heads?"),))]
    assert named.choose(asked, [" Yes", " No"])[0].scores == {" Yes": -0.1, " No": -3.0}
    file = tmp_path / "coin.yaml"
    file.write_text("model: 1\nkind: coin\nname: Yes\nedge: true\n")
    assert open_model(str(file)).identity.kind == "coin"
    file.write_text("model: 1\nkind: coin\nname: Yes\negde: true\n")
    with pytest.raises(InputError, match="unknown key 'egde'; did you mean 'edge'"):
        open_model(str(file))


def test_a_kind_of_another_package_is_among_the_known_ones(install: Callable[[str], None]) -> None:
    install("coin_for_audit:CoinFile")
    with pytest.raises(InputError, match="unknown kind of model 'coins'; did you mean 'coin'"):
        open_model("coins:Yes")


@pytest.mark.parametrize("target, message", [
    ("coin_for_audit:NOTHING", "the back end 'coin' of another package is no model file schema"),
    ("coin_for_audit:Nowhere", "the back end 'coin' of another package cannot be loaded: .*Nowhere"),
    ("no_such_package:CoinFile", "the back end 'coin' of another package cannot be loaded: No module named"),
])  # fmt: skip
def test_a_package_that_brings_something_else_is_told_in_one_sentence(
    target: str, message: str, install: Callable[[str], None]
) -> None:
    install(target)
    with pytest.raises(InputError, match=message):
        open_model("coin:Yes")


PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "coin-for-audit"
version = "1.0"

[project.entry-points."audit.backends"]
coin = "coin_for_audit:CoinFile"

[tool.hatch.build.targets.wheel]
include = ["coin_for_audit.py"]
"""


def test_a_package_that_pip_installed_brings_a_kind_that_whole_runs_use(tmp_path: Path) -> None:
    project, site = tmp_path / "project", tmp_path / "site-packages"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "coin_for_audit.py").write_text(CODE)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index",
         "--target", str(site), str(project)],
        check=True, capture_output=True,
    )  # fmt: skip
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    environment = {**os.environ, "PYTHONPATH": path, "AUDIT_CACHE": str(tmp_path / "cache")}

    def audit(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "audit", *words],
            capture_output=True, text=True, cwd=ROOT, check=False, env=environment,
        )  # fmt: skip

    suite = str(write_suite(tmp_path))
    ended = audit("run", suite, "--model", "coin:Yes", "-o", str(tmp_path / "out"))
    assert ended.returncode == 0, ended.stderr
    run = read_run(next((tmp_path / "out").iterdir()))
    assert run.manifest["model"]["kind"] == "coin" and run.manifest["model"]["name"] == "Yes"
    assert run.manifest["complete"] is True and not (run.responses["error"] != "").any()
    effect = run.effects[run.effects["metric"] == "choice_logit"]["estimate"]
    assert (
        len(effect) and (effect == 0).all()
    )  # a coin that always falls on the same side tells no groups apart
    wrong = audit("run", suite, "--model", "coins:Yes", "-o", str(tmp_path / "out"))
    assert wrong.returncode == 2 and "did you mean 'coin'" in wrong.stderr and "Traceback" not in wrong.stderr
