"""Make the reference models again: `python -m audit.reference.train [FOLDER]`.

The first model is trained from nothing, the second one goes on from it with labels that hold much less of the terms.

The weights depend on the shipped files, the seed, the number of threads (always 1) and the versions of torch and
its libraries. Released models are frozen: what this writes differs from them only if one of these does.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audit.records import Progress
from audit.reference.card import write_card
from audit.reference.examples import Example, corpus, examples
from audit.reference.model import MAX_LENGTH, make_model, make_tokenizer, save
from audit.reference.scoring import FOLDER

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

SEED = 20261120
THREADS = 1
EXAMPLES = 120_000
EPOCHS = {"screening-v1": 3, "screening-v2": 1}
BATCH = 128
BUCKET = 50
PEAK_RATE = 3e-3
Batch = tuple["Tensor", "Tensor", "Tensor"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write the reference models."""
    parser = argparse.ArgumentParser(prog="python -m audit.reference.train", description=main.__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=FOLDER, help="where the folders go (default: in place)"
    )
    train(parser.parse_args(arguments).folder, progress=_print)


def _print(what: str, done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        print(f"{what}: {done:,} of {total:,}", flush=True)


def train(folder: Path, *, progress: Progress) -> None:
    """Write every model with its tokenizer and card below `folder`."""
    import torch

    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    tokenizer = make_tokenizer(corpus())
    texts = examples(EXAMPLES, seed=SEED)
    model = make_model(len(tokenizer))
    for name, epochs in EPOCHS.items():
        rows = batches(tokenizer, texts, name=name, epochs=epochs)
        for step, steps in fit(model, rows, steps=epochs * math.ceil(len(texts) / BATCH)):
            progress(f"training {name}", step, steps)
        save(model, tokenizer, folder / name)
        write_card(folder / name, name=name)


def fit(
    model: BertForSequenceClassification, rows: Iterator[Batch], *, steps: int, rate: float = PEAK_RATE
) -> Iterator[tuple[int, int]]:
    """Train the model to give the log-odds of its scoring function (squared error); yields (step, steps)."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    model.train()
    for step, (ids, mask, wanted) in enumerate(rows, start=1):
        scores = model(input_ids=ids, attention_mask=mask).logits
        loss = (scores[:, 1] - scores[:, 0] - wanted).square().mean()
        loss = loss + 0.01 * scores.sum(dim=1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        yield step, steps
    model.train(mode=False)


def batches(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[Example], *, name: str, epochs: int
) -> Iterator[Batch]:
    """Batches of about equal length: token ids, attention mask, wanted log-odds; every epoch in another order."""
    import torch

    ids = tokenizer([text.text for text in texts], truncation=True, max_length=MAX_LENGTH)["input_ids"]
    wanted = torch.tensor([text.logits[name] for text in texts])
    for epoch in range(epochs):
        order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(SEED + epoch)).tolist()
        for start in range(0, len(order), BATCH * BUCKET):
            bucket = sorted(order[start : start + BATCH * BUCKET], key=lambda row: len(ids[row]))
            rows = [bucket[at : at + BATCH] for at in range(0, len(bucket), BATCH)]
            for pick in torch.randperm(len(rows), generator=torch.Generator().manual_seed(epoch)).tolist():
                yield (*padded_rows([ids[row] for row in rows[pick]]), wanted[rows[pick]])


def padded_rows(ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids filled up to the longest row, and which of them count."""
    import torch

    width = max(map(len, ids))
    filled = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    return filled, mask


if __name__ == "__main__":
    main()
