"""What is learned of one utterance when data are looked at, and the limits beyond which it is worth a look.

Values only: nothing here reads a file. Durations are in seconds, levels in dB to full scale.
"""

from __future__ import annotations

from dataclasses import dataclass

LENGTH_EDGES_S = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""The histogram's edges, the same for all data, so that two reports can be laid side by side; the last bin is open."""

MOST_S = 1e9
"""More than thirty years: no duration, and the sum of such need not be a number."""

STATED_TOLERANCE_S = 0.1
STATED_TOLERANCE_SHARE = 0.01
"""A stated duration may differ so much from the header's: manifests round, and count the padding of an MP3."""

MOST_CHARACTERS_PER_S = 40.0
"""Nobody says more: fast speech in the alphabetic languages has about 25 characters a second, spaces not counted."""
FAST_RATIO, SLOW_RATIO = 3.0, 0.25
"""To the median of the data: beyond them text and audio may be of different utterances."""
LEAST_RATED = 10
LEAST_FAST_CHARACTERS = 20
LEAST_SLOW_S = 5.0
"""The ratios say nothing of a handful of utterances, of one short word, or of a pause around it."""

CLIPPED_SHARE = 0.001
SILENT_DBFS = -60.0
OFFSET_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class HeaderFacts:
    """What the audio file's header says; ``duration_s`` is of the whole file, 0 where it does not say."""

    duration_s: float
    sample_rate_hz: int
    num_channels: int
    format: str


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What decoding the utterance's audio showed. ``content`` is a digest of 8 bytes of its samples.

    ``is_changed`` says that the file has other bytes than the data state. ``beyond_share`` is the share of its samples
    that are beyond full scale, and are cut when decoded; ``peak_dbfs`` is the largest of them, before that.
    """

    duration_s: float
    level_dbfs: float
    offset: float
    clipped_share: float
    content: bytes
    is_changed: bool = False
    beyond_share: float = 0.0
    peak_dbfs: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceFacts:
    """What the data say of an utterance, and what its file's header says.

    ``audio`` is the file as the data name it, ``piece`` tells its audio from any other's (file, time, channel).
    ``start_s`` is None for a whole file. ``is_there`` says whether the file is. ``problem`` is the kind and the
    sentence of what is wrong with a file that is there.
    """

    id: str
    audio: str
    piece: str
    reference: str | None
    language: str | None
    speaker: str | None
    start_s: float | None
    stated_s: float | None
    has_channel: bool
    is_there: bool
    header: HeaderFacts | None = None
    problem: tuple[str, str] | None = None

    @property
    def duration_s(self) -> float:
        """Of the piece as stated, else by the file's header; 0 where neither says, or says what cannot be."""
        header_s = self.header.duration_s if self.header is not None else 0.0
        if self.start_s is None:
            known_s = header_s or self.stated_s or 0.0
        else:
            known_s = self.stated_s if self.stated_s is not None else max(0.0, header_s - self.start_s)
        return known_s if known_s <= MOST_S else 0.0
