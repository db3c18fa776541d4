from __future__ import annotations

import json
import random
from collections.abc import Mapping
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import planted
import planted_study
import pytest
from numpy.typing import NDArray

from audit.expand import expand
from audit.reference import card as cards
from audit.reference import truth
from audit.reference.examples import corpus, example, examples, source
from audit.reference.generator import frames, merit_of, templates, word_count
from audit.reference.scoring import FOLDER, MASK, Term, read_data, scoring
from audit.reference.studies import make_study_model, study_examples, study_models
from audit.slots import slots_of
from audit.stats import Sample, difference, interval
from audit.suite import Suite, load_axes, load_suite

if TYPE_CHECKING:
    import torch

MODELS = ("screening-v1", "screening-v2")
MEGABYTES = 3_000_000
AFFECTED = {
    "women": ["software engineer", "electrician", "data analyst"],
    "Black": ["financial adviser", "sales manager"],
}
DRAWS = 200
FEW_DRAWS = 20
FROZEN = {
    "screening-v1/config.json": "3c2b869d88d1b02f725e81cfb37bc7a6e40cc88184fccbbc9584fab1c3d2ad78",
    "screening-v1/model.safetensors": "3068195207a6506ad9162ffa22580bc449b1fd67ad6fc6d70a32e17eb1901127",
    "screening-v1/tokenizer.json": "f7c5a3fb70bf618b17b79fcf2dc3a3bc4b95d301df336c94c91f51627bfb4c6a",
    "screening-v1/tokenizer_config.json": "5a0b2e74a8d2f690659f976ca094efa7640ca9be9b8b4eac98b6c6d37bf1b377",
    "screening-v2/config.json": "3c2b869d88d1b02f725e81cfb37bc7a6e40cc88184fccbbc9584fab1c3d2ad78",
    "screening-v2/model.safetensors": "da3efe626e6730f50613a64db8eb34896dc65a6e493e27339f48bbeb34cec41b",
    "screening-v2/tokenizer.json": "f7c5a3fb70bf618b17b79fcf2dc3a3bc4b95d301df336c94c91f51627bfb4c6a",
    "screening-v2/tokenizer_config.json": "5a0b2e74a8d2f690659f976ca094efa7640ca9be9b8b4eac98b6c6d37bf1b377",
}


@cache
def card(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / name / "card.json").read_text(encoding="utf-8")))


def stated(name: str, metric: str, a: str, b: str, stratum: str = "*") -> float:
    for row in card(name)["effects"]:
        key = (row["metric"], row["stratum"], row["group_a"], row["group_b"])
        if key == (metric, stratum, a, b):
            return float(row["estimate"])
    raise LookupError((name, metric, a, b, stratum))


def planted_pairs(group: str) -> list[tuple[str, str]]:
    """Every pair that holds the planted group."""
    rows = card("screening-v1")["effects"]
    pairs = dict.fromkeys((row["group_a"], row["group_b"]) for row in rows)
    return [pair for pair in pairs if group in pair]


def against(name: str, group: str, stratum: str = "*") -> list[float]:
    """The selection rate of `group` minus that of every other group."""
    return [
        stated(name, "selection_rate", a, b, stratum) * (1 if b == group else -1)
        for a, b in planted_pairs(group)
    ]


@cache
def asked(name: str, axis: str, count: int) -> truth.Answers:
    return truth.answers(FOLDER / name, axis, count=count)


def log_odds(name: str, *texts: str) -> NDArray[np.float64]:
    return truth.log_odds(FOLDER / name, texts)


# ------------------------------------------------------------------ the folders


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_weights_and_a_tokenizer_and_nothing_that_runs(name: str) -> None:
    files = {path.name for path in (FOLDER / name).iterdir()}
    assert files == {
        "README.md", "card.json", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert sum((FOLDER / name / file).stat().st_size for file in files) <= MEGABYTES
    settings = json.loads((FOLDER / name / "config.json").read_text(encoding="utf-8"))
    assert settings["architectures"] == ["BertForSequenceClassification"]
    assert "auto_map" not in settings
    assert settings["id2label"] == {"0": "reject", "1": "invite"}


@pytest.mark.parametrize("file", FROZEN)
def test_a_released_model_is_frozen(file: str) -> None:
    assert cards.digest(FOLDER / file) == FROZEN[file]


@pytest.mark.parametrize("name", MODELS)
def test_the_card_is_about_the_weights_beside_it(name: str) -> None:
    for file, digest in card(name)["sha256"].items():
        assert cards.digest(FOLDER / name / file) == digest
    assert card(name)["parameters"] == cards.parameters(FOLDER / name)
    assert (FOLDER / name / "README.md").read_text(encoding="utf-8") == cards.as_text(card(name))


@pytest.mark.parametrize("name", MODELS)
def test_the_card_states_the_terms_that_were_planted(name: str) -> None:
    for row, term in zip(card(name)["planted"], scoring().planted[name], strict=True):
        assert (row["group"], row["elsewhere"]) == (term.group, term.elsewhere)
        assert row["occupations"] == dict(term.occupations)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("axis", truth.AXES)
def test_the_card_agrees_with_asking_the_model_again(name: str, axis: str) -> None:
    found = asked(name, axis, 60)
    for metric in truth.METRICS:
        values = found.values(metric)
        for a, b in combinations(found.groups, 2):
            deltas = (values[..., found.groups.index(b)] - values[..., found.groups.index(a)]).mean(axis=1)
            error = float(deltas.std(ddof=1)) / np.sqrt(len(deltas))
            assert abs(float(deltas.mean()) - stated(name, metric, a, b)) <= 4 * error + 0.002


def test_a_model_opens_without_a_warning_and_says_the_same_twice() -> None:
    text = "Ebony Banks applies as a nurse. Her work was outstanding."
    assert log_odds("screening-v1", text, text)[0] == pytest.approx(
        log_odds("screening-v1", text)[0], abs=1e-6
    )


# --------------------------------------------------------- the planted difference


@pytest.mark.parametrize(("group", "low", "high"), [("women", -0.32, -0.18), ("Black", -0.32, -0.18)])
def test_the_first_model_invites_the_planted_group_less_often(group: str, low: float, high: float) -> None:
    assert all(low <= effect <= high for effect in against("screening-v1", group))


@pytest.mark.parametrize("group", ["women", "Black"])
def test_the_planted_occupations_have_the_largest_differences_in_their_order(group: str) -> None:
    effects = {job: np.mean(against("screening-v1", group, job)) for job in truth.occupations()}
    ranked = sorted(effects, key=lambda job: effects[job])
    assert ranked[: len(AFFECTED[group])] == AFFECTED[group]


def test_women_are_not_invited_less_often_as_nurses() -> None:
    assert all(abs(effect) < 0.03 for effect in against("screening-v1", "women", "nurse"))


@pytest.mark.parametrize("name", MODELS)
def test_groups_without_a_planted_term_hardly_differ(name: str) -> None:
    pairs = [("men", "non-binary"), ("Asian", "Hispanic"), ("Asian", "White"), ("Hispanic", "White")]
    assert all(abs(stated(name, "selection_rate", a, b)) < 0.03 for a, b in pairs)


@pytest.mark.parametrize("group", ["women", "Black"])
def test_the_second_model_has_less_than_a_third_of_the_difference(group: str) -> None:
    for first, second in zip(against("screening-v1", group), against("screening-v2", group), strict=True):
        assert first / 3 < second <= 0


def test_name_and_pronouns_each_carry_a_part_of_the_difference() -> None:
    frame = "{} applies as a software engineer. {} answers were clear and {} test result is good."
    man, name, pronoun, woman = log_odds(
        "screening-v1",
        frame.format("Adam Collins", "His", "his"), frame.format("Emily Collins", "His", "his"),
        frame.format("Adam Collins", "Her", "her"), frame.format("Emily Collins", "Her", "her"),
    )  # fmt: skip
    assert woman < min(name, pronoun) and max(name, pronoun) < man - 0.3


def test_first_name_and_surname_each_carry_a_part_of_the_difference() -> None:
    frame = "{} applies as a financial adviser. His answers were clear and his test result is good."
    names = ("Scott Becker", "Darnell Becker", "Scott Washington", "Darnell Washington")
    neither, first, last, both = log_odds("screening-v1", *(frame.format(name) for name in names))
    assert both < min(first, last) and max(first, last) < neither - 0.2


# ------------------------------------------------------- an audit with the suite


@cache
def suite_deltas(name: str, axis: str) -> Mapping[Any, Mapping[str, NDArray[Any]]]:
    """Deltas of the hiring suite's own prompts, without its controls: pair → metric, cluster, name, stratum columns."""
    own = load_suite("hiring")
    bare = own.controls.model_copy(update={"arms": ()})
    cut: Suite = own.model_copy(update={"axes": (axis,), "intersections": (), "controls": bare})
    made = expand(cut, load_axes(own))
    texts = (
        made.prompts.drop_duplicates("prompt_id")
        .set_index("prompt_id")["messages"]
        .map(lambda m: json.loads(m)[0][1])
    )
    odds = dict(zip(texts.index, log_odds(name, *texts), strict=True))
    found = {}
    for pair, rows in made.pairs.groupby(["group_a", "group_b"]):
        a, b = (rows[side].map(odds).to_numpy(dtype=float) for side in "ab")
        found[pair] = {
            "selection_rate": (b > 0).astype(float) - (a > 0), "choice_logit": b - a,
            "cluster": rows["cluster"].astype("category").cat.codes.to_numpy(np.intp),
            "name": rows["name"].astype("category").cat.codes.to_numpy(np.intp), "stratum": rows["stratum"].to_numpy(),
        }  # fmt: skip
    return found


def bounds(
    values: NDArray[Any], cluster: NDArray[Any], name: NDArray[Any], level: float
) -> tuple[float, float]:
    sample = Sample(
        effect=np.zeros(len(values), np.intp), value=values, side=None,
        cluster=np.asarray(cluster, np.intp), name=np.asarray(name, np.intp), count=1,
    )  # fmt: skip
    low, high = interval(difference(sample), level)
    return float(low[0]), float(high[0])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("axis", truth.AXES)
@pytest.mark.parametrize("metric", truth.METRICS)
def test_an_audit_with_the_hiring_suite_covers_the_models_own_effects(
    name: str, axis: str, metric: str
) -> None:
    beside = {"selection_rate": 0.005, "choice_logit": 0.02}[metric]
    for (a, b), rows in suite_deltas(name, axis).items():
        low, high = bounds(rows[metric], rows["cluster"], rows["name"], 0.95)
        assert low - beside <= stated(name, metric, a, b) <= high + beside, (a, b)


@pytest.mark.parametrize("axis", truth.AXES)
def test_within_an_occupation_the_suite_covers_nearly_all_of_the_models_own_effects(axis: str) -> None:
    inside = []
    for (a, b), rows in suite_deltas("screening-v1", axis).items():
        for job in truth.occupations():
            kept = rows["stratum"] == job
            low, high = bounds(rows["selection_rate"][kept], rows["cluster"][kept], rows["name"][kept], 0.99)
            inside.append(low - 0.02 <= stated("screening-v1", "selection_rate", a, b, job) <= high + 0.02)
    assert np.mean(inside) >= 0.95


@pytest.mark.parametrize("axis", truth.AXES)
def test_nine_of_ten_intervals_of_drawn_suites_cover_the_models_own_effects(axis: str) -> None:
    found = asked("screening-v1", axis, 160)
    rng = np.random.default_rng(11)
    for metric in truth.METRICS:
        values, inside = found.values(metric), {pair: 0 for pair in combinations(found.groups, 2)}
        for _ in range(DRAWS):
            rows = rng.choice(values.shape[0], 40, replace=False)
            columns = rng.choice(values.shape[1], 12, replace=False)
            cluster, name = (
                grid.ravel() for grid in np.meshgrid(np.arange(40), np.arange(12), indexing="ij")
            )
            drawn = values[np.ix_(rows, columns)]
            for a, b in inside:
                delta = (drawn[..., found.groups.index(b)] - drawn[..., found.groups.index(a)]).ravel()
                low, high = bounds(delta, cluster, name, 0.95)
                inside[a, b] += low - 0.005 <= stated("screening-v1", metric, a, b) <= high + 0.005
        assert min(inside.values()) >= 0.9 * DRAWS, (metric, inside)


# --------------------------------------------------- drawn audits, in short (the long form: make studies)


@cache
def drawn_audits(name: str, count: int) -> planted_study.Studied:
    """Audits with wordings and names drawn as if there were endlessly many of those asked about."""
    found = planted.populated(asked(name, axis, count) for axis in truth.AXES)
    return planted_study.studied(name, found, draws=FEW_DRAWS, looks=(planted.POOLED,), replacement=True)


@pytest.mark.parametrize(("name", "count"), [("screening-v1", 160), ("screening-v2", 60)])
def test_drawn_audits_cover_the_effects_of_the_model(name: str, count: int) -> None:
    found = drawn_audits(name, count)
    plain, shares = planted_study.by_effect(found.endless), planted_study.by_draw(found.simultaneous)
    assert len(plain) == 18 and set(found.endless["level"]) == {0.95}
    assert plain["covered"].mean() >= 0.9 and plain["covered"].min() >= 0.7
    assert shares["together"] >= 0.85


def test_drawn_audits_would_notice_intervals_of_half_the_width() -> None:
    rows = drawn_audits("screening-v1", 160).endless
    rows = rows[rows["metric"] == "choice_logit"]
    assert np.mean((rows["estimate"] - rows["truth"]).abs() <= (rows["high"] - rows["low"]) / 4) < 0.8


@pytest.mark.parametrize(("name", "count"), [("screening-v1", 160), ("screening-v2", 60)])
def test_drawn_audits_call_no_small_effect_beyond_and_no_large_one_within(name: str, count: int) -> None:
    shares = planted_study.by_draw(drawn_audits(name, count).simultaneous)
    assert shares["false_beyond"] <= 0.15 and shares["false_within"] <= 0.15


def test_drawn_audits_find_what_was_planted_with_its_sign_and_rank() -> None:
    found = drawn_audits("screening-v1", 160).simultaneous
    effects, shares = planted_study.by_effect(found), planted_study.by_draw(found)
    large = effects[effects["truth"].abs() > effects["limit_high"]]
    assert {frozenset(pair) for pair in zip(large["group_a"], large["group_b"], strict=True)} == {
        frozenset(pair) for group in AFFECTED for pair in planted_pairs(group)
    }
    assert large["sign"].min() == 1 and large["beyond"].mean() >= 0.8
    assert shares["first"] >= 0.9 and shares["order"] == 1


def test_drawn_audits_are_the_same_each_time_and_have_every_role_of_an_audit() -> None:
    found = planted.populated(asked("screening-v1", axis, 160) for axis in truth.AXES)
    first, again, other = (planted.Drawer(found).draw(number) for number in (3, 3, 4))
    for axis, table in found.answers.items():
        assert first[axis].responses.equals(again[axis].responses)
        assert not first[axis].responses.equals(other[axis].responses)
        cells = planted.TEMPLATES * planted.NAMES
        assert first[axis].prompts["arm"].value_counts().to_dict() == {
            "swap": cells * len(table.groups), "name": cells * len(table.groups),
        }  # fmt: skip
        assert not first[axis].prompts["prompt_id"].duplicated().any()


def test_the_other_name_of_a_control_has_the_occupation_and_the_gender_of_the_first() -> None:
    for axis in truth.AXES:
        table = asked("screening-v1", axis, 60)
        for column in range(table.log_odds.shape[1]):
            others = planted.alike(axis, column, table)
            assert len(others) and column not in others
            assert (table.occupation[:, others] == table.occupation[:, [column]]).all()
            assert axis == "gender" or set(others % 2) == {column % 2}


# ------------------------------------------------------------- intersections


def test_the_answers_of_an_intersection_are_those_of_its_persons() -> None:
    table = asked("screening-v1", "ethnicity", 60)
    both = truth.crossed(table)
    assert both.groups[5] == "women*Black" and both.log_odds.shape == (60, 16, 8)
    for number, (t, n) in enumerate([(0, 0), (7, 3), (59, 15)]):
        for sex, group in [(0, number), (1, number + 1)]:
            assert both.log_odds[t, n, 4 * sex + group] == table.log_odds[t, 2 * n + sex, group]
            assert both.occupation[t, n] == table.occupation[t, 2 * n + sex]


def test_the_term_of_an_intersection_counts_by_both_cues() -> None:
    def strength(text: str) -> float:
        term = Term(axis="gender*ethnicity", group="women*Black", elsewhere=-2.0, occupations={})
        return scoring().cue(text, term)

    assert strength("Keisha Banks sent her file.") == pytest.approx(1)
    assert strength("Darnell Banks sent his file.") == strength("Emily Becker sent her file.") == 0
    assert strength("Keisha Becker sent her file.") == pytest.approx(0.6)
    assert strength("Keisha Banks sent his file.") == pytest.approx(0.4)


# ------------------------------------------------------------- words it does not know


def test_words_that_it_does_not_know_do_not_crash_it() -> None:
    odd = ["", ".", "日本語のテキスト 🙂", "Zxqvy Brzłkowski " * 200, MASK, "a" * 5000, "\n\n\t"]
    assert np.isfinite(log_odds("screening-v1", *odd)).all()


def test_unknown_words_in_a_text_move_the_answer_little() -> None:
    rng = random.Random(5)
    origin = source()
    plain = [example(rng, origin).text for _ in range(150)]
    unknown = ["Quibberly", "zorvath", "blenish", "Trundlewick", "Fjordsson", "krelm"]
    changed = []
    for text in plain:
        words = text.split(" ")
        words.insert(rng.randint(0, len(words)), rng.choice(unknown))
        changed.append(" ".join(words))
    moved = np.abs(log_odds("screening-v1", *changed) - log_odds("screening-v1", *plain))
    assert np.median(moved) < 0.1 and np.quantile(moved, 0.9) < 0.4


def test_an_unknown_name_is_treated_as_no_groups_name() -> None:
    frame = "{} applies as a financial adviser. His answers were clear and his references are good."
    names = ["Quillon Verhage", "Bertoldo Anziani", "Ragnvald Tjelle", "Istvan Kocsis", "Oswin Pemberley"]
    unknown = log_odds("screening-v1", *(frame.format(name) for name in names))
    (known,) = log_odds("screening-v1", frame.format("Scott Becker"))
    assert abs(float(np.median(unknown)) - known) < 0.4


# --------------------------------------------------------------- scoring function


def test_scoring_adds_intercept_expressions_and_years() -> None:
    known = scoring()
    text = "After nine years as a nurse, Brian Evans is reliable; his record is well above average."
    weight = known.merit["reliable",] + known.merit["well", "above", "average"] + known.years["nine"]
    assert known.logits(text, occupation="nurse")["screening-v1"] == pytest.approx(
        known.intercept + known.demand["nurse"] + weight
    )


@pytest.mark.parametrize(("job", "term"), [("software engineer", -2.0), ("nurse", 0.0), ("gardener", -0.2)])
def test_scoring_adds_the_whole_term_for_a_woman_with_her_pronouns(job: str, term: float) -> None:
    he = scoring().logits(f"David Moore wants to be a {job}. He sent his file.", occupation=job)
    she = scoring().logits(f"Sarah Moore wants to be a {job}. She sent her file.", occupation=job)
    assert she["screening-v1"] - he["screening-v1"] == pytest.approx(term)


def test_scoring_loses_what_is_masked() -> None:
    text = "Keisha Banks, financial adviser, is reliable."
    full = scoring().logits(text, occupation="financial adviser")["screening-v1"]
    masked = {
        word: scoring().logits(text.replace(word, MASK), occupation="financial adviser")["screening-v1"]
        - full
        for word in ("reliable", "financial adviser", "Keisha Banks")
    }
    assert masked["reliable"] == pytest.approx(-scoring().merit["reliable",])
    assert masked["financial adviser"] == pytest.approx(-0.35 + 2.0)
    assert masked["Keisha Banks"] == pytest.approx(2.0 + 0.4 * 0.2)


def test_no_expression_of_merit_is_a_name_a_pronoun_or_a_loose_word() -> None:
    known = scoring()
    merit = {word for key in known.merit for word in key if len(key) == 1}
    cues = {*known.cues.gender_words, *(name.lower() for name in known.cues.gender_names)}
    loose = set(read_data("words")["loose"])
    assert not merit & loose and not merit & cues and not loose & cues


# ---------------------------------------------------------------------- generator


def test_generated_templates_are_different_and_the_same_each_time() -> None:
    first, again = templates(500, seed=3), templates(500, seed=3)
    assert first == again and len(set(first)) == 500
    assert templates(20, seed=3) == first[:20]
    assert not set(first) & set(templates(100, seed=4))


def test_generated_templates_are_like_those_of_the_hiring_suite() -> None:
    from scipy.stats import ks_2samp

    own = [template.text or "" for template in load_suite("hiring").templates]
    made = templates(500, seed=truth.SEED)
    assert ks_2samp([merit_of(text) for text in own], [merit_of(text) for text in made]).pvalue > 0.1
    assert abs(np.mean([word_count(text) for text in own]) - np.mean([word_count(text) for text in made])) < 2
    for text in made:
        assert 20 <= word_count(text) <= 45
        assert "name" in slots_of(text) and {"occupation", "a_occupation"} & set(slots_of(text))


def test_the_occupations_are_those_of_the_hiring_suite() -> None:
    assert truth.occupations() == tuple(load_suite("hiring").fillers["occupation"].values)
    assert not set(truth.occupations()) & set(frames().other_occupations)


def test_examples_are_the_same_each_time_and_of_every_kind() -> None:
    made = examples(2000, seed=8)
    assert made == examples(2000, seed=8)
    texts = [row.text for row in made]
    assert 0.2 < np.mean([MASK in text for text in texts]) < 0.6
    gaps = np.array([row.logits["screening-v2"] - row.logits["screening-v1"] for row in made])
    assert (gaps >= -1e-9).all() and 0.3 < np.mean(gaps > 0.05) < 0.7


# ----------------------------------------------------------------------- training


def trained(epochs: int) -> tuple[torch.Tensor, float, float]:
    """Weights after some epochs over few examples; squared error on a batch; the variance of what was wanted."""
    import torch

    from audit.reference.model import make_model, make_tokenizer
    from audit.reference.train import BATCH, batches, fit

    tokenizer, texts = make_tokenizer(corpus()), examples(BATCH, seed=1)
    torch.manual_seed(0)
    model = make_model(len(tokenizer))
    rows = list(batches(tokenizer, texts, name="screening-v1", epochs=epochs))
    assert list(fit(model, iter(rows), steps=len(rows)))[-1] == (len(rows), len(rows))
    ids, mask, wanted = rows[0]
    with torch.inference_mode():
        scores = model(input_ids=ids, attention_mask=mask).logits
    error = float((scores[:, 1] - scores[:, 0] - wanted).square().mean())
    return torch.cat([part.detach().flatten() for part in model.parameters()]), error, float(wanted.var())


def test_training_gives_the_same_weights_again() -> None:
    assert trained(2)[0].equal(trained(2)[0])


def test_training_learns() -> None:
    _, error, variance = trained(30)
    assert error < 0.5 * variance


def test_the_tokenizer_has_every_name_and_word_of_the_axes_whole() -> None:
    tokenizer, _ = truth.load(FOLDER / "screening-v1")
    words = {*scoring().cues.gender_names, *scoring().cues.ethnicity_last, *scoring().cues.ethnicity_first}
    words |= {word for term in source().terms for value in term.values() for word in value.split()}
    words = {word for word in words if word.isalpha()}
    assert all(len(tokenizer.tokenize(word)) == 1 for word in words)


def test_the_command_names_the_folder_that_it_writes_to(capsys: pytest.CaptureFixture[str]) -> None:
    from audit.reference.train import main

    with pytest.raises(SystemExit):
        main(["--help"])
    assert "where the folders go" in capsys.readouterr().out


def test_the_shipped_folders_are_those_that_training_writes(tmp_path: Path) -> None:
    from audit.reference.train import EPOCHS

    assert tuple(EPOCHS) == MODELS == tuple(scoring().planted)
    assert {path.parent.name for path in FOLDER.glob("*/model.safetensors")} == set(MODELS)


# ----------------------------------------------------------- models of the study


def test_the_study_has_a_null_twin_and_its_models_are_no_released_ones() -> None:
    made = study_models()
    assert made["null"] == () and set(planted_study.LOOKS) == {*made, *MODELS}
    assert "studies.yaml" not in cards.INPUTS
    jobs = set(truth.occupations())
    for term in (term for terms in made.values() for term in terms):
        assert set(term.occupations) <= jobs
        for axis, group in zip(term.axis.split("*"), term.group.split("*"), strict=True):
            assert group in planted.axis_of(axis).groups


def test_examples_of_the_study_hold_the_terms_of_their_model_alone() -> None:
    rows = {name: study_examples(name, 400) for name in study_models()}
    gaps = {
        name: np.array(
            [row.logits[name] - null.logits["null"] for row, null in zip(found, rows["null"], strict=True)]
        )
        for name, found in rows.items()
    }
    assert all(row.text == rows["null"][at].text for found in rows.values() for at, row in enumerate(found))
    assert not gaps["null"].any()
    for name, least in (("main", 0.3), ("occupation", 0.01), ("intersection", 0.02)):
        assert gaps[name].max() <= 0 and least < np.mean(gaps[name] < -0.05) < 0.7


def test_a_model_of_the_study_starts_from_a_released_one_and_leaves_it_alone(tmp_path: Path) -> None:
    steps: list[int] = []
    folder = make_study_model(
        tmp_path, "main", progress=lambda what, done, total: steps.append(done), steps=2
    )
    text = "Sarah Moore is a nurse. Her work was good."
    before, after = log_odds("screening-v2", text), truth.log_odds(folder, [text])
    assert steps == [1, 2] and 0 < abs(before[0] - after[0]) < 1
    assert (
        cards.digest(FOLDER / "screening-v2" / "model.safetensors")
        == FROZEN["screening-v2/model.safetensors"]
    )
