"""Explanations by gradients within an audit, and the untrained copy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny_models
from small_suites import TEXT, write_suite

from audit.job import prepare
from audit.pipeline import Results, compute

METHODS = "[shap, integrated_gradients, gradient_x_input, saliency]"


def audited(folder: Path, model: str, *, methods: str = METHODS, random: int = 1) -> Results:
    wanted = f"explain: {{largest: 1, random: {random}, methods: {methods}}}"
    short = TEXT.replace("explain: {largest: 0, random: 0}", wanted).replace(
        "names_per_group: 4", "names_per_group: 2"
    )
    return compute(prepare(str(write_suite(folder, short)), model=model))


@pytest.fixture(scope="module")
def screening(tmp_path_factory: pytest.TempPathFactory) -> Results:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("screening")
        patch.setenv("AUDIT_CACHE", str(folder / "cache"))
        return audited(folder, "reference:screening-v1", random=2)


def inner(results: Results) -> pd.DataFrame:
    rows = results.tables["attributions"]
    return rows[rows["game"] == "gradient"]


def quality(results: Results, criterion: str) -> pd.DataFrame:
    rows = results.tables["quality"]
    return rows[(rows["criterion"] == criterion) & (rows["game"] == "gradient")]


def test_every_explained_prompt_has_credits_of_every_method(screening: Results) -> None:
    every = screening.tables["attributions"]
    rows = inner(screening)
    removal = every[(every["game"] == "removal") & (every["method"] == "shap")]
    for method in ("integrated_gradients", "gradient_x_input", "saliency"):
        mine = rows[(rows["method"] == method) & (rows["side"] != "pair")]
        keys = ["pair_id", "side", "player", "text_a", "text_b", "spans", "slot"]
        assert len(mine) == len(removal)
        assert len(mine.merge(removal, on=keys)) == len(removal)
        assert mine["value"].notna().all()
        assert set(mine["operator"]) == {"mask embedding"}


def test_credits_add_up_to_the_scores_that_were_collected(screening: Results) -> None:
    rows = inner(screening)
    whole = rows[rows["method"] == "integrated_gradients"]
    scores = screening.tables["scores"]
    known = scores[(scores["metric"] == "choice_logit") & (scores["arm"] == "swap")].drop_duplicates(
        "prompt_id"
    )
    collected = known.set_index("prompt_id")["value"]
    for _, one in whole.groupby("attribution_id"):
        end = one["base_value"].iloc[0] + one["value"].sum()
        assert end == pytest.approx(collected[one["prompt_id"].iloc[0]], abs=1e-4)
        assert one["total"].iloc[0] == pytest.approx(one["value"].sum(), abs=1e-4)
    assert quality(screening, "completeness")["met"].all()
    assert quality(screening, "score")["met"].all()
    assert (quality(screening, "score")["value"] <= 1e-5).all()


def test_a_pair_of_equal_length_adds_up_to_its_delta(screening: Results) -> None:
    rows = inner(screening)
    pairs = rows[(rows["method"] == "integrated_gradients") & (rows["side"] == "pair")]
    assert len(pairs)
    table = screening.tables["deltas"]
    deltas = table[table["metric"] == "choice_logit"].set_index("pair_id")["delta"]
    known = 0
    for pair_id, one in pairs.groupby("pair_id"):
        if one["value"].isna().all():
            assert "number of tokens" in one["reason"].iloc[0]
            continue
        known += 1
        assert set(one["operator"]) == {"counterpart"}
        assert one["value"].sum() == pytest.approx(deltas[pair_id], abs=1e-4)
        assert one["base_value"].iloc[0] + deltas[pair_id] == pytest.approx(
            one["base_value"].iloc[0] + one["total"].iloc[0], abs=1e-5
        )
    assert known


def test_methods_without_a_bar_of_their_own_are_set_beside_shap(screening: Results) -> None:
    rows = quality(screening, "agreement")
    whole = rows[rows["method"] == "integrated_gradients"]
    assert whole["value"].mean() > 0.6
    assert not rows["applies"].any()
    assert rows.loc[rows["method"] == "saliency", "note"].str.contains("sizes of shap").all()


def test_an_untrained_copy_ranks_the_words_otherwise(screening: Results) -> None:
    rows = screening.tables["quality"]
    (row,) = rows[rows["criterion"] == "randomisation"].to_dict("records")
    assert (row["attribution_id"], row["method"], row["bar"]) == ("*", "shap", 0.5)
    assert row["applies"]
    assert abs(row["value"]) <= 1
    assert row["met"] == (abs(row["value"]) <= 0.5)
    assert "6 of 6 games" in row["note"]


def test_answers_of_the_untrained_copy_are_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIT_CACHE", str(tmp_path / "cache"))
    results = [audited(tmp_path, "reference:screening-v1", methods="[shap]") for _ in range(2)]
    first, second = (one.tables["scores"].sort_values(["metric", "prompt_id", "arm"]) for one in results)
    np.testing.assert_array_equal(first["value"], second["value"])
    rows = [one.tables["quality"].set_index("criterion").loc[["randomisation"], "value"] for one in results]
    assert rows[0].iloc[0] == rows[1].iloc[0]
    assert results[1].asked == 0


def test_a_causal_model_is_explained_after_its_question(tmp_path: Path) -> None:
    folder = tiny_models.causal(tmp_path / "m", "LlamaForCausalLM")
    found = audited(tmp_path, f"hf:{folder}", methods="[shap, integrated_gradients]")
    rows = inner(found)
    sides = rows[rows["side"] != "pair"]
    assert sides["value"].notna().all()
    assert quality(found, "score")["met"].all()
    met = quality(found, "completeness")
    assert met["met"].mean() > 0.7
    missed = rows[rows["attribution_id"].isin(met.loc[~met["met"], "attribution_id"])]
    assert not missed["reliable"].any()


ANSWERS = """\
def invited(texts):
    chances = [0.1 + len(text) % 7 / 10 for text in texts]
    return [{"invite": chance, "reject": 1 - chance} for chance in chances]
"""


def test_what_does_not_open_is_a_row_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unopened.py").write_text(ANSWERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "model.yaml"
    file.write_text(
        "model: 1\nkind: callable\nname: unopened:invited\ngives: scores\nlabels: [invite, reject]\n"
    )
    found = audited(tmp_path, str(file), methods="[shap, integrated_gradients, saliency]")
    rows = inner(found)
    assert set(rows["method"]) == {"integrated_gradients", "saliency"}
    assert rows["value"].isna().all()
    assert not rows["reliable"].any()
    assert rows["reason"].str.contains("only local models").all()
    (row,) = found.tables["quality"].query("criterion == 'randomisation'").to_dict("records")
    assert np.isnan(row["value"])
    assert not row["applies"]
    assert "untrained copy" in row["note"]
