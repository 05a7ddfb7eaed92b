"""Utterances of a LibriSpeech subset: ``SPEAKER/CHAPTER/SPEAKER-CHAPTER-NUMBER.flac`` with a transcript a chapter.

The subset is a folder, an archive, or a name that is fetched.

The layout is that of Panayotov, Chen, Povey and Khudanpur, LibriSpeech, ICASSP 2015 (openslr.org/12).
"""

from __future__ import annotations

import difflib
import hashlib
import shlex
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path, PurePath

from earmark.errors import FolderError, ManifestError, UnknownNameError, UsageError
from earmark.formats.lines import text_lines
from earmark.records import AudioRef, Utterance
from earmark.sources.naming import likely, without_split
from earmark.sources.options import SourceOptions
from earmark.sources.tree import size_bytes, walk

TRANSCRIPT_SUFFIX = ".trans.txt"
_TRANSCRIPTS = f"[0-9]*/[0-9]*/*{TRANSCRIPT_SUFFIX}"
_NUM_NEAR = 10
OFFICIAL = "openslr/"
"""Before the name of a subset: its archive, also where a folder of that name is here."""


class LibriSpeechSource:
    """The utterances of one subset such as ``LibriSpeech/test-clean``, sorted by path as text.

    A transcript's line without audio is an utterance all the same, so that it is counted as missing; audio without a
    line has no reference. The language is English unless the user says otherwise. ``path`` is the subset's folder, its
    archive (``test-clean.tar.gz``), the folder above it with its name (``LibriSpeech:test-clean``), or the name of a
    subset alone: that one is fetched. Raises UsageError where a subset's name is also a folder here, FolderError,
    UnknownNameError, and what fetching and unpacking raise.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_columns(path)
        self._path = path
        self._options = options
        self._folder = _folder(path, options)

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._path

    @property
    def root(self) -> str:
        """The subset's folder."""
        return str(self._folder.absolute())

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options, and each utterance's path, size (-1 where it is missing) and text, in order."""
        digest = hashlib.sha256(self._options.canonical("librispeech"))
        for folder, names in self._chapters():
            present = frozenset(names)
            for utterance in self._chapter(folder, names):
                uri = utterance.audio.uri
                size = size_bytes(self.root, uri) if PurePath(uri).name in present else -1
                digest.update(repr((uri, size, utterance.reference)).encode())
        return digest.hexdigest()

    def utterances(self) -> Iterator[Utterance]:
        """Each utterance. Raises UsageError where the folder is no subset, ManifestError for a broken transcript."""
        is_empty = True
        for folder, names in self._chapters():
            for utterance in self._chapter(folder, names):
                is_empty = False
                yield utterance
        if is_empty:
            raise UsageError(
                f"no LibriSpeech subset in {self._path}", cause="it has no SPEAKER/CHAPTER/*.flac", hint=self._hint()
            )

    def _chapters(self) -> Iterator[tuple[str, list[str]]]:
        return ((folder, names) for folder, names in walk(self.root) if len(PurePath(folder).parts) == 2)  # noqa: PLR2004

    def _chapter(self, folder: str, names: list[str]) -> Iterator[Utterance]:
        speaker, chapter = PurePath(folder).parts
        transcript = f"{speaker}-{chapter}{TRANSCRIPT_SUFFIX}"
        texts = _transcripts(str(Path(self.root, folder, transcript))) if transcript in names else {}
        audio_ids = {name.removesuffix(".flac") for name in names if name.endswith(".flac")}
        for utterance_id in sorted(audio_ids | texts.keys()):
            audio = AudioRef(f"{folder}/{utterance_id}.flac", channel=self._options.channel)
            reference = texts.get(utterance_id) if self._options.has_text else None
            yield Utterance(utterance_id, audio, reference, self._options.language or "en", speaker)

    def _hint(self) -> str | None:
        subsets = sorted({folder.parts[0] for path, _ in walk(self.root) if len((folder := PurePath(path)).parts) > 2})  # noqa: PLR2004
        return f"did you mean {shlex.quote(f'librispeech:{self._folder / likely(subsets)}')}?" if subsets else None


def _folder(path: str, options: SourceOptions) -> Path:
    from earmark.sources.librispeech_archive import ARCHIVE_ENDINGS, SUBSETS, fetched_subset, unpacked_subset

    tree, subset = without_split(path)
    here = Path(tree, subset or "")
    if path in SUBSETS and here.is_dir():
        raise UsageError(
            f"librispeech:{path} could be two things",
            cause="it is a folder here, and an archive of openslr.org",
            hint=f"librispeech:./{path} is the folder; librispeech:{OFFICIAL}{path} the archive",
        )
    if here.is_dir():
        return here
    if (official := path.removeprefix(OFFICIAL)) in SUBSETS:
        return fetched_subset(official, options.fetching)
    if path.endswith(ARCHIVE_ENDINGS) and here.is_file():
        return unpacked_subset(path, options.fetching)
    is_word = "/" not in path and not path.startswith(("~", ".")) and (subset is None or not Path(tree).is_dir())
    if is_word:
        hint = _near_hint(here, SUBSETS, is_subset=True)
        raise UnknownNameError("LibriSpeech subset or folder", path, SUBSETS, hint=hint)
    raise _absent(here, SUBSETS, is_archive=path.endswith(ARCHIVE_ENDINGS))


def _absent(here: Path, subsets: Collection[str], *, is_archive: bool) -> FolderError:
    """That there is no such subset; where others lie beside it, which they are."""
    present = [] if is_archive else sorted(path.name for path in _subsets_in(here.parent))
    problem = f"there is no such {'archive' if is_archive else 'folder'}"
    if present:
        problem += f"; the subsets in {here.parent} are {', '.join(present)}"
    hint = _near_hint(here, subsets)
    if hint is None and present:
        hint = f"did you mean {shlex.quote(f'librispeech:{here.parent / likely(present)}')}?"
    return FolderError(str(here), problem, hint=hint)


def _subsets_in(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if next(path.glob(_TRANSCRIPTS), None))


def _near_hint(here: Path, subsets: Collection[str], *, is_subset: bool = False) -> str | None:
    """Ask for what is called nearly so: a folder that is a subset or is called like one, or a subset itself."""
    siblings = [one.name for one in here.parent.iterdir()] if here.parent.is_dir() else []
    for name in difflib.get_close_matches(here.name, {*siblings, *(subsets if is_subset else ())}, n=_NUM_NEAR):
        folder = here.parent / name
        if name not in siblings:
            return f"did you mean librispeech:{name}?"
        if name in subsets or any(next(folder.glob(f"{depth}{_TRANSCRIPTS}"), None) for depth in ("", "*/")):
            dots = "./" if str(folder) in subsets else ""  # a bare word is the archive's
            return f"did you mean {shlex.quote(f'librispeech:{dots}{folder}')}?"
    return None


def _transcripts(path: str) -> dict[str, str]:
    """Map ids to texts. A line is an id, a space and the text."""
    texts: dict[str, str] = {}
    for number, line in enumerate(text_lines(path), start=1):
        utterance_id, _, text = line.strip().partition(" ")
        if utterance_id in texts:
            raise ManifestError(path, f"a second text for {utterance_id!r}", line=number)
        if "/" in utterance_id:
            raise ManifestError(path, f"{utterance_id!r} is no id", line=number)
        if utterance_id:
            texts[utterance_id] = text.strip()
    return texts
