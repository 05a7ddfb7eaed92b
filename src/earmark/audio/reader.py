"""Opens an audio file and streams a piece of it as mono blocks at its own rate. All complaints about audio start here.

It goes by content, never by the file's name, and believes no length: what counts is what decodes. A header's length is
a promise that the decoded audio must keep. What the promise is worth was measured with libsndfile 1.2.2:

=========  ==========================================================================================================
WAV, RF64  libsndfile hides it (it clamps the length to the file), so ``wav`` reads it: exact. A size of 0, 2**31 or
           2**32 (or a little less) means that the writer did not know: what decodes is the audio.
FLAC       exact where it stands; a file written into a pipe has none, and again what decodes is the audio.
MP3        exact with a Xing or Info header, an estimate without, and libsndfile reads no further than either:
           a file that goes on beyond it is refused (``mp3`` counts).
Ogg, Opus  none: the length comes from the last page that is there, so a file cut short is just a shorter one.
=========  ==========================================================================================================
"""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from earmark.audio import mp3
from earmark.audio.plain_wav import HEAD_BYTES, PlainWav
from earmark.audio.wav import OpenEndedWav, WavHeader
from earmark.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_SAMPLES = 1 << 20
"""Samples of all channels in one block: 65 s of mono at 16 kHz, 4 MiB, so that most utterances are one block."""
TOLERANCE_S = 0.1
"""A piece may end so much before its stated end: manifests round durations, and count the padding of an MP3."""
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000
_NO_LENGTH = 1 << 62  # libsndfile's answer for a FLAC of unknown length is 2**63 - 1


@dataclass(frozen=True, slots=True)
class OpenAudio:
    """An open file. ``readable_frames`` is where libsndfile stops, ``promised_frames`` what the file's header says.

    Either is None where nobody knows before decoding. A frame is one sample of each channel.
    """

    path: str
    file: Any  # soundfile.SoundFile, which has no types, or PlainWav
    sample_rate_hz: int
    num_channels: int
    readable_frames: int | None
    promised_frames: int | None

    @property
    def name(self) -> str:
        """The file's base name, for messages that are the same on every machine."""
        return Path(self.path).name

    @property
    def is_bounded(self) -> bool:
        """Whether the file holds integers, which are all numbers in [-1, 1]."""
        return str(self.file.subtype).startswith("PCM_")

    def frame_range(self, start_s: float, duration_s: float | None) -> tuple[int, int | None]:
        """First frame and the one after the last, each rounded to the nearest, so that adjoining pieces adjoin."""
        start = round(start_s * self.sample_rate_hz)
        return start, None if duration_s is None else round((start_s + duration_s) * self.sample_rate_hz)


@contextmanager
def open_audio(path: str) -> Iterator[OpenAudio]:
    """Open the file at ``path``. Raises AudioError ``missing``, ``unreadable`` or ``empty``."""
    with ExitStack() as stack:
        opened = stack.enter_context(_opened(path))
        plain, header = _header(path, opened)
        if plain is not None:
            audio = OpenAudio(path, plain, plain.samplerate, plain.channels, plain.frames, plain.frames)
        else:
            audio = _by_libsndfile(path, header, stack)
        if not MIN_RATE_HZ <= audio.sample_rate_hz <= MAX_RATE_HZ:
            raise AudioError("unreadable", f"{audio.name} claims a sample rate of {audio.sample_rate_hz:,} Hz")
        yield audio


def _by_libsndfile(path: str, header: WavHeader | None, stack: ExitStack) -> OpenAudio:
    is_zero = header is not None and header.is_zero
    source = stack.enter_context(OpenEndedWav(path, header.size_at)) if header is not None and is_zero else path
    try:
        file = stack.enter_context(soundfile.SoundFile(source))
    except soundfile.LibsndfileError as error:
        raise AudioError("unreadable", f"{Path(path).name} cannot be read as audio: {_reason(error)}") from error
    readable = None if file.frames > _NO_LENGTH else int(file.frames)
    promised = readable if readable is None or header is None else readable + header.missing_frames
    return OpenAudio(path, file, file.samplerate, file.channels, readable, promised)


def _opened(path: str) -> io.FileIO:
    name = os.path.basename(path)  # noqa: PTH119  # a Path costs as much as opening the file
    try:
        found = os.stat(path)  # noqa: PTH116  # before opening, as that would wait for whoever writes into a pipe
        if not stat.S_ISREG(found.st_mode):
            raise AudioError("unreadable", f"{name} is not a file")
        if found.st_size == 0:
            raise AudioError("empty", f"{name} is a file of 0 bytes")
        return io.FileIO(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # a null byte is in no name
        why = ": it is a URL, and those in rows of a local manifest are not fetched" if "://" in path else ""
        raise AudioError("missing", f"{name} is not there{why}") from error
    except OSError as error:
        raise AudioError("unreadable", f"{name} cannot be read: {error.strerror}") from error


def _header(path: str, opened: io.FileIO) -> tuple[PlainWav | None, WavHeader | None]:
    """The file as a plain WAV if it is one, else what its header says if it is another."""
    try:
        plain = PlainWav.of(opened, opened.read(HEAD_BYTES))
        if plain is not None:
            return plain, None
        opened.seek(0)
        return None, WavHeader.read(opened)
    except OSError as error:
        raise AudioError("unreadable", f"{Path(path).name} cannot be read: {error.strerror}") from error


def _reason(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).removeprefix("Error : ").rstrip(". ")


def mono_blocks(
    audio: OpenAudio, start: int, stop: int | None, *, channel: int | None, max_frames: float
) -> Iterator[NDArray[np.float32]]:
    """Stream the frames from ``start`` up to ``stop`` (None: to the end) as float32 blocks of shape ``(num_frames,)``.

    ``channel`` counts from 0; None is the mean of all. Raises AudioError ``no_channel``, ``past_the_end``,
    ``too_long`` (more than ``max_frames``), ``not_finite``, ``truncated``, ``unreadable`` or ``empty``: the last three
    only when everything before was yielded.
    """
    if channel is not None and not 0 <= channel < audio.num_channels:
        raise AudioError("no_channel", f"{audio.name} has no channel {channel}: it has {audio.num_channels}, from 0")
    _seek(audio, start)
    num_frames = 0
    wanted = math.inf if stop is None else stop - start
    reason = None
    while num_frames < wanted and reason is None:
        size = int(min(_block_frames(audio, start + num_frames), wanted - num_frames))
        block, reason = _read(audio, size)
        num_frames += len(block)
        if num_frames > max_frames:
            raise AudioError("too_long", f"{audio.name} is longer than {max_frames / audio.sample_rate_hz:g} s")
        if not audio.is_bounded and not np.isfinite(block).all():
            raise AudioError("not_finite", f"{audio.name} holds samples that are not numbers, or infinite")
        if len(block):
            yield block.mean(axis=1) if channel is None and audio.num_channels > 1 else block[:, channel or 0]
        if len(block) < size:
            break
    _check_end(audio, start, stop, num_frames, reason)


def _block_frames(audio: OpenAudio, position: int) -> int:
    """How many frames to ask for: a block, or one more than are said to be left, so that a short clip costs little.

    Should more be there than the header says, they come with the next block.
    """
    block = max(1, BLOCK_SAMPLES // audio.num_channels)
    left = math.inf if audio.readable_frames is None else audio.readable_frames - position
    return int(min(block, left + 1)) if left >= 0 else block


def _seek(audio: OpenAudio, start: int) -> None:
    if start == 0:
        return
    if audio.promised_frames is not None and start >= audio.promised_frames:
        if audio.file.format == "MP3":
            _mp3_promise(audio)
        raise _past_the_end(audio, start)
    try:
        audio.file.seek(start)
    except soundfile.LibsndfileError as error:
        if audio.promised_frames is None:
            raise _past_the_end(audio, start) from error
        raise _truncated(audio, audio.readable_frames or 0, audio.promised_frames) from error


def _past_the_end(audio: OpenAudio, start: int) -> AudioError:
    length = "" if audio.promised_frames is None else f" of {audio.promised_frames / audio.sample_rate_hz:.3f} s"
    return AudioError(
        "past_the_end", f"{audio.name} ends{length} before the start at {start / audio.sample_rate_hz:.3f} s"
    )


def _read(audio: OpenAudio, num_frames: int) -> tuple[NDArray[np.float32], str | None]:
    """Read on: a block of shape ``(num_frames or fewer, num_channels)``, and why no more came, if that is known."""
    if isinstance(audio.file, PlainWav):
        try:
            return audio.file.read(num_frames), None
        except OSError as error:
            raise AudioError("unreadable", f"{audio.name} cannot be read: {error.strerror}") from error
    block = np.full((num_frames, audio.num_channels), np.nan, dtype=np.float32)
    try:
        return audio.file.read(out=block), None
    except soundfile.LibsndfileError as error:
        # What was decoded before the error is in the block already, and the rest still is what we filled it with.
        is_left = np.isnan(block[:, 0])
        return block[: int(is_left.argmax()) if is_left.any() else num_frames], _reason(error)


def _check_end(audio: OpenAudio, start: int, stop: int | None, num_frames: int, reason: str | None) -> None:
    end = start + num_frames
    promised = audio.promised_frames
    if promised is None and reason is not None and "psf_fseek" not in reason:  # that is how a FLAC without length ends
        raise AudioError("unreadable", f"{audio.name} breaks off after {end / audio.sample_rate_hz:.3f} s: {reason}")
    if audio.file.format == "MP3" and (stop is None or end < stop):
        promised = _mp3_promise(audio)
    if promised is not None and end < min(promised, promised if stop is None else stop):
        raise _truncated(audio, end, promised, reason)
    if stop is not None and stop - end > TOLERANCE_S * audio.sample_rate_hz:
        rate = audio.sample_rate_hz
        raise AudioError("truncated", f"{audio.name} ends at {end / rate:.3f} s, before the stated {stop / rate:.3f} s")
    if num_frames == 0:
        raise AudioError(
            "empty", f"{audio.name} holds no samples" + (" in this piece" if start or stop == start else "")
        )


def _truncated(audio: OpenAudio, end: int, promised: int, reason: str | None = None) -> AudioError:
    rate = audio.sample_rate_hz
    sentence = f"{audio.name} holds {end / rate:.3f} s of the {promised / rate:.3f} s that its header promises"
    return AudioError("truncated", sentence + (f": {reason}" if reason else ""))


def _mp3_promise(audio: OpenAudio) -> int | None:
    """Read what the MP3's length header says. Raises AudioError where the file goes on beyond what libsndfile reads."""
    length = mp3.measure(audio.path)
    readable = audio.readable_frames or 0
    if length.num_frames - length.slack_frames > readable:
        rate = audio.sample_rate_hz
        found, known = length.num_frames / rate, readable / rate
        problem = f"{audio.name} has {found:.1f} s of MP3, of which {known:.1f} s can be read: its length header is "
        raise AudioError("unreadable", problem + ("wrong" if length.has_length_header else "missing"))
    return audio.promised_frames if length.has_length_header else None
