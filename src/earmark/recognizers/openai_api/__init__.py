"""Speech recognition behind an OpenAI-compatible ``/audio/transcriptions``: hosted, or a server of your own."""

from earmark.recognizers.openai_api.recognizer import OpenAI

__all__ = ["OpenAI"]
