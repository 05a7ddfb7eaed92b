"""Variables of the environment that stand for a while, for what is started or read meanwhile. Knows none by name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def having(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these variables within the block; afterwards each is as it was before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
