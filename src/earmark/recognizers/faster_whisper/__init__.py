"""Whisper models in the format of CTranslate2, run by the library faster-whisper."""

from earmark.recognizers.faster_whisper.recognizer import FasterWhisper

__all__ = ["FasterWhisper"]
