"""Where the studies put their results: docs/validity.md, between the two markers of each."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "validity.md"


def put(name: str, text: str, *, page: Path = PAGE) -> None:
    """`text` in place of what stands between `<!-- NAME -->` and `<!-- end of NAME -->`."""
    old = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    assert old.count(begin) == old.count(end) == 1, f"{page} lacks the markers of '{name}'"
    new = re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n\n{text}\n\n{end}", old, flags=re.S)
    page.write_text(new, encoding="utf-8")
