"""Training: batches by duration against fixed ones, two workers against one, waiting, and the loop's own price.

``python benchmarks/train.py``. The audio is noise in lengths like LibriSpeech's, the network convolutions and wide
layers, each process has one thread. Four figures, all ratios of one run:

- dynamic batches against fixed ones that need the same memory: both may hold so many padded seconds, and a fixed number
  of utterances has room for the longest. Padding, and utterances per second;
- two workers that torchrun starts (gloo) against one, on the same batches: steps per second after the first epoch; and
  beside it two trainings that know nothing of each other, which is all that two cores can give just then;
- the share of the time in which those steps waited for audio, in the first epoch, when all of it is decoded;
- ``earmark train`` against ``Brain.fit`` of SpeechBrain, which reads and pads the same batches: CPU seconds, in turns.
  The loop of earmark also keeps checkpoints, tries held-out speech and hashes the weights.
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
import soundfile
from _measure import machine
from _training import LONGEST_S, NUM_CORPUS, SHARED_S, lengths, write

from earmark.training.batches import Rows, epoch_batches, padding_share
from earmark.training.events import EpochEnded, StepMade


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
    from earmark.spec import BatchingSpec

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
    recipe = write(folder, lengths(number), SHARED_S)
    print("\nworkers     steps/s  waiting in the first epoch")
    rates = []
    for name, num_trainings, num_ranks in (("one", 1, 1), ("two", 1, 2), ("two apart", 2, 1)):
        running = [_started(recipe, folder / f"{name}-{one}", num_ranks) for one in range(num_trainings)]
        told = []
        for process in running:
            out, errors = process.communicate()
            if process.returncode:
                sys.exit(errors)
            told.append(json.loads(out.strip().splitlines()[-1]))
        rates.append(sum(one["steps_per_s"] for one in told))
        print(f"{name:<10} {rates[-1]:8.2f} {told[0]['waiting_share']:8.1%}")
    print(f"two workers make {rates[1] / rates[0]:.2f} x the steps of one; two apart {rates[2] / rates[0]:.2f} x")


def _started(recipe: Path, out: Path, num_ranks: int) -> subprocess.Popen[str]:
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={num_ranks}", "--rdzv-backend=c10d"]
    line = [sys.executable, *launcher, "--rdzv-endpoint=127.0.0.1:0", __file__, "--rank", str(recipe), str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rank(recipe: str, out: str) -> None:
    """What each worker of ``two_against_one`` does; rank 0 prints its figures."""
    from earmark.verbs.train import train

    steps: list[tuple[int, float]] = []
    epochs: list[EpochEnded] = []

    def note(event: object) -> None:
        if isinstance(event, StepMade):
            steps.append((event.epoch, time.perf_counter()))
        elif isinstance(event, EpochEnded):
            epochs.append(event)

    done = train(recipe, out=out, engine="torchrun", device="cpu", observer=note)
    if done is not None:
        times = [[at for epoch, at in steps if epoch == one.epoch] for one in epochs[1:]]
        steps_per_s = sum(len(one) - 1 for one in times) / sum(one[-1] - one[0] for one in times)
        print(json.dumps({"steps_per_s": steps_per_s, "waiting_share": epochs[0].waiting_share}))


def against_speechbrain(folder: Path, number: int, num_epochs: int) -> None:
    """Print the CPU seconds of both loops on the same batches."""
    from torch.utils.data import DataLoader

    recipe = write(folder, lengths(number), SHARED_S)
    warm = Parts(recipe)
    warm.brain.on_fit_start()  # the first optimizer of a process imports half of torch
    spent = {"earmark train": 0.0, "Brain.fit": 0.0}
    for turn in range(2):
        for name in spent:
            parts = Parts(recipe, f"epochs={num_epochs}")
            if name == "Brain.fit":
                rule = parts.read.recipe.batch_rule()
                planned = [
                    epoch_batches(parts.speech.train.sizes, rule, seed=0, epoch=one) for one in range(num_epochs)
                ]
                began_s = time.process_time()
                for epoch, rows in enumerate(planned):
                    loader: Any = DataLoader(cast("Any", _Decoded(parts.speech.train, rows)), batch_size=None)
                    parts.brain.fit(range(epoch, epoch + 1), loader, progressbar=False)
            else:
                fit = _fit(parts, folder / f"turn-{turn}")
                began_s = time.process_time()
                fit.restore()
                fit.run(lambda: False)
            spent[name] += time.process_time() - began_s
    print("\nloop            CPU seconds of two turns")
    for name, seconds in spent.items():
        print(f"{name:<15} {seconds:11.1f}")
    print(f"earmark train costs {spent['earmark train'] / spent['Brain.fit'] - 1:+.1%}")


class _Decoded:
    """Batches for torch's DataLoader as recipes of SpeechBrain have them: files read and padded in each epoch."""

    def __init__(self, examples: Any, planned: Sequence[Rows]) -> None:  # noqa: ANN401  # imported late
        self._examples, self._planned = examples, planned

    def __len__(self) -> int:
        return len(self._planned)

    def __getitem__(self, number: int) -> Any:  # noqa: ANN401  # likewise
        import torch
        from speechbrain.utils.data_utils import batch_pad_right

        from earmark.training.loading import PaddedBatch

        rows, examples = self._planned[number], self._examples
        waves = [torch.from_numpy(soundfile.read(examples.pieces[row].path, dtype="float32")[0]) for row in rows]
        samples, shares = batch_pad_right(waves)
        labels = [torch.tensor(examples.labels[row]) for row in rows]
        return PaddedBatch(
            ids=tuple(examples.ids[row] for row in rows),
            samples=samples,
            lengths=torch.tensor(shares) if not isinstance(shares, torch.Tensor) else shares,
            labels=batch_pad_right(labels)[0],
            label_lengths=torch.tensor([len(one) for one in labels]),
            weights=torch.full((len(rows),), 1 / len(rows)),
        )


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
        "loop": lambda folder: against_speechbrain(folder, asked.utterances, 3),
    }
    for name, part in parts.items():
        if asked.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                part(Path(folder))


if __name__ == "__main__":
    main()
