"""Workers of a Ray cluster that do one thing together: a process group of torch, kept up by Ray Train.

Knows that all of them begin again when one dies, and how they speak with the driver; not what they do. What they keep
between two beginnings is theirs to keep: Ray's own checkpoints are not used.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earmark.engines.environment import having
from earmark.engines.options import EngineOptions
from earmark.engines.ray import RayEngine
from earmark.engines.ray.board import Board
from earmark.engines.ray.cluster import alive_nodes
from earmark.engines.ray.packed import packed
from earmark.errors import (
    EarmarkError,
    EngineError,
    LostRankError,
    MissingExtraError,
    UsageError,
    first_line,
    sentence_of,
)
from earmark.records import Probe, StopCheck

if TYPE_CHECKING:
    from earmark.engines.ray.demand import Demand

_MOST_DEATHS = 10
"""So often all workers begin again within one command; deaths that Ray foretells do not count."""
_POLL_S = 0.2
_ASKED_EVERY_S = 1.0
_STATE = ".ray"
"""Ray Train's own folder, within that of the results: it holds who runs, and nothing that is needed later."""
_OUR_FOLDER = {"RAY_CHDIR_TO_TRIAL_DIR": "0"}


class RankContext:
    """What one worker knows: the device that is its own, and how it speaks with the driver."""

    def __init__(self, board: Any, device: str) -> None:  # noqa: ANN401  # Ray's handle
        self._board, self.device = board, device
        self._is_stopped, self._asked_s = False, time.monotonic()

    def tell(self, event: object) -> None:
        """Have the driver observe it, some time later."""
        self._board.tell.remote(event)

    def stop(self) -> bool:
        """Whether the driver wants an end. It is asked once a second, since that takes a journey."""
        import ray

        if not self._is_stopped and time.monotonic() - self._asked_s >= _ASKED_EVERY_S:
            self._is_stopped, self._asked_s = bool(ray.get(self._board.is_stopped.remote())), time.monotonic()
        return self._is_stopped


class RayGroup:
    """``options.num_workers`` processes, one a slot or a GPU, that are started together and meet by torch.

    Raises what ``RayEngine`` raises, and MissingExtraError without Ray Train.
    """

    def __init__(self, options: EngineOptions) -> None:
        self._engine = RayEngine(options)
        try:
            import ray.train.torch  # noqa: F401  # it has parts that Ray itself does not bring
        except ImportError as error:
            raise MissingExtraError("engine", "ray", "ray", error.name or "ray.train") from error

    def run(
        self,
        each: Callable[[RankContext], object],
        *,
        folder: str,
        probing: AbstractContextManager[Probe],
        observer: Callable[[Any], None],
        stop: StopCheck,
    ) -> object:
        """What rank 0 returned of ``each``, which all call in a process group; again, where one of them died.

        ``folder`` is one that all see, which ``probing`` makes sure of. Raises UsageError where the cluster is not fit
        or has no room, EngineError where workers die too often, and what a worker raised.
        """
        import ray

        with self._engine.inspected(probing, stop=stop) as (demand, expected), _no_state(folder):
            resources, num_workers = _fitting(demand)
            board = _board()
            settings = {"board": board, "each": packed(each), "folder": expected.folder}
            with having(_OUR_FOLDER):
                died = _attended(_trainer(settings, resources, num_workers, folder), board, observer, stop)
            outcome = ray.get(board.outcome.remote())
        if outcome is None:
            raise EngineError(
                "the ranks on the Ray cluster came to no end",
                cause=_why(died) if died is not None else "Ray does not say why",
                hint=f"they start again {_MOST_DEATHS} times; the same command goes on from the last checkpoint",
            ) from died
        if isinstance(outcome, EarmarkError):
            raise outcome
        return outcome


def _board() -> Any:  # noqa: ANN401  # Ray's handle
    """Where the driver is, so that no other node's death takes it away."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, max_restarts=0, scheduling_strategy=here)(Board).remote()


def _attended(trainer: Any, board: Any, observer: Callable[[Any], None], stop: StopCheck) -> Exception | None:  # noqa: ANN401  # Ray's
    """Wait for the end, and hand on what is said meanwhile. What Ray ended with, where that was an error."""
    import ray

    died: list[Exception] = []
    fitting = threading.Thread(target=_fit, args=(trainer, died), name="ray-train", daemon=True)
    fitting.start()
    is_told = is_over = False
    try:
        while not is_over:
            fitting.join(_POLL_S)
            is_over = not fitting.is_alive()  # asked first: what was said before the end is taken after it
            if not is_told and stop():
                is_told = True
                board.stop.remote()
            for event in ray.get(board.taken.remote()):
                observer(event)
    finally:
        if not is_over:  # the observer raised
            board.stop.remote()
    return died[0] if died else None


@contextlib.contextmanager
def _no_state(folder: str) -> Iterator[None]:
    """Ray Train would go on with the state of an earlier command: none is there before the block, and none after it."""
    place = Path(folder, _STATE)
    shutil.rmtree(place, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _fitting(demand: Demand) -> tuple[dict[str, float], int]:
    """What each worker takes, and how many there will be. Raises UsageError where there is no room for them."""
    nodes = alive_nodes()
    room = replace(demand, num_workers=None).num_places(nodes)
    wanted = demand.num_places(nodes)
    is_on_gpu = demand.num_gpus_each > 0
    if wanted > room:
        kind = "GPUs" if is_on_gpu else "processor slots"
        raise UsageError(
            f"{wanted} ranks do not fit on the Ray cluster",
            cause=f"it has {room} {kind}, and ranks that meet in every step share none",
            hint=f"--workers {room}",
        )
    return ({"CPU": 0.0, "GPU": 1.0} if is_on_gpu else {"CPU": demand.num_cpus_each}), wanted


def _trainer(settings: dict[str, Any], resources: dict[str, float], num_workers: int, folder: str) -> Any:  # noqa: ANN401  # Ray's
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    is_on_gpu = "GPU" in resources
    return TorchTrainer(
        _run_rank,
        train_loop_config=settings,
        torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if is_on_gpu else "gloo"),
        scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=is_on_gpu, resources_per_worker=resources),
        run_config=RunConfig(
            name=_STATE,
            storage_path=str(Path(folder).absolute()),
            failure_config=FailureConfig(max_failures=_MOST_DEATHS),
        ),
    )


def _why(error: Exception) -> str:
    """What Ray says of the deaths. Its errors are not always whole when they have travelled."""
    try:
        return first_line(error)
    except (AttributeError, TypeError):
        return type(error).__name__


def _fit(trainer: Any, died: list[Exception]) -> None:  # noqa: ANN401  # Ray's
    try:
        trainer.fit()
    except Exception as error:  # noqa: BLE001  # a thread has nobody else who would hear of it
        died.append(error)


def _run_rank(settings: dict[str, Any]) -> None:
    """What runs in each worker. Whatever it raises ends the whole, but for a peer's death: deaths are Ray's to mend."""
    import ray
    from ray.train import get_context
    from ray.train.torch import get_device

    board = settings["board"]
    if ray.get(board.outcome.remote()) is not None:
        return  # it was over before the one who died
    with contextlib.suppress(OSError):
        os.chdir(settings["folder"])
    each = pickle.loads(settings["each"])  # noqa: S301  # from our own driver
    rank = get_context().get_world_rank()
    try:
        outcome = each(RankContext(board, str(get_device())))
    except LostRankError:
        raise
    except EarmarkError as error:
        ray.get(board.end.remote(error))
        raise
    except Exception as error:
        cause = f"{sentence_of(error)} at {_place_of(error)}"
        ray.get(board.end.remote(EngineError(f"rank {rank} cannot go on", cause=cause)))
        raise
    if rank == 0:
        ray.get(board.end.remote(outcome))


def _place_of(error: Exception) -> str:
    """Where it was raised, since the worker's own traceback stays with the worker."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
