"""What the user may say about the data, whatever source reads them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from earmark.errors import UsageError
from earmark.fetching import FetchOptions

NO_TEXT = "none"
"""As ``text_column``: there are no references, or they are not to be used."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """``audio_root`` says where relative paths start; the others choose or fill what a row does not say.

    ``fetching`` says how what is not on this machine comes here, and ``called`` what messages call the data where that
    is not their path on this machine; neither changes an utterance. ``keeps_urls`` says that whoever asks fetches the
    URLs in rows, and records them himself: else they lose their secrets as they are read.
    """

    audio_root: str | None = None
    text_column: str | None = None
    channel: int | None = None
    language: str | None = None
    fetching: FetchOptions = field(default_factory=FetchOptions)
    called: str | None = None
    keeps_urls: bool = False

    def canonical(self, kind: str) -> bytes:
        """Write down what changes the utterances, to begin a fingerprint: not where the audio is."""
        return json.dumps([kind, self.text_column, self.channel, self.language], separators=(",", ":")).encode()

    @property
    def has_text(self) -> bool:
        """Whether references are to be read."""
        return self.text_column != NO_TEXT

    def refuse_columns(self, data: str) -> None:
        """Raise UsageError where an option speaks of a manifest, and ``data`` is a folder."""
        if self.audio_root is not None:
            raise UsageError(f"--audio-root does not fit {data}", cause="a folder of audio is its own root")
        self.refuse_text_column(data)

    def refuse_text_column(self, data: str) -> None:
        """Raise UsageError where ``--text-column`` names one, and ``data`` has no columns."""
        if self.text_column not in (None, NO_TEXT):
            raise UsageError(f"--text-column does not fit {data}", cause="only manifests have columns to choose from")
