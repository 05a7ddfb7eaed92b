"""What a run's folder keeps for its trackers: their ids of it, so that it goes on in them, and its curves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from earmark.store import layout
from earmark.store.run import RunStore
from earmark.tracking.base import Point

_KEEPING = threading.Lock()
"""The trackers of a run keep their ids each from a thread of its own, in one file."""


def kept_id(store: RunStore, tracker: str) -> str | None:
    """The run's id in a tracker; None where there is none yet, or the file is not ours. Raises StoreError."""
    found = read_object(store, layout.TRACKING).get(tracker)
    return found if isinstance(found, str) else None


def keep_id(store: RunStore, tracker: str, run_id: str) -> None:
    """Keep the run's id in a tracker. Raises StoreError."""
    with _KEEPING:
        kept = read_object(store, layout.TRACKING)
        if kept.get(tracker) != run_id:
            store.folder.write(layout.TRACKING, (json.dumps({**kept, tracker: run_id}, indent=2) + "\n").encode())


def kept_points(store: RunStore) -> Iterator[Point]:
    """Yield how each attempt that came to its end or to a stop went on, the earliest first. Raises StoreError."""
    for attempt in kept_attempts(store):
        for step, unix_ms, numbers in attempt.get("progress", ()):
            yield Point(step=step, unix_ms=unix_ms, numbers=numbers)


def kept_attempts(store: RunStore) -> list[dict[str, Any]]:
    """What was kept of each attempt that came to its end or to a stop, the earliest first. Raises StoreError."""
    return [read_object(store, name) for name in store.folder.names(layout.ATTEMPTS)]


def read_object(store: RunStore, name: str) -> dict[str, Any]:
    """A JSON object of the folder; empty where there is none, or no file that can be read as one. Raises StoreError."""
    try:
        found = json.loads(store.folder.read(name))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
