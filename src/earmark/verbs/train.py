"""``train``: a recipe of speech recognition, from its data to a model that is compared with what it was before.

Knows the order of things: recipe, ranks, data, model, identity, training, evaluation. The same call goes on with what a
killed one left, and does nothing where nothing is left; a folder that holds another training is refused.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.engines.environment import having
from earmark.errors import StoppedTrainingError, UsageError
from earmark.recognizers.packages import packages_of
from earmark.recognizers.speechbrain.loading import import_speechbrain
from earmark.store.folder import LocalFolder
from earmark.store.lock import locked
from earmark.training.examples import examples_of, part_of, train_and_valid
from earmark.training.recipe import ReadRecipe, read_recipe
from earmark.verbs.compare import compare
from earmark.verbs.evaluate import evaluate
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.train_folder import AFTER, BEFORE, MODEL, check_folder, check_visible, claim, report
from earmark.verbs.training_events import RecipeBegan, TellRecipe, no_recipe_observer
from earmark.verbs.workforce import EngineName, check_launcher

if TYPE_CHECKING:
    from earmark.reports.compare import Comparison
    from earmark.reports.summary import RunSummary
    from earmark.training.ctc import CtcSystem
    from earmark.training.fit import Fitted, Speech
    from earmark.training.ranks import Ranks

_ENGINES = ("auto", "inline", "torchrun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is in the folder ``out`` now: ``model`` is a folder that ``speechbrain:FOLDER`` loads.

    ``before`` and ``after`` are of the test data, and ``comparison`` is of the two. ``step`` steps were made,
    ``num_new_steps`` of them by this call.
    """

    out: str
    model: str
    step: int
    num_new_steps: int
    best_epoch: int
    weights_hash: str
    before: RunSummary
    after: RunSummary
    comparison: Comparison


def train(
    config: str,
    *,
    out: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    engine: EngineName = "auto",
    device: str = "auto",
    observer: TellRecipe = no_recipe_observer,
) -> Training | None:
    """Train what the recipe ``config`` says in the local folder ``out``, and compare before with after.

    ``config`` is a TOML file, or the name of a recipe that comes with earmark. ``overrides`` are
    ``SECTION.KEY=VALUE``. ``engine`` is ``torchrun`` in each process that torchrun started; ``auto`` is this process
    alone. ``device`` is ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:0``.

    Returns None on a rank other than 0. Raises UsageError (and its kinds) before anything is begun, RunMismatchError
    where ``out`` holds another training, RunLockedError where it is in use, RecognizerError for a loss that is no
    number, EngineError for ranks that differ, StoreError when ``out`` cannot be written, StoppedTrainingError after
    Ctrl-C or SIGTERM.
    """
    if engine not in _ENGINES:
        raise UsageError(f"the engine {engine!r} trains nothing", cause=f"those that do: {', '.join(_ENGINES)}")
    if engine != "torchrun":
        check_launcher("inline")
    read = read_recipe(config, overrides)
    folder = LocalFolder(Path(out))
    with packages_of("speechbrain"):
        import_speechbrain()
    from earmark.training.ranks import joined

    stop = StopRequest()
    with ExitStack() as stack:
        ranks = stack.enter_context(joined(device, is_torchrun=engine == "torchrun"))
        if ranks.is_main:
            check_folder(folder)
            stack.enter_context(locked(folder))
        stack.enter_context(stop_on_signals(stop))
        tell = observer if ranks.is_main else no_recipe_observer
        fitted, num_before = _fitted(read, folder, ranks, stop, tell)
        if not fitted.is_ended:
            raise StoppedTrainingError(fitted.step)
        is_main = ranks.is_main
    if not is_main:
        return None
    with having({"WORLD_SIZE": "1"}):  # the other ranks are done: what follows is one process's work
        return _finished(read, folder, fitted, num_before)


def _fitted(
    read: ReadRecipe, folder: LocalFolder, ranks: Ranks, stop: StopRequest, tell: TellRecipe
) -> tuple[Fitted, int]:
    """The training, as far as it came, and how many steps were made before."""
    from earmark.training.checkpoints import Checkpoints
    from earmark.training.ctc import CtcSystem, brain_of
    from earmark.training.fit import Fit

    system = CtcSystem(read)
    speech: Speech = ranks.from_main(_speech(read, system) if ranks.is_main else None)
    check_visible(speech, ranks)
    if ranks.is_main:
        claim(folder, read, speech, system.content_hash)
        if not folder.folder(BEFORE).has("hyperparams.yaml"):
            system.save(folder.folder(BEFORE))
    brain = brain_of(system, read.recipe, ranks.device)
    fit = Fit(system, brain, speech, read.recipe, ranks, Checkpoints(folder, tell), tell)
    fit.restore()
    num_before = fit.step
    tell(
        RecipeBegan(
            out=folder.url, num_train=len(speech.train), train_s=float(speech.train.duration_s.sum()),
            num_valid=len(speech.valid), dropped=speech.train.dropped, device=str(ranks.device),
            num_ranks=ranks.num_ranks, num_parameters=system.num_parameters, step=num_before,
        )
    )  # fmt: skip
    fitted = fit.run(stop)
    if ranks.is_main:
        report(folder, read, fitted, num_ranks=ranks.num_ranks, device=str(ranks.device))
        if fitted.is_ended:
            system.save(folder.folder(MODEL))
    return fitted, num_before


def _speech(read: ReadRecipe, system: CtcSystem) -> Speech:
    from earmark.training.fit import Speech

    data = read.recipe.data
    train, valid = train_and_valid(data)
    return Speech(
        examples_of(train, data, system.labels, frames_per_s=system.frames_per_s),
        examples_of(valid, data, system.labels, frames_per_s=None),
    )


def _finished(read: ReadRecipe, folder: LocalFolder, fitted: Fitted, num_before: int) -> Training:
    recipe = read.recipe
    test = part_of(recipe.data, recipe.data.test)
    runs = {name: str(folder.path / "runs" / Path(name).name) for name in (BEFORE, AFTER)}
    places = {BEFORE: folder.path / BEFORE, AFTER: folder.path / MODEL}
    before, after = (
        evaluate(
            f"speechbrain:{places[name]}",
            test,
            out=runs[name],
            normalizer=recipe.evaluation.normalizer,
            scorer=recipe.evaluation.scorer,
            engine="inline",
        )
        for name in (BEFORE, AFTER)
    )
    best = max((one.epoch for one in fitted.epochs if one.is_best), default=0)
    return Training(
        out=folder.url, model=str(places[AFTER]), step=fitted.step, num_new_steps=fitted.step - num_before,
        best_epoch=best, weights_hash=fitted.weights_hash, before=before, after=after,
        comparison=compare(runs[BEFORE], runs[AFTER]),
    )  # fmt: skip
