"""Ids for rows that have none: made from where the audio is."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.records import AudioRef


class DerivedIds:
    """Gives ids in the order of the rows; the same rows get the same ids.

    An id is the audio's path as written, without its suffix; then ``[channel]`` where the row names one; then
    ``@start+duration`` in seconds where it is a piece. Where another row came to the same, as ``a.wav`` and ``a.flac``
    do, it keeps its suffix; two rows of one piece of one file stay duplicates, and are refused as such later. 8 bytes
    of hash are remembered for each.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def next(self, audio: AudioRef, channel: int | None) -> str:
        """Make the next row's id. ``channel`` is None where the row itself does not name one."""
        rest = "" if channel is None else f"[{channel}]"
        if audio.start_s is not None:
            rest += f"@{audio.start_s:.12g}" + ("" if audio.duration_s is None else f"+{audio.duration_s:.12g}")
        name = _without_suffix(audio.uri) + rest
        return name if self._is_new(name) else audio.uri + rest

    def _is_new(self, name: str) -> bool:
        digest = int.from_bytes(blake2b(name.encode(), digest_size=8).digest())
        size = len(self._seen)
        self._seen.add(digest)
        return len(self._seen) > size


def _without_suffix(uri: str) -> str:
    stem, _, suffix = uri.rpartition(".")
    return uri if not stem or stem.endswith("/") or "/" in suffix else stem
