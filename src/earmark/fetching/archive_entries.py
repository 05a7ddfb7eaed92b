"""The files and folders in an archive, as they come: tar (plain, gzip, bzip2, xz) and zip, from strangers.

Knows the formats, and refuses in them what is neither a file nor a folder. Where a path leads, and how much is too
much, is for whoever asks.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from earmark.errors import ArchiveError

BLOCK_BYTES = 1 << 20
SMALL_BYTES = 1 << 24
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError)
"""What the libraries raise of a damaged archive, beside an OSError without a number."""

_LONGEST_END_BYTES = 22 + 0xFFFF
_BEYOND_ZIP = 0xFFFF
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_PACKERS: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)
_END: type[Exception] = vars(tarfile)["EOFHeaderError"]  # the mark at the end, which its types do not show
_UNIX = 3
_KIND_MASK = 0o170000
_REGULAR = (0, 0o100000)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive (``content`` to be read once, in order), or a folder. ``size_bytes`` is what it claims."""

    name: str
    content: IO[bytes] | None
    size_bytes: int = 0


class Entries:
    """What is in ``archive``; ``pass_over`` is told of the bytes that were unpacked and belong to no file."""

    def __init__(self, archive: Path, pass_over: Callable[[int], None]) -> None:
        self._archive = archive
        self._pass_over = pass_over

    def entries(self) -> Iterator[Entry]:
        """In its order. Raises ArchiveError, and those of BROKEN where the archive is damaged."""
        with self._archive.open("rb") as file:
            start = file.read(8)
        if start.startswith(_ZIP):  # by its beginning: a tar whose last file is a zip ends like one
            yield from self._of_zip()
        else:
            yield from self._of_tar(next((opener for magic, opener in _PACKERS if start.startswith(magic)), open))

    def _of_tar(self, opener: Callable[..., Any]) -> Iterator[Entry]:
        with (
            opener(self._archive, "rb") as plain,
            tarfile.open(fileobj=_Bounded(plain), mode="r:", tarinfo=_Header) as tar,  # type: ignore[call-overload]
        ):
            for one in tar:
                tar.members.clear()  # or a million of them are kept
                if one.isdir():
                    yield Entry(one.name, None)
                elif one.isreg() and not one.issparse():
                    yield Entry(one.name, tar.extractfile(one), one.size)
                else:
                    raise refused(
                        self._archive, f"{one.name!r} in it is {_kind(one)}, and only files and folders are unpacked"
                    )
            while rest := plain.read(BLOCK_BYTES):  # to the end, where a checksum of the whole may be
                self._pass_over(len(rest))

    def _of_zip(self) -> Iterator[Entry]:
        with zipfile.ZipFile(self._archive) as bundle:
            if len(bundle.infolist()) != _num_stated(self._archive, len(bundle.infolist())):
                raise zipfile.BadZipFile("its list holds another number of files than it says")
            for one in bundle.infolist():
                mode = one.external_attr >> 16 if one.create_system == _UNIX else 0
                if one.is_dir():
                    yield Entry(one.filename, None)
                elif mode & _KIND_MASK not in _REGULAR:
                    raise refused(
                        self._archive, f"{one.filename!r} in it is a link or a device, and only files are unpacked"
                    )
                elif one.flag_bits & 1:
                    raise refused(self._archive, "it wants a password")
                else:
                    with bundle.open(one) as content:
                        yield Entry(one.filename, content, one.file_size)


def refused(archive: Path, problem: str, hint: str | None = None) -> ArchiveError:
    """The error that says what is wrong with an archive."""
    return ArchiveError(str(archive), problem, hint=hint)


class _Header(tarfile.TarInfo):
    """A header that is damaged or missing is an error anywhere: the library takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """See the library."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            if isinstance(error, _END):
                raise
            raise tarfile.ReadError(str(error)) from error


class _Bounded:
    """A stream that gives no more at once than a header may be long: a header's stated length is the archive's word."""

    def __init__(self, plain: Any) -> None:  # noqa: ANN401  # of a file, or of a decompressor
        self._plain = plain
        self.seek = plain.seek
        self.tell = plain.tell

    def read(self, num_bytes: int) -> bytes:
        if num_bytes > SMALL_BYTES:
            raise tarfile.ReadError(f"a header of {num_bytes:,} bytes")
        return bytes(self._plain.read(num_bytes))


def _num_stated(archive: Path, num_listed: int) -> int:
    """The number of files at a ZIP's end, which zipfile does not compare; ``num_listed`` where it is too large for it.

    APPNOTE.TXT of PKWARE, 4.3.16: two bytes, ten behind the signature, in the last 22 bytes and a comment.
    """
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - _LONGEST_END_BYTES))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06") + 10
    stated = int.from_bytes(tail[at : at + 2], "little")
    return num_listed if stated == _BEYOND_ZIP else stated


def _kind(entry: tarfile.TarInfo) -> str:
    if entry.issym() or entry.islnk():
        return f"a link to {entry.linkname!r}"
    return "a device or a pipe" if entry.isdev() else "of an unknown kind"
