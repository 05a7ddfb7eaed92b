"""Work as the bytes in which it travels to whoever does it: another process, another rank, an actor, a container.

Knows no engine, and not how the bytes are carried.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable

from earmark.errors import EngineError


def pickled(work: object, dumps: Callable[[object], bytes] = pickle.dumps) -> bytes:
    """``work`` as ``dumps`` writes it. Raises EngineError for what does not pickle."""
    try:
        return bytes(dumps(work))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise EngineError(
            "the recognizer does not pickle, so no worker can have it",
            cause=str(error),
            hint="define its class at the top of a module, keep what does not pickle out of it, or --engine inline",
        ) from error
