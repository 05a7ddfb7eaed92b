"""``train``: a recipe of speech recognition, from its data to a model that is compared with what it was before.

Knows the order of things: recipe, ranks, data, model, identity, training, evaluation. The same call goes on with what a
killed one left, and does nothing where nothing is left; a folder that holds another training is refused.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.engines.environment import having
from earmark.errors import StoppedTrainingError, UsageError
from earmark.recognizers.packages import packages_of
from earmark.recognizers.speechbrain.loading import import_speechbrain
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from earmark.training.examples import part_of
from earmark.training.hparams import read_any_recipe
from earmark.training.recipe import ReadRecipe
from earmark.training.systems import SAVED
from earmark.verbs.compare import compare
from earmark.verbs.evaluate import evaluate
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.tracking import check_trackers
from earmark.verbs.train_folder import AFTER, BEFORE, MODEL, check_folder
from earmark.verbs.train_rank import fitted_by
from earmark.verbs.train_ray import fitted_on_ray, options_of
from earmark.verbs.train_tracking import tracked_training
from earmark.verbs.training_events import RecipeObserver, TellRecipe, Training, no_recipe_observer
from earmark.verbs.workforce import EngineName, check_launcher

if TYPE_CHECKING:
    from earmark.training.fit import Fitted

_ENGINES = ("auto", "inline", "torchrun", "ray")


def train(
    config: str,
    *,
    out: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    engine: EngineName = "auto",
    workers: int | None = None,
    address: str | None = None,
    device: str = "auto",
    trust: bool = False,
    track: Sequence[str] = (),
    observer: RecipeObserver = no_recipe_observer,
) -> Training | None:
    """Train what the recipe ``config`` says in the local folder ``out``, and compare before with after.

    ``config`` is a TOML file, a YAML file of SpeechBrain's, or the name of a recipe that comes with earmark.
    ``overrides`` are ``SECTION.KEY=VALUE``. ``trust`` builds what a document names beyond the list of what a model may
    build: code that it brings runs. ``engine`` is ``torchrun`` in each process that torchrun started, and ``ray`` on
    ``workers`` places of the Ray cluster at ``address`` (of one that is started here without); ``auto`` is this process
    alone. ``device`` is ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:0``. ``track`` names trackers
    that are sent the numbers as they come; what one does or fails to do is told to the observer, and is no error.

    Returns None on a rank of torchrun other than 0. Raises UsageError (and its kinds) before anything is begun,
    RunMismatchError where ``out`` holds another training, RunLockedError where it is in use, RecognizerError for a loss
    that is no number, EngineError for ranks that differ or die, StoreError when ``out`` cannot be written,
    StoppedTrainingError after Ctrl-C or SIGTERM.
    """
    if engine not in _ENGINES:
        raise UsageError(f"the engine {engine!r} trains nothing", cause=f"those that do: {', '.join(_ENGINES)}")
    if engine != "torchrun":
        check_launcher("inline")
    trackers = check_trackers(track)
    options = options_of(engine, device, workers, address)
    folder = LocalFolder(Path(out))
    with packages_of("speechbrain"):
        read = read_any_recipe(config, overrides, trust=trust)
        import_speechbrain()
    with tracked_training(read.recipe, folder, trackers, observer) as following:
        found: tuple[Fitted, int] | None
        if engine == "ray":
            found = fitted_on_ray(read, folder, options, following)
        else:
            found = _fitted_here(read, folder, device, is_torchrun=engine == "torchrun", observer=following)
        if found is None:
            return None
        fitted, num_before = found
        if not fitted.is_ended:
            raise StoppedTrainingError(fitted.step)
        with having({"WORLD_SIZE": "1"}):  # the other ranks are done: what follows is one process's work
            done = _finished(read, folder, fitted, num_before)
        following.came_to(done)
        return done


def _fitted_here(
    read: ReadRecipe, folder: LocalFolder, device: str, *, is_torchrun: bool, observer: TellRecipe
) -> tuple[Fitted, int] | None:
    """As ``fitted_by``; None on a rank other than 0."""
    from earmark.training.ranks import joined

    stop = StopRequest()
    with ExitStack() as stack:
        ranks = stack.enter_context(joined(device, is_torchrun=is_torchrun))
        if ranks.is_main:
            check_folder(folder)
            stack.enter_context(locked(folder))
        stack.enter_context(stop_on_signals(stop))
        found = fitted_by(read, folder, ranks, stop, observer if ranks.is_main else no_recipe_observer)
        if not found[0].is_ended:
            raise StoppedTrainingError(found[0].step)
        return found if ranks.is_main else None


def _finished(read: ReadRecipe, folder: LocalFolder, fitted: Fitted, num_before: int) -> Training:
    recipe = read.recipe
    prefix = SAVED[recipe.kind].prefix
    test = part_of(recipe.data, recipe.data.test)
    runs = {name: str(folder.path / "runs" / Path(name).name) for name in (BEFORE, AFTER)}
    whole = folder.path.absolute()  # a/b could also be the name of a model on the hub
    places = {BEFORE: whole / BEFORE, AFTER: whole / MODEL}
    before, after = (
        evaluate(
            f"{prefix}:{places[name]}",
            test,
            out=runs[name],
            normalizer=recipe.evaluation.normalizer,
            scorer=recipe.evaluation.scorer,
            options=recipe.model.decoding(),
            trust=read.trust,
            engine="inline",
        )
        for name in (BEFORE, AFTER)
    )
    best = max((one.epoch for one in fitted.epochs if one.is_best), default=0)
    return Training(
        out=folder.url, model=str(places[AFTER]), recognizer=f"{prefix}:{places[AFTER]}", step=fitted.step,
        num_new_steps=fitted.step - num_before, best_epoch=best, weights_hash=fitted.weights_hash, before=before,
        after=after, comparison=compare(runs[BEFORE], runs[AFTER]), options=recipe.model.decoding(),
    )  # fmt: skip
