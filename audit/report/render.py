"""A run as one HTML page: no script, nothing fetched, every text escaped. The same run gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, cast

from audit import catalogue
from audit.errors import InputError
from audit.harmless import visible
from audit.protocols import Section
from audit.records import Run
from audit.report import SECTIONS, facts, numbers
from audit.report.wording import VERDICT_SYMBOLS, VERDICT_WORDS
from audit.report.worked import worked

if TYPE_CHECKING:
    from jinja2 import Environment

ALL_WORDS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A rendered section."""

    name: str
    title: str
    html: str


def render(run: Run) -> str:
    """The whole report as one HTML document."""
    from markupsafe import Markup

    made = environment()
    style = Markup((catalogue.shipped("templates") / "style.css").read_text(encoding="utf-8"))
    parts = [part for name in SECTIONS if (part := _part(made, run, name)) is not None]
    return made.get_template("report.html.j2").render(
        parts=parts,
        style=style,
        language="en",
        model=numbers.exact(facts.model_name(run), "model", "name"),
        suite=numbers.exact(facts.text(run.suite, "title"), "suite", "title"),
        root=numbers.exact(facts.text(run.manifest, "root"), "manifest", "root"),
        finished=facts.text(run.manifest, "finished_at"),
        version=facts.text(run.plan, "audit_version"),
        folder=PurePath(run.folder).name,
        complete=facts.complete(run),
        cues=facts.only_cues(run),
    )


def render_pair(run: Run, pair_id: str) -> str:
    """One explained pair as an HTML document, with all of its words; InputError where the run does not explain it."""
    from markupsafe import Markup

    pair = worked(run, pair_id, most_words=ALL_WORDS)
    if pair is None:
        raise InputError(f"{pair_id}: this run has no explanation of a pair with that id")
    style = Markup((catalogue.shipped("templates") / "style.css").read_text(encoding="utf-8"))
    return (
        environment()
        .get_template("pair.html.j2")
        .render(
            pair=pair,
            style=style,
            language="en",
            model=numbers.exact(facts.model_name(run), "model", "name"),
            suite=numbers.exact(facts.text(run.suite, "title"), "suite", "title"),
            root=numbers.exact(facts.text(run.manifest, "root"), "manifest", "root"),
        )
    )


def _part(made: Environment, run: Run, name: str) -> Part | None:
    from markupsafe import Markup

    context = cast(Section, catalogue.load(SECTIONS, "sections", name))(run)
    if not context:
        return None
    html = made.get_template(f"sections/{name}.html.j2").render(context)
    return Part(name=name, title=str(context["title"]), html=Markup(html))


def environment() -> Environment:
    """Templates that escape every text and know no missing value."""
    return _environment(catalogue.shipped("templates"))


@cache
def _environment(folder: Path) -> Environment:
    """The templates of a folder; each is compiled once."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(_globals())
    return made


def _globals() -> Mapping[str, object]:
    return {
        "VERDICT_WORDS": VERDICT_WORDS,
        "VERDICT_SYMBOLS": VERDICT_SYMBOLS,
        "SHA": numbers.exact("SHA-256", "constant", "digest"),
    }


def _finalize(value: object) -> object:
    """Hidden characters of every printed text become visible; what templates made themselves stays."""
    return visible(value) if type(value) is str else value
