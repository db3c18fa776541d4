"""Texts of models and suites made harmless: to read, and to stand in other people's formats."""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_MARKDOWN = re.compile(
    r"[@#](?=\w)|[&<>|`*_~\[\]()\\!$]|(?<=:)//|(?<=\bwww)\.|^[-+=]|(?<=^\d)[.)](?= )|^#+", re.I
)
WORD_JOINER = "&#8288;"
"""Has no width: keeps a hosting service from making `@name` a person who is called, and `#7` a link to an issue."""


def visible(text: str) -> str:
    """`text` with control characters, direction overrides and lone surrogates as escapes that can be read.

    What is left is allowed in XML.
    """
    return _HIDDEN.sub(lambda found: _escape(found.group()), text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def whole_characters(text: str) -> str:
    """`text` as every file and encoding takes it: halves of a character joined, a half alone as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def markdown(text: str, *, longest: int = 0) -> str:
    """`text` on one line as it would read if Markdown and HTML were nothing; cut after `longest` characters, if any."""
    line = " ".join(visible(text).split())
    if longest and len(line) > longest:
        line = line[: longest - 1].rstrip() + "…"
    return _MARKDOWN.sub(lambda found: _entities(found.group()), line)


def _entities(text: str) -> str:
    """Characters that a reader of Markdown takes for themselves."""
    named = "".join(f"&#{ord(character)};" for character in text)
    return named + WORD_JOINER if text in ("@", "#") else named
