from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit.modelfile import open_model
from audit.suite import load_suite

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "reports" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def code(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert not missing


def test_the_smallest_suite_of_the_docs_has_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "rental.yaml"
    path.write_text(code("docs/suites.md", "yaml")[0], encoding="utf-8")
    assert load_suite(path).id == "rental"


def test_the_model_file_of_the_readme_is_read(tmp_path: Path) -> None:
    from tiny_models import classifier

    classifier(tmp_path / "my-screener")
    (tmp_path / "screener.yaml").write_text(code("README.md", "yaml")[0], encoding="utf-8")
    backend = open_model(str(tmp_path / "screener.yaml"))
    assert set(backend.labels) == {"invite", "reject"}  # type: ignore[attr-defined]


def test_python_of_the_docs_can_be_compiled() -> None:
    for page in PAGES:
        for text in code(str(page.relative_to(ROOT)), "python"):
            compile(text, str(page), "exec")
