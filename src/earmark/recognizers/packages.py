"""Whether the packages are there that a recognizer needs, and of a version that is known to work. Imports none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version

from earmark.errors import MissingExtraError, UsageError

Version = tuple[int, int]
"""The first two numbers of a version."""


def installed_version(packages: Sequence[str], *, extra: str, oldest: Version, before: Version | None = None) -> str:
    """The version of the first of ``packages``, all of which ``extra`` brings; recognizer and extra have one name.

    Raises MissingExtraError where one is missing, and UsageError for a version older than ``oldest``, or from
    ``before`` on: those are not known to work.
    """
    try:
        found, *_ = [version(package) for package in packages]
    except PackageNotFoundError as error:
        raise MissingExtraError("model", extra, extra, error.name or packages[0]) from error
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdigit())
    if numbers < oldest or (before is not None and numbers >= before):
        until = f", and older than {_said(before)}" if before is not None else ""
        raise UsageError(
            f"{packages[0]} {found} is not known to work",
            cause=f"this needs {_said(oldest)} or newer{until}",
            hint=f"pip install --upgrade 'earmark[{extra}]'",
        )
    return found


@contextmanager
def packages_of(extra: str) -> Iterator[None]:
    """Raises MissingExtraError for a module that the block does not find."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError("model", extra, extra, error.name or extra) from error


def _said(version: Version) -> str:
    return ".".join(map(str, version))
