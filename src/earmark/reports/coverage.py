"""How much of the audio was transcribed, and what became of the rest: every second is in one of four sums.

Knows the rows of parts, what was planned, and the pieces of long utterances. It decodes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_NOT_CUT = "not_cut"  # the kind of failure of what is too long where nothing is cut
_NEGLIGIBLE_S = 0.001  # adding thousands of lengths rounds by less


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Seconds of audio, of the utterances that no rule leaves out.

    ``transcribed_s`` is what a recognizer answered for, ``silence_s`` what the segmenter left out of long utterances,
    ``failed_s`` what was to be transcribed and failed, ``not_done_s`` what nobody came to yet. What failed before its
    length was known counts as long as the data say. ``num_cut`` utterances were cut into ``num_pieces``, of which
    ``num_failed_pieces`` failed, and each of those fails its utterance, whose other pieces count as transcribed.
    ``num_unfinished`` texts, of utterances and pieces, ended by a limit of tokens and not by themselves: of what they
    were heard in, which counts as transcribed, an end may be missing. ``num_not_cut`` utterances failed since they
    are longer than the recognizer takes, and nothing was to be cut.
    """

    segmenter: str
    transcribed_s: float
    silence_s: float
    failed_s: float
    not_done_s: float
    num_cut: int
    num_pieces: int
    num_failed_pieces: int
    num_unfinished: int
    num_not_cut: int

    @property
    def audio_s(self) -> float:
        """All of it."""
        return self.transcribed_s + self.silence_s + self.failed_s + self.not_done_s

    @property
    def ratio(self) -> float | None:
        """The share that was transcribed; None where nobody knows of any audio."""
        return self.transcribed_s / self.audio_s if self.audio_s else None

    def facts(self) -> dict[str, Any]:
        """What stands in summary.json."""
        return {
            "audio_s": self.audio_s,
            "transcribed_s": self.transcribed_s,
            "silence_s": self.silence_s,
            "failed_s": self.failed_s,
            "not_done_s": self.not_done_s,
            "ratio": self.ratio,
            "segmenter": self.segmenter,
            "num_cut": self.num_cut,
            "num_pieces": self.num_pieces,
            "num_failed_pieces": self.num_failed_pieces,
            "num_unfinished": self.num_unfinished,
            "num_not_cut": self.num_not_cut,
        }


class CoverageTally:
    """Adds up windows of utterances with their rows. ``segments`` is a table of schema.SEGMENTS; None: none was cut."""

    def __init__(self, segments: pa.Table | None, segmenter: str) -> None:
        self._segmenter = segmenter
        self._owner = _numbers(segments, "index").astype(np.int64)
        self._piece_s = _numbers(segments, "duration_s")
        # A run that is older than this column left nothing out.
        self._whole_s = _numbers(segments, "utterance_s")
        self._transcribed_s = self._silence_s = self._failed_s = self._not_done_s = 0.0
        self._num_cut = self._num_pieces = self._num_failed_pieces = self._num_unfinished = self._num_not_cut = 0

    def add(self, utterances: pa.Table, rows: pa.Table) -> None:
        """Add utterances in order (columns of schema.UTTERANCES), and the rows of parts that are theirs."""
        utterances = utterances.filter(pc.is_null(utterances["skip_reason"]))
        index, duration_s = utterances["index"].to_numpy(), utterances["duration_s"].to_numpy()
        rows = rows.filter(pa.array(np.isin(rows["index"].to_numpy(), index)))
        planned_s, is_piece = self._planned(rows, index, duration_s)
        failed, heard_s = pc.is_valid(rows["error"]).to_numpy(), rows["audio_s"].to_numpy()
        self._transcribed_s += float(heard_s[~failed].sum())
        self._failed_s += float(np.where(heard_s > 0, heard_s, planned_s)[failed].sum())
        self._num_failed_pieces += int(np.count_nonzero(failed & is_piece))
        self._num_unfinished += pc.sum(rows["is_unfinished"]).as_py() or 0
        self._num_not_cut += pc.sum(pc.equal(rows["error_kind"], _NOT_CUT)).as_py() or 0
        self._add_rest(index, duration_s, float(planned_s.sum()))

    def found(self) -> Coverage:
        """What it comes to."""
        return Coverage(
            segmenter=self._segmenter,
            transcribed_s=self._transcribed_s,
            silence_s=self._silence_s,
            failed_s=self._failed_s,
            not_done_s=self._not_done_s,
            num_cut=self._num_cut,
            num_pieces=self._num_pieces,
            num_failed_pieces=self._num_failed_pieces,
            num_unfinished=self._num_unfinished,
            num_not_cut=self._num_not_cut,
        )

    def _planned(
        self, rows: pa.Table, index: NDArray[np.int64], duration_s: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The planned length of each row, and whether it is a piece of a cut utterance."""
        owner = rows["index"].to_numpy()
        planned_s = duration_s[np.searchsorted(index, owner)]
        is_piece = np.isin(owner, self._owner)
        places = np.searchsorted(self._owner, owner[is_piece]) + rows["segment"].to_numpy()[is_piece]
        planned_s[is_piece] = self._piece_s[places]
        return planned_s, is_piece

    def _add_rest(self, index: NDArray[np.int64], duration_s: NDArray[np.float64], done_s: float) -> None:
        """Add what was left out, and what has no row: all that was planned, less ``done_s``, planned for the rows."""
        mine = np.isin(self._owner, index)
        cut = np.unique(self._owner[mine])
        pieces_s = float(self._piece_s[mine].sum())
        planned_s = pieces_s + float(duration_s[~np.isin(index, cut)].sum())
        self._not_done_s += _unless_negligible(planned_s - done_s)
        self._num_cut += len(cut)
        self._num_pieces += int(np.count_nonzero(mine))
        if len(self._whole_s):
            whole_s = float(self._whole_s[np.searchsorted(self._owner, cut)].sum())
            self._silence_s += _unless_negligible(whole_s - pieces_s)


def _unless_negligible(seconds: float) -> float:
    return seconds if seconds > _NEGLIGIBLE_S else 0.0


def _numbers(segments: pa.Table | None, name: str) -> NDArray[np.float64]:
    if segments is None or name not in segments.column_names:
        return np.zeros(0)
    return np.asarray(segments[name].to_numpy(), np.float64)
