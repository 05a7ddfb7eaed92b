"""Utterances of a folder of audio files, each with its reference in a text file of the same name."""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePath

from earmark.errors import FolderError, UsageError
from earmark.formats.lines import near_hint, text_lines
from earmark.records import AudioRef, Utterance
from earmark.sources.naming import AUDIO_SUFFIXES, MANIFEST_SUFFIXES, likely
from earmark.sources.options import SourceOptions
from earmark.sources.tree import size_bytes, walk


class FolderSource:
    """The audio files under ``path``, sorted folder by folder: those of a folder before those of its subfolders.

    An id is the path in the folder without the suffix, which stays where two files would share the id. ``NAME.txt``
    beside ``NAME.wav`` is its reference. Raises UsageError where there is no such folder.
    """

    def __init__(self, path: str, options: SourceOptions) -> None:
        options.refuse_columns(path)
        if not Path(path).is_dir():
            raise FolderError(path, "there is no such folder", hint=near_hint(Path(path), "folder:"))
        self._path = path
        self._options = options

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._path

    @property
    def root(self) -> str:
        """The folder itself."""
        return str(Path(self._path).absolute())

    @cached_property
    def fingerprint(self) -> str:
        """Hex SHA-256 over the options, and each utterance's name, size and text, in order."""
        digest = hashlib.sha256(self._options.canonical("folder"))
        for utterance in self.utterances():
            uri = utterance.audio.uri
            digest.update(repr((uri, size_bytes(self.root, uri), utterance.reference)).encode())
        return digest.hexdigest()

    def utterances(self) -> Iterator[Utterance]:
        """Each audio file. Raises UsageError where there is none, and ManifestError for a text that is not UTF-8."""
        is_empty = True
        for folder, names in walk(self.root):
            for name, utterance_id in _audio_ids(names):
                is_empty = False
                yield self._utterance(PurePath(folder), name, utterance_id, frozenset(names))
        if is_empty:
            endings = ", ".join(sorted(AUDIO_SUFFIXES))
            cause = f"no file in it, at any depth, ends in {endings}"
            raise UsageError(f"no audio in {self._path}", cause=cause, hint=_manifest_hint(Path(self._path)))

    def _utterance(self, folder: PurePath, name: str, utterance_id: str, names: frozenset[str]) -> Utterance:
        text_name = PurePath(name).stem + ".txt"
        reference = None
        if self._options.has_text and text_name in names:
            reference = "".join(text_lines(str(Path(self.root, folder, text_name)))).strip()
        audio = AudioRef(str(folder / name), channel=self._options.channel)
        return Utterance(str(folder / utterance_id), audio, reference, self._options.language)


def _manifest_hint(folder: Path) -> str:
    """Ask for a manifest that lies in the folder, if there is one; one of a known layout by its name in full."""
    manifests = [one.name for one in folder.iterdir() if one.suffix.lower() in MANIFEST_SUFFIXES]
    if not manifests:
        return "data of another kind have a prefix: earmark ls sources"
    from earmark.sources.layouts import layout_of  # only here: it knows all sources

    manifest = folder / likely(manifests)
    found = layout_of(manifest)
    return f"did you mean {found.quoted if found else shlex.quote(str(manifest))}?"


def _audio_ids(names: list[str]) -> list[tuple[str, str]]:
    """Pair the audio files among ``names`` with their ids: the stem, or the name where another one has that stem."""
    audio = [name for name in names if PurePath(name).suffix.lower() in AUDIO_SUFFIXES]
    stems = Counter(PurePath(name).stem for name in audio)
    taken = frozenset(audio)
    return [
        (name, name if stems[stem] > 1 or stem in taken else stem) for name in audio for stem in [PurePath(name).stem]
    ]
