"""What of a segment's audio a recognizer is given: never more than it declares that it takes.

Some models leave out what is too long and say nothing, so nothing that is too long comes to any. Where the audio is
changed on purpose, the recognizer hears the change, and the run keeps the times of the recording.
"""

from __future__ import annotations

from dataclasses import replace

from earmark.audio.changes import changed
from earmark.audio.decode import decode
from earmark.errors import AudioError
from earmark.recognizers.base import LENGTH_TOLERANCE_S
from earmark.records import Hypothesis, Segment, Waveform
from earmark.spec import AudioSpec, RunSpec


def waveform_of(segment: Segment, spec: RunSpec) -> Waveform:
    """Decode a segment for the recognizer of ``spec``, as it was recorded.

    Raises AudioError as ``decode`` does, and of kind ``not_cut`` or ``longer_than_claimed`` for what is too long.
    """
    longest_s = spec.max_piece_s
    if longest_s is None:
        return _decoded(segment, spec.audio.max_decoded_s)
    if spec.segmentation.name == "none":
        return _uncut(segment, spec, longest_s)
    waveform = _decoded(segment, spec.audio.max_decoded_s)
    if waveform.duration_s > longest_s + LENGTH_TOLERANCE_S:
        raise AudioError(
            "longer_than_claimed",
            f"it decodes to {waveform.duration_s:.1f} s, the data claim {segment.audio.duration_s or 0.0:.1f} s, "
            f"and {spec.recognizer.name} takes at most {longest_s:g} s in one piece",
        )
    return waveform


def heard_as(waveform: Waveform, audio: AudioSpec) -> Waveform:
    """What the recognizer is given of a recording: that itself, unless ``audio`` changes it on purpose."""
    if not audio.is_changed:
        return waveform
    is_peak = audio.normalization == "peak"
    samples = changed(waveform.samples, speed=audio.speed, is_peak=is_peak, level_db=audio.level_db)
    return replace(waveform, samples=samples)


def in_recorded_time(hypothesis: Hypothesis, audio: AudioSpec) -> Hypothesis:
    """The times of words as they are in the recording, where the recognizer heard it at another speed."""
    if audio.speed is None or not hypothesis.words:
        return hypothesis
    speed = audio.speed
    words = (replace(word, start_s=word.start_s * speed, end_s=word.end_s * speed) for word in hypothesis.words)
    return replace(hypothesis, words=tuple(words))


def _uncut(segment: Segment, spec: RunSpec, longest_s: float) -> Waveform:
    """Decode what nobody was to cut, and no further than the recognizer takes."""
    cap_s = spec.audio.max_decoded_s
    try:
        return _decoded(segment, min(cap_s, longest_s + LENGTH_TOLERANCE_S))
    except AudioError as error:
        if error.kind != "too_long" or cap_s < longest_s:
            raise
        raise AudioError(
            "not_cut",
            f"{longest_s:g} s is the longest that {spec.recognizer.name} takes in one piece, and it is longer; "
            "--segmenter energy cuts it",
        ) from error


def _decoded(segment: Segment, max_decoded_s: float) -> Waveform:
    audio = segment.audio
    is_piece = audio.start_s is not None
    samples = decode(
        audio.uri,
        start_s=audio.start_s or 0.0,
        duration_s=audio.duration_s if is_piece else None,
        channel=audio.channel,
        max_decoded_s=max_decoded_s,
    )
    return Waveform(segment.id, samples)
