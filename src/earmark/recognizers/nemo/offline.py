"""Nobody is asked while a model is loaded, in whatever process: the libraries that NeMo brings would ask the hub.

A configuration that wants that is refused before; this holds where a library does it by itself.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_FORBIDDING = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "WANDB_MODE": "disabled"}


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """The hub's client and what is built on it ask nobody, for the length of the block; then all is as it was.

    The client reads the environment once, as it is imported, so its own switch is set too.
    """
    from huggingface_hub import constants

    before = {name: os.environ.get(name) for name in _FORBIDDING}
    was_offline = constants.HF_HUB_OFFLINE
    os.environ.update(_FORBIDDING)
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
