"""Training: batches by duration against fixed ones, two workers against one, waiting, and the loop's own price.

``python benchmarks/train.py``. The audio is noise in lengths like LibriSpeech's, the network convolutions and wide
layers, each process has one thread. Four figures, all ratios of one run:

- dynamic batches against fixed ones that need the same memory: both may hold so many padded seconds, and a fixed number
  of utterances has room for the longest. Padding, and utterances per second;
- two workers that torchrun starts (gloo) against one, on the same batches, with layers so wide that most of a step is
  products of matrices: steps per second after the first epoch, without what is between epochs; and beside it two
  trainings that know nothing of each other, which is all that two cores can give just then;
- the share of the time in which those steps waited for audio, in the first epoch, when all of it is decoded, and later;
- ``earmark train`` against ``Brain.fit`` as recipes of SpeechBrain have it, on the same batches, in turns: CPU seconds.
  Both find WER and CER of held-out speech after each epoch, keep the newest state and the best, and end with the best.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from _measure import machine
from _training import LONGEST_S, NUM_CORPUS, SHARED_S, lengths, write

from earmark.spec import BatchingSpec
from earmark.training.batches import Rows, epoch_batches, longest_first_batches, padding_share
from earmark.training.events import EpochEnded, StepMade

LOOP_BATCH_S = 40.0
"""Padded seconds of a batch where the loops are compared: an epoch has dozens of steps, as a short real one has."""
VALID_EACH = 10
"""One utterance is held out for so many that are learnt from, as LibriSpeech has dev-clean beside train-clean-100."""
NUM_TURNS = 4
WIDE = 1024
"""Outputs of the layers where two workers are compared with one: most of a step is products of matrices."""
WORKERS_EPOCHS = 4


class Parts:
    """A system with its speech and Brain, ready for steps."""

    def __init__(self, recipe: Path, *overrides: str) -> None:
        import torch

        from earmark.recognizers.speechbrain.loading import import_speechbrain
        from earmark.training.recipe import read_recipe

        import_speechbrain()
        from earmark.training.systems import system_of

        torch.set_num_threads(1)
        self.device = torch.device("cpu")
        self.read = read_recipe(str(recipe), overrides)
        self.system = system_of(self.read, self.device)
        self.speech = self.system.speech()
        self.brain = self.system.brain(self.device)

    def batches(self, planned: Sequence[Rows]) -> Any:  # noqa: ANN401  # a generator of batches
        """This process's batches, as a training takes them."""
        return self.system.loader(self.speech.train).batches(planned, rank=0, num_ranks=1)


def dynamic_against_fixed(folder: Path, number: int) -> None:
    """Print padding, and utterances per second of both kinds of batches, on some of the batches of a whole corpus."""
    corpus = lengths(NUM_CORPUS)
    all_dynamic = epoch_batches(corpus, BatchingSpec(max_batch_s=SHARED_S), seed=0, epoch=0)
    size = int(SHARED_S / LONGEST_S)
    order = np.random.default_rng(0).permutation(NUM_CORPUS)
    all_fixed = [order[start : start + size] for start in range(0, NUM_CORPUS, size)]
    by_length = sorted(all_dynamic, key=lambda rows: float(corpus[rows].max()))
    num_chosen = round(number * len(by_length) / NUM_CORPUS)
    chosen = [by_length[int((one + 0.5) * len(by_length) / num_chosen)] for one in range(num_chosen)]
    used = np.concatenate(chosen)
    parts = Parts(write(folder, corpus[used], SHARED_S))
    parts.brain.on_fit_start()
    dynamic = np.split(np.arange(len(used)), np.cumsum([len(rows) for rows in chosen])[:-1])
    mixed = np.random.default_rng(0).permutation(len(used))
    fixed = [mixed[start : start + size] for start in range(0, len(used), size)]
    for batch in parts.batches(fixed[:1]):
        parts.brain.fit_batch(batch)  # the first step of all makes the optimizer's state
    print("\nbatches          padding of 10,000  largest  utterances/s")
    rates = []
    for name, planned, whole in (("dynamic", dynamic, all_dynamic), (f"fixed, {size} each", fixed, all_fixed)):
        began = time.perf_counter()
        for batch in parts.batches(planned):
            parts.brain.fit_batch(batch)
        rates.append(len(used) / (time.perf_counter() - began))
        largest_s = max(float(corpus[rows].max()) * len(rows) for rows in whole)
        print(f"{name:<16} {padding_share(corpus, whole):17.1%} {largest_s:6.0f} s {rates[-1]:13.1f}")
    print(f"dynamic batches learn {rates[0] / rates[1]:.2f} x the utterances per second, {len(used)} utterances")


def two_against_one(folder: Path, number: int) -> None:
    """Print steps per second of one worker, of two, and of two that train apart: what the machine has to give."""
    recipe = write(folder, lengths(number), SHARED_S, width=WIDE, epochs=WORKERS_EPOCHS)
    print(
        "\nworkers     steps/s  CPU s of a rank for a step  waiting for audio in the first epoch, and in the timed ones"
    )
    rates, costs = [], []
    for name, num_trainings, num_ranks in (("one", 1, 1), ("two", 1, 2), ("two apart", 2, 1)):
        running = [_started(recipe, folder / f"{name}-{one}", num_ranks) for one in range(num_trainings)]
        told = []
        for process in running:
            out, errors = process.communicate()
            if process.returncode:
                sys.exit(errors)
            told.append(json.loads(out.strip().splitlines()[-1]))
        rates.append(sum(one["steps_per_s"] for one in told))
        costs.append(max(one["cpu_s"] for one in told))
        shares = f"{told[0]['waiting_share']:6.1%} {told[0]['later_share']:6.1%}"
        counted = f"{told[0]['num_steps']} steps, load {os.getloadavg()[0]:.1f}"
        print(f"{name:<10} {rates[-1]:8.2f} {costs[-1]:8.2f} {shares}  {counted}")
    print(f"two workers make {rates[1] / rates[0]:.2f} x the steps of one; two apart {rates[2] / rates[0]:.2f} x")
    print(f"by CPU seconds, as on cores that nobody else uses, {costs[0] / costs[1]:.2f} x")


def _started(recipe: Path, out: Path, num_ranks: int) -> subprocess.Popen[str]:
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={num_ranks}", "--rdzv-backend=c10d"]
    line = [sys.executable, *launcher, "--rdzv-endpoint=127.0.0.1:0", __file__, "--rank", str(recipe), str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rank(recipe: str, out: str) -> None:
    """What each worker of ``two_against_one`` does; rank 0 prints its figures."""
    from earmark.verbs.train import train

    steps: list[tuple[int, float, float]] = []
    epochs: list[EpochEnded] = []

    def note(event: object) -> None:
        if isinstance(event, StepMade):
            steps.append((event.epoch, time.perf_counter(), time.process_time()))
        elif isinstance(event, EpochEnded):
            epochs.append(event)

    done = train(recipe, out=out, engine="torchrun", device="cpu", observer=note)
    if done is not None:
        of_epochs = [[one for one in steps if one[0] == ended.epoch] for ended in epochs[1:]]
        num_steps = sum(len(one) - 1 for one in of_epochs)
        total_s, cpu_s = (sum(one[-1][clock] - one[0][clock] for one in of_epochs) for clock in (1, 2))
        later = float(np.mean([one.waiting_share for one in epochs[1:]]))
        first = epochs[0].waiting_share
        figures = {"steps_per_s": num_steps / total_s, "cpu_s": cpu_s / num_steps, "num_steps": num_steps}
        print(json.dumps({**figures, "waiting_share": first, "later_share": later}))


def against_speechbrain(folder: Path, number: int, num_epochs: int) -> None:
    """Print the CPU seconds of both loops on the same batches, in turns, of which the first counts for nothing."""
    recipe = write(folder, lengths(number), LOOP_BATCH_S, num_valid=number // VALID_EACH)
    arms = {"Brain.fit": _plain_loop, "earmark train": _earmark_loop}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for turn in range(NUM_TURNS + 1):
        for name in sorted(arms, reverse=turn % 2 == 0):
            parts = Parts(recipe, f"epochs={num_epochs if turn else 1}")
            found = _cpu_seconds(*arms[name](parts, folder / f"{name}-{turn}"))
            spent[name] += [found] if turn else []
    num_steps = len(epoch_batches(lengths(number), BatchingSpec(max_batch_s=LOOP_BATCH_S), seed=0, epoch=0))
    print(f"\n{num_epochs} epochs of {num_steps} steps, {number} utterances, {number // VALID_EACH} held out")
    print("Brain.fit     reads audio in each epoch; WER and CER by ErrorRateStats; Checkpointer keeps newest and best")
    print("earmark train reads it once; WER and CER by earmark.scoring; keeps two newest and best, synced and hashed")
    print("\nloop            least CPU s  all turns (of which outside fit_batch: audio, held-out speech, checkpoints)")
    for name, turns in spent.items():
        shown = "  ".join(f"{total_s:5.2f} ({outside_s:.2f})" for total_s, outside_s in turns)
        print(f"{name:<15} {min(turns)[0]:11.2f}  {shown}")
    theirs, ours = spent["Brain.fit"], spent["earmark train"]
    all_turns = sum(one for one, _ in ours) / sum(one for one, _ in theirs) - 1
    outside = (sum(one for _, one in ours) - sum(one for _, one in theirs)) / sum(one for one, _ in theirs)
    print(f"earmark train costs {min(ours)[0] / min(theirs)[0] - 1:+.1%} by the least, {all_turns:+.1%} by all turns;")
    print(f"outside fit_batch, which both call alike, {outside:+.1%} of the whole; load {os.getloadavg()[0]:.1f}")


def _cpu_seconds(brain: Any, run: Callable[[], object]) -> tuple[float, float]:  # noqa: ANN401  # SpeechBrain's
    """Those of a training, and those of them that were not spent in the steps themselves."""
    inside_s, step = 0.0, brain.fit_batch

    def timed(batch: object) -> Any:  # noqa: ANN401  # a tensor
        nonlocal inside_s
        began_s = time.thread_time()
        loss = step(batch)
        inside_s += time.thread_time() - began_s
        return loss

    brain.fit_batch = timed
    began_s = time.process_time()
    run()
    total_s = time.process_time() - began_s
    return total_s, total_s - inside_s


def _plain_loop(parts: Parts, folder: Path) -> tuple[Any, Callable[[], object]]:
    from _speechbrain_loop import fit_plainly, held_out_loader, plain_brain

    recipe, speech = parts.read.recipe, cast("Any", parts.speech)
    rule, num_epochs = recipe.batch_rule(), recipe.epochs
    planned = [epoch_batches(speech.train.sizes, rule, seed=0, epoch=one) for one in range(num_epochs)]
    held_out = held_out_loader(speech.valid, longest_first_batches(speech.valid.sizes, rule))
    brain = plain_brain(parts.system, recipe, speech.valid, folder, parts.device)
    return brain, lambda: fit_plainly(brain, speech.train, planned, held_out)


def _earmark_loop(parts: Parts, folder: Path) -> tuple[Any, Callable[[], object]]:
    fit = _fit(parts, folder)

    def run() -> None:
        fit.restore()
        fit.run(lambda: False)

    return parts.brain, run


def _fit(parts: Parts, folder: Path) -> Any:  # noqa: ANN401  # imported late
    from earmark.store.folder import LocalFolder
    from earmark.training.checkpoints import Checkpoints
    from earmark.training.fit import Fit
    from earmark.training.ranks import Ranks

    def unheard(event: object) -> None:
        del event

    checkpoints = Checkpoints(LocalFolder(folder), unheard)
    ranks = Ranks(parts.device)
    return Fit(parts.system, parts.brain, parts.speech, parts.read.recipe, ranks, checkpoints, unheard)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=240, help="of each part")
    parser.add_argument("--only", choices=("batches", "workers", "loop"), help="one part")
    parser.add_argument("--rank", nargs=2, metavar=("RECIPE", "OUT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rank:
        rank(*asked.rank)
        return
    print(machine())
    parts: dict[str, Callable[[Path], None]] = {
        "batches": lambda folder: dynamic_against_fixed(folder, asked.utterances),
        "workers": lambda folder: two_against_one(folder, asked.utterances),
        "loop": lambda folder: against_speechbrain(folder, asked.utterances, 2),
    }
    for name, part in parts.items():
        if asked.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                part(Path(folder))


if __name__ == "__main__":
    main()
