"""An optional tagger of parts of speech, for pronouns that the rules cannot decide."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

from audit.errors import InputError, MissingExtra


def load_tagger(name: str) -> Callable[[str], Sequence[tuple[int, int, str]]]:
    """The spaCy pipeline of that name or folder as a tagger: (start, end, tag of the Penn Treebank) of every word."""
    if importlib.util.find_spec("spacy") is None:
        raise MissingExtra("swap", "a tagger")
    import spacy

    try:
        pipeline = spacy.load(name)
    except OSError as error:
        raise InputError(
            f"there is no spaCy pipeline '{name}' here; install it with: python -m spacy download {name}"
        ) from error

    def tags(text: str) -> list[tuple[int, int, str]]:
        return [(token.idx, token.idx + len(token), token.tag_) for token in pipeline(text)]

    return tags
