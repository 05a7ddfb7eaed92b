"""Sources by name. It knows how the user's word for the data becomes a source, and reads no data itself."""

from __future__ import annotations

import errno
from functools import partial
from typing import TYPE_CHECKING

from earmark.errors import UsageError
from earmark.fetching import FetchOptions
from earmark.registry import Registry
from earmark.sources.base import ChoosableSource
from earmark.sources.naming import is_remote, is_remote_manifest
from earmark.sources.options import SourceOptions
from earmark.sources.resolving import resolve_data
from earmark.sources.urls import refuse_strange_urls

if TYPE_CHECKING:
    from earmark.sources.base import Source
    from earmark.sources.tolerant import Broken

SOURCES = Registry("source", group="earmark.sources")
"""Each is called with the path behind its prefix and ``SourceOptions``, and gives a ``Source``."""
SOURCES.add("manifest", "earmark.sources.manifest:open_manifest", "a .jsonl, .json, .csv, .tsv or .parquet file")
SOURCES.add("folder", "earmark.sources.folder:FolderSource", "audio files, each with a .txt of its name beside it")
SOURCES.add("librispeech", "earmark.sources.librispeech:LibriSpeechSource", "a subset such as LibriSpeech/test-clean")
SOURCES.add(
    "chime8_notsofar1", "earmark.sources.notsofar:open_notsofar", "meetings of CHiME-8: FOLDER[:SUBSET][@DEVICES]"
)
SOURCES.add("notsofar1", "earmark.sources.notsofar:open_notsofar", "the same")
SOURCES.add("common-voice", "earmark.sources.common_voice:CommonVoiceSource", "a language's folder: FOLDER/es:test")
SOURCES.add("kaldi", "earmark.sources.kaldi:KaldiSource", "a data folder with wav.scp, text, segments, ...")
SOURCES.add("lhotse", "earmark.sources.lhotse:LhotseSource", "a cuts.jsonl.gz, or recordings and supervisions")
SOURCES.add("speechbrain", "earmark.sources.speechbrain:SpeechBrainSource", "a .csv or .json descriptor")
SOURCES.add("hf", "earmark.sources.hugging_face:open_hub", "a data set of the hub: OWNER/NAME@REVISION/CONFIG:SPLIT")
SOURCES.add("parquet", "earmark.sources.embedded:open_parquet", "Parquet with audio in it: FILE, or FOLDER:SPLIT")
SOURCES.add("saved", "earmark.sources.embedded:open_saved", "what save_to_disk of datasets wrote: FOLDER:SPLIT")
SOURCES.add("staged", "earmark.sources.staged:StagedSource", "what earmark stage made, also in s3://bucket/folder")

_TAKE_URLS = frozenset({"hf", "staged"})
"""Those of ours that read what is elsewhere, behind their prefix; a source of another package decides for itself."""


def open_source(
    data: str,
    *,
    audio_root: str | None = None,
    text_column: str | None = None,
    channel: int | None = None,
    limit: str | None = None,
    seed: int | None = None,
    language: str | None = None,
    fetching: FetchOptions = FetchOptions(),  # noqa: B008  # frozen
    broken: Broken | None = None,
) -> Source:
    """Open what the user calls ``data``: ``PREFIX:PATH`` with a name of ``SOURCES``, a manifest, or a folder of audio.

    A manifest may be a URL (``https:``, ``s3:``, ``gs:``) or a file of a data set on the hub
    (``hf:OWNER/NAME@REVISION/FILE.csv``), and ``audio_root`` a folder there. Then the audio of the chosen utterances is
    brought to this machine before this returns, as ``fetching`` says.

    ``text_column`` "none" leaves the references out. ``channel`` and ``language`` are for the utterances that do not
    say. ``limit`` is a number ("100") or a share ("5%"): the first ones, or a random sample where there is a ``seed``.
    Raises UnknownNameError, UsageError, ManifestError or FetchError; a broken row shows only when the utterances are
    read. With ``broken``, which is told of them, broken rows raise nothing, and count for no limit.
    """
    refuse_strange_urls(data, audio_root, _is_of_this_machine)
    options = SourceOptions(audio_root, text_column, channel, language, fetching)
    chosen = partial(_opened_and_chosen, limit=limit, seed=seed, broken=broken)
    if is_remote_manifest(data) or (audio_root is not None and is_remote(audio_root)):
        from earmark.sources.remote import open_remote

        return open_remote(data, options, chosen)
    return chosen(data, options)


def _opened_and_chosen(
    name: str, options: SourceOptions, *, limit: str | None, seed: int | None, broken: Broken | None
) -> Source:
    source = _opened(name, options)
    if broken is None:
        return _chosen(source, limit, seed)
    if isinstance(source, ChoosableSource):  # so that nothing is brought of what is not chosen
        return _without_broken(_chosen(source, limit, seed), broken)
    return _chosen(_without_broken(source, broken), limit, seed)


def _is_of_this_machine(prefix: str) -> bool:
    entry = SOURCES.entries().get(prefix)
    return entry is not None and entry.target.startswith("earmark.") and prefix not in _TAKE_URLS


def _opened(data: str, options: SourceOptions) -> Source:
    try:
        name, path = resolve_data(data, lambda prefix: prefix in SOURCES.entries())
        source: Source = SOURCES.load(name)(path, options)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise UsageError(f"--data {data[:40]!r}... names no data", cause="no path is so long") from error
    return source


def _without_broken(source: Source, broken: Broken) -> Source:
    from earmark.sources.tolerant import Tolerant  # for whoever looks at data only

    return Tolerant(source, broken)


def _chosen(source: Source, limit: str | None, seed: int | None) -> Source:
    if limit is None:
        return source
    from earmark.sources.selection import Limited  # it needs numpy, and most runs have no limit

    return Limited(source, limit, seed)
