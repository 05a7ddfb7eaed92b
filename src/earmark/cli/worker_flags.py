"""The flags that say who does the work, and where: written once, the same in every verb that has them.

Knows what a person can ask of an engine; what each engine makes of it is the engine's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from earmark.cli.data_flags import WORKERS
from earmark.cli.flags import number_of_workers, workers_text

Engine = Literal["auto", "inline", "processes", "torchrun", "ray", "modal"]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFlags:
    """Who does the work, and where.

    Parameters
    ----------
    workers
        How many; auto: one a core, a GPU, or a slot of the cluster.
    engine
        Where they run; auto: processes, so that a crash costs little.
    gpus
        GPUs of this machine: auto, a number, or ids such as 0,2.
    shard_timeout
        Seconds after which a worker that does not answer is replaced.
    address
        Of a Ray cluster (one on this machine is started).
    runtime_env
        JSON file of what Ray's workers need: packages, files, variables.
    gpu
        Kind of GPU in a cloud: L4, L40S, A100, H100.
    """

    workers: Annotated[str, Parameter(name=["--workers", "--num-requests"], converter=workers_text, group=WORKERS)] = (
        "auto"
    )
    engine: Annotated[Engine, Parameter(group=WORKERS)] = "auto"
    gpus: Annotated[str | None, Parameter(group=WORKERS)] = None
    shard_timeout: Annotated[float | None, Parameter(group=WORKERS)] = None
    address: Annotated[str | None, Parameter(group=WORKERS)] = None
    runtime_env: Annotated[str | None, Parameter(group=WORKERS)] = None
    gpu: Annotated[str | None, Parameter(group=WORKERS)] = None

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of a verb."""
        engine = "processes" if self.engine == "auto" else self.engine
        return {
            "engine": engine,
            "workers": number_of_workers(self.workers, engine, gpus=self.gpus),
            "gpus": self.gpus,
            "shard_timeout_s": self.shard_timeout,
            "address": self.address,
            "runtime_env": self.runtime_env,
            "gpu": self.gpu,
        }


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class SweepWorkerFlags(WorkerFlags):
    """Those of a sweep, which chooses otherwise where nobody says an engine.

    Parameters
    ----------
    engine
        Where they run; auto: of puzzles inline if short, else processes; modal: of speech.
    """


NO_WORKER_FLAGS = WorkerFlags()
"""Nothing is said of who does the work."""
NO_SWEEP_WORKER_FLAGS = SweepWorkerFlags()
"""Likewise, of a sweep."""
