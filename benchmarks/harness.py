"""CrowS-Pairs on one local causal language model: `audit run` against lm-evaluation-harness, as whole processes.

    python benchmarks/harness.py                                    1,508 pairs, 30 M parameters, about 6 minutes
    python benchmarks/harness.py --batches 1 8 16 32 64 auto        more batch sizes of the harness
    python benchmarks/harness.py --made 12 --tiny --alone           quick: our own pairs, a toy model, no harness

The model has random weights and a tokenizer made from the sentences. The harness is installed into an environment of
its own, `build/benchmarks/lm-eval`, and runs its own definition of the task over a local file; nothing is asked of a
hub. Both ways get the same model folder, the same threads and the same sentences, and answer with the share of pairs
whose more stereotypical sentence is likelier, and the mean of |difference of the two log-likelihoods|. Where one of
the two differs by more than 1e-4 the exit code is 1. `--pairs` names the file; without it, it is looked for where the
tests look for benchmark data (AUDIT_TEST_DATA, else `shared/data` beside the checkout).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from audit.machine import threads

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / "build" / "benchmarks" / "lm-eval"
HARNESS = "lm_eval[hf]==0.4.13"
FILE = Path("benchmarks", "crows-pairs", "crows_pairs_anonymized.csv")
SENTENCES = ("more", "less")
"""The groups of our suite; the harness calls their columns sent_more and sent_less."""
ALLOWED = 1e-4
COMPARED_ONE_BY_ONE = 32
SIZES = {
    "30 M": {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 10, "num_attention_heads": 6,
             "vocab_size": 32_000},
    "toy": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "vocab_size": 1_000},
}  # fmt: skip
Pair = tuple[str, str]
"""The more and the less stereotypical sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one process took, and what it found."""

    way: str
    seconds: float
    processor_s: float
    pct_stereotype: float
    likelihood_diff: float


def main() -> None:
    given = _arguments()
    if given.collect:
        _collect_alone(Path(given.collect))
        return
    pairs = _made(given.made) if given.made else _read(given.pairs)
    with tempfile.TemporaryDirectory() as folder:
        found = _measured(Path(folder), pairs, given)
    _print(found)
    sys.exit(0 if _agree(found) else 1)


def _measured(folder: Path, pairs: Sequence[Pair], given: argparse.Namespace) -> list[Measured]:
    """Every way over the same sentences; ours first."""
    size = "toy" if given.tiny else "30 M"
    parameters = _make_model(folder / "model", [text for pair in pairs for text in pair], size=size)
    _write_suite(folder, pairs)
    print(f"{len(pairs):,} pairs, {parameters / 1e6:.1f} M parameters, {threads()} threads", flush=True)
    if given.alone:
        return [_ours(folder), _plain(folder, pairs)]
    return _against_the_harness(folder, pairs, given.batches)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pairs", type=Path, help="CSV file with the columns sent_more and sent_less")
    parser.add_argument("--made", type=int, default=0, help="so many pairs of our own instead of a file")
    parser.add_argument("--tiny", action="store_true", help="a toy model")
    parser.add_argument("--alone", action="store_true", help="without the harness, against unbatched calls")
    parser.add_argument("--batches", nargs="+", default=["8", "16", "32", "64", "auto"])
    parser.add_argument("--collect", help=argparse.SUPPRESS)
    return parser.parse_args()


# ------------------------------------------------------------------ what both are given


def _read(path: Path | None) -> list[Pair]:
    """The pairs of the file; one sentence and exit code 2 where there is none."""
    data = Path(os.environ.get("AUDIT_TEST_DATA", ROOT.parent / "shared" / "data"))
    path = path or data / FILE
    if not path.is_file():
        print(
            f"{path} is not there: name the file of CrowS-Pairs with --pairs, or take --made N",
            file=sys.stderr,
        )
        sys.exit(2)
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["sent_more"], row["sent_less"]) for row in csv.DictReader(file)]


def _made(count: int) -> list[Pair]:
    """Harmless pairs of several lengths, some of which begin alike."""
    ends = ("came home.", "came home late in the evening.", "read a long letter, and nobody asked why.")
    pairs = []
    for number in range(count):
        begin, end = f"On day {number} of the month", ends[number % len(ends)]
        pair = (f"{begin} the tall neighbour {end}", f"{begin} the small neighbour {end}")
        pairs.append(pair if number % 2 else pair[::-1])
    return pairs


def _make_model(folder: Path, texts: Sequence[str], *, size: str) -> int:
    """A Llama with random weights and a byte-level tokenizer of the texts; how many parameters it has."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, logging

    logging.disable_progress_bar()
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZES[size]["vocab_size"], special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    inner.train_from_iterator(texts, trainer)
    PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        **SIZES[size], max_position_embeddings=1024, tie_word_embeddings=True, initializer_range=0.05,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    model.save_pretrained(folder)
    return int(model.num_parameters())


def _write_suite(folder: Path, pairs: Sequence[Pair]) -> None:
    """Our suite: each sentence is a template of its group. JSON is YAML too."""
    groups = {
        name: {
            "title": f"{name} stereotypical", "wording": f"the {name} stereotypical sentences", "terms": {"kind": name}
        }
        for name in SENTENCES
    }  # fmt: skip
    axis = {
        "axis": 1, "id": "stereotype", "title": "Stereotype", "attribute": "stereotype", "language": "en",
        "cue": "stated", "source": "the sentences of the benchmark", "date": "2026-11-21", "groups": groups,
    }  # fmt: skip
    templates = [
        {"id": f"pair-{number:04d}-{name}", "group": name, "text": text.replace("$", "$$")}
        for number, pair in enumerate(pairs)
        for name, text in zip(SENTENCES, pair, strict=True)
    ]
    suite = {
        "suite": 1, "id": "pairs", "title": "Pairs of sentences", "language": "en", "domain": "other",
        "harm": "A model finds stereotypical sentences more likely.", "cannot_show": "What a model would write.",
        "design": "groups", "generalise": "items", "axes": ["axis.yaml"], "question": {"kind": "likelihood"},
        "templates": templates, "controls": {"arms": []}, "metrics": ["log_likelihood"],
    }  # fmt: skip
    _dump(axis, folder / "axis.yaml")
    _dump(suite, folder / "suite.yaml")


def _dump(content: object, path: Path) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=0), encoding="utf-8")


# ------------------------------------------------------------------ our side


def _ours(folder: Path, *, pdf: bool = True) -> Measured:
    """`audit run`, from the suite file to the report and its PDF, with an empty cache."""
    for name in ("runs", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    suite, model = str(folder / "suite.yaml"), f"hf:{folder / 'model'}"
    words = ["run", suite, "--model", model, "-o", str(folder / "runs"), *([] if pdf else ["--no-pdf"])]
    seconds, processor_s = _timed(
        [sys.executable, "-m", "audit", *words],
        {"AUDIT_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)},
    )
    (run,) = (folder / "runs").iterdir()
    return Measured(
        way=f"audit run, report{' and PDF' if pdf else ''} included", seconds=seconds, processor_s=processor_s,
        **_numbers(_of_run(run)),
    )  # fmt: skip


def _of_run(run: Path) -> dict[str, float]:
    """Log-likelihood of every template of a run."""
    import pandas as pd

    prompts = pd.read_parquet(run / "prompts.parquet")[["template", "prompt_id"]]
    return _by_template(prompts, pd.read_parquet(run / "responses.parquet"))


def _by_template(prompts: Any, responses: Any) -> dict[str, float]:
    answers = {row.prompt_id: row.scores for row in responses.itertuples()}
    return {
        row.template: json.loads(answers[row.prompt_id])["log_likelihood"] for row in prompts.itertuples()
    }


def _numbers(found: dict[str, float]) -> dict[str, float]:
    """Both numbers of the task from the log-likelihoods of all templates."""
    names = sorted({template.rsplit("-", 1)[0] for template in found})
    gaps = [found[f"{name}-more"] - found[f"{name}-less"] for name in names]
    return {
        "pct_stereotype": sum(gap > 0 for gap in gaps) / len(gaps),
        "likelihood_diff": sum(abs(gap) for gap in gaps) / len(gaps),
    }


def _alone(folder: Path) -> Measured:
    """A process that reads the suite, collects the answers and writes both numbers: nothing else of a run."""
    shutil.rmtree(folder / "cache", ignore_errors=True)
    seconds, processor_s = _timed(
        [sys.executable, str(Path(__file__)), "--collect", str(folder)],
        {"AUDIT_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)},
    )
    numbers = json.loads((folder / "alone.json").read_text(encoding="utf-8"))
    return Measured(
        way="audit, answers and numbers only", seconds=seconds, processor_s=processor_s, **numbers
    )


def _collect_alone(folder: Path) -> None:
    from audit.asking import cache_file
    from audit.collect import collect
    from audit.job import prepare
    from audit.machine import seldom_collected

    with seldom_collected():  # as the command line does
        job = prepare(str(folder / "suite.yaml"), model=f"hf:{folder / 'model'}")
        found = collect(job.expansion.prompts, backend=job.backend, question=job.question, cache=cache_file())
    _dump(_numbers(_by_template(job.expansion.prompts, found.responses)), folder / "alone.json")


# ------------------------------------------------------------------ the other side


def _against_the_harness(folder: Path, pairs: Sequence[Pair], batches: Sequence[str]) -> list[Measured]:
    """Both ways, ours before and after; each side's first process only warms it up."""
    python = _environment(ENVIRONMENT)
    package = subprocess.run(
        [python, "-c", "import importlib.util as u; print(u.find_spec('lm_eval').submodule_search_locations[0])"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    _write_task(folder / "task", pairs, definition=Path(package, "tasks", "crows_pairs"))
    _alone(folder)
    few = ["--limit", str(COMPARED_ONE_BY_ONE), "--log_samples"]
    _harness(python, folder, "32", more=few)
    ours = _ours(folder)
    (run,) = (folder / "runs").iterdir()
    _compare(_of_run(run), folder)
    theirs = [_harness(python, folder, batch) for batch in batches]
    ours = min(ours, _ours(folder), key=lambda one: one.seconds)
    return [ours, _ours(folder, pdf=False), _alone(folder), *theirs]


def _environment(folder: Path) -> Path:
    """The Python of an environment with the harness, and the torch and transformers that we use."""
    python = folder / "bin" / "python"
    wanted = [f"torch=={version('torch').split('+')[0]}", f"transformers=={version('transformers')}"]
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        index = subprocess.run(
            ["sh", str(ROOT / ".ci" / "torch-index"), sys.executable, "https://download.pytorch.org/whl/cpu"],
            capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run(
            [*pip, *(["--extra-index-url", index] if index else []), "numpy", wanted[0]], check=True
        )
        subprocess.run([*pip, HARNESS, *wanted], check=True)
        (folder / "complete").touch()
    return python


def _write_task(folder: Path, pairs: Sequence[Pair], *, definition: Path) -> None:
    """The harness's own definition of CrowS-Pairs over a local file."""
    folder.mkdir(exist_ok=True)
    data = folder / "pairs.jsonl"
    rows = [json.dumps({"sent_more": more, "sent_less": less}, ensure_ascii=False) for more, less in pairs]
    data.write_text("\n".join(rows) + "\n", encoding="utf-8")
    task = {
        "include": str(definition / "crows_pairs_english.yaml"), "task": "local_pairs", "tag": [],
        "dataset_path": "json", "dataset_name": None, "dataset_kwargs": {"data_files": {"test": str(data)}},
    }  # fmt: skip
    _dump(task, folder / "local_pairs.yaml")


def _harness(python: Path, folder: Path, batch: str, *, more: Sequence[str] = ()) -> Measured:
    """One process of the harness, and the numbers that it wrote."""
    output = folder / "harness"
    shutil.rmtree(output, ignore_errors=True)
    seconds, processor_s = _timed(
        [
            str(python), "-m", "lm_eval", "run", "--model", "hf", "--model_args",
            f"pretrained={folder / 'model'},dtype=float32", "--tasks", "local_pairs", "--include_path",
            str(folder / "task"), "--device", "cpu", "--batch_size", batch, "--output_path", str(output), *more,
        ],
        {"HF_HOME": str(folder / "hub"), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
    )  # fmt: skip
    (written,) = output.rglob("results_*.json")
    found = json.loads(written.read_text(encoding="utf-8"))["results"]["local_pairs"]
    return Measured(
        way=f"lm-evaluation-harness, batch size {batch}", seconds=seconds, processor_s=processor_s,
        pct_stereotype=found["pct_stereotype,none"], likelihood_diff=found["likelihood_diff,none"],
    )  # fmt: skip


def _compare(ours: dict[str, float], folder: Path) -> None:
    """Prints how far the log-likelihoods of the first sentences differ, one by one."""
    (written,) = (folder / "harness").rglob("samples_*.jsonl")
    apart = 0.0
    for line in written.read_text(encoding="utf-8").splitlines():
        sample = json.loads(line)
        for name, (answer,) in zip(SENTENCES, sample["resps"], strict=True):
            apart = max(apart, abs(float(answer[0]) - ours[f"pair-{sample['doc_id']:04d}-{name}"]))
    print(f"log-likelihoods of {2 * COMPARED_ONE_BY_ONE} sentences: at most {apart:.1e} apart")


# ------------------------------------------------------------------ common


def _plain(folder: Path, pairs: Sequence[Pair]) -> Measured:
    """The library's own loss of each sentence by itself, for where the harness is left out."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    began, used = time.perf_counter(), time.process_time()
    model = AutoModelForCausalLM.from_pretrained(folder / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    found = {}
    for number, pair in enumerate(pairs):
        for name, text in zip(SENTENCES, pair, strict=True):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            row = torch.tensor([[tokenizer.bos_token_id, *ids]])
            with torch.inference_mode():
                found[f"pair-{number:04d}-{name}"] = -float(model(input_ids=row, labels=row).loss) * len(ids)
    return Measured(
        way="transformers, one sentence at a time (no process of its own)", seconds=time.perf_counter() - began,
        processor_s=time.process_time() - used, **_numbers(found),
    )  # fmt: skip


def _timed(command: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds, and seconds of processor, of a whole process with our threads."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    limit = {"OMP_NUM_THREADS": str(threads())}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env={**inherited, **limit, **environment})
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} … ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _print(found: Sequence[Measured]) -> None:
    print(f"{'':56}{'seconds':>9}{'processor':>11}{'pct_stereotype':>16}{'likelihood_diff':>17}")
    for one in found:
        print(f"{one.way:56}{one.seconds:9.1f}{one.processor_s:11.1f}", end="")
        print(f"{one.pct_stereotype:16.6f}{one.likelihood_diff:17.6f}")
    theirs = [one for one in found if one.way.startswith("lm-")]
    if theirs:
        best = min(theirs, key=lambda one: one.seconds)
        for ours in found[: -len(theirs)]:
            print(
                f"{best.way} / {ours.way}: {best.seconds / ours.seconds:.2f} "
                f"(processor time: {best.processor_s / ours.processor_s:.2f})"
            )


def _agree(found: Sequence[Measured]) -> bool:
    """Whether both numbers are the same everywhere."""
    names = ("pct_stereotype", "likelihood_diff")
    apart = max(abs(getattr(one, name) - getattr(found[0], name)) for one in found for name in names)
    same = apart <= ALLOWED
    print(f"both numbers: at most {apart:.1e} apart, {'the same' if same else 'NOT the same'} to {ALLOWED:g}")
    return same


if __name__ == "__main__":
    main()
