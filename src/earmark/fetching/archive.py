"""Archives unpacked and looked into: tar (plain, gzip, bzip2, xz) and zip, from strangers.

Knows what an archive can do to whoever unpacks it, and does none of it: a path that leads out, a link, a device, one
name twice (also where only the file system takes two for one), or more bytes than are wanted, counted as they come and
not as a header claims. The folder appears whole, under its name, or not at all.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import secrets
import shutil
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self

from earmark.errors import ArchiveError
from earmark.fetching.cache import sync_folder
from earmark.fetching.values import DEFAULT_MAX_BYTES

DEFAULT_MAX_RATIO = 200.0
"""Speech packs to a half or not at all, text to a tenth, a table of zeros to a thousandth."""

_BLOCK_BYTES = 1 << 20
_SMALL_BYTES = 1 << 24
_AGAIN = "fetch or copy it again: it is cut off, or no archive"
_MAX_MEMBERS = 10_000_000
_LONGEST_NAME = 4096
_LONGEST_END_BYTES = 22 + 0xFFFF
_BEYOND_ZIP = 0xFFFF
_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, NotImplementedError)
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
class _Member:
    """A file of an archive (``content`` to be read once, in order), or a folder. ``size_bytes`` is what it claims."""

    name: str
    content: IO[bytes] | None
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Contents:
    """The paths of all files in an archive, in its order, and the bytes of those that were asked for."""

    names: tuple[str, ...]
    read: Mapping[str, bytes]


def extract(
    archive: Path, to: Path, *, max_bytes: int = DEFAULT_MAX_BYTES, max_ratio: float = DEFAULT_MAX_RATIO
) -> None:
    """Unpack ``archive`` into the folder ``to``, which must not exist yet.

    At most ``max_bytes`` in all, and ``max_ratio`` times the size of the archive (beyond the first 16 MiB). A kill
    leaves nothing under ``to``: the same call does it again, and sweeps what the killed one left. Names are those of
    the archive; times and permissions are not kept.

    Raises ArchiveError, and FileExistsError where ``to`` is there. OSError of the disk passes through.
    """
    if to.exists():
        raise FileExistsError(f"{to} exists")
    to.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".tmp-{to.name}-"
    for stale in to.parent.glob(f"{_escaped(prefix)}*"):
        shutil.rmtree(stale)
    temporary = to.parent / f"{prefix}{secrets.token_hex(6)}"
    temporary.mkdir()
    try:
        unpack(archive, temporary, max_bytes=max_bytes, max_ratio=max_ratio)
        os.sync()  # once for all files, and before the name that says that they are whole
        temporary.rename(to)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(to.parent)


def unpack(
    archive: Path, folder: Path, *, max_bytes: int = DEFAULT_MAX_BYTES, max_ratio: float = DEFAULT_MAX_RATIO
) -> None:
    """``extract`` into an empty folder of the caller's, who removes it: whatever fails leaves what came before."""
    _Unpacking(archive, folder, max_bytes, max_ratio).run()


def look_into(
    archive: Path,
    wanted: Collection[str],
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_ratio: float = DEFAULT_MAX_RATIO,
) -> Contents:
    """What is in ``archive``, with the bytes of the small files ``wanted``, by their paths in it. Writes nothing.

    The archive must keep all rules of ``extract``; a plain one is not read beyond its headers.

    Raises ArchiveError, also for a wanted file of more than 16 MiB. OSError of the disk passes through.
    """
    looking = _Looking(archive, Path(), max_bytes, max_ratio)
    looking.wanted = frozenset(wanted)
    looking.run()
    return Contents(tuple(looking.names), looking.read)


def _escaped(text: str) -> str:
    """The text as a pattern that matches nothing else."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in text)


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
        if num_bytes > _SMALL_BYTES:
            raise tarfile.ReadError(f"a header of {num_bytes:,} bytes")
        return bytes(self._plain.read(num_bytes))


class _Unpacking:
    """One archive on its way into one folder."""

    def __init__(self, archive: Path, folder: Path, max_bytes: int, max_ratio: float) -> None:
        self._archive = archive
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._limit = min(max_bytes, max(_SMALL_BYTES, int(max_ratio * archive.stat().st_size)))
        self._done_bytes = 0
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def run(self) -> None:
        try:
            for number, member in enumerate(self._members()):
                if number >= _MAX_MEMBERS:
                    raise self._refused(f"it holds more than {_MAX_MEMBERS:,} files")
                self._place(member)
        except _BROKEN as error:
            raise self._refused(f"it is damaged: {error}", _AGAIN) from error
        except OSError as error:
            if error.errno is None:  # what bz2 and gzip raise
                raise self._refused(f"it is damaged: {error}", _AGAIN) from error
            raise

    def _members(self) -> Iterator[_Member]:
        with self._archive.open("rb") as file:
            start = file.read(8)
        if start.startswith(_ZIP):  # by its beginning: a tar whose last file is a zip ends like one
            yield from self._of_zip()
        else:
            yield from self._of_tar(next((opener for magic, opener in _PACKERS if start.startswith(magic)), open))

    def _of_tar(self, opener: Callable[..., Any]) -> Iterator[_Member]:
        with (
            opener(self._archive, "rb") as plain,
            tarfile.open(fileobj=_Bounded(plain), mode="r:", tarinfo=_Header) as tar,  # type: ignore[call-overload]
        ):
            for one in tar:
                tar.members.clear()  # or a million of them are kept
                if one.isdir():
                    yield _Member(one.name, None)
                elif one.isreg() and not one.issparse():
                    yield _Member(one.name, tar.extractfile(one), one.size)
                else:
                    raise self._refused(f"{one.name!r} in it is {_kind(one)}, and only files and folders are unpacked")
            while rest := plain.read(_BLOCK_BYTES):  # to the end, where a checksum of the whole may be
                self._count(len(rest))

    def _of_zip(self) -> Iterator[_Member]:
        with zipfile.ZipFile(self._archive) as bundle:
            if len(bundle.infolist()) != _num_stated(self._archive, len(bundle.infolist())):
                raise zipfile.BadZipFile("its list holds another number of files than it says")
            for one in bundle.infolist():
                mode = one.external_attr >> 16 if one.create_system == _UNIX else 0
                if one.is_dir():
                    yield _Member(one.filename, None)
                elif mode & _KIND_MASK not in _REGULAR:
                    raise self._refused(f"{one.filename!r} in it is a link or a device, and only files are unpacked")
                elif one.flag_bits & 1:
                    raise self._refused("it wants a password")
                else:
                    with bundle.open(one) as content:
                        yield _Member(one.filename, content, one.file_size)

    def _place(self, member: _Member) -> None:
        parts = self._checked(member.name)
        if not parts:
            return  # the folder itself
        folders = ["/".join(parts[:depth]) for depth in range(1, len(parts) + (member.content is None))]
        self._folders.update(map(_folded, folders))
        path = _folded("/".join(parts))
        if member.content is not None:
            if path in self._files or path in self._folders:
                raise self._refused(f"{member.name!r} is in it twice, or is a folder, too")
            self._files.add(path)
        if any(_folded(one) in self._files for one in folders):
            raise self._refused(f"{member.name!r} is below what is a file in it")
        self._keep(member, parts)

    def _keep(self, member: _Member, parts: list[str]) -> None:
        target = self._folder.joinpath(*parts)
        (target if member.content is None else target.parent).mkdir(parents=True, exist_ok=True)
        if member.content is not None:
            self._write(member.content, target)

    def _checked(self, name: str) -> list[str]:
        """The words of a path that stays inside."""
        if len(name) > _LONGEST_NAME or "\0" in name or "\\" in name:
            raise self._refused(f"{name[:100]!r} in it is no name of a file")
        if name.startswith("/") or (len(name) > 1 and name[1] == ":"):
            raise self._refused(f"{name!r} in it is an absolute path")
        parts = PurePosixPath(name).parts
        if ".." in parts:
            raise self._refused(f"{name!r} in it leads out of the folder")
        return [part for part in parts if part != "."]

    def _write(self, content: IO[bytes], target: Path) -> None:
        with target.open("xb") as file:
            while block := content.read(_BLOCK_BYTES):
                self._count(len(block))
                file.write(block)

    def _count(self, num_bytes: int) -> None:
        self._done_bytes += num_bytes
        if self._done_bytes <= self._limit:
            return
        if self._limit == self._max_bytes:
            raise self._refused(f"it unpacks to more than {self._max_bytes:,} bytes")
        raise self._refused(f"it unpacks to more than {self._max_ratio:g} times its size, as only an attack does")

    def _refused(self, problem: str, hint: str | None = None) -> ArchiveError:
        return ArchiveError(str(self._archive), problem, hint=hint)


class _Looking(_Unpacking):
    """One archive on its way to nowhere."""

    wanted: frozenset[str] = frozenset()

    def __init__(self, archive: Path, folder: Path, max_bytes: int, max_ratio: float) -> None:
        super().__init__(archive, folder, max_bytes, max_ratio)
        self.names: list[str] = []
        self.read: dict[str, bytes] = {}

    def _keep(self, member: _Member, parts: list[str]) -> None:
        if member.content is None:
            return
        path = "/".join(parts)
        self.names.append(path)
        self._count(member.size_bytes)  # before the rest is passed over, which unpacks it, too
        if path in self.wanted:
            if member.size_bytes > _SMALL_BYTES:
                raise self._refused(f"{member.name!r} in it is too large for what it is")
            self.read[path] = member.content.read(_SMALL_BYTES)


def _folded(path: str) -> str:
    """What a file system may take for the same name: without case, and with accents written in one way."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


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


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return f"a link to {member.linkname!r}"
    return "a device or a pipe" if member.isdev() else "of an unknown kind"
