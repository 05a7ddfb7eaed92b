"""Workers on a Ray cluster: actors of Ray Core, one a GPU or a processor's slot, that pull shards.

Knows what was asked for, and where the cluster is. What happens to the shards is in ``crew``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from importlib.util import find_spec

from earmark.engines.jobs import JobQueue
from earmark.engines.options import EngineOptions
from earmark.engines.ray.address import LOCAL, address_of, check_answers
from earmark.engines.ray.cluster import alive_nodes, connected, is_connected
from earmark.engines.ray.crew import Crew
from earmark.engines.ray.demand import Demand
from earmark.engines.ray.inspection import Expected, inspect_nodes
from earmark.engines.ray.runtime_env import read_runtime_env
from earmark.errors import MissingExtraError
from earmark.records import Probe, Receipt, Shard, StopCheck, Work

_LEAST_ELASTIC = 2
"""A cluster of one slot may grow, and files are named for one rank or for several."""


class RayEngine:
    """Actors of a Ray cluster: that of ``options.address``, else of RAY_ADDRESS, else one that is started here.

    ``address`` is ``HOST:PORT`` or ``auto``; ``runtime_env`` the path of a JSON file with Ray's own runtime
    environment. ``gpus`` is ``auto`` or a number of them; more workers than that share them, and 0 works on processors
    though there are GPUs. Without ``num_workers`` every slot of the cluster works, those that join later too.

    Raises MissingExtraError, and UsageError for an address that does not answer or a runtime environment that is none.
    """

    def __init__(self, options: EngineOptions) -> None:
        options.check("ray", "gpus", "shard_timeout_s", "address", "runtime_env")
        if find_spec("ray") is None:
            raise MissingExtraError("engine", "ray", "ray", "ray")
        Demand.check(options)
        self._options = options
        self._runtime_env = read_runtime_env(options.runtime_env) if options.runtime_env is not None else {}
        self._address = address_of(options.address)
        check_answers(self._address)
        self._folder = os.getcwd()  # noqa: PTH109  # a text for other machines
        self._connection = ExitStack()

    @cached_property
    def num_workers(self) -> int:
        """How many were asked for, else how many the cluster has room for now, and two at least: it may grow.

        Connects to it where it must know, until the end of ``run``, since connecting takes seconds.
        """
        return self._options.num_workers or max(_LEAST_ELASTIC, self.num_places)

    @cached_property
    def num_places(self) -> int:
        """How many would work now. Connects as ``num_workers`` does."""
        if self._options.num_workers is not None:
            return self._options.num_workers
        if self._address == LOCAL and not is_connected():
            return max(_LEAST_ELASTIC, len(os.sched_getaffinity(0)))
        self._connect()
        nodes = alive_nodes()
        return Demand.of(self._options, nodes).num_places(nodes)

    @property
    def gpu_name(self) -> str | None:
        """What the cluster calls its GPUs, ``cuda`` where it does not; None of one that is yet to be started, here."""
        if self._address == LOCAL and not is_connected():
            return None
        self._connect()
        return Demand.gpu_name(alive_nodes()) or "cuda"

    @property
    def has_gpus(self) -> bool | None:
        """Whether workers will have GPUs; None where the cluster is yet to be started, on this machine.

        Connects to it where it must know, as ``num_workers`` does. Raises UsageError where it lacks what is asked for.
        """
        if self._options.gpus is not None:
            return int(self._options.gpus) > 0 if self._options.gpus.isdecimal() else True
        if self._address == LOCAL and not is_connected():
            return None
        self._connect()
        return Demand.of(self._options, alive_nodes()).num_gpus_each > 0

    def run(self, work: Work, shards: Iterator[Shard], *, stop: StopCheck) -> Iterator[Receipt]:
        """See earmark.records.Engine. Nothing is started or connected to where there is no shard.

        A shard that three workers died of is cut as ``jobs`` says; a node that is lost is no fault of its shard.

        Raises UsageError where the cluster is not fit for the run: no GPU, other versions, or results that would not
        meet. Raises EngineError when workers cannot be started or kept alive, and what a worker raised.
        """
        queue = JobQueue(work, shards)
        with self._connection:
            if not queue.has(1) or stop():
                return
            with self.inspected(work.probing(), stop=stop) as (demand, expected):
                crew = Crew(work, queue, demand, expected, shard_timeout_s=self._options.shard_timeout_s)
                try:
                    yield from crew.receipts(stop)
                finally:
                    crew.close()

    @contextlib.contextmanager
    def inspected(
        self, probing: AbstractContextManager[Probe], *, stop: StopCheck
    ) -> Iterator[tuple[Demand, Expected]]:
        """Be connected within the block, to nodes that were found fit: what each worker takes, and shall look for.

        Raises what ``run`` raises of a cluster.
        """
        with self._connection:
            self._connect()
            nodes = alive_nodes()
            demand = Demand.of(self._options, nodes)
            with probing as probe:
                expected = Expected.by_driver(probe, self._folder)
                inspect_nodes(nodes, expected, has_runtime_env=bool(self._runtime_env), stop=stop)
                self._go_back()
                yield demand, expected

    def _go_back(self) -> None:
        """Return to the folder where the driver began, if it was made anew.

        Every Ray node unpacks the working directory of a submitted job, and removes what lies in its place. Where
        several nodes of one machine share Ray's own folder, that is the directory which the driver is in.
        """
        try:
            os.getcwd()  # noqa: PTH109  # nothing is done with it
        except FileNotFoundError:
            with contextlib.suppress(OSError):
                os.chdir(self._folder)

    def _connect(self) -> None:
        """A connection that the caller's program has already is used, and left as it is."""
        if not is_connected():
            num_cpus = self.num_workers if self._address == LOCAL else None
            here = connected(self._address, num_cpus=num_cpus, runtime_env=self._runtime_env)
            self._connection.enter_context(here)
