"""How fast a local model is asked: against the bare model, against `transformers.pipeline`, with and without sharing.

    python benchmarks/speed.py                         everything, some minutes on two cores
    python benchmarks/speed.py --only prefixes         some parts of scoring, pipeline, prefixes and cache
    python benchmarks/speed.py --quick                 tiny models and few texts: that it runs, not how fast

Models have random weights and the sizes of well-known ones: a DistilBERT of 67 million parameters (classifier, masked)
and a Llama of 35 million. *Ours* is `collect` as the command line uses it: tokenising, batches, answers written to a
file in a temporary folder. The *ceiling* is the bare model in inference mode on the same texts, tokenised beforehand,
sorted by length, right-padded, in the best of several fixed batch sizes; it makes logits and nothing of them. Ours and
the ceiling take turns; the best of each counts. Loading is left out. Everything is a ratio of one run. The command
fails only where two ways give different answers.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bare import FULL, OPTIONS, QUICK, Bare, Size, apart, made, rate, table, vocabulary

from audit.collect import collect
from audit.modelfile import open_model
from audit.records import Question

LARGEST_DIFFERENCE = 1e-4
PARTS = ("scoring", "pipeline", "prefixes", "cache")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    rows: list[tuple[str, str, str, str, str]] = [("what", "ours", "other", "ratio", "remark")]
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(place=Path(folder), size=size)
        for part in arguments.only:
            for row, difference in getattr(bench, part)():
                rows.append(row)
                worst = max(worst, difference)
                print(" | ".join(row), file=sys.stderr, flush=True)
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"largest difference between two ways: {worst:.1e}")
    if not worst <= LARGEST_DIFFERENCE:
        sys.exit(1)


Row = tuple[tuple[str, str, str, str, str], float]


class Bench:
    """Models are made when a part asks for them."""

    def __init__(self, place: Path, size: Size) -> None:
        self.place = place
        self.size = size
        self.words = vocabulary(random.Random(0), 1500)
        self.collections = 0

    # -------------------------------------------------------------- parts

    def scoring(self) -> Iterator[Row]:
        """Ours against the ceiling."""
        for kind, question in (("classifier", CLASSIFY), ("causal", LIKELIHOOD), ("masked", LIKELIHOOD)):
            backend = self.opened(kind)
            count = self.size.texts // (16 if kind == "masked" else 1)
            for name, low, high in (("16 words", 16, 16), ("8 to 60 words", 8, 60)):
                texts = self.texts(max(count, 8), low, high)
                bare = Bare(backend, kind, texts)
                label, first = bare.best()
                ask = partial(self.ours, backend, question, texts)
                ours, other = self.turns(lambda ask=ask: ask()[0], bare.timed)
                other = min(other, first)
                yield (
                    f"{kind}, {name}", rate(texts, ours), rate(texts, other), f"{other / ours:.2f}",
                    f"of the ceiling ({label} a batch)",
                ), 0.0  # fmt: skip

    def pipeline(self) -> Iterator[Row]:
        """Ours against transformers.pipeline as it comes."""
        import transformers

        backend = self.opened("classifier")
        loaded = backend._model.loaded
        made: Any = transformers.pipeline
        ready = made(
            "text-classification", model=loaded.model, tokenizer=loaded.tokenizer, device="cpu", top_k=None
        )
        for name, low, high in (("16 words", 16, 16), ("60 words", 60, 60)):
            texts = self.texts(self.size.texts // 3, low, high)
            seconds, found = self.ours(backend, CLASSIFY, texts)
            began = time.perf_counter()
            theirs = ready(texts)
            other = time.perf_counter() - began
            expected = [{one["label"]: np.log(one["score"]) for one in row} for row in theirs]
            yield (
                f"classifier, {name}", rate(texts, seconds), rate(texts, other), f"{other / seconds:.1f}x",
                "faster than the pipeline's defaults",
            ), apart(found, expected)  # fmt: skip

    def prefixes(self) -> Iterator[Row]:
        """Ours with and without sharing."""
        backend = self.opened("causal")
        few = max(8, self.size.texts // 8)
        for words in (20, 100, 300):
            count = max(8, few * 20 // words)
            shared = self.texts(1, words, words)[0]
            tails = self.texts(count * 4, 6, 12)
            yield self.with_and_without(
                backend, CHOOSE, [f"{shared} {tail}" for tail in tails],
                f"{words} words before every prompt, 4 options",
            )  # fmt: skip
            yield self.with_and_without(
                backend, CHOOSE, self.texts(count, words, words), f"{words} words of its own, 4 options"
            )
        whole = self.texts(few, 20, 40)
        pairs = [f"{text} {end}" for text in whole for end in self.texts(2, 3, 3)]
        yield self.with_and_without(backend, LIKELIHOOD, pairs, "pairs that part after 20 to 40 words")

    def cache(self) -> Iterator[Row]:
        """Collecting again, in processes of their own."""
        texts = self.texts(self.size.prompts, 14, 20)
        table(texts).to_parquet(self.place / "prompts.parquet")
        added = self.texts(self.size.prompts // 100, 14, 20, seed=1)
        table([*texts, *added]).to_parquet(self.place / "more.parquet")
        cold, warm = self.process("prompts.parquet"), self.process("prompts.parquet")
        more = self.process("more.parquet")
        count = f"{self.size.prompts:,}"
        same = 0.0 if cold["scores"] == warm["scores"] else 1.0
        remark = f"asked {warm['asked']}; torch {'' if warm['torch'] else 'not '}imported"
        yield (
            f"{count} prompts again, reference model", f"{warm['seconds']:.2f} s", f"{cold['seconds']:.2f} s",
            f"{cold['seconds'] / warm['seconds']:.0f}x", remark,
        ), same  # fmt: skip
        backend = self.opened("classifier")
        some = self.texts(self.size.texts, 14, 20)
        cold_67 = self.ours(backend, CLASSIFY, some)[0] / len(some) * self.size.prompts
        yield (
            f"{count} prompts again, 67 million", f"{warm['seconds']:.2f} s", f"{cold_67:.0f} s",
            f"{cold_67 / warm['seconds']:.0f}x", f"the first time taken from {len(some)} prompts",
        ), 0.0  # fmt: skip
        yield (
            f"and {len(added)} new ones", f"{more['seconds']:.2f} s", "", "", f"asked {more['asked']}",
        ), float(more["asked"] != len(added))  # fmt: skip

    # ------------------------------------------------------------ measuring

    def with_and_without(self, backend: Any, question: Question, texts: list[str], name: str) -> Row:
        """The same collection as it is and with every row worked out whole."""
        model = backend._model
        loaded = model.loaded
        whole = replace(loaded, continues=0)
        found: dict[str, list[dict[str, float]]] = {}

        def asked(which: str, how: Any) -> float:
            model.__dict__["_loaded"] = how
            seconds, found[which] = self.ours(backend, question, texts)
            return seconds

        ours, other = self.turns(lambda: asked("ours", loaded), lambda: asked("other", whole), most=2)
        model.__dict__["_loaded"] = loaded
        worst = apart(found["ours"], found["other"])
        return (
            name, rate(texts, ours), rate(texts, other), f"{other / ours:.1f}x",
            f"without sharing; log-probabilities {worst:.0e} apart",
        ), worst  # fmt: skip

    def turns(
        self, ours: Callable[[], float], other: Callable[[], float], *, most: int = 9
    ) -> tuple[float, float]:
        """The best of each, one after the other in turn."""
        times = [(ours(), other()) for _ in range(min(most, self.size.turns))]
        return min(one for one, _ in times), min(one for _, one in times)

    def ours(
        self, backend: Any, question: Question, texts: Sequence[str]
    ) -> tuple[float, list[dict[str, float]]]:
        """Seconds of a collection into a file of its own, and the scores of each text."""
        prompts = table(texts)
        self.collections += 1
        cache = self.place / f"answers-{self.collections}"
        began = time.perf_counter()
        found = collect(prompts, backend=backend, question=question, cache=cache)
        seconds = time.perf_counter() - began
        assert not found.failed and found.asked == len(texts)
        return seconds, [json.loads(scores) for scores in found.responses["scores"]]

    def process(self, prompts: str) -> Any:
        """What a process says that collects the prompts from the reference model into one file of answers."""
        done = subprocess.run(
            [sys.executable, "-c", ASK, self.place / prompts, self.place / "reference-answers"],
            check=True, capture_output=True, text=True, env={**os.environ},
        )  # fmt: skip
        return json.loads(done.stdout)

    # ------------------------------------------------------------- material

    def texts(self, count: int, low: int, high: int, seed: int = 0) -> list[str]:
        """Texts of so many words, no two alike."""
        chance = random.Random(f"{count} {low} {high} {seed}")
        lengths = [low + number % (high - low + 1) for number in range(count)]
        chance.shuffle(lengths)
        return [" ".join(chance.choices(self.words, k=length)) for length in lengths]

    def opened(self, kind: str) -> Any:
        """A model of this kind, loaded."""
        folder = self.place / kind
        if not folder.exists():
            made(folder, kind, self.size, self.words)
        backend = open_model(f"hf:{folder}")
        some = table(self.texts(8, 5, 5))
        question = CLASSIFY if kind == "classifier" else LIKELIHOOD
        collect(some, backend=backend, question=question, cache=self.place / f"warm-{kind}")
        return backend


CLASSIFY = Question(kind="classify")
LIKELIHOOD = Question(kind="likelihood")
CHOOSE = Question(kind="choose", options=OPTIONS)
ASK = """
import json, sys, time
from pathlib import Path
import pandas as pd
from audit.collect import collect
from audit.modelfile import open_model
from audit.records import Question
prompts = pd.read_parquet(sys.argv[1])
began = time.perf_counter()
found = collect(
    prompts, backend=open_model("reference:screening-v1"), question=Question(kind="classify"), cache=Path(sys.argv[2])
)
seconds = time.perf_counter() - began
print(json.dumps({
    "seconds": seconds, "asked": found.asked, "torch": "torch" in sys.modules,
    "scores": list(found.responses["scores"]),
}))
"""


if __name__ == "__main__":
    main()
