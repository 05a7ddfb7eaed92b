"""What a disk or an object store raises, as an error that says what to do about it. It touches neither."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from earmark.errors import StoreError
from earmark.fetching.stores import store_fault


@contextlib.contextmanager
def store_errors(url: str, name: str) -> Iterator[None]:
    """Turn an OSError of writing ``name`` in ``url`` into a StoreError."""
    try:
        yield
    except OSError as error:
        cause, hint = _said(error, url)
        raise StoreError(f"cannot write {name} in {url}", cause=cause, hint=hint) from error


@contextlib.contextmanager
def read_errors(url: str, name: str) -> Iterator[None]:
    """Turn an OSError of reading ``name`` in ``url`` into a StoreError, but not that there is no such file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        cause, hint = _said(error, url)
        raise StoreError(f"cannot read {name or 'the files'} in {url}", cause=cause, hint=hint) from error


def _said(error: OSError, url: str) -> tuple[str, str | None]:
    """The cause and the hint for what a disk or a store raised."""
    if "://" in url and error.errno is None:
        fault = store_fault(error, url)
        return fault.problem, fault.hint
    return error.strerror or str(error), _hint(error)


def _hint(error: OSError) -> str | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free some space and type the same command: what is committed stays"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "give a folder that you may write"
    return None
