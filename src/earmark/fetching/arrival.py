"""What a file must be, and one that has just arrived: how those who fetch speak with who keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import UsageError

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file must be: its hex SHA-256 and its size in bytes, where they are known. Raises UsageError."""

    sha256: str | None = None
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise UsageError(f"{self.sha256!r} is no SHA-256", cause="it has 64 digits: 0 to 9 and a to f")

    def problem(self, sha256: str, size_bytes: int) -> str | None:
        """What is wrong with a file, with both values; None where it is right."""
        if self.size_bytes is not None and size_bytes != self.size_bytes:
            return f"it has {size_bytes:,} bytes, and must have {self.size_bytes:,}"
        if self.sha256 is not None and sha256 != self.sha256:
            return f"its SHA-256 is {sha256}, and must be {self.sha256}"
        return None

    @property
    def is_known(self) -> bool:
        """Whether a file that is cut or exchanged would show."""
        return self.sha256 is not None or self.size_bytes is not None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A whole file that arrived at ``path``, in the partial folder, and what its server says of it.

    ``wanted`` is what it must be by the server's word, and ``problem`` what is wrong beyond that.
    """

    path: Path
    revision: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    wanted: Wanted = Wanted()
    problem: str | None = None
