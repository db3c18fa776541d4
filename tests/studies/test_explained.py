"""Whether explanations put the words on top that are known to be responsible, and find none where nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import validity
from explained import MODELS, REFERENCE, Explained, Function, explained, make, table

from audit.job import Job, prepare
from audit.modelfile import open_model

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "explanations.md"
TRAINED = ROOT / "build" / "explained"
"""Where trained models are kept, so that a study that was stopped goes on."""
FEW = 3
MANY = 40


@pytest.fixture(scope="module")
def job() -> Job:
    """The hiring suite, expanded once for every model that is asked."""
    return prepare("hiring", model="reference:screening-v1")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))


def missed(found: Mapping[str, Explained]) -> list[str]:
    """The bars of the design that a model misses, in words."""
    bars = [
        (f"{name}: {what} {value:.1%}, at least {least:.0%}", value >= least)
        for name, one in found.items()
        if one.planted.terms
        for what, value, least in (
            ("swap", one.swap, 0.95),
            ("gap", one.gap, 0.95),
            ("removal", one.removal, 0.85),
        )
        if value == value
    ]
    share = found["twin"].group_share
    bars.append((f"twin: the group has {share:.2%} of all credit, at most 1 %", share <= 0.01))
    return [words for words, met in bars if not met]


def test_explanations_find_what_is_planted_in_a_function(job: Job) -> None:
    found = {name: explained(job, MODELS[name], backend=Function(name), pairs=FEW) for name in MODELS}
    print("\n" + table(found, found))
    assert not missed(found)
    assert all(one.pairs == FEW for one in found.values())
    assert found["twin"].group_share <= 1e-9
    planted = [one.deltas for one in found.values() if one.planted.terms]
    assert all((deltas <= -2.3).all() for deltas in planted)


def test_explanations_find_what_is_planted_in_a_reference_model(job: Job) -> None:
    found = explained(job, REFERENCE, backend=job.backend, pairs=FEW)
    assert (found.swap, found.gap, found.removal) == (1.0, 1.0, 1.0)
    assert (found.deltas < -1.2).all()


@pytest.mark.slow
def test_explanations_find_it_in_many_pairs(job: Job) -> None:
    found = {name: explained(job, MODELS[name], backend=Function(name), pairs=MANY) for name in MODELS}
    _kept("planted function", table(found, found))
    assert not missed(found)


@pytest.mark.slow
def test_explanations_find_what_networks_have_learned(job: Job) -> None:
    truth = {name: explained(job, MODELS[name], backend=Function(name), pairs=MANY) for name in MODELS}
    found = {
        name: explained(job, MODELS[name], backend=open_model(f"hf:{make(TRAINED, name)}"), pairs=MANY)
        for name in MODELS
    }
    _kept("planted explanations", table(found, truth))
    assert not missed(found)


def _kept(name: str, text: str) -> None:
    print("\n" + text)
    validity.put(name, f"Made on {datetime.now(UTC).date()}.\n\n{text}", page=PAGE)
