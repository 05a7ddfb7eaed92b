"""Containers in Modal's cloud, with one app: each does shards, and makes their parts durable before it says so.

It knows Modal's objects (an image, Volumes, functions) and nothing of what the work is. A driver that dies leaves parts
on a Volume, where the next one finds them. docs/how-to/modal.md says what of this has not run in Modal's cloud.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from earmark.engines import mounts
from earmark.engines.distant import MovableWork
from earmark.engines.modal import container
from earmark.engines.modal.crew import Crew
from earmark.engines.modal.image import image_for
from earmark.engines.options import EngineOptions
from earmark.errors import EngineError, MissingExtraError, UsageError, first_line
from earmark.records import Receipt, Shard, StopCheck, Work

if TYPE_CHECKING:
    import modal

    from earmark.engines.modal.line import Line

_CONTAINERS = 10
_CORES = 2.0  # audio is decoded ahead in two threads
_RETRIES = 2
_SHARD_S = 3600
_STARTUP_S = 1200
_LOADING_S = 1200
"""What Modal's limit has beside the time for a shard: the first shard of a container waits for its model."""
_CALL_S = 6 * 3600
_SECRETS = ("HF_TOKEN",)
_MOST_TIMEOUT_S = 86_400


class ModalEngine:
    """Up to ``num_workers`` containers (10 unless said), each with a GPU of the kind ``gpu``, or none.

    Raises MissingExtraError without the package, and UsageError without a token: before anything has begun.
    """

    def __init__(self, options: EngineOptions) -> None:
        options.check("modal", "gpu", "shard_timeout_s")
        _check_client()
        self.num_workers = options.num_workers or _CONTAINERS
        self._gpu = options.gpu
        self._shard_s = min(max(1, round(options.shard_timeout_s or _SHARD_S)), _MOST_TIMEOUT_S)

    def run(self, work: Work, shards: Iterator[Shard], *, stop: StopCheck) -> Iterator[Receipt]:
        """See earmark.records.Engine. What a container has in hand when a stop comes is still done.

        Raises UsageError for audio that no container sees, EngineError, and what a worker raised.
        """
        first = next(shards, None)
        if first is None or stop():
            return
        if not isinstance(work, MovableWork):
            raise EngineError("this work is done on one machine only, and the engine is modal", hint="--engine inline")
        data = mounts.volume_of(first.batches[0].segments[0].audio.uri)
        app, function = self._function(
            container.do,
            image_for(work.extra),
            volumes=[data, mounts.MODELS, mounts.RESULTS],
            gpu=self._gpu,
            cpu=_CORES,
            max_containers=self.num_workers,
            timeout=self._attempt_s(),
            retries=_retries(),
        )
        from earmark.engines.modal.line import Line  # with it an event loop comes, which no other command needs

        with _running(app), _closing(Line(function)) as line:
            crew = Crew(
                line,
                work,
                num_workers=self.num_workers,
                folder=_run_folder(work.key),
                volume=mounts.RESULTS,
                quiet_s=self._quiet_s(),
            )
            yield from crew.receipts(chain([first], shards), stop)

    def left_behind(self, key: str, have: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The parts of the work ``key`` that are on the Volume, by name, and not among those that somebody has."""
        known = list(have)
        while found := self.call(container.parts_in, _run_folder(key), tuple(known), volumes=[mounts.RESULTS]):
            known += [name for name, _ in found]
            yield from found

    def call(self, function: Callable[..., Any], *arguments: Any, volumes: Sequence[str], **named: Any) -> Any:  # noqa: ANN401  # whatever the function takes and gives
        """Call ``function`` of earmark's in a container that has these Volumes, and give what it gives."""
        return self.call_each(function, [(arguments, named)], volumes=volumes)[0]

    def call_each(
        self,
        function: Callable[..., Any],
        calls: Sequence[tuple[Sequence[Any], Mapping[str, Any]]],
        *,
        volumes: Sequence[str],
        commits: str | None = None,
        num_cores: float = 1.0,
    ) -> list[Any]:
        """The same for several calls at once, a container of ``num_cores`` each, the answers in their order.

        ``commits`` is the Volume that they write to. Raises the first error of ours that one of them raised.
        """
        image = image_for("hub")
        mounted = [*volumes, mounts.MODELS]
        app, remote = self._function(container.call, image, volumes=mounted, timeout=_CALL_S, cpu=num_cores)
        with _running(app):
            given = [(function, arguments, named, commits) for arguments, named in calls]
            found = list(remote.starmap(given))
        for one in found:
            if isinstance(one, Exception):
                raise one
        return found

    def _quiet_s(self) -> float:
        """How long a container may be silent and still be at work: a start, and every attempt to its limit."""
        return self._attempt_s() * (_RETRIES + 1) + _STARTUP_S

    def _attempt_s(self) -> int:
        """What Modal gives an attempt: it cannot tell loading from work, so it gives time for both."""
        return min(self._shard_s + _LOADING_S, _MOST_TIMEOUT_S)

    def _function(
        self,
        body: Callable[..., Any],
        image: modal.Image,
        *,
        volumes: Sequence[str],
        **settings: Any,  # noqa: ANN401  # of Modal's
    ) -> tuple[modal.App, Any]:
        """An app with one function: ``body`` in ``image``, with these Volumes and the user's token of the hub."""
        import modal

        app = modal.App("earmark", include_source=False)
        mounted: dict[str | PurePosixPath, modal.Volume | modal.CloudBucketMount] = {
            mounts.mount_of(name): modal.Volume.from_name(name, create_if_missing=True, version=2)
            for name in dict.fromkeys(volumes)
        }
        secrets = [modal.Secret.from_dict({name: os.environ[name]}) for name in _SECRETS if os.environ.get(name)]
        made = app.function(
            image=image,
            serialized=True,
            name=body.__name__,
            volumes=mounted,
            secrets=secrets,
            startup_timeout=_STARTUP_S,
            **settings,
        )
        return app, made(body)


def remove_volumes(names: Sequence[str]) -> list[str]:
    """Remove these Volumes with all that is on them; those that there were. Raises UsageError, EngineError."""
    _check_client()
    import modal

    removed = []
    with _told():
        for name in names:
            try:
                modal.Volume.objects.delete(name)
            except modal.exception.NotFoundError:
                continue
            removed.append(name)
    return removed


def _retries() -> modal.Retries:
    import modal

    return modal.Retries(max_retries=_RETRIES, backoff_coefficient=2.0, initial_delay=1.0)


def _run_folder(key: str) -> str:
    return f"{mounts.mount_of(mounts.RESULTS)}/runs/{key}"


def _check_client() -> None:
    """Raise MissingExtraError where Modal's client is not installed, UsageError where it has no token."""
    try:
        from modal.config import config
    except ModuleNotFoundError as error:
        raise MissingExtraError("engine", "modal", "modal", error.name or "modal") from error
    if not (config.get("token_id") and config.get("token_secret")):
        raise _no_token("no token in the environment (MODAL_TOKEN_ID, MODAL_TOKEN_SECRET), nor in ~/.modal.toml")


def _no_token(cause: str) -> UsageError:
    hint = "modal setup\n      or: modal token set --token-id ak-... --token-secret as-..."
    return UsageError("Modal does not know who you are", cause=cause, hint=hint)


@contextmanager
def _running(app: modal.App) -> Iterator[None]:
    with _told(), app.run():
        yield


@contextmanager
def _closing(line: Line) -> Iterator[Line]:
    try:
        yield line
    finally:
        line.close()


@contextmanager
def _told() -> Iterator[None]:
    """Within the block, what Modal's client raises becomes an error of ours."""
    import modal

    try:
        yield
    except modal.exception.AuthError as error:
        raise _no_token(first_line(error)) from error
    except modal.exception.InvalidError as error:
        raise UsageError("Modal refuses what was asked of it", cause=first_line(error)) from error
    except (modal.exception.Error, ConnectionError) as error:
        hint = "the same command goes on with what is done; modal app list shows what runs"
        raise EngineError("Modal's cloud does not do as asked", cause=first_line(error), hint=hint) from error
