"""Which words for data may be URLs: of any other it is said so, and not that no such file is there. It reads none."""

from __future__ import annotations

import os.path
import re

from earmark.errors import UsageError
from earmark.sources.naming import is_remote

_URL = re.compile(r"(?:(?P<prefix>[a-z][a-z0-9_-]+):)?(?P<scheme>[a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_OF_THIS_MACHINE = frozenset({
    "manifest", "folder", "librispeech", "chime8_notsofar1", "notsofar1", "common-voice", "kaldi", "lhotse",
    "speechbrain", "parquet", "saved",
})  # fmt: skip
_TAKEN = "https:, s3: and gs: name a manifest, without a prefix; s3: and gs: a staged set"
_ROOTS = "--audio-root FOLDER, https:, s3:, gs: or hf:OWNER/NAME"


def refuse_strange_urls(data: str, audio_root: str | None) -> None:
    """Raise UsageError for a URL where none is taken, or of a scheme that nothing is fetched from."""
    match = _URL.match(data)
    if match and not _exists(data):
        if match["prefix"] is None and not is_remote(data):
            raise UsageError(f"no data are fetched from {match['scheme']}:", cause=f"asked for {data}", hint=_TAKEN)
        if match["prefix"] in _OF_THIS_MACHINE:
            raise UsageError(
                f"{match['prefix']}: takes no URL, but a path here", cause=f"asked for {data}", hint=_TAKEN
            )
    root = _URL.match(audio_root or "")
    if root and audio_root and not is_remote(audio_root) and not _exists(audio_root):
        raise UsageError(f"no audio is fetched from {root['scheme']}:", cause=f"asked for {audio_root}", hint=_ROOTS)


def _exists(name: str) -> bool:
    return os.path.exists(name)  # noqa: PTH110  # a Path raises for long names
