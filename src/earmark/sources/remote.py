"""Data that lie in an object store, on a web server or on the hub: the manifest, and the audio that it names.

Everything is brought to this machine before anything is planned, so that workers read plain files. A URL is opened only
where the user's own words lead to it: in the folder of a manifest that was named by URL, or of ``--audio-root``. A URL
in a row is followed only to that same server or bucket, and in a local manifest never.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from earmark.errors import FetchError, UsageError, without_secret
from earmark.fetching import Fetched, FetchOptions, fetch, resolve
from earmark.fetching.cache import Cache, disk_faults
from earmark.sources.base import DerivedSource, LinedSource, RestoringSource
from earmark.sources.manifest import holds_audio
from earmark.sources.naming import is_remote, is_remote_manifest
from earmark.sources.remote_folder import RemoteFolder, as_data_set
from earmark.sources.urls import place_of, recorded_id, refused_place

if TYPE_CHECKING:
    from earmark.records import Utterance
    from earmark.sources.base import Source
    from earmark.sources.options import SourceOptions

_FETCHED_AT_ONCE = 16
_CHUNK = 4096
_REASONS_KEPT = 1000


def open_remote(data: str, options: SourceOptions, opened: Callable[[str, SourceOptions], Source]) -> RemoteAudio:
    """Open data of which the manifest, or the audio, is elsewhere, and bring both here.

    ``opened`` opens and chooses from what is called so on this machine. Raises what it raises, UsageError and
    FetchError.
    """
    folder = None
    name = local = data
    if is_remote_manifest(data):
        path, folder, name = fetch_manifest(data, options.fetching)
        local = f"manifest:{path}"
        if holds_audio(str(path)):
            folder = None
    if options.audio_root is not None:
        folder = RemoteFolder.named(options.audio_root) if is_remote(options.audio_root) else None
    options = replace(options, called=without_secret(name), keeps_urls=folder is not None)
    source = RemoteAudio(opened(local, options), name, folder, options.fetching)
    source.bring()
    return source


def fetch_manifest(name: str, options: FetchOptions) -> tuple[Path, RemoteFolder, str]:
    """Bring the manifest here; give its path on this machine, the folder in which its audio lies, and its name.

    On the hub folder and name are of the very commit of the manifest, so that a record of the name leads to the same
    bytes forever. A name tells no secret. Raises UsageError and FetchError.
    """
    shown = resolve(name).name
    name = as_data_set(name)
    fetched = fetch(name, options=options)
    place = resolve(name)
    if place.kind == "hub":
        at_commit = f"hf:{place.locator}@{fetched.revision}/"
        shown = f"{at_commit}{place.file}".replace("hf:datasets/", "hf:", 1)
        return fetched.path, RemoteFolder(f"{at_commit}{_folder(place.file)}"), shown
    parts = urlsplit(name)
    return fetched.path, RemoteFolder.named(parts._replace(path=_folder(parts.path)).geturl()), shown


def _folder(path: str) -> str:
    return path[: path.rindex("/") + 1] if "/" in path else ""


class RemoteAudio:
    """A source whose audio lies in ``folder``, brought to this machine: links in the cache, by the paths of the rows.

    ``bring`` must have been called; a file that is not there has no link, and counts as missing. Links are named after
    the folder, so that data keep their paths, and with them their identity, on every machine. A row that has a URL is
    recorded without its secrets, as ``urls/DIGEST-FILE``. One that leads elsewhere is not followed and has no audio: it
    is recorded as ``refused/DIGEST-FILE``, where nothing lies, since a path that begins so is another place. Without a
    ``folder`` the audio is where the source says.
    """

    def __init__(self, source: Source, name: str, folder: RemoteFolder | None, options: FetchOptions) -> None:
        self._source = source
        self._name = name
        self._folder = folder
        self._options = options
        self._refusals: dict[str, tuple[str, str]] = {}

    @property
    def name(self) -> str:
        """The name as it was given, without secrets."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """That of the source: where its audio lies is no part of what it says."""
        return self._source.fingerprint

    @property
    def root(self) -> str:
        """The folder of the links, or that of the source."""
        if self._folder is None:
            return self._source.root
        digest = hashlib.sha256(without_secret(f"{self._folder.begin}{self._folder.end}").encode()).hexdigest()
        return str(self._options.folder / "audio" / digest[:32])

    def utterances(self) -> Iterator[Utterance]:
        """Those of the source, by where their audio is on this machine."""
        utterances = self._source.utterances()
        yield from utterances if self._folder is None else (_recorded(one, self._folder) for one in utterances)

    def lines_with(self, utterance_id: str) -> list[int]:
        """What the source says; none where it is no file of rows."""
        return self._source.lines_with(utterance_id) if isinstance(self._source, LinedSource) else []

    @property
    def loss(self) -> str | None:
        """What the source says of itself."""
        return self._source.loss if isinstance(self._source, DerivedSource) else None

    def why_missing(self, uri: str) -> tuple[str, str] | None:
        """Why a row was not followed, which ``bring`` has met; else what the source says."""
        if (place := uri.removeprefix(f"{self.root}/")) in self._refusals:
            return self._refusals[place]
        return self._source.why_missing(uri) if isinstance(self._source, DerivedSource) else None

    def restore(self) -> None:
        """Have audio here that the source itself brings, where it is one that does."""
        if isinstance(self._source, RestoringSource):
            self._source.restore()

    def bring(self) -> None:
        """Fetch each file once, ``_FETCHED_AT_ONCE`` at a time, and link it. Keeps every path in memory meanwhile.

        A row that leads elsewhere is left alone. Raises FetchError for what is neither here nor missing there, and what
        reading the source raises.
        """
        if self._folder is None:
            return
        uris = dict.fromkeys(utterance.audio.uri for utterance in self._source.utterances())
        named = ((uri, name) for uri in uris if (name := self._followed(uri, self._folder)) is not None)
        threads = ThreadPoolExecutor(_FETCHED_AT_ONCE, thread_name_prefix="earmark-fetch")
        try:
            while chunk := list(islice(named, _CHUNK)):
                list(threads.map(self._bring_one, *zip(*chunk, strict=True)))
        finally:
            threads.shutdown(cancel_futures=True)

    def _followed(self, uri: str, folder: RemoteFolder) -> str | None:
        """The name of the file that a row means; None, and the reason is kept, where it is not to be fetched."""
        try:
            return folder.file(uri)
        except UsageError as error:
            if len(self._refusals) < _REASONS_KEPT:
                cause = error.what + (f": {error.cause}" if error.cause else "")
                self._refusals[refused_place(uri)] = cause, error.hint or "mend the row"
            return None

    def _bring_one(self, uri: str, name: str) -> None:
        get = partial(fetch, name, options=self._options)
        link_fetched(get, Path(f"{self.root}/{place_of(uri)}"), self._options)


def _recorded(utterance: Utterance, folder: RemoteFolder) -> Utterance:
    """The utterance of a row without the secrets of a URL in it; the id may be made of it."""
    uri = utterance.audio.uri
    try:
        folder.file(uri)
        place = place_of(uri)
    except UsageError:
        place = refused_place(uri)
    if place == uri:
        return utterance
    return replace(utterance, id=recorded_id(utterance.id), audio=replace(utterance.audio, uri=place))


def link_fetched(get: Callable[[], Fetched], link: Path, options: FetchOptions) -> None:
    """Make ``link`` lead to what ``get`` fetches, and to nothing where that is missing. Raises other FetchErrors."""
    try:
        fetched = get()
    except FetchError as error:
        if error.kind != "missing":
            raise
        link.unlink(missing_ok=True)
        return
    with disk_faults(fetched.name, Cache(options.folder)):
        _link(fetched.path, link)


def _link(path: Path, link: Path) -> None:
    if link.is_symlink() and link.readlink() == path:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    # Under another name first: another process may be reading by the old link.
    new = link.with_name(f".tmp-{secrets.token_hex(6)}")
    new.symlink_to(path)
    try:
        new.replace(link)
    finally:
        new.unlink(missing_ok=True)
