"""What workers committed where this machine's folder is not: what it is called there, and how it is brought back.

The name is kept in the run's folder, and goes with the run's results when they are thrown away: so a run that begins
anew never finds what an earlier one left.
"""

from __future__ import annotations

import re
import secrets

from earmark.engines.distant import DistantEngine
from earmark.store import layout
from earmark.store.run import RunStore
from earmark.verbs.run_log import log
from earmark.verbs.workforce import Workforce

_PART = re.compile(re.escape(layout.PARTS) + r"/[\w.-]+\.parquet", re.ASCII)
_KEY = re.compile("[0-9a-f]{16}")


def key_of(store: RunStore, workforce: Workforce) -> str:
    """What the run's folder is called where workers are; empty where they see the folder itself. Raises StoreError."""
    if not isinstance(workforce.engine, DistantEngine):
        return ""
    store.folder.create(layout.ELSEWHERE, secrets.token_hex(8).encode())
    return _kept_key(store) or ""


def bring_back(store: RunStore, workforce: Workforce) -> None:
    """Commit here what an attempt that died left elsewhere. Raises StoreError, and what the engine raises."""
    key = _kept_key(store)
    if key is None or not isinstance(workforce.engine, DistantEngine):
        return
    num_parts = 0
    for name, part in workforce.engine.left_behind(key, store.folder.names(layout.PARTS)):
        if _PART.fullmatch(name):
            store.folder.write(name, part)
            num_parts += 1
    log.info("%d parts of an earlier attempt were brought back", num_parts)


def _kept_key(store: RunStore) -> str | None:
    """The name that is kept, or None where no work was done elsewhere; it becomes a folder, so it is looked at."""
    try:
        key = store.folder.read(layout.ELSEWHERE).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    return key if _KEY.fullmatch(key) else None
