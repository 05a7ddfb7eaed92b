"""Archives from strangers: what is honest is unpacked whole, and each attack is refused with nothing left behind."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from earmark.errors import ArchiveError
from earmark.fetching.archive import extract

FILES = {"a/one.flac": b"one" * 1000, "a/b/two.txt": b"two", "three.txt": b""}
MODES = {"x.tar": "w", "x.tar.gz": "w:gz", "x.tar.bz2": "w:bz2", "x.tar.xz": "w:xz"}


def entry(name: str, body: bytes = b"x", **facts) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    for key, value in facts.items():
        setattr(info, key, value)
    return info, body


def tar_of(path: Path, *entries: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        for info, body in entries:
            tar.addfile(info, io.BytesIO(body))
    return path


def zip_of(path: Path, files: list[tuple[zipfile.ZipInfo | str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, body in files:
            bundle.writestr(name, body)
    return path


def found_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_refused(archive: Path, tmp_path: Path, words: str, **limits) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArchiveError) as refused:
        extract(archive, tmp_path / "out", **limits)
    assert words in str(refused.value.cause), refused.value.cause
    assert sorted(tmp_path.rglob("*")) == before, "nothing of it stays"


@pytest.mark.parametrize("name", MODES)
def test_a_tar_is_unpacked_whole(tmp_path: Path, name: str):
    """Plain and in each compression, whatever its name."""
    archive = tar_of(tmp_path / name, *(entry(path, body) for path, body in FILES.items()), mode=MODES[name])
    archive = archive.rename(tmp_path / "nameless")
    extract(archive, tmp_path / "new" / "out")
    assert found_in(tmp_path / "new" / "out") == FILES


def test_a_zip_is_unpacked_whole(tmp_path: Path):
    """With folders of their own."""
    archive = zip_of(tmp_path / "x.zip", [("a/", b""), *FILES.items()])
    extract(archive, tmp_path / "out")
    assert found_in(tmp_path / "out") == FILES


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path):
    """What it is stands at its beginning."""
    inner = zip_of(tmp_path / "inner.zip", [("evil", b"x")]).read_bytes()
    extract(tar_of(tmp_path / "x.tar", entry("inner.zip", inner), mode="w"), tmp_path / "out")
    assert list(found_in(tmp_path / "out")) == ["inner.zip"]


@pytest.mark.parametrize("name", ["/etc/evil", "../evil", "a/../../evil", "a/..", "..", "a\\..\\evil", "C:/evil"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_no_path_leads_out(tmp_path: Path, name: str, kind: str):
    """Absolute, by dots, and as another system writes them."""
    if kind == "tar":
        archive = tar_of(tmp_path / "x", entry(name))
    else:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        archive = zip_of(tmp_path / "x", [(info, b"x")])
    check_refused(archive, tmp_path, "in it")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "a"])
def test_no_link_is_made(tmp_path: Path, kind: bytes, target: str):
    """Not even one that stays inside: the next file could be written through it."""
    archive = tar_of(tmp_path / "x", entry("a"), entry("link", b"", type=kind, linkname=target))
    check_refused(archive, tmp_path, "is a link to")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_no_device_is_made(tmp_path: Path, kind: bytes):
    """Nor a pipe, which would hang whoever reads it."""
    check_refused(tar_of(tmp_path / "x", entry("dev", b"", type=kind)), tmp_path, "is a device or a pipe")


def test_a_link_in_a_zip_is_refused(tmp_path: Path):
    """Its mode says that it is one."""
    info = zipfile.ZipInfo("link")
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    check_refused(zip_of(tmp_path / "x", [(info, b"/etc/passwd")]), tmp_path, "is a link or a device")


@pytest.mark.parametrize("second", ["a/x", "./a/x", "a//x", "A/X", "a/./x"])
def test_no_name_comes_twice(tmp_path: Path, second: str):
    """Two readers of the archive would see two contents; also where only a file system takes them for one."""
    check_refused(tar_of(tmp_path / "x", entry("a/x"), entry(second, b"other")), tmp_path, "in it twice")


def test_accents_written_in_two_ways_are_one_name(tmp_path: Path):
    """As some file systems see it."""
    archive = zip_of(tmp_path / "x", [("caf\u00e9", b"1"), ("cafe\u0301", b"2")])
    check_refused(archive, tmp_path, "in it twice")


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_nothing_is_a_file_and_a_folder(tmp_path: Path, names: tuple[str, str]):
    """In either order."""
    check_refused(tar_of(tmp_path / "x", *map(entry, names)), tmp_path, "in it")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path, kind: str):
    """A thousand times its size, of zeros."""
    zeros = bytes(60_000_000)
    archive = tar_of(tmp_path / "x", entry("z", zeros)) if kind == "tar" else zip_of(tmp_path / "x", [("z", zeros)])
    check_refused(archive, tmp_path, "200 times its size")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_no_more_than_the_cap_is_unpacked(tmp_path: Path, kind: str):
    """In all files together, whatever the headers claim."""
    files = [(f"f{number}", bytes(1000)) for number in range(20)]
    archive = (
        tar_of(tmp_path / "x", *(entry(*one) for one in files)) if kind == "tar" else zip_of(tmp_path / "x", files)
    )
    check_refused(archive, tmp_path, "more than 10,000 bytes", max_bytes=10_000)


def test_a_zip_that_lies_about_a_size_is_stopped(tmp_path: Path):
    """Its directory says ten bytes, and its data go on."""
    path = zip_of(tmp_path / "x", [("z", bytes(100_000))])
    data = bytearray(path.read_bytes())
    start = data.index(b"PK\x01\x02")
    data[start + 24 : start + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    check_refused(path, tmp_path, "")


def test_a_header_as_large_as_a_bomb_is_refused(tmp_path: Path):
    """A name of a hundred megabytes, compressed."""
    info, body = entry("././@LongLink", b"n" * 100_000_000, type=tarfile.GNUTYPE_LONGNAME)
    check_refused(tar_of(tmp_path / "x", (info, body)), tmp_path, "a header of")


def test_zeros_after_the_end_are_counted_too(tmp_path: Path):
    """They cost time where they cost no room."""
    import gzip

    plain = tar_of(tmp_path / "p", entry("a"), mode="w").read_bytes()
    (tmp_path / "p").unlink()
    (tmp_path / "x").write_bytes(gzip.compress(plain + bytes(60_000_000)))
    check_refused(tmp_path / "x", tmp_path, "200 times its size")


@pytest.mark.parametrize("name", [*MODES, "x.zip"])
def test_an_archive_that_was_cut_is_refused(tmp_path: Path, name: str):
    """Wherever it was cut: at no place does it pass for a shorter archive."""
    files = [(f"f{number}", bytes([number]) * 700) for number in range(4)]
    path = tmp_path / name
    if name == "x.zip":
        zip_of(path, files)
    else:
        tar_of(path, *(entry(*one) for one in files), mode=MODES[name])
    whole = path.read_bytes()
    last = (
        4 * 1536 if name == "x.tar" else len(whole) - 1
    )  # four files, each a header and two blocks; then the end mark
    for end in sorted({*range(0, last, 97), *range(0, last, 512), last}):
        path.write_bytes(whole[:end])
        with pytest.raises(ArchiveError):
            extract(path, tmp_path / "out")


def test_what_a_killed_call_left_is_swept(tmp_path: Path):
    """And the folder that exists is never written into."""
    (tmp_path / ".tmp-out-0123456789ab").mkdir()
    archive = tar_of(tmp_path / "x", entry("a"))
    extract(archive, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x"]
    with pytest.raises(FileExistsError):
        extract(archive, tmp_path / "out")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2500), st.integers(0, 255), st.sampled_from(["x.tar.gz", "x.zip"]))
@example(2191, 1, "x.zip")  # the list's second entry becomes a part of the first
def test_a_damaged_byte_gives_the_right_files_or_an_error(tmp_path_factory, place: int, value: int, name: str):
    """Never other files: each compression has its checksum."""
    folder = tmp_path_factory.mktemp("damaged")
    body = bytes(range(256)) * 8
    path = folder / name
    if name == "x.zip":
        zip_of(path, [("a", body), ("b", body[::-1])])
    else:
        tar_of(path, entry("a", body), entry("b", body[::-1]))
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(data)
    try:
        extract(path, folder / "out")
    except (ArchiveError, OSError):
        assert not (folder / "out").exists()
    else:
        assert sorted(found_in(folder / "out").values()) == sorted([body, body[::-1]])
