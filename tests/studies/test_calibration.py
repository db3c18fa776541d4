"""The calibration study: how often simulated audits err; `make studies` runs the full form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeVar

import calibration
import chance
import numpy as np
import pytest
import validity
from calibration import Measure
from chance import BEST, Bands, Best
from end_to_end import METRICS, SHIFT, verdicts, whole_audit

Row = TypeVar("Row", Measure, Bands, Best)
Verdicts = dict[tuple[str, str, str], str]
AUDITS = 2_000
WHOLE = 50
PLANTED = [(metric, other) for metric in METRICS for other in ("blue", "green")]
QUICK = ("score, strong 20×5", "score, groups, 8 and 60 8×1", "rate, strong 20×12", "rate, templates flip 40×2",
         "rate near 0, groups 40×1", "ratio, groups 60×1")  # fmt: skip


def slack(share: float, count: int) -> float:
    """Three standard errors of a share that was counted in so many audits."""
    return 3 * float(np.sqrt(share * (1 - share) / count))


def broken(one: Measure, *, audits: int) -> list[str]:
    """The rules that a setting breaks, beyond what chance does in so many audits."""
    low, high = 0.93 - slack(0.93, audits), 0.05 + slack(0.05, audits)
    per_effect = 0.05 + slack(0.05, audits * one.effects)
    least = {
        "coverage": one.coverage, "coverage at the limit": one.coverage_limit,
        "simultaneous coverage": one.simultaneous, "simultaneous coverage at the limit": one.simultaneous_limit,
    }  # fmt: skip
    most = {
        "false beyond": (one.beyond_null, high), "false beyond at the limit": (one.beyond_limit, high),
        "false within": (one.within_limit, per_effect), "p below 0.05/m": (one.p_family, high + 0.02),
        "p below 0.05": (one.p_05, per_effect + 0.02),
    }  # fmt: skip
    power = {
        "power from zero": (one.power_zero, one.promised_zero),
        "power to call beyond": (one.power_beyond, one.promised_beyond),
    }
    at = slack(0.8, max(audits // 2, 100) * one.effects)
    return (
        [f"{one.setting}: {name} {value:.3f}" for name, value in least.items() if value < low]
        + [f"{one.setting}: {name} {value:.3f}" for name, (value, bound) in most.items() if value > bound]
        + [f"{one.setting}: {name} {is_:.3f}, promised {promised:.3f}" for name, (is_, promised) in power.items()
           if is_ < promised - 0.05 - at]
    )  # fmt: skip


def broken_band(one: Bands, *, audits: int) -> list[str]:
    """The noise band is no test of its own, but chance has to leave it as seldom as it says."""
    return (
        [f"{one.setting}: outside the band {one.outside_05:.3f}"]
        if one.outside_05 > 0.05 + slack(0.05, audits)
        else []
    )


def broken_best(one: Best, *, audits: int) -> list[str]:
    shares = {"joint": one.joint, "lowest": one.lowest}
    return [
        f"{one.setting}: {name} {value:.3f}"
        for name, value in shares.items()
        if value < 0.93 - slack(0.93, audits)
    ]


@pytest.mark.parametrize("name", QUICK)
def test_a_few_settings_keep_to_the_rules(name: str) -> None:
    number, setting = next(
        (n, s) for n, s in enumerate(calibration.settings()) if calibration.title(s) == name
    )
    assert not broken(calibration.measure(setting, audits=150, seed=number), audits=150)


def test_the_noise_band_and_the_comparison_with_the_best_keep_to_the_rules() -> None:
    band = chance.measure_band(chance.band_settings()[0], audits=150, seed=1)
    assert not broken_band(band, audits=150)
    for name, terms in list(BEST.items())[-2:]:
        best = chance.measure_best(name, audits=100, seed=1, **terms)
        assert not broken_best(best, audits=100)


def test_whole_audits_call_what_is_planted_and_nothing_else() -> None:
    assert "beyond" not in verdicts(whole_audit(1, planted=False)).values()
    _check_planted(verdicts(whole_audit(2, planted=True)))


def _check_planted(said: dict[tuple[str, str, str], str]) -> None:
    for metric in METRICS:
        assert said[metric, "blue", "red"] == said[metric, "green", "red"] == "beyond"
        assert said[metric, "blue", "green"] != "beyond"


def test_no_more_settings_than_the_study_allows() -> None:
    assert len(calibration.settings()) + len(chance.band_settings()) + len(BEST) <= 60


# ------------------------------------------------------------- the full form


@pytest.mark.slow
def test_the_full_study_keeps_to_the_rules_and_writes_its_tables() -> None:
    effects = [
        _told(calibration.measure(setting, audits=AUDITS, seed=n))
        for n, setting in enumerate(calibration.settings())
    ]
    bands = [
        _told(chance.measure_band(setting, audits=AUDITS, seed=100 + n))
        for n, setting in enumerate(chance.band_settings())
    ]
    best = [
        _told(chance.measure_best(name, audits=AUDITS, seed=200 + n, **terms))
        for n, (name, terms) in enumerate(BEST.items())
    ]
    null = [verdicts(whole_audit(n, planted=False)) for n in range(WHOLE)]
    planted = [verdicts(whole_audit(1_000 + n, planted=True)) for n in range(WHOLE)]
    validity.put("calibration", _page(effects, bands, best, _whole(null, planted)))
    wrong = [text for one in effects for text in broken(one, audits=AUDITS)]
    wrong += [text for one in bands for text in broken_band(one, audits=AUDITS)]
    wrong += [text for one in best for text in broken_best(one, audits=AUDITS)]
    assert not wrong
    assert sum("beyond" in said.values() for said in null) <= 0.05 * WHOLE + 3
    right = [said[metric, other, "red"] == "beyond" for said in planted for metric, other in PLANTED]
    assert np.mean(right) > 0.9
    assert not any(said[metric, "blue", "green"] == "beyond" for said in planted for metric in METRICS)


def _told(one: Row) -> Row:
    print(one, flush=True)
    return one


def _page(effects: Sequence[Measure], bands: Sequence[Bands], best: Sequence[Best], whole: str) -> str:
    """The part of docs/validity.md that this study makes."""
    return "\n\n".join([
        f"Made on {date.today().isoformat()}: {AUDITS:,} audits a setting, the number of a setting is its seed.",
        _table(_effect_cells(one) for one in effects),
        "The noise band: audits without a difference in which the estimate lies outside it, by its level.",
        _table(_band_cells(one) for one in bands),
        "Ratios to the best group, 95 % intervals. *naive*: the lowest ratio, as if both groups were named before.",
        _table(_best_cells(one) for one in best),
        whole,
    ])  # fmt: skip


def _band_cells(one: Bands) -> dict[str, str]:
    return {
        "setting": one.setting,
        "outside at 95 %": _share(one.outside_05),
        "outside at 1 − α/6 (0.8 %)": _share(one.outside_family),
    }


def _best_cells(one: Best) -> dict[str, str]:
    return {
        "setting": one.setting, "all ratios covered": _share(one.joint), "the lowest covered": _share(one.lowest),
        "naive": _share(one.naive), "lowest under 0.80": _share(one.under),
    }  # fmt: skip


def _effect_cells(one: Measure) -> dict[str, str]:
    return {
        "setting": one.setting, "m": str(one.effects),
        "coverage": f"{_share(one.coverage)} / {_share(one.coverage_limit)}",
        "simultaneous": f"{_share(one.simultaneous)} / {_share(one.simultaneous_limit)}",
        "p < 0.05": _share(one.p_05), "some p < 0.05/m": _share(one.p_family),
        "false `beyond`": f"{_share(one.beyond_null)} / {_share(one.beyond_limit)}",
        "false `within`": _share(one.within_limit), "`within` at 0": _share(one.within_null),
        "told from zero": _power(one.power_zero, one.promised_zero),
        "called `beyond`": _power(one.power_beyond, one.promised_beyond),
        "half-width": f"{one.half_width:.3f}",
    }  # fmt: skip


def _power(found: float, promised: float) -> str:
    return "–" if np.isnan(found) else f"{_share(found)} ({100 * promised:.0f})"


def _share(value: float) -> str:
    return f"{100 * value:.1f}"


def _table(rows: Iterable[dict[str, str]]) -> str:
    """A table in Markdown, shares in percent."""
    found = list(rows)
    lines = [list(found[0]), ["---"] * len(found[0]), *(list(row.values()) for row in found)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _whole(null: Sequence[Verdicts], planted: Sequence[Verdicts]) -> str:
    """What whole audits said, in two sentences."""
    false = sum("beyond" in said.values() for said in null)
    right = sum(said[metric, other, "red"] == "beyond" for said in planted for metric, other in PLANTED)
    wrong = sum(said[metric, "blue", "green"] == "beyond" for said in planted for metric in METRICS)
    return (
        "Whole audits, from answers to findings (60 templates, 12 names, three groups, two metrics, m = 6): "
        f"{false} of {len(null)} without a difference call anything `beyond`. With {SHIFT} log-odds planted for one "
        f"group, {right} of {len(PLANTED) * len(planted)} planted effects are called `beyond`, and {wrong} of "
        f"{len(METRICS) * len(planted)} effects between the other two groups."
    )
