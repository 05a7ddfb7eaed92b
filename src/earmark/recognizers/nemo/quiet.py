"""NeMo imported and used without a word: it logs to stdout, changes how warnings are shown, and draws bars.

Nothing here computes. What NeMo's authors log for themselves says nothing to who evaluates a model, and what is wrong
comes as an exception. NeMo brings a client for telemetry, which has nowhere to send to unless a program gives it
somewhere; no part of it that does is imported here.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any

_NEMOS = re.compile(r"nemo(_logger)?(\..*)?")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No log record of NeMo's and no warning is shown, for the length of the block; all others log as before."""
    loggers = _of_nemo()
    before = [one.disabled for one in loggers]
    for one in loggers:
        one.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, was_disabled in zip(loggers, before, strict=True):
            one.disabled = was_disabled


def _of_nemo() -> list[logging.Logger]:
    """Those that there are by now: each of its modules may have one, with a level and a handler of its own."""
    known = logging.root.manager.loggerDict.copy().items()
    return [one for name, one in known if isinstance(one, logging.Logger) and _NEMOS.fullmatch(name)]


def quietly_imported() -> Any:  # noqa: ANN401  # a module without types
    """The package ``nemo.collections.asr``, imported; seconds the first time, in which nobody logs."""
    logging.getLogger("nemo_logger").disabled = True  # also keeps it from remembering all that it ever said
    before = logging.root.manager.disable
    if "nemo.collections.asr" not in sys.modules:
        logging.disable(logging.CRITICAL)  # its loggers are made, and used, by the import
    try:
        with quiet():
            import nemo.collections.asr as found
            from nemo.utils import logging as nemos_own
    finally:
        logging.disable(before)
    nemos_own.captureWarnings(False)
    return found
