"""Stdout and stderr of the process: what a command says may go unread, and that changes nothing that it does.

Where the reader leaves (``earmark check m.jsonl | head``), the rest is thrown away without a word, and the command goes
on: a run is not lost with its log, and the exit code says what was found, not how much of it was read. Where the words
cannot be written for another reason (a full disk), that is said, and the exit code is 1.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from earmark.cli.screen import print_error
from earmark.errors import EXIT_FAILED

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Outlet(io.FileIO):
    """Takes what is written when nobody takes it any more. ``fault`` is why, unless the reader just left."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.fault: OSError | None = None
        self._is_gone = False

    def write(self, data: ReadableBuffer, /) -> int:
        if not self._is_gone:
            try:
                return super().write(data)
            except BrokenPipeError:
                self._is_gone = True
            except OSError as error:
                self._is_gone, self.fault = True, error
        return memoryview(data).nbytes


def outlast_readers() -> None:
    """From now on nothing that is printed raises. What the encoding of the terminal lacks is spelled out."""
    sys.stdout = _lasting(sys.stdout)
    sys.stderr = _lasting(sys.stderr)


def told(code: int) -> int:
    """The exit code, once everything is written: ``code``, or 1 with a word on stderr where stdout took not all."""
    sys.stdout.flush()
    fault = getattr(getattr(sys.stdout.buffer, "raw", None), "fault", None)
    if fault is None:
        return code
    print_error("the result cannot be written to stdout", cause=os.strerror(fault.errno))
    return code or EXIT_FAILED


def _lasting(stream: TextIO | None) -> TextIO:
    # Python has none where the shell closed it: ``>&-``.
    outlet = _Outlet(os.open(os.devnull, os.O_WRONLY) if stream is None else stream.fileno())
    return io.TextIOWrapper(
        io.BufferedWriter(outlet),
        encoding="utf-8" if stream is None else stream.encoding,
        errors="backslashreplace",
        line_buffering=stream is not None and (stream is sys.stderr or stream.isatty()),
    )
