"""Whether a worker elsewhere sees the folder that its driver writes to. Knows a file's name, and no engine.

A folder of the same name on another machine is another folder, unless it is shared. So the driver puts a file there
that nobody else can have put, and each worker looks for it before it does any work.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from earmark.errors import StoreError
from earmark.store.folder import TEMPORARY, Folder


@dataclass(frozen=True)
class Probe:
    """One such file, of a name that was drawn by chance. It travels to workers by pickle: see earmark.records.Probe."""

    folder: Folder
    name: str

    def __call__(self) -> str | None:
        """Why the file is not seen from here; None where it is."""
        try:
            return None if self.folder.has(self.name) else f"does not see {self.folder.url}"
        except StoreError as error:
            return f"cannot look into {self.folder.url}: {error.cause or error.what}"


@contextlib.contextmanager
def probing(folder: Folder) -> Iterator[Probe]:
    """Put a probe into ``folder`` for the length of the block. Raises StoreError."""
    # A temporary file: nobody takes it for a result, and one that a killed driver left is swept.
    probe = Probe(folder, f"{TEMPORARY}probe-{secrets.token_hex(16)}")
    folder.write(probe.name, b"probe")
    try:
        yield probe
    finally:
        folder.remove(probe.name)
