"""A rendered report as a tree, for tests to walk on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import tinyhtml5

SVG = "{http://www.w3.org/2000/svg}"


def parsed(html: str) -> Any:
    """The document as a browser would build it."""
    return tinyhtml5.parse(html, namespace_html_elements=False)


def tag(element: Any) -> str:
    """The element's name without a namespace."""
    return str(element.tag).rpartition("}")[2]


def texts(element: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every piece of text with the elements around it, outermost first."""
    if not isinstance(element.tag, str) or tag(element) in ("style", "head"):
        return
    around = (*above, element)
    if element.text:
        yield element.text, around
    for child in element:
        yield from texts(child, around)
        if child.tail:
            yield child.tail, around


def words(element: Any) -> str:
    """All text of an element with single spaces."""
    return re.sub(r"\s+", " ", " ".join(text for text, _ in texts(element))).strip()


def all_of(root: Any, name: str) -> list[Any]:
    """Every element of that name, SVG included, in document order."""
    return [element for element in root.iter() if isinstance(element.tag, str) and tag(element) == name]
