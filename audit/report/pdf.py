"""The HTML report as a tagged PDF/A-3a with its data attached. Nothing is fetched; same input, same bytes."""

from __future__ import annotations

import html as html_escapes
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit.disk import whole
from audit.errors import AuditError
from audit.machine import seldom_collected

MISSING_PANGO = (
    "the PDF needs the Pango library: install it with `apt install libpango-1.0-0 libpangoft2-1.0-0` (Debian, Ubuntu), "
    "`dnf install pango` (Fedora) or `brew install pango` (macOS); the HTML report does not need it"
)
_NO_GLYPH = re.compile(r"\.notdef glyph .*\(U\+([0-9A-F]+)\)", re.DOTALL)
ROUNDS = 4
"""How often characters without a glyph are replaced before giving up."""


def write_pdf(html: str, path: Path, *, made_at: datetime, attachments: Mapping[str, bytes]) -> None:
    """Write `html` to `path`; AuditError where a resource is asked for, a warning is logged, or Pango is missing."""
    weasyprint = _weasyprint()
    text = html
    for _ in range(ROUNDS):
        content, messages = _printed(weasyprint, text, made_at, attachments)
        missing = {int(found[1], 16) for message in messages if (found := _NO_GLYPH.search(message))}
        if not missing:
            break
        text = _spelled_out(text, missing)
    if messages:
        raise AuditError(
            "the PDF could not be made without loss: " + "; ".join(dict.fromkeys(messages))[:2000]
        )
    with whole(path) as waiting:
        waiting.write_bytes(content)


def _weasyprint() -> Any:
    try:
        import weasyprint
    except OSError as error:
        raise AuditError(MISSING_PANGO) from error
    return weasyprint


def _printed(
    weasyprint: Any, html: str, made_at: datetime, attachments: Mapping[str, bytes]
) -> tuple[bytes, list[str]]:
    """The PDF's bytes, and what WeasyPrint had to complain about."""
    moment = made_at.astimezone(UTC).replace(microsecond=0)
    with _epoch(moment), _messages() as messages, seldom_collected():
        content = _bytes(weasyprint, html, moment, attachments)
    return content, messages


def _bytes(weasyprint: Any, html: str, moment: datetime, attachments: Mapping[str, bytes]) -> bytes:
    from weasyprint.urls import FatalURLFetchingError

    files = [
        weasyprint.Attachment(
            string=content, name=name, description=name, relationship="Data", created=moment, modified=moment
        )
        for name, content in sorted(attachments.items())
    ]
    try:
        document = weasyprint.HTML(string=html, url_fetcher=_denying(weasyprint)).render()
        document.metadata.created = document.metadata.modified = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        content: bytes = document.write_pdf(
            finisher=_finish,
            pdf_variant="pdf/a-3a",
            pdf_identifier=sha256(html.encode("utf-8", "surrogatepass")).digest()[:16],
            attachments=files,
        )
    except FatalURLFetchingError as error:
        raise AuditError(str(error)) from error
    return content


def _denying(weasyprint: Any) -> Any:
    """A fetcher that stops the rendering at the first reference to anything."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    class Denying(URLFetcher):  # type: ignore[misc]
        """Gives nothing back."""

        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
            """Never gives anything back."""
            raise FatalURLFetchingError(
                f"the report refers to {url[:200]!r}; a report never fetches anything"
            )

    return Denying()


def _finish(document: Any, pdf: Any) -> None:
    """Name every attachment once in /AF, and give every header cell its scope."""
    if "AF" in pdf.catalog:
        named = pdf.catalog["AF"]
        pdf.catalog["AF"] = type(named)(dict.fromkeys(named))
    structure = [each for each in pdf.objects if isinstance(each, dict) and each.get("Type") == "/StructElem"]
    elements: dict[Any, Any] = {getattr(each, "reference", None): each for each in structure}
    for element in elements.values():
        if element.get("S") == "/TH":
            row = elements.get(element["P"], {})
            part = elements.get(row.get("P"), {})
            element["A"]["Scope"] = "/Column" if part.get("S") == "/THead" else "/Row"


@contextmanager
def _epoch(moment: datetime) -> Iterator[None]:
    """SOURCE_DATE_EPOCH while fonts are written, so that they carry no clock time."""
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = str(int(moment.timestamp()))
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
        else:
            os.environ["SOURCE_DATE_EPOCH"] = before


class _Listener(logging.Handler):
    """Collects warnings and errors."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.messages.append(record.getMessage())


@contextmanager
def _messages() -> Iterator[list[str]]:
    """What WeasyPrint logs as a warning or an error meanwhile."""
    messages: list[str] = []
    logger, listener = logging.getLogger("weasyprint"), _Listener(messages)
    logger.addHandler(listener)
    try:
        yield messages
    finally:
        logger.removeHandler(listener)


def _spelled_out(html: str, codepoints: set[int]) -> str:
    """`html` with characters that no installed font has written as `U+…`."""
    wanted = {code: f"[U+{code:04X}]" for code in codepoints}
    entities = re.compile("|".join(f"&#{code};" for code in sorted(wanted)))
    plain = entities.sub(lambda found: html_escapes.unescape(found.group()), html)
    return plain.translate(wanted)
