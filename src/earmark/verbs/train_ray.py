"""A recipe's training on a Ray cluster: what the driver does, and what each of its workers does.

The driver holds the folder, looks at every node, and observes; the ranks train as those of torchrun do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from earmark.engines.options import EngineOptions
from earmark.errors import RunLockedError, StoppedTrainingError, UsageError
from earmark.recognizers.packages import packages_of
from earmark.recognizers.speechbrain.loading import import_speechbrain
from earmark.records import StopCheck
from earmark.store.folder import LocalFolder
from earmark.store.layout import LOCK
from earmark.store.lock import locked
from earmark.store.probe import probing
from earmark.training.recipe import ReadRecipe
from earmark.verbs.interrupt import StopRequest, stop_on_signals
from earmark.verbs.train_folder import check_folder
from earmark.verbs.train_rank import fitted_by
from earmark.verbs.training_events import TellRecipe, no_recipe_observer

if TYPE_CHECKING:
    from earmark.engines.ray.group import RankContext
    from earmark.training.fit import Fitted

_GPUS = {"auto": None, "cpu": "0", "cuda": "auto"}


def options_of(engine: str, device: str, workers: int | None, address: str | None) -> EngineOptions:
    """What is asked of an engine. Raises UsageError for what it does not know.

    On Ray a device has no number: Ray says which one a rank gets.
    """
    if engine != "ray":
        EngineOptions(address=address).check(engine)
        if workers is not None:
            raise UsageError("--workers means nothing here", hint="--engine ray, or torchrun --nproc-per-node=N")
        return EngineOptions()
    if device not in _GPUS:
        raise UsageError(f"--device {device}: Ray chooses the devices", hint="--device auto, cpu or cuda")
    return EngineOptions(num_workers=workers, address=address, gpus=_GPUS[device])


def fitted_on_ray(
    read: ReadRecipe, folder: LocalFolder, options: EngineOptions, observer: TellRecipe
) -> tuple[Fitted, int]:
    """As ``fitted_by``. Raises what ``RayGroup`` raises, too."""
    from earmark.engines.ray.group import RayGroup

    group = RayGroup(options)
    check_folder(folder)
    stop = StopRequest()
    with locked(folder), stop_on_signals(stop):
        rank = _Rank(read, folder)
        found = group.run(rank, folder=str(folder.path), probing=probing(folder), observer=observer, stop=stop)
    return cast("tuple[Fitted, int]", found)


@dataclass(frozen=True, slots=True)
class _Rank:
    """What each worker does. It travels by pickle."""

    read: ReadRecipe
    folder: LocalFolder

    def __call__(self, context: RankContext) -> tuple[Fitted, int]:
        with packages_of("speechbrain"):
            import_speechbrain()
        from earmark.training.ranks import in_group

        with ExitStack() as stack:
            ranks = stack.enter_context(in_group(context.device))
            if ranks.is_main:
                stack.enter_context(only_writer(self.folder, context.stop))
            tell = context.tell if ranks.is_main else no_recipe_observer
            return fitted_by(self.read, self.folder, ranks, context.stop, tell)


@contextmanager
def only_writer(folder: LocalFolder, stop: StopCheck) -> Iterator[None]:
    """Be the only rank 0 in the folder, once one that outlived its driver, or its death, writes no more.

    Raises StoppedTrainingError where it is stopped while it waits, and FolderError.
    """
    from earmark.training.checkpoints import Checkpoints

    with ExitStack() as held:
        try:
            held.enter_context(locked(folder, waits=True, name=f"{LOCK}-rank-0", stop=stop))
        except RunLockedError as error:
            raise StoppedTrainingError(Checkpoints(folder, no_recipe_observer).step) from error
        yield
