"""What is read as JSON is what the YAML parser reads, places included; everything else is left to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.errors import InputError
from audit.jsonnodes import json_node
from audit.yamlnodes import read_nodes

TEXTS = st.text(st.sampled_from("ab ä\U0001f642:#,-[]{}'\"\\\n\t/&*!|>%@`?0~"), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


@settings(deadline=None, max_examples=150)
@given(OBJECTS, st.sampled_from([None, 0, 1, 2]), st.booleans())
def test_it_is_what_the_yaml_parser_reads(
    content: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(content, indent=indent, ensure_ascii=ascii_only)
    found = json_node(text)
    if found is None:
        assert ascii_only or any("\n" in key for key in keys(content))
        return
    problems: list[Any] = []
    assert found == read_nodes(text, file="f", problems=problems)
    assert not problems and found.plain() == content


def keys(content: object) -> list[str]:
    if isinstance(content, dict):
        return [*content, *(key for value in content.values() for key in keys(value))]
    return [key for value in content for key in keys(value)] if isinstance(content, list) else []


@pytest.mark.parametrize("text", [
    "", "a: 1", "[1, 2]", '{"a": 1} {"b": 2}', '{"a": 1,}', "{'a': 1}", '{"a": 01}', '{"a": 1', '{"a" 1}', '{a: 1}',
    '{"a": 1, "a": 2}', '{"a": "\\u0041"}', '{"a":\t1}', '{"a": NaN}', '{"a"\n: 1}', '{1: 2}', '{"a": [1 2]}',
    '{"a": [1,]}',
    '{"a": "x\ny"}', '{"a": tru}', '{"a": "\x07"}', '{"' + "k" * 201 + '": 1}', '{"a":' * 22 + "1" + "}" * 22,
    '{"a": 1} # more', '{"a": "b" "c"}', '{"a": }', '{,}', '{"a": :}',
])  # fmt: skip
def test_what_is_no_plain_json_is_left_to_the_yaml_parser(text: str) -> None:
    assert json_node(text) is None


@pytest.mark.parametrize(
    "text", ['{"a": -0, "b": 1e3, "c": 1.50, "d": []}\n', '{ "a" : { } }\n\n', '{"a":1,"b":[{"c":"/\\/"}]}']
)
def test_numbers_and_spaces_are_read_alike(text: str) -> None:
    found, other = json_node(text), read_nodes(text, file="f", problems=[])
    assert found is not None and repr(found) == repr(other)


def test_depth_and_count_end_where_they_do_in_yaml() -> None:
    for depth in (19, 20, 21, 22):
        text = '{"a":' * depth + "1" + "}" * depth
        try:
            expected = read_nodes(text, file="f", problems=[])
        except InputError:
            expected = None
        assert json_node(text) == expected
