"""The look at every node before any work: the same versions as the driver's, and results that meet.

Knows Ray's tasks and what makes a node unfit. An actor on a node that joins later looks likewise, by ``looker``.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from earmark.engines.ray.cluster import alive_nodes
from earmark.engines.ray.demand import Node
from earmark.engines.ray.packed import packed
from earmark.errors import EngineError, UsageError, first_line
from earmark.records import Probe, StopCheck

_POLL_S = 0.2
_ANSWER_S = 60.0
_SET_UP_S = 1800.0
"""Ray installs the packages of a runtime environment before the first task on a node."""

_VERSIONS_HINT = "install the driver's versions on every node, or name them in --runtime-env FILE.json"
_FOLDER_HINT = "--out with a folder that every node mounts at the same path, or s3://bucket/folder"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a node must have: versions by name, a pickled probe that it must see, and the driver's folder."""

    versions: dict[str, str]
    probe: bytes
    folder: str

    @classmethod
    def by_driver(cls, probe: Probe, folder: str) -> Expected:
        """What this process has, which began in ``folder``."""
        import ray

        import earmark

        python = ".".join(platform.python_version_tuple()[:2])
        versions = {"Python": python, "ray": ray.__version__, "earmark": earmark.__version__}
        return cls(versions, packed(probe), folder)

    def look(self) -> tuple[str, str] | None:
        """What is wrong with this node, and what mends it; None where nothing is."""
        return looker()(self.versions, self.probe, self.folder)


def looker() -> Callable[[dict[str, str], bytes, str], tuple[str, str] | None]:
    """The function that looks: what is wrong, and what mends it; None where nothing is.

    It travels as code, since a node may have no earmark that it could be imported from.
    """
    versions_hint, folder_hint = _VERSIONS_HINT, _FOLDER_HINT

    def look(versions: dict[str, str], probe: bytes, folder: str) -> tuple[str, str] | None:
        import contextlib
        import os
        import pickle
        import platform

        import ray

        try:
            from earmark import __version__ as ours
        except ImportError:
            ours = "none"
        here = {
            "Python": ".".join(platform.python_version_tuple()[:2]),
            "ray": ray.__version__,
            "earmark": ours,
        }
        other = [name for name in here if here[name] != versions[name]]
        if other:
            said = ", ".join(f"{name} {here[name]} (the driver: {versions[name]})" for name in other)
            return f"has {said}", versions_hint
        with contextlib.suppress(OSError):
            os.chdir(folder)
        problem = pickle.loads(probe)()  # noqa: S301  # from our own driver
        return (problem, folder_hint) if problem else None

    return look


def inspect_nodes(nodes: Sequence[Node], expected: Expected, *, has_runtime_env: bool, stop: StopCheck) -> None:
    """Look at every node. A node that is lost meanwhile does not matter; after a stop nobody waits for an answer.

    Raises UsageError for a node that is not fit, EngineError for one that does not answer or cannot be set up.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    look = ray.remote(num_cpus=0, max_retries=0)(looker())
    answers = {
        look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)).remote(
            expected.versions, expected.probe, expected.folder
        ): node
        for node in nodes
    }
    patience_s = _SET_UP_S if has_runtime_env else _ANSWER_S
    ends_s = time.monotonic() + patience_s
    while answers and not stop():
        done, _ = ray.wait(list(answers), num_returns=1, timeout=_POLL_S)
        for each in done:
            _judge(each, answers.pop(each))
        if time.monotonic() > ends_s:
            names = ", ".join(node.name for node in answers.values())
            raise EngineError(f"the Ray node {names} does not answer", cause=f"for {patience_s:g} s", hint="ray status")


def _judge(answer: Any, node: Node) -> None:  # noqa: ANN401  # Ray's reference
    import ray
    from ray.exceptions import RayError

    try:
        problem = ray.get(answer)
    except RayError as error:
        if node.id in {each.id for each in alive_nodes()}:
            raise EngineError(f"the Ray node {node.name} cannot be set up", cause=first_line(error)) from error
        return
    if problem:
        what, hint = problem
        raise UsageError(f"the Ray node {node.name} cannot work for this run", cause=f"it {what}", hint=hint)
