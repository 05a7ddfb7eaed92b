"""Staging in Modal's cloud: data come to a container, are staged there, and stay on a Volume. Nothing comes here.

It is ``stage`` itself that runs there, with a worker a core, so that the same line goes on where one stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from earmark.engines.mounts import PREFIX, Place
from earmark.engines.ranked import RankedEngine
from earmark.errors import UsageError
from earmark.sources.base import Source
from earmark.sources.naming import is_remote
from earmark.verbs.workforce import Workforce

if TYPE_CHECKING:
    from earmark.engines.modal import ModalEngine

Staged = TypeVar("Staged")
_CORES = 4
"""Of a container, which sees all cores of its host, and may use those that were asked for."""


def check_places(to: str, workforce: Workforce) -> None:
    """Raise UsageError where a Volume is named, and the engine is not the one that has Volumes; or the other way.

    Also for an engine of ranks: each is started for a run, and a staged set is none.
    """
    if isinstance(workforce.engine, RankedEngine):
        raise UsageError(f"the engine {workforce.name!r} stages nothing", hint="--engine processes")
    engine = workforce.name
    if to.startswith(PREFIX) and engine != "modal":
        raise UsageError(f"--to {to} is in Modal's cloud, and the workers are not", hint="--engine modal")
    if engine == "modal" and not to.startswith(PREFIX):
        raise UsageError(
            f"--to {to} is on this machine, and the workers are not",
            hint=f"--to {PREFIX}earmark-data/NAME, or leave --engine modal out",
        )


def stage_on_volume(
    stage_here: Callable[..., Staged],
    data: str | os.PathLike[str] | Source,
    to: str,
    workforce: Workforce,
    choice: Mapping[str, Any],
) -> Staged:
    """Stage ``data`` (``hf:``, a URL, or ``modal:VOLUME/PATH``) onto the Volume that ``to`` names, in a container.

    That calls ``stage_here``, which it imports by name, with the data, a folder, the number of workers, and ``choice``.
    Raises UsageError for data that are on this machine, and what that raises there.
    """
    engine: ModalEngine = workforce.engine  # type: ignore[assignment]  # it is called modal
    place = Place.of(to)
    volumes = [place.volume]
    if not isinstance(data, str) or not (data.startswith(PREFIX) or is_remote(data)):
        raise UsageError(
            f"no container of Modal's sees {data}",
            cause="it is on this machine",
            hint=f"earmark stage {data} --to FOLDER, then modal volume put {place.volume} FOLDER {place.path}",
        )
    if data.startswith(PREFIX):
        source = Place.of(data)
        data, volumes = source.folder, [place.volume, source.volume]
    num_cores = workforce.options.num_workers or _CORES
    found: Staged
    [found] = engine.call_each(
        stage_here,
        [((data, place.folder, num_cores), dict(choice))],
        volumes=volumes,
        commits=place.volume,
        num_cores=num_cores,
    )
    return found
