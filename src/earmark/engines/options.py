"""What a user may ask of an engine. It knows no engine: each one says which of it means something to itself."""

from __future__ import annotations

from dataclasses import dataclass, fields

from earmark.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """All that can be asked of one engine or another; None is its own choice.

    ``gpus`` are the ones of this machine that work: ``auto`` (all that are visible), a number of them, or their ids
    with commas between. A worker whose shard takes longer than ``shard_timeout_s`` counts as dead. ``address`` is a
    cluster's, ``runtime_env`` the path of what its workers need (Ray's own JSON), and ``gpu`` a kind of GPU in a cloud.
    """

    num_workers: int | None = None
    gpus: str | None = None
    shard_timeout_s: float | None = None
    address: str | None = None
    runtime_env: str | None = None
    gpu: str | None = None

    def check(self, engine: str, *known: str) -> None:
        """Raise UsageError where something is asked for that means nothing to ``engine``, or a number that is none."""
        for field in fields(self):
            if field.name not in ("num_workers", *known) and getattr(self, field.name) is not None:
                flag = "--" + field.name.removesuffix("_s").replace("_", "-")
                raise UsageError(f"{flag} means nothing to the engine {engine!r}", hint=f"leave {flag} out")
        if self.num_workers is not None and self.num_workers < 1:
            raise UsageError(f"an engine needs a worker, not {self.num_workers}", hint="--workers 1")
        if self.shard_timeout_s is not None and not self.shard_timeout_s > 0:
            raise UsageError(f"--shard-timeout {self.shard_timeout_s:g} is no time", hint="--shard-timeout 600")
