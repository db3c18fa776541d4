from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_collect import asking, table

from audit import wanted
from audit.journal import Entry, Key
from audit.records import RESPONSES

if TYPE_CHECKING:
    import pandas as pd

ROWS = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers(1, 3), st.booleans()), min_size=1, max_size=12
)


def made(rows: list[tuple[str, int, bool]]) -> pd.DataFrame:
    import pandas as pd

    parts = [table([text], repeats=n, arm="again" if again else "swap") for text, n, again in rows]
    return pd.concat(parts, ignore_index=True)


def plainly(rows: list[tuple[str, int, bool]]) -> list[Key]:
    """What the rows want, row by row."""
    keys = [
        (asking(text).id, repeat)
        for text, n, again in rows
        for repeat in (range(n, 2 * n) if again else range(n))
    ]
    return list(dict.fromkeys(keys))


def answers(found: wanted.Wanted) -> pd.DataFrame:
    parts = [
        wanted.part(
            portion.keys,
            {key: Entry(text=f"{key[0]} {key[1]}", answered_at="then", tokens=3) for key in portion.keys},
        )
        for portion in found.portions()
    ]
    return found.responses(parts)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, portion=st.integers(1, 4))
def test_every_answer_is_wanted_once_and_comes_back_in_the_order_of_the_rows(
    rows: list[tuple[str, int, bool]], portion: int
) -> None:
    import pandas as pd

    whole = made(rows)
    table_in_chunks = pd.concat([whole.iloc[:portion], whole.iloc[portion:]], ignore_index=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wanted, "PORTION", portion)
        found = wanted.wanted_answers(table_in_chunks, once=False)
        got = answers(found)
        portions = list(found.portions())
    assert len(found) == len(plainly(rows))
    assert list(zip(got["prompt_id"], got["repeat"], strict=True)) == plainly(rows)
    assert got["text"].tolist() == [f"{prompt} {repeat}" for prompt, repeat in plainly(rows)]
    assert (list(got.columns), set(got["tokens"])) == (RESPONSES.names, {3})
    numbers = sorted(number for some in portions for number in some.keys.values())
    assert numbers == list(range(len(found)))
    assert [found.key(number) for number in numbers] == plainly(rows)
    assert all(found.read(n).id == found.key(n)[0] for n in numbers)


@settings(deadline=None, max_examples=30)
@given(rows=ROWS)
def test_one_answer_stands_for_every_repeat_where_a_model_is_asked_once(
    rows: list[tuple[str, int, bool]],
) -> None:
    found = wanted.wanted_answers(made(rows), once=True)
    got = answers(found)
    assert len(found) == len({prompt for prompt, _ in plainly(rows)})
    assert list(zip(got["prompt_id"], got["repeat"], strict=True)) == plainly(rows)
    assert got["text"].tolist() == [f"{prompt} 0" for prompt, _ in plainly(rows)]


def test_portions_do_not_depend_on_the_order_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "PORTION", 2)
    seen = {
        tuple(tuple(portion.ids) for portion in wanted.wanted_answers(table(order), once=True).portions())
        for order in itertools.permutations(["b", "a", "c", "aa", "d"])
    }
    assert seen == {
        tuple(tuple(asking(text).id for text in some) for some in (["a", "aa"], ["b", "c"], ["d"]))
    }


def test_no_rows_want_nothing() -> None:
    found = wanted.wanted_answers(table([]), once=False)
    assert (len(found), list(found.portions()), len(found.responses([]))) == (0, [], 0)
