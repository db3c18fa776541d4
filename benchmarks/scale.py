"""What workers cost: the same questions asked in one process and by Ray workers on the same cores.

    python benchmarks/scale.py                         about 5 minutes on two cores
    python benchmarks/scale.py --texts 200 --rounds 1  the quick form

A classifier of 67 million random parameters reads texts of 10 to 60 words. Every line is a process of its own: the
model is asked some texts first (that is the start: cluster, workers, weights), then the texts that count. `local` and
`ray, one worker` have the same threads and batches, so their answers have to be the same, byte by byte; `ray, a worker
a core` has one thread a worker, so its last digits may differ. The last two lines ask a function that costs nothing:
what is left is this package and Ray, and their rate is the most that one process can hand out and keep.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MAKE = "make"
WARM = 200
QUICK = 40
"""Texts of the costless function for each one of the model."""
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
FUNCTION = """\
def answer(texts: list[str]) -> list[dict[str, float]]:
    return [{"no": 0.25, "yes": 0.75} for _ in texts]
"""
LINES = {
    "local": ("model", "local", CORES, 0),
    "ray, one worker": ("model", "ray", CORES, 1),
    "ray, a worker a core": ("model", "ray", 1, CORES),
    "nothing to compute, local": ("function", "local", 1, 0),
    "nothing to compute, ray": ("function", "ray", 1, 1),
}
"""What is asked, where, threads of a worker, workers."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=1000, help="of the model, a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--line", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.line == MAKE:
        make(given.folder)
        return
    if given.line:
        print(json.dumps(measured(given.line, given.folder, texts=given.texts, seed=given.seed)))
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--line", MAKE, "--folder", folder]
        subprocess.run(command, check=True)  # apart, so that its memory does not count as that of the lines
        found = {line: [] for line in LINES}
        for number in range(given.rounds):
            for line in LINES:
                found[line].append(in_a_process(line, Path(folder), texts=given.texts, seed=number))
    show(found)


def show(found: dict[str, list[dict[str, Any]]]) -> None:
    """The table; exit code 1 where answers differ that have to be the same."""
    print(f"{CORES} cores; best of {len(found['local'])} rounds\n")
    print("| line | start s | texts/s | share of local | journal bytes an answer | largest memory here, GB |")
    print("|---|---|---|---|---|---|")
    wrong = 0
    for line, rounds in found.items():
        other = "local" if LINES[line][0] == "model" else "nothing to compute, local"
        base = max(each["rate"] for each in found[other])
        best = max(rounds, key=lambda each: each["rate"])
        start = min(each["start"] for each in rounds)
        print(
            f"| {line} | {start:.1f} | {best['rate']:,.1f} | {best['rate'] / base:.2f} "
            f"| {best['bytes']:.0f} | {best['memory']:.2f} |"
        )
        wrong += sum(each["failed"] for each in rounds)
    pairs = list(zip(found["local"], found["ray, one worker"], found["ray, a worker a core"], strict=True))
    equal = all(here["digest"] == far["digest"] for here, far, _ in pairs)
    furthest = max(
        abs(a - b) for here, _, far in pairs for a, b in zip(here["scores"], far["scores"], strict=True)
    )
    print(
        f"\nlocal and one worker with the same threads: answers {'byte for byte the same' if equal else 'DIFFER'}"
    )
    print(f"local and a worker a core: log-probabilities differ by {furthest:.1e} at most")
    sys.exit(0 if equal and furthest < 1e-4 and not wrong else 1)


def in_a_process(line: str, folder: Path, *, texts: int, seed: int) -> dict[str, Any]:
    """What a fresh process measures."""
    command = [sys.executable, __file__, "--line", line, "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--texts", str(texts), "--seed", str(seed)], check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measured(line: str, folder: Path, *, texts: int, seed: int) -> dict[str, Any]:
    """Seconds to start, texts a second after that, and what the answers were."""
    import resource

    from audit.batching import Where
    from audit.catalogue import load
    from audit.collect import collect
    from audit.executors import EXECUTORS
    from audit.modelfile import open_model
    from audit.records import Question

    what, executor, threads, workers = LINES[line]
    model = str(folder / (f"{what}-{threads}.yaml" if what == "model" else f"{what}.yaml"))
    count = texts if what == "model" else texts * QUICK
    backend, question = open_model(model), Question(kind="classify", favourable="yes")
    where = Where(model=model, executor=executor, workers=workers)
    with ExitStack() as stack, tempfile.TemporaryDirectory() as caches:
        began = time.perf_counter()
        place: Any = stack.enter_context(load(EXECUTORS, "executors", executor)(backend, where))  # type: ignore[operator]
        asked = {"backend": backend, "question": question, "executor": place}
        collect(prompts(WARM, seed=-1), **asked, cache=Path(caches) / "warm.sqlite")
        start = time.perf_counter() - began
        wanted, cache = prompts(count, seed=seed), Path(caches) / "answers.sqlite"
        began = time.perf_counter()
        got = collect(wanted, **asked, cache=cache)
        seconds = time.perf_counter() - began
        size = sum(path.stat().st_size for path in Path(caches).glob("answers.sqlite*"))
    scores = got.responses["scores"].tolist()
    return {
        "start": start, "rate": count / seconds, "failed": got.failed, "bytes": size / count,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "digest": hashlib.sha256("\n".join(scores).encode()).hexdigest(),
        "scores": [json.loads(each)["yes"] for each in scores[:5000]],
    }  # fmt: skip


def prompts(count: int, *, seed: int) -> pd.DataFrame:
    """A PROMPTS table of so many distinct texts of 10 to 60 words."""
    from audit.records import PROMPTS, Message, Prompt

    chance = random.Random(seed)
    plain = {
        "item": "", "axis": "gender", "arm": "swap", "template": "t", "cluster": "t", "name": "00", "group": "women",
        "stratum": "", "position": 0, "base_id": "", "repeats": 1, "spans": "[]",
    }  # fmt: skip
    rows = []
    for number in range(count):
        text = f"{number} " + " ".join(chance.choices(words(), k=chance.randint(10, 60)))
        name = Prompt(messages=(Message(role="text", text=text),)).id
        rows.append({**plain, "prompt_id": name, "messages": json.dumps([["text", text]])})
    return PROMPTS.frame(rows)


def words() -> list[str]:
    return [
        f"{a}{b}{c}"
        for a in ("ka", "mo", "ti", "su")
        for b in ("ren", "lop", "vid")
        for c in ("", "s", "ing")
    ]


def make(folder: Path) -> None:
    """A classifier of 67 million random parameters with a tokenizer, a function, and a model file for each line."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    inner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=2000, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False
    )
    inner.train_from_iterator([*words(), *map(str, range(2000))], trainer)
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )
    torch.manual_seed(0)
    config = DistilBertConfig(id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})
    DistilBertForSequenceClassification(config).eval().save_pretrained(folder / "weights")
    tokenizer.save_pretrained(folder / "weights")
    for threads in {1, CORES}:
        text = f"model: 1\nkind: hf\nname: weights\ndevice: cpu\nthreads: {threads}\n"
        (folder / f"model-{threads}.yaml").write_text(text, encoding="utf-8")
    (folder / "costless.py").write_text(FUNCTION, encoding="utf-8")
    (folder / "function.yaml").write_text(
        "model: 1\nkind: callable\nname: costless:answer\nlabels: ['no', 'yes']\ndeterministic: true\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
