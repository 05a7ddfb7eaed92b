"""Ids for rows that have none: made from where the audio is, each once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.records import AudioRef


class DerivedIds:
    """Gives ids in the order of the rows; the same rows get the same ids.

    An id is the audio's path as written, without its suffix; then ``[channel]`` where the row names one; then
    ``@start+duration`` in seconds where it is a piece. A second row that comes to the same keeps its suffix, and a
    third has its number. 8 bytes of hash are remembered for each.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def next(self, audio: AudioRef, channel: int | None) -> str:
        """Make the next row's id. ``channel`` is None where the row itself does not name one."""
        rest = "" if channel is None else f"[{channel}]"
        if audio.start_s is not None:
            rest += f"@{audio.start_s:g}" + ("" if audio.duration_s is None else f"+{audio.duration_s:g}")
        name = _without_suffix(audio.uri) + rest
        attempt = 1
        while not self._is_new(name):
            name = audio.uri + rest + (f"#{attempt}" if attempt > 1 else "")
            attempt += 1
        return name

    def _is_new(self, name: str) -> bool:
        digest = int.from_bytes(blake2b(name.encode(), digest_size=8).digest())
        size = len(self._seen)
        self._seen.add(digest)
        return len(self._seen) > size


def _without_suffix(uri: str) -> str:
    stem, _, suffix = uri.rpartition(".")
    return uri if not stem or stem.endswith("/") or "/" in suffix else stem
