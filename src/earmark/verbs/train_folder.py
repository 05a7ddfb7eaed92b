"""The folder of a training: whose it is, what it was made with, and what came of it.

::

    DIR/training.json     the identity: all that changes the weights, with the fingerprints of data and model
    DIR/experiment.json   the recipe as it was read, what was set over it, versions, ranks, device
    DIR/before/           the model as it was, which ``speechbrain:DIR/before`` or ``whisper:DIR/before`` loads
    DIR/checkpoints/      what a training goes on from; DIR/checkpoints.json lists it
    DIR/epochs.json       the loss of each step, and WER and CER of the held-out speech after each epoch
    DIR/model/            the model with the lowest WER, likewise
    DIR/runs/             what both heard of the test data: two runs that any command reads
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

from earmark.errors import EngineError, FolderError, MissingAudioError, UsageError, without_secret
from earmark.store.folder import LocalFolder
from earmark.training.recipe import ReadRecipe
from earmark.verbs.train_sudoku_data import check_same

if TYPE_CHECKING:
    from earmark.training.fit import Fitted
    from earmark.training.lessons import Speech
    from earmark.training.ranks import Ranks

IDENTITY, EXPERIMENT, EPOCHS = "training.json", "experiment.json", "epochs.json"
BEFORE, MODEL, AFTER = "before", "model", "after"
_VERSIONS = ("earmark", "torch", "speechbrain", "transformers", "torchaudio", "numpy", "soxr", "soundfile")
_NUM_LOOKED_AT = 200


def check_folder(folder: LocalFolder) -> None:
    """Raise FolderError where the folder holds what is no training of a recipe."""
    if not folder.has(IDENTITY) and folder.path.exists() and (entries := folder.entries()):
        problem = f"it holds other things, such as {entries[0]}, and no {IDENTITY} of a training"
        raise FolderError(folder.url, problem, hint="--out NEW_FOLDER")


def claim(folder: LocalFolder, read: ReadRecipe, speech: Speech, model_hash: str) -> None:
    """Write the identity where there is none. Raises RunMismatchError where the folder is another training's."""
    data = {"train": speech.train.fingerprint, "valid": speech.valid.fingerprint}
    here = json.loads(json.dumps({"recipe": read.recipe.identity(), "data": data, "model": model_hash}))
    if not folder.has(IDENTITY):
        folder.write(IDENTITY, _lines(here))
        return
    try:
        there = json.loads(folder.read(IDENTITY))
    except ValueError as error:
        raise FolderError(folder.url, f"its {IDENTITY} is damaged", hint="--out NEW_FOLDER") from error
    check_same(folder, there, here)


def check_visible(speech: Speech, ranks: Ranks) -> None:
    """Look for audio from each rank, before anything is begun. Raises MissingAudioError, or EngineError for others."""
    pieces = (*speech.train.pieces, *speech.valid.pieces)
    sample = pieces[:: max(1, len(pieces) // _NUM_LOOKED_AT)]
    missing = [one.path for one in sample if not os.path.exists(one.path)]  # noqa: PTH110  # a Path costs more
    found = ranks.gathered((len(missing), missing[0] if missing else ""))
    if missing and ranks.num_ranks == 1:
        raise MissingAudioError("the recipe's data", len(missing), len(sample), missing[0], root="its source")
    blind = [rank for rank, (number, _) in enumerate(found) if number]
    if blind:
        raise EngineError(
            f"rank {blind[0]} cannot see the data" + (f", nor can {len(blind) - 1} others" if blind[1:] else ""),
            cause=f"it has no {found[blind[0]][1]}",
            hint="a folder that every machine sees under the same path",
        )


def check_shares(speech: Speech, ranks: Ranks) -> None:
    """Raise UsageError where a rank would have nothing to learn from in any step."""
    if ranks.num_ranks > len(speech.train):
        raise UsageError(
            f"{ranks.num_ranks} ranks cannot share {len(speech.train):,} utterances",
            cause="each needs one at least",
            hint="fewer of them: torchrun --nproc-per-node=N, or --engine ray --workers N",
        )


def report(folder: LocalFolder, read: ReadRecipe, fitted: Fitted, *, num_ranks: int, device: str) -> None:
    """Write what was done, and with what."""
    told = {
        "recipe": without_secret(read.text),
        **({"included": {name: without_secret(text) for name, text in read.included.items()}} if read.included else {}),
        **({"not_read": list(read.not_read)} if read.not_read else {}),
        "overrides": [without_secret(one) for one in read.overrides],
        "versions": {name: version(name) for name in _VERSIONS},
        "num_ranks": num_ranks,
        "device": device,
        "weights_hash": fitted.weights_hash,
        "is_ended": fitted.is_ended,
    }
    folder.write(EXPERIMENT, _lines(told))
    folder.write(EPOCHS, _lines([asdict(one) for one in fitted.epochs]))


def _lines(value: object) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
