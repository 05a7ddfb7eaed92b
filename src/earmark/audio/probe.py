"""What an audio file's header says, without decoding."""

from __future__ import annotations

from dataclasses import dataclass

from earmark.audio.reader import OpenAudio, open_audio
from earmark.errors import AudioError


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """``duration_s`` is a claim, good for planning, and 0 where the header does not say; ``decode`` finds the truth.

    ``format`` is libsndfile's name of container and coding, such as ``FLAC/PCM_16``.
    """

    duration_s: float
    sample_rate_hz: int
    num_channels: int
    format: str


def probe(path: str) -> AudioInfo:
    """Read the header of the file at ``path``, and no samples.

    Raises AudioError of kind ``missing``, ``unreadable`` or ``empty``.
    """
    with open_audio(path) as audio:
        if audio.promised_frames == 0:
            raise AudioError("empty", f"{audio.name} holds no samples")
        return info_of(audio)


def info_of(audio: OpenAudio) -> AudioInfo:
    """What the header of an open file says."""
    duration_s = (audio.readable_frames or 0) / audio.sample_rate_hz
    coding = f"{audio.file.format}/{audio.file.subtype}"
    return AudioInfo(duration_s, audio.sample_rate_hz, audio.num_channels, coding)
