from __future__ import annotations

import gc
import sys
from types import ModuleType

import pytest

from audit.machine import LIBRARIES, SELDOM, WHERE_USED, seldom_collected, versions


def test_versions_of_optional_libraries_are_told_where_they_were_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in WHERE_USED:
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert set(versions()) == {"python", *LIBRARIES}
    monkeypatch.setitem(sys.modules, "peft", ModuleType("peft"))
    monkeypatch.setitem(sys.modules, "sentence_transformers", ModuleType("sentence_transformers"))
    assert set(versions()) == {"python", *LIBRARIES, "peft", "sentence-transformers"}
    assert versions()["peft"] not in ("", "not installed")


def test_garbage_is_looked_for_less_often_inside_and_as_before_outside() -> None:
    before = gc.get_threshold()
    with pytest.raises(KeyError), seldom_collected():
        assert gc.get_threshold() == SELDOM and gc.isenabled()
        raise KeyError
    assert gc.get_threshold() == before
