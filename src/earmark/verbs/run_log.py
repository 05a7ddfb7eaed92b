"""The log of a run, in its folder: what each attempt found and did, and the traceback of the error that ended it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from earmark.errors import without_secret
from earmark.store import layout
from earmark.store.folder import LocalFolder
from earmark.store.run import RunStore

log = logging.getLogger("earmark")


class _RunLog(logging.FileHandler):
    """A log that is silent where the disk is full: it must not hide the error that it should record."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name is logging's
        del record


class _WithoutSecrets(logging.Formatter):
    """A traceback has the words of libraries, which may hold the URL that they were given."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secret(super().format(record))


@contextlib.contextmanager
def logged(store: RunStore, name: str = layout.LOG) -> Iterator[None]:
    """Keep what is logged within the block, and an error's traceback, in the log of a run on a local disk.

    Each of several drivers writes under a name of its own: lines of two hosts in one file would be torn.
    """
    if not isinstance(store.folder, LocalFolder):
        yield
        return
    handler = _RunLog(store.folder.path / name, encoding="utf-8", delay=True)
    handler.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    except BaseException:
        log.exception("the run ends with an error")
        raise
    finally:
        log.removeHandler(handler)
        with contextlib.suppress(OSError):  # a full disk, which the run's own error says
            handler.close()
