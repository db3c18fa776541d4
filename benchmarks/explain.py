"""How fast words are given their credits: against shap and lime as they come, and against the bare model.

    python benchmarks/explain.py                     everything, some fifteen minutes on two cores
    python benchmarks/explain.py --only peers        some parts of peers, swap and pairs
    python benchmarks/explain.py --quick             tiny models and few texts: that it runs, not how fast

peers   Texts of 16 words, a DistilBERT of 67 million parameters with random weights. *Ours* is all that `audit run`
        does to explain pairs: SHAP and LIME of the removal game on both sides, swap and gap game, every check;
        divided by the number of texts. *As they come* are `shap.Explainer(pipeline)` and `LimeTextExplainer()` on one
        text; *batched* are both with batches of 64 and 1,000 samples of LIME. The ceiling is the bare model on our
        prompts, tokenised and sorted beforehand, in the best fixed batch. Errors are against every coalition of each
        one's own players.
swap    Prompts that the swap game of a pair with three slots needs.
pairs   1,000 pairs of the hiring suite on a reference model and a tenth of them, in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from bare import FULL, QUICK, Bare, Size, made, vocabulary
from peers import default_error, pipeline_of, relative, shapley, with_lime, with_shap

from audit.asking import Asker
from audit.axis import load_axis
from audit.collect import Collected
from audit.explaining import Explanations, explained
from audit.games import all_coalitions
from audit.job import Job, prepare
from audit.score import deltas, score

PARTS = ("peers", "swap", "pairs")
LARGEST_ERROR = 1e-4
SHORT, LONG = 7, 16
SUITE = """\
suite: 1
id: explained
title: Texts that are explained
language: en
domain: employment
harm: None; this measures speed.
cannot_show: Anything but speed.
axes: [gender]
explain: {{largest: 0, random: {cells}}}
question: {{kind: classify, favourable: LABEL_1}}
fillers: {{occupation: {{values: [{occupation}]}}}}
sampling: {{names_per_group: 1}}
controls: {{arms: [again]}}
metrics: [choice_logit]
templates:
{templates}
"""
Row = tuple[str, str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--pairs", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.pairs:
        print(json.dumps(many(arguments.pairs)))
        return
    rows: list[Row] = [("what", "ours", "other", "ratio")]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), QUICK if arguments.quick else FULL)
        for part in arguments.only:
            for row in getattr(bench, part)():
                rows.append(row)
                print(" | ".join(row), file=sys.stderr, flush=True)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"largest error of ours against every coalition: {bench.error:.1e}")
    if not bench.error <= LARGEST_ERROR:
        sys.exit(1)


# ------------------------------------------------------------------- ours


@dataclass
class Counting:
    """Asks like a run does, and remembers what was asked."""

    ask: Asker
    tables: list[pd.DataFrame] = field(default_factory=list)

    def __call__(self, prompts: pd.DataFrame, progress: Any) -> Collected:
        self.tables.append(prompts)
        return self.ask(prompts, progress)

    @property
    def kept(self) -> Path | None:
        """Where the asker keeps answers."""
        return self.ask.kept

    @property
    def job(self) -> Job:
        """The asker's job."""
        return self.ask.job

    @property
    def texts(self) -> list[str]:
        """The distinct texts."""
        rows = (row for table in self.tables for row in table["messages"])
        return list(dict.fromkeys("\n\n".join(text for _, text in json.loads(row)) for row in rows))


@dataclass(frozen=True)
class Measured:
    """One job's explanations with their seconds and prompts."""

    made: Explanations
    asked: list[str]
    seconds: float

    @property
    def copied(self) -> int:
        """Prompts that were asked again of the untrained copy; they are like the others."""
        table = self.made.quality
        (note,) = table.loc[table["criterion"] == "randomisation", "note"]
        found = re.search(r"([\d,]+) prompts asked of a copy", note)
        return int(found[1].replace(",", "")) if found else 0

    @property
    def sides(self) -> int:
        """Texts whose words have credits."""
        table = self.made.attributions
        return int(table.loc[table["game"] == "removal", "prompt_id"].nunique())

    @property
    def pairs(self) -> int:
        """Pairs that are explained."""
        return int(self.made.attributions["pair_id"].nunique())


def measured(job: Job) -> Measured:
    """The explanations of a job, timed once its own prompts are answered."""
    ask = Asker(job=job)
    got = ask(job.expansion.prompts, None)
    metrics = list(job.suite.metrics)
    scores = score(job.expansion.prompts, got.responses, question=job.question, metrics=metrics)
    found = deltas(job.expansion.pairs, scores, got.responses, question=job.question, metrics=metrics)
    counting: Any = Counting(ask)
    began = time.perf_counter()
    made = explained(job, got.responses, found, ask=counting)
    return Measured(made, counting.texts, time.perf_counter() - began)


def many(pairs: int) -> dict[str, float]:
    """What a process takes that explains so many pairs of the hiring suite on a reference model."""
    import resource
    from os import environ

    with tempfile.TemporaryDirectory() as folder:
        environ["AUDIT_CACHE"] = folder
        job = prepare("hiring", model="reference:screening-v1")
        cells = max(1, round(pairs / 9))  # 3 pairs a cell of gender, 6 of ethnicity
        wanted = job.suite.explain.model_copy(update={"largest": 0, "random": cells})
        object.__setattr__(job, "suite", job.suite.model_copy(update={"explain": wanted}))
        found = measured(job)
    return {
        "pairs": found.pairs, "prompts": len(found.asked), "seconds": found.seconds,
        "processor": time.process_time(),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


# ------------------------------------------------------------------- parts


class Bench:
    """The parts, with what they share."""

    def __init__(self, place: Path, size: Size) -> None:
        self.place, self.size = place, size
        self.error = 0.0
        self.quick = size is QUICK
        self.words = vocabulary(random.Random(0), 1500)

    def job(self, name: str, words: int, templates: int) -> Job:
        """A suite of texts with so many words, and the model that reads them."""
        from os import environ

        environ["AUDIT_CACHE"] = str(self.place / f"cache-{name}")
        folder = self.place / "classifier"
        if not folder.exists():
            names = [word for group in load_axis("gender").groups for word in names_of(group)]
            made(folder, "classifier", self.size, [*self.words, *names, *PRONOUNS])
        chance = random.Random(name)
        rows = [
            f"  - {{id: t{number:02d}, text: '{self.text(chance, words)}'}}" for number in range(templates)
        ]
        path = self.place / f"{name}.yaml"
        path.write_text(SUITE.format(cells=templates, occupation=self.words[0], templates="\n".join(rows)))
        return prepare(str(path), model=f"hf:{folder}")

    def text(self, chance: random.Random, words: int) -> str:
        """Name (two words), a pronoun, an occupation, and other words."""
        row = chance.choices(self.words, k=words - 4)
        row[2:2] = ["$name"]
        row[4:4] = ["$their"]
        return " ".join([*row, "$occupation"])

    def peers(self) -> Iterator[Row]:
        """Against shap and lime, and against the bare model."""
        job = self.job("peers", LONG, 4 if self.quick else 16)
        backend: Any = job.backend
        job.backend.classify  # noqa: B018
        warm = self.job("warm", LONG, 1)
        object.__setattr__(warm, "backend", backend)
        measured(warm)
        found = measured(job)
        ours = found.seconds / found.sides
        bare = Bare(backend, "classifier", found.asked)
        label, ceiling = bare.best()
        ceiling *= 1 + found.copied / len(found.asked)
        yield (
            f"{found.sides} texts of {LONG} words, {len(found.asked)} prompts and {found.copied} of the copy",
            f"{ours:.2f} s a text",
            f"bare model {ceiling / found.sides:.2f} s ({label} a batch)",
            f"{ceiling / found.seconds:.2f} of the ceiling",
        )  # fmt: skip
        text = self.plain(found.asked)
        for name, batch, samples in (("as they come", None, 5000), ("batched, LIME with 1,000", 64, 1000)):
            seconds = self.theirs(backend, text, batch, samples if not self.quick else 50)
            yield (
                f"shap and lime {name}",
                f"{ours:.2f} s",
                f"{seconds:.2f} s a text",
                f"{seconds / ours:.1f}x",
            )
        yield from self.errors(backend)

    def theirs(self, backend: Any, text: str, batch: int | None, samples: int) -> float:
        """Seconds of shap and lime for one text."""
        pipe = pipeline_of(backend, batch)
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with_shap(pipe, text, batch)
            with_lime(pipe, text, samples)
        return time.perf_counter() - began

    def plain(self, texts: Sequence[str]) -> str:
        """A text without masks."""
        return next(text for text in texts if "[MASK]" not in text)

    def errors(self, backend: Any) -> Iterator[Row]:
        """Relative errors, each against its own players' coalitions."""
        words = SHORT - 2 * self.quick
        short = self.job("short", words, 2)
        object.__setattr__(short, "backend", backend)
        found = measured(short)
        table = found.made.attributions
        shap_rows = table[(table["game"] == "removal") & (table["method"] == "shap") & (table["side"] == "a")]
        first = shap_rows[shap_rows["attribution_id"] == shap_rows["attribution_id"].iloc[0]]
        ours = self.own_error(short, found, first)
        self.error = max(self.error, ours)
        pipe = pipeline_of(backend, 64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = default_error(pipe, self.plain(found.asked))
        yield f"error, texts of {words} words", f"{ours:.1e}", f"shap's default {other:.1e}", ""

    def own_error(self, job: Job, found: Measured, rows: pd.DataFrame) -> float:
        """Our credits of one text against the definition, every coalition asked from the bare model by itself."""
        backend: Any = job.backend
        prompts = job.expansion.prompts
        messages = prompts.loc[prompts["prompt_id"] == rows["prompt_id"].iloc[0], "messages"].iloc[0]
        ((_, text),) = json.loads(messages)
        spans = [
            (json.loads(places), bool(slot)) for places, slot in zip(rows["spans"], rows["slot"], strict=True)
        ]
        known: dict[frozenset[int], float] = {}

        def worth(present: frozenset[int]) -> float:
            if present not in known:
                known[present] = self.log_odds(backend, without(text, spans, present, backend.mask_text))
            return known[present]

        return relative(rows["value"].to_numpy(), shapley(worth, len(rows)))

    def log_odds(self, backend: Any, text: str) -> float:
        """What transformers itself gives for one text."""
        import torch

        loaded = backend._model.loaded
        with torch.inference_mode():
            (row,) = loaded.model(**loaded.tokenizer(text, return_tensors="pt")).logits.double()
        return float(row[1] - row[0])

    def swap(self) -> Iterator[Row]:
        """The swap game of a pair whose name, pronoun and title differ."""
        job = prepare("hiring", model="reference:screening-v1")
        template = "$title $last_name writes that $they will come; $name asks for an answer."
        yield "swap game with three slots", str(swap_rows(job, template)), "", "prompts"

    def pairs(self) -> Iterator[Row]:
        """Many pairs in processes of their own."""
        some = (24, 48) if self.quick else (100, 1000)
        few, all_ = (self.process(count) for count in some)
        for each in (few, all_):
            yield (
                f"{each['pairs']:,.0f} pairs of the hiring suite, {each['prompts']:,.0f} prompts",
                f"{each['seconds']:.1f} s", f"{each['processor']:.1f} processor seconds in all",
                f"{each['megabytes']:.0f} MB at most",
            )  # fmt: skip

    def process(self, pairs: int) -> dict[str, float]:
        """What a process says that explains so many pairs."""
        command = [sys.executable, __file__, "--pairs", str(pairs)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout)
        return found


PRONOUNS = ("he", "she", "they", "his", "her", "their")


def names_of(group: str) -> list[str]:
    """First and last names of a group of the gender axis."""
    axis = load_axis("gender")
    firsts = [name for sex in ("men", "non-binary", "women") for name in axis.first_names(group, sex)]
    return [*firsts, *axis.last_names(group)]


def without(text: str, spans: Sequence[Any], present: frozenset[int], mask: str) -> str:
    """The text with a mask for every word of the players that are not present, one for all words of a slot."""
    gone = [one for number, one in enumerate(spans) if number not in present]
    places = sorted((start, end, slot) for row, slot in gone for _, start, end in row)
    for start, end, slot in reversed(places):
        masks = mask if slot else " ".join([mask] * len(text[start:end].split()))
        text = f"{text[:start]}{masks}{text[end:]}"
    return text


def swap_rows(job: Job, template: str) -> int:
    """Distinct prompts of the swap game between two groups of a template."""
    from audit.games import Coalitions, swap_game
    from audit.players import differing, slot_players
    from audit.rendering import frame

    axis = job.axes["gender"]
    made_of = frame([("text", template)])
    sides = []
    for group, name in (("men", "Brian Baker"), ("women", "Emily Baker")):
        first, last = name.split()
        words = {**axis.words(group), "name": name, "first_name": first, "last_name": last}
        sides.append(made_of.filled(words).prompt())
    a, b = sides
    players = slot_players(b, differing(a, b), limit=8)
    assert len(players) == 3, [player.slot for player in players]
    table = Coalitions(game=swap_game(a, b, players))
    return len({prompt.id for prompt in table.add(all_coalitions(3))})


if __name__ == "__main__":
    main()
