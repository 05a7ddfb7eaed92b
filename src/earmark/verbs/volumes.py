"""What earmark keeps in Modal's cloud, and how it is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from earmark.engines.mounts import DATA, MODELS, RESULTS

Kept = Literal["data", "models", "results"]
"""Staged sets, files that were fetched for models, and the parts of runs (which are in the runs' own folders, too)."""

VOLUMES: dict[Kept, str] = {"data": DATA, "models": MODELS, "results": RESULTS}


def clean_volumes(kinds: Sequence[Kept] = ()) -> list[str]:
    """Remove the Volumes of those kinds (all, where none is named), with all that is on them; those that there were.

    A Volume of another name that data were staged onto is left alone. Raises UsageError without a token, EngineError.
    """
    from earmark.engines.modal import remove_volumes

    return remove_volumes([VOLUMES[kind] for kind in kinds or VOLUMES])
