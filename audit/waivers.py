"""Waivers: which findings somebody answers for, why, and until which day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel

from audit.records import Change, Waiver
from audit.shape import Day, Document, Text, Version, finished, fit
from audit.yamlfile import read_yaml


class WaiverEntry(BaseModel, extra="forbid", frozen=True, use_attribute_docstrings=True):
    """One waiver."""

    finding: Text
    """Effect id, or metric/axis/stratum/group a/group b, where `*` stands for anything."""
    owner: Text
    """Who answers for it."""
    reason: Text
    """Why it may pass."""
    expires: Day
    """Last day on which it holds."""


class WaiverFile(Document):
    """A file of waivers."""

    waivers: Version
    """Version of this format."""
    findings: tuple[WaiverEntry, ...]
    """The waivers."""


def load_waivers(path: Path) -> tuple[Waiver, ...]:
    """The waivers of a file; InputError lists every mistake with its place."""
    file = read_yaml(path, what="waivers")
    entries = finished(fit(WaiverFile, file), file).findings
    return tuple(
        Waiver(finding=one.finding, owner=one.owner, reason=one.reason, expires=one.expires.isoformat())
        for one in entries
    )


def selector(change: Change) -> str:
    """The readable name of an effect: metric/axis/stratum/group a/group b."""
    return "/".join((change.metric, change.axis, change.stratum, change.group_a, change.group_b))


def matched(waivers: Iterable[Waiver], changes: Iterable[Change], *, today: date) -> tuple[Waiver, ...]:
    """The waivers with the effects that each means, and what is wrong with those that do not hold on `today` (UTC)."""
    named = {change.effect_id: selector(change) for change in changes}
    return tuple(_matched(one, named, today) for one in waivers)


def _matched(waiver: Waiver, named: Mapping[str, str], today: date) -> Waiver:
    ids = tuple(
        effect
        for effect, name in named.items()
        if waiver.finding == effect or fnmatchcase(name, waiver.finding)
    )
    problem = ""
    if not ids:
        problem = "matches no decision effect"
    elif date.fromisoformat(waiver.expires) < today:
        problem = f"expired on {waiver.expires}"
    return replace(waiver, effect_ids=ids, problem=problem)
