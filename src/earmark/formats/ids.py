"""Ids for rows that have none: made from where the audio is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from earmark.records import AudioRef


class DerivedIds:
    """Gives ids in the order of the rows; the same rows get the same ids.

    An id is the audio's path as written, without its suffix; then ``[channel]`` where the row names one; then
    ``@start+duration`` in seconds where it is a piece. Where another row came to the same, as ``a.wav`` and ``a.flac``
    do, it keeps its suffix. Two rows of one piece of one file get one id, and are refused as duplicates later: a row
    that says twice what it says once would count twice. Hashes of 8 bytes are remembered for each row.
    """

    def __init__(self) -> None:
        self._names: set[int] = set()
        self._pieces: dict[int, bool] = {}  # whether each piece, by its whole path, got a name without a suffix

    def next(self, audio: AudioRef, channel: int | None) -> str:
        """Make the next row's id. ``channel`` is None where the row itself does not name one."""
        rest = _rest(audio.start_s, audio.duration_s, channel)
        name, whole = _without_suffix(audio.uri) + rest, audio.uri + rest
        piece = _digest(whole)
        if piece not in self._pieces:
            digest = _digest(name)
            self._pieces[piece] = digest not in self._names
            self._names.add(digest)
        return name if self._pieces[piece] else whole


def ids_of_all(pieces: Iterable[tuple[str, float | None, float | None, int | None]]) -> list[str]:
    """Make the ids of all rows at once, each of (audio, start_s, duration_s, channel), whatever their order.

    They are those of ``DerivedIds``, but where several paths differ in nothing but their suffix, all of them keep it:
    what a row is called depends on no other row's place.
    """
    pieces = list(pieces)
    counts = Counter(_without_suffix(uri) for uri in {uri for uri, *_ in pieces})
    return [
        (stem if counts[stem := _without_suffix(uri)] == 1 else uri) + _rest(start_s, duration_s, channel)
        for uri, start_s, duration_s, channel in pieces
    ]


def _rest(start_s: float | None, duration_s: float | None, channel: int | None) -> str:
    rest = "" if channel is None else f"[{channel}]"
    if start_s is not None:
        rest += f"@{start_s:.12g}" + ("" if duration_s is None else f"+{duration_s:.12g}")
    return rest


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _without_suffix(uri: str) -> str:
    stem, _, suffix = uri.rpartition(".")
    return uri if not stem or stem.endswith("/") or "/" in suffix else stem
