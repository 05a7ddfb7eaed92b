"""What the sources of known layouts share: JSON files read whole, and identities of what they are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from earmark.errors import ManifestError
from earmark.formats.jsonl import usable_json
from earmark.formats.lines import text_lines
from earmark.records import Utterance


def json_file(path: str) -> Any:  # noqa: ANN401  # JSON is anything
    """What the JSON file at ``path`` says. Raises ManifestError where it is not there, no UTF-8, or no usable JSON."""
    text = "".join(text_lines(path))
    try:
        return usable_json(text)
    except ValueError as error:
        raise ManifestError(path, f"not usable JSON: {error}") from error


def fingerprint_of_utterances(canonical: bytes, utterances: Iterable[Utterance]) -> str:
    """Hex SHA-256 over ``canonical`` (the options that choose) and all that the utterances say, in order."""
    digest = hashlib.sha256(canonical)
    for utterance in utterances:
        audio = utterance.audio
        fields = (
            utterance.id, audio.uri, audio.start_s, audio.duration_s, audio.channel, utterance.reference,
            utterance.language, utterance.speaker, sorted(utterance.extra.items()),
        )  # fmt: skip
        digest.update(repr(fields).encode("utf-8", errors="surrogatepass"))
    return digest.hexdigest()


def fingerprint_of_files(canonical: bytes, folder: str, names: Iterable[str]) -> str:
    """Hex SHA-256 over ``canonical`` (the options that choose) and each file's role and bytes, in order.

    ``names`` are relative to ``folder``; one that is not there counts as such.
    """
    digest = hashlib.sha256(canonical)
    for name in names:
        path = Path(folder, name)
        digest.update(f"{name} ".encode())
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
