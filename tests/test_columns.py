from __future__ import annotations

import json
import math

import numpy as np
import pytest

from audit import columns
from audit.columns import columns_of


def test_answers_have_a_column_for_each_label_and_nothing_where_they_lack_it() -> None:
    labels, table = columns_of(['{"no": -2.0, "yes": -1.0}', "", '{"perhaps": -3.0}'])
    assert labels == ("no", "perhaps", "yes")
    np.testing.assert_array_equal(table, [[-2.0, np.nan, -1.0], [np.nan] * 3, [np.nan, -3.0, np.nan]])


def test_without_scores_there_are_no_columns() -> None:
    labels, table = columns_of(["", ""])
    assert labels == () and table.shape == (2, 0)
    assert columns_of([])[1].shape == (0, 0)


def test_many_labels_give_the_same_table_as_few() -> None:
    random = np.random.default_rng(1)
    rows = [
        {f"t{n:03d}": float(random.normal()) for n in random.choice(200, 9, replace=False)} for _ in range(40)
    ]
    labels, table = columns_of([json.dumps(row) for row in rows])
    assert len(labels) > columns.FEW
    for row, values in zip(rows, table, strict=True):
        known = {label: value for label, value in zip(labels, values, strict=True) if not np.isnan(value)}
        assert known == row


def test_too_many_labels_are_put_together_with_the_rest_and_no_probability_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(columns, "MOST_NUMBERS", 0)
    monkeypatch.setattr(columns, "FEW", 4)
    rows = [
        {"a": math.log(0.4), "b": math.log(0.3), f"own{n}": math.log(0.1), "": math.log(0.2)}
        for n in range(9)
    ]
    labels, table = columns_of([json.dumps(row) for row in rows])
    assert labels == ("", "a", "b")
    np.testing.assert_allclose(np.exp(table), [[0.3, 0.4, 0.3]] * 9)
