"""NeMo imported and used without a word: it logs to stdout, changes how warnings are shown, and draws bars.

Nothing here computes. What NeMo's authors log for themselves says nothing to who evaluates a model, and what is wrong
comes as an exception. NeMo brings a client for telemetry, which has nowhere to send to unless a program gives it
somewhere; no part of it that does is imported here.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import warnings
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No log record and no warning of this process is shown, for the length of the block."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def quietly_imported() -> Any:  # noqa: ANN401  # a module without types
    """The package ``nemo.collections.asr``, imported; seconds the first time."""
    logging.getLogger("nemo_logger").disabled = True  # also keeps it from remembering all that it ever said
    if multiprocessing.parent_process() is not None:  # a worker, and nothing in it has to ask anybody
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", WANDB_MODE="disabled")
    with quiet():
        import nemo.collections.asr as found
        from nemo.utils import logging as nemos_own

        nemos_own.captureWarnings(False)
    return found
