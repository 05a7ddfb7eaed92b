"""What a training of a Sudoku solver stands on in its folder: its identity, and its puzzles. Makes both where absent.

The identity is ``all_config.yaml`` itself: the settings of the model, of the training, and the fingerprints of the
puzzles. It is written before anything else, so that a folder without it is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earmark.errors import FolderError, RunMismatchError, UsageError
from earmark.puzzles.generate import generate
from earmark.puzzles.grids import PuzzleSet
from earmark.puzzles.hrm.checkpoint import CONFIG, read_config
from earmark.puzzles.hrm.settings import to_yaml
from earmark.puzzles.layout import read_puzzles, write
from earmark.store.folder import LocalFolder
from earmark.training.sudoku_recipe import SudokuRecipe

DATA = "data"
_ANOTHER = "--out OTHER_FOLDER keeps both"
_OWN = "earmark"
"""The section of ``all_config.yaml`` that the published layout has not."""


def check_folder(folder: LocalFolder) -> None:
    """Raise FolderError where the folder holds what is no training."""
    if not folder.has(CONFIG) and folder.path.exists() and (entries := folder.entries()):
        problem = f"it holds other things, such as {entries[0]}, and no {CONFIG} of a training"
        raise FolderError(folder.url, problem, hint="--out NEW_FOLDER")


def puzzles_in(folder: LocalFolder, recipe: SudokuRecipe, seed: int) -> tuple[PuzzleSet, PuzzleSet]:
    """The puzzles to train on and those to test with, made and written, with the identity, where they are not there.

    Raises RunMismatchError where the folder is another training's.
    """
    wanted = config_of(recipe, seed)
    if not folder.has(CONFIG):
        made = _made(recipe, seed)
        folder.write(CONFIG, to_yaml({**wanted, _OWN: {**wanted[_OWN], DATA: _fingerprints(made)}}))
        _write(folder, made)
        return made
    there = read_config(folder.path)
    own = there.get(_OWN)
    fingerprints = own.get(DATA) if isinstance(own, Mapping) else None
    check_same(folder, there, {**wanted, _OWN: {**wanted[_OWN], DATA: fingerprints}})
    kept = _kept(folder)
    if kept is None or _fingerprints(kept) != fingerprints:
        kept = _made(recipe, seed)
        if _fingerprints(kept) != fingerprints:
            raise FolderError(folder.url, f"its {DATA} were made by another version of earmark", hint=_ANOTHER)
        _write(folder, kept)
    return kept


def config_of(recipe: SudokuRecipe, seed: int) -> dict[str, Any]:
    """The document of a training, under the published names where there are such, but for the data's fingerprints."""
    return {
        "arch": recipe.model.arch(),
        "data_path": DATA,
        "global_batch_size": recipe.batch_size,
        "lr": recipe.learning_rate,
        "lr_min_ratio": 1.0,
        "lr_warmup_steps": recipe.num_warmup_steps,
        "weight_decay": recipe.weight_decay,
        "beta1": recipe.beta1,
        "beta2": recipe.beta2,
        "seed": seed,
        "checkpoint_every_eval": True,
        "eval_interval": recipe.snapshot_every,
        "eval_save_outputs": [],
        _OWN: recipe.identity(),
    }


def _made(recipe: SudokuRecipe, seed: int) -> tuple[PuzzleSet, PuzzleSet]:
    return (
        generate(recipe.size, recipe.num_train, seed, split="train"),
        generate(recipe.size, recipe.num_test, seed, split="test"),
    )


def _fingerprints(puzzles: tuple[PuzzleSet, PuzzleSet]) -> dict[str, str]:
    train, test = puzzles
    return {"train": train.fingerprint, "test": test.fingerprint}


def _write(folder: LocalFolder, puzzles: tuple[PuzzleSet, PuzzleSet]) -> None:
    train, test = puzzles
    write(folder.path / DATA, train=train, test=test)


def _kept(folder: LocalFolder) -> tuple[PuzzleSet, PuzzleSet] | None:
    """The puzzles that the folder holds; None where they are not there whole."""
    place = str(folder.path / DATA)
    try:
        return read_puzzles(place, split="train"), read_puzzles(place, split="test")
    except UsageError:
        return None


def check_same(folder: LocalFolder, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise RunMismatchError, naming what differs, unless both documents of a training are the same."""
    was, now = _flat(there), _flat(here)
    fields = {name: (was.get(name), now.get(name)) for name in {**was, **now} if was.get(name) != now.get(name)}
    if fields:
        raise RunMismatchError(folder.url, fields, hint=_ANOTHER)


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
