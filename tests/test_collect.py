from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tiny_models

from audit import wanted
from audit.batching import Batch, Cut
from audit.buckets import batches
from audit.collect import Collected, _gathered, collect
from audit.errors import AuditError, InputError
from audit.modelfile import open_model
from audit.protocols import Ask
from audit.records import PROMPTS, RESPONSES, Answer, Message, ModelIdentity, Prompt, Question
from audit.underway import asked_again

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).parent.parent
CLASSIFY = Question(kind="classify", favourable="yes")
DIGESTS = {"model.safetensors": "0" * 64}


def asking(text: str) -> Prompt:
    return Prompt(messages=(Message(role="text", text=text),))


def table(texts: Sequence[str], *, repeats: int = 1, arm: str = "swap") -> pd.DataFrame:
    plain = {
        "item": "", "axis": "gender", "arm": arm, "template": "t", "cluster": "t", "name": "00", "group": "women",
        "stratum": "", "position": 0, "base_id": "", "repeats": repeats, "spans": "[]",
    }  # fmt: skip
    return PROMPTS.frame(
        {**plain, "prompt_id": asking(text).id, "messages": json.dumps([["text", text]])} for text in texts
    )


@dataclass
class Scripted:
    """A back end whose answers are a function of the words; it fails as it is told to, and notes what it was asked."""

    fails: Callable[[str], bool] = lambda text: False
    identity: ModelIdentity = field(
        default_factory=lambda: ModelIdentity(kind="test", name="t", digests=DIGESTS)
    )
    deterministic: bool = True
    batch_tokens: int = 40
    labels: tuple[str, ...] = ("no", "yes")
    asked: list[list[str]] = field(default_factory=list)

    def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
        lengths = [len(prompt.messages[0].text.split()) for prompt in prompts]
        return Cut(batches=batches(lengths, budget=self.batch_tokens), tokens=lengths)

    def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
        texts = [prompt.messages[0].text for prompt in prompts]
        self.asked.append(texts)
        if any(self.fails(text) for text in texts):
            raise RuntimeError("out of memory\nwith a long story")
        return [Answer(scores={"no": -len(text) / 3, "yes": -0.1}) for text in texts]

    def choose(self, prompts: Sequence[Prompt], options: Sequence[str]) -> list[Answer]:
        self.asked.append([prompt.messages[0].text for prompt in prompts])
        return [
            Answer(scores={option: -float(number) for number, option in enumerate(options)}) for _ in prompts
        ]

    def generate(self, prompts: Sequence[Prompt], *, repeat: int, question: Question) -> list[Answer]:
        self.asked.append([prompt.messages[0].text for prompt in prompts])
        return [Answer(text=f"{prompt.messages[0].text} {repeat}") for prompt in prompts]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "answers.sqlite"


def gather(prompts: pd.DataFrame, backend: Any, cache: Path, **more: Any) -> Collected:
    return collect(prompts, backend=backend, cache=cache, **{"question": CLASSIFY, **more})


# ---------------------------------------------------------------- what is asked


def test_a_text_in_many_rows_is_asked_once_and_answered_once(cache: Path) -> None:
    import pandas as pd

    backend = Scripted()
    prompts = pd.concat([table(["one", "two", "one"]), table(["two"], arm="explain")], ignore_index=True)
    got = gather(prompts, backend, cache)
    assert sorted(text for batch in backend.asked for text in batch) == ["one", "two"]
    assert got.responses["prompt_id"].tolist() == [asking("one").id, asking("two").id]
    assert (got.asked, got.reused, got.failed) == (2, 0, 0)
    assert list(got.responses.columns) == RESPONSES.names
    assert json.loads(got.responses["scores"][0]) == {"no": -1.0, "yes": -0.1}
    assert got.responses["answered_at"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()


def test_the_arm_again_asks_the_repeats_that_follow(cache: Path) -> None:
    import pandas as pd

    prompts = pd.concat(
        [table(["one"], repeats=2), table(["one"], repeats=2, arm="again")], ignore_index=True
    )
    got = gather(prompts, Scripted(), cache, question=Question(kind="generate"))
    assert got.responses["repeat"].tolist() == [0, 1, 2, 3]
    assert got.responses["text"].tolist() == ["one 0", "one 1", "one 2", "one 3"]


def test_scores_that_cannot_differ_between_repeats_are_asked_once(cache: Path) -> None:
    backend = Scripted()
    got = gather(table(["one"], repeats=3), backend, cache)
    assert backend.asked == [["one"]] and got.asked == 1
    assert got.responses["repeat"].tolist() == [0, 1, 2]
    assert got.responses["scores"].nunique() == 1
    unsteady = Scripted(deterministic=False)
    gather(table(["one"], repeats=3), unsteady, cache.with_name("other"))
    assert len(unsteady.asked) == 3


def test_ratings_are_asked_as_whole_numbers_and_kept_under_them(cache: Path) -> None:
    got = gather(table(["one"]), Scripted(), cache, question=Question(kind="rate", low=1, high=3))
    assert json.loads(got.responses["scores"][0]) == {"1": 0.0, "2": -1.0, "3": -2.0}
    with pytest.raises(InputError, match=r"whole numbers, not 0\.5 to 3"):
        gather(table(["one"]), Scripted(), cache, question=Question(kind="rate", low=0.5, high=3))


def test_a_question_that_the_model_cannot_answer_is_refused(cache: Path) -> None:
    @dataclass
    class Silent:
        identity: ModelIdentity = field(default_factory=lambda: ModelIdentity(kind="test", name="mute"))
        deterministic: bool = True

    with pytest.raises(InputError, match="test:mute cannot answer a question of the kind 'classify'"):
        gather(table(["one"]), Silent(), cache)


def test_batches_depend_on_the_prompts_alone_and_not_on_their_order_or_on_what_is_known(
    tmp_path: Path,
) -> None:
    texts = ["a " * n for n in range(1, 30)]
    whole, turned, halved = Scripted(), Scripted(), Scripted()
    gather(table(texts), whole, tmp_path / "one")
    gather(table(texts[::-1]), turned, tmp_path / "two")
    assert turned.asked == whole.asked
    gather(table([text for batch in whole.asked[:4] for text in batch]), Scripted(), tmp_path / "three")
    gather(table(texts), halved, tmp_path / "three")
    assert halved.asked == whole.asked[4:]


def test_a_changed_suite_asks_only_what_is_new(cache: Path) -> None:
    texts = [f"text {n}" for n in range(50)]
    gather(table(texts), Scripted(), cache)
    backend = Scripted()
    got = gather(table([*texts, "a new one"]), backend, cache)
    assert backend.asked == [["a new one"]]
    assert (got.asked, got.reused) == (1, 50)


def test_what_is_new_in_many_batches_is_asked_in_few(cache: Path) -> None:
    old = [f"{word} " * n for n in range(1, 9) for word in ("one", "two", "three", "four")]
    gather(table(old), Scripted(), cache)
    backend = Scripted()
    got = gather(table([*old, *(f"new {'x ' * n}" for n in range(1, 9))]), backend, cache)
    assert (got.asked, got.reused) == (8, 32)
    assert sum(map(len, backend.asked)) == 8 and len(backend.asked) <= 3


def test_gathered_batches_that_are_known_leave_the_others_as_they_are() -> None:
    keys = [[(f"p{4 * batch + row}", 0) for row in range(4)] for batch in range(12)]
    found = frozenset(key for batch in keys for key in batch[: 1 + int(batch[0][0][1:]) % 3])
    whole = list(_gathered(keys, found))
    assert all(len(batch) <= 4 for batch in whole)
    assert sorted(key for batch in whole for key in batch) == sorted(
        key for batch in keys for key in batch if key not in found
    )
    for done in range(1, len(whole)):
        known = found | {key for batch in whole[:done] for key in batch}
        assert list(_gathered(keys, known)) == whole[done:]


@pytest.mark.parametrize("portion", [1, 3, 10_000])
def test_portions_are_cut_ahead_in_order_and_change_no_answer(
    portion: int, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wanted, "PORTION", portion)

    class Noting(Scripted):
        def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
            seen.append(("cut", threading.current_thread() is threading.main_thread()))
            return super().cut(prompts, question)

    seen: list[tuple[str, bool]] = []
    texts = [f"text {n}" for n in range(10)]
    got = gather(table(texts), Noting(), cache)
    assert got.responses["prompt_id"].tolist() == [asking(text).id for text in texts]
    assert [json.loads(scores)["no"] for scores in got.responses["scores"]] == [-len(t) / 3 for t in texts]
    assert set(got.responses["tokens"]) == {2}
    assert [here for _, here in seen] == [True] + [False] * (-(-10 // portion) - 1)


def test_a_prompt_that_cannot_be_read_is_asked_alone_and_its_neighbours_are_batched(cache: Path) -> None:
    class Picky(Scripted):
        def cut(self, prompts: Sequence[Prompt], question: Question) -> Cut:
            if any("bad" in prompt.messages[0].text for prompt in prompts):
                raise ValueError("no such letter")
            return super().cut(prompts, question)

    backend = Picky(fails=lambda text: "bad" in text)
    got = gather(table([*(f"text {n}" for n in range(7)), "bad"]), backend, cache)
    assert got.failed == 1 and got.responses["error"].iloc[-1].startswith("RuntimeError: out of memory")
    assert ["bad"] in backend.asked and max(map(len, backend.asked)) > 1


def test_an_executor_may_answer_in_any_order_and_is_closed_when_a_run_is_stopped(cache: Path) -> None:
    class Backwards:
        closed = False

        def answers(self, batches: Iterator[Batch], question: Question) -> Iterator[tuple[int, list[Answer]]]:
            try:
                for batch in reversed(list(batches)):
                    yield (
                        batch.number,
                        [Answer(scores={"yes": -float(len(p.messages[0].text))}) for p in batch.prompts],
                    )
            finally:
                self.closed = True

    texts = [f"text {'x' * n}" for n in range(40)]
    got = gather(table(texts), Scripted(), cache, executor=Backwards())
    assert [json.loads(scores)["yes"] for scores in got.responses["scores"]] == [-len(t) for t in texts]

    def stop(what: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    stopped = Backwards()
    with pytest.raises(KeyboardInterrupt):
        gather(table(texts), Scripted(), cache.with_name("other"), executor=stopped, progress=stop)
    assert stopped.closed
    assert gather(table(texts), Scripted(), cache.with_name("other")).reused > 0


def test_a_batch_that_never_comes_back_is_an_error(cache: Path) -> None:
    class Losing:
        def answers(self, batches: Iterator[Batch], question: Question) -> Iterator[tuple[int, list[Answer]]]:
            next(batches)
            return iter(())

    with pytest.raises(AuditError, match="1 batches came back without an answer"):
        gather(table(["one"]), Scripted(), cache, executor=Losing())


def test_progress_begins_with_what_is_known_and_ends_with_all(cache: Path) -> None:
    texts = ["one", "two", "three", "four " * 30]
    gather(table(texts[:2]), Scripted(), cache)
    told: list[tuple[str, int, int]] = []
    gather(table(texts), Scripted(), cache, progress=lambda *what: told.append(what))
    assert told[0] == ("answers", 2, 4) and told[-1] == ("answers", 4, 4)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


# --------------------------------------------------------------------- failures


@pytest.mark.parametrize("batch_tokens", [1, 5, 1000])
def test_a_prompt_that_makes_the_model_fail_is_a_record_and_its_neighbours_are_answered(
    batch_tokens: int, cache: Path
) -> None:
    texts = [f"text {n}" for n in range(20)]
    bad = {"text 3", "text 11"}
    got = gather(table(texts), Scripted(fails=bad.__contains__, batch_tokens=batch_tokens), cache)
    failed = got.responses[got.responses["error"] != ""]
    assert set(failed["prompt_id"]) == {asking(text).id for text in bad}
    assert set(failed["error"]) == {"RuntimeError: out of memory"}
    assert (failed["scores"] == "").all() and (failed["text"] == "").all()
    assert (got.asked, got.reused, got.failed) == (20, 0, 2)


def test_what_failed_is_asked_again_and_nothing_else(cache: Path) -> None:
    texts = [f"text {n}" for n in range(20)]
    gather(table(texts), Scripted(fails={"text 3"}.__contains__), cache)
    again = Scripted()
    got = gather(table(texts), again, cache)
    assert again.asked == [["text 3"]]
    assert (got.asked, got.reused, got.failed) == (1, 19, 0)


@pytest.mark.parametrize("answer, error", [
    (Answer(scores={"yes": float("nan")}), "the model gave scores that are no finite numbers"),
    (Answer(scores={"yes": float("-inf")}), "the model gave scores that are no finite numbers"),
    (Answer(), "no answer"),
    (Answer(error="refused by the server"), "refused by the server"),
    (Answer(error=""), "failed without a reason"),
])  # fmt: skip
def test_an_answer_without_content_is_a_failed_record(answer: Answer, error: str, cache: Path) -> None:
    class Odd(Scripted):
        def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
            return [answer] * len(prompts)

    got = gather(table(["one", "two"]), Odd(), cache)
    assert got.responses["error"].tolist() == [error, error] and got.failed == 2
    assert gather(table(["one", "two"]), Odd(), cache).reused == 0


@pytest.mark.parametrize("answer, kept", [
    (Answer(text="an emoji \ud83d"), ("an emoji \ufffd", "", "")),
    (Answer(text="\ud83d\ude00 \ude00 \u00fc"), ("\U0001f600 \ufffd \u00fc", "", "")),
    (Answer(error="refused: \udc80"), ("", "", "refused: \ufffd")),
    (Answer(scores={"\ud83d\ude00": -1.0, "a": -2.0}), ("", '{"\U0001f600": -1.0, "a": -2.0}', "")),
    (Answer(scores={chr(0xD83D): -1.0, chr(0xD83E): -2.0}), ("", "", "the model gave two scores under one name")),
])  # fmt: skip
def test_half_a_character_in_an_answer_is_one_that_can_be_kept(
    answer: Answer, kept: tuple[str, str, str], cache: Path
) -> None:
    class Cut(Scripted):
        def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
            return [answer] * len(prompts)

    got = gather(table(["one", "two"]), Cut(), cache)
    assert got.responses[["text", "scores", "error"]].to_numpy().tolist() == [list(kept)] * 2
    again = gather(table(["one", "two"]), Cut(), cache)
    assert again.reused == (0 if kept[2] else 2)
    assert again.responses["text"].tolist() == got.responses["text"].tolist()


def test_an_error_that_a_person_must_mend_stops_the_run_and_keeps_what_was_answered(cache: Path) -> None:
    class Broken(Scripted):
        def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
            if len(self.asked) == 2:
                raise InputError("the model cannot be loaded")
            return super().classify(prompts)

    texts = [f"text {n}" for n in range(60)]
    broken = Broken()
    with pytest.raises(InputError, match="cannot be loaded"):
        gather(table(texts), broken, cache)
    assert gather(table(texts), Scripted(), cache).reused == sum(map(len, broken.asked)) > 0


def test_a_back_end_that_loses_answers_is_found_out(cache: Path) -> None:
    class Short(Scripted):
        def classify(self, prompts: Sequence[Prompt]) -> list[Answer]:
            return super().classify(prompts)[1:]

    with pytest.raises(AuditError, match="gave 1 answers to 2 prompts"):
        gather(table(["one", "two"]), Short(), cache)


# -------------------------------------------------------------- what is reused


def test_answers_without_digests_are_not_reused(cache: Path) -> None:
    hosted = Scripted(identity=ModelIdentity(kind="endpoint", name="gpt"))
    for _ in range(2):
        got = gather(table(["one"]), hosted, cache)
        assert (got.asked, got.reused) == (1, 0)
    assert not cache.exists()


def test_answers_of_other_weights_or_to_another_question_are_not_reused(cache: Path) -> None:
    gather(table(["one"]), Scripted(), cache)
    other = Scripted(identity=ModelIdentity(kind="test", name="t", digests={"model.safetensors": "1" * 64}))
    assert gather(table(["one"]), other, cache).reused == 0
    assert (
        gather(table(["one"]), Scripted(), cache, question=Question(kind="rate", low=1, high=3)).reused == 0
    )
    moved = Scripted(identity=ModelIdentity(kind="hf", name="elsewhere", digests=DIGESTS))
    assert gather(table(["one"]), moved, cache).reused == 1


def test_a_warm_run_gives_the_same_bytes_and_imports_no_torch(cache: Path, tmp_path: Path) -> None:
    folder = tiny_models.classifier(tmp_path / "model")
    texts = [f"Emily applies as a nurse with {n} years of experience." for n in range(40)]
    cold = gather(table(texts), open_model(f"hf:{folder}"), cache, question=Question(kind="classify"))
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[3])\n"
        "from test_collect import *\n"
        "texts = [f'Emily applies as a nurse with {n} years of experience.' for n in range(40)]\n"
        "model = open_model(f'hf:{sys.argv[1]}')\n"
        "got = collect(table(texts), backend=model, question=Question(kind='classify'), cache=Path(sys.argv[2]))\n"
        "assert (got.asked, got.reused) == (0, 40) and not {'torch', 'transformers'} & set(sys.modules)\n"
        "print(got.responses.to_json())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(cache), str(ROOT / "tests")],
        capture_output=True, text=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == cold.responses.to_json()


# ------------------------------------------------------------- killed, and two at once

SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_collect import *

class Slow(Scripted):
    def classify(self, prompts):
        time.sleep(0.01)
        return super().classify(prompts)

texts = [f"text number {n} " + "x " * (n % 7) for n in range(600)]
tell = lambda what, done, total: print(done, flush=True)
got = gather(table(texts), Slow(), Path(sys.argv[1]), progress=tell)
print(json.dumps([got.asked, got.reused, got.responses[["prompt_id", "scores", "error"]].to_json()]))
"""


def started(cache: Path, script: str = SLOW) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(cache), str(ROOT / "tests")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def finished(process: subprocess.Popen[str]) -> Any:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one_does(tmp_path: Path) -> None:
    _, _, undisturbed = finished(started(tmp_path / "whole"))
    draw = random.Random(3)
    for _ in range(4):
        process = started(tmp_path / "killed")
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    asked, reused, resumed = finished(started(tmp_path / "killed"))
    assert resumed == undisturbed
    assert asked + reused == 600 and reused > 0


def test_two_runs_on_one_file_of_answers_do_not_disturb_each_other(tmp_path: Path) -> None:
    pair = [started(tmp_path / "new" / "answers") for _ in range(3)]
    results = [finished(process) for process in pair]
    assert len({responses for _, _, responses in results}) == 1
    assert gather(
        table([f"text number {n} " + "x " * (n % 7) for n in range(600)]), Scripted(), tmp_path / "new" / "answers"
    ).reused == 600  # fmt: skip


def varied_texts() -> list[str]:
    draw = random.Random(1)
    words = " ".join(tiny_models.WORDS).split()
    return [" ".join(draw.choices(words, k=draw.randint(5, 25))) + f" {n}" for n in range(1500)]


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_collect import *

model = open_model(str(Path(sys.argv[1]).parent / "model.yaml"))
tell = lambda what, done, total: print(done, flush=True)
got = gather(table(varied_texts()), model, Path(sys.argv[1]), progress=tell)
print(json.dumps([got.asked, got.reused, got.responses[["prompt_id", "scores", "error"]].to_json()]))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs kill -9")
def test_a_killed_run_of_a_transformer_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    tiny_models.classifier(tmp_path / "model")
    (tmp_path / "model.yaml").write_text("model: 1\nkind: hf\nname: model\nthreads: 1\nbatch_tokens: 300\n")
    process = started(tmp_path / "killed", KILLED)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) > 700:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    asked, reused, resumed = finished(started(tmp_path / "killed", KILLED))
    assert 0 < reused < 1500 and asked + reused == 1500
    undisturbed = gather(table(varied_texts()), open_model(str(tmp_path / "model.yaml")), tmp_path / "whole")
    assert resumed == undisturbed.responses[["prompt_id", "scores", "error"]].to_json()


# ---------------------------------------------------------------- many questions under way


@dataclass
class Streaming:
    """A back end that gives its answers one by one, in the order that it is told."""

    order: Callable[[int], list[int]] = lambda count: list(range(count))
    identity: ModelIdentity = field(default_factory=lambda: ModelIdentity(kind="test", name="t"))
    deterministic: bool = False
    asked: list[tuple[str, int]] = field(default_factory=list)
    closed: bool = False

    def stream(self, asks: Sequence[Ask], question: Question) -> Iterator[tuple[int, Answer]]:
        try:
            for number in self.order(len(asks)):
                ask = asks[number]
                ask.put()
                self.asked.append((ask.prompt.messages[0].text, ask.repeat))
                yield number, Answer(text=f"{ask.prompt.messages[0].text} {ask.repeat}", tokens=7)
        finally:
            self.closed = True


def test_answers_that_come_in_another_order_belong_to_their_questions(cache: Path) -> None:
    backend = Streaming(order=lambda count: list(reversed(range(count))))
    got = gather(table(["one", "two"], repeats=2), backend, cache, question=Question(kind="generate"))
    assert got.responses["text"].tolist() == ["one 0", "one 1", "two 0", "two 1"]
    assert set(got.responses["tokens"]) == {7} and len(backend.asked) == 4


def test_a_question_that_is_answered_twice_or_not_at_all_is_an_error(cache: Path) -> None:
    for order in ([0, 0], [0], [0, 1, 2]):
        with pytest.raises((AuditError, IndexError)):
            gather(table(["one", "two"]), Streaming(order=lambda _, told=order: told), cache)


@dataclass
class Spent(Streaming):
    """Puts what `order` says, as often as it says it, and answers none of it; the rest it is not allowed to put."""

    killed: bool = False

    def stream(self, asks: Sequence[Ask], question: Question) -> Iterator[tuple[int, Answer]]:
        every = [asks[number] for number in range(len(asks))]
        for number in self.order(len(asks)):
            every[number].put()
        if self.killed:
            raise KeyboardInterrupt
        yield from ((number, Answer(error="nothing came")) for number in range(len(asks)))


def test_what_a_model_was_never_put_is_not_counted_as_asked(cache: Path) -> None:
    kept, prompts = cache.with_name("run.sqlite"), table([str(n) for n in range(10)])
    got = gather(prompts, Spent(order=lambda _: [1, 3, 3, 1, 4]), cache, kept=kept)
    assert (got.asked, got.reused, got.failed, got.unanswered) == (3, 0, 10, 10)
    assert asked_again(kept) == 0
    assert gather(prompts, Spent(order=lambda _: []), cache, kept=kept).asked == 0


def test_an_answer_that_a_kill_lost_counts_as_asked_again_when_it_is_put_again(cache: Path) -> None:
    kept, prompts = cache.with_name("run.sqlite"), table([str(n) for n in range(10)])
    with pytest.raises(KeyboardInterrupt):
        gather(prompts, Spent(order=lambda _: [1, 3, 4], killed=True), cache, kept=kept)
    for _ in range(2):  # a budget that is spent leaves them as they are
        gather(prompts, Spent(order=lambda _: []), cache, kept=kept)
        assert asked_again(kept) == 0
    assert gather(prompts, Streaming(), cache, kept=kept).asked == 10
    assert asked_again(kept) == 3


def test_what_came_before_an_interrupt_is_kept_and_the_stream_is_closed(cache: Path) -> None:
    def stop_after_three(what: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    kept, backend, prompts = cache.with_name("run.sqlite"), Streaming(), table([str(n) for n in range(10)])
    with pytest.raises(KeyboardInterrupt):
        gather(prompts, backend, cache, kept=kept, progress=stop_after_three)
    assert backend.closed and len(backend.asked) == 3
    again = Streaming()
    got = gather(prompts, again, cache, kept=kept)
    assert (got.asked, got.reused, len(again.asked)) == (7, 3, 7)
    assert not cache.exists()
