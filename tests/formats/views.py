"""What was read or matched, as plain values to compare."""

from __future__ import annotations

from earmark.formats.matching import Outputs
from earmark.formats.transcript import Transcript


def references(transcript: Transcript) -> dict[str, str | None]:
    """Each id's reference."""
    return dict(zip(transcript.rows["id"].to_pylist(), transcript.rows["reference"].to_pylist(), strict=True))


def hypotheses(transcript: Transcript | Outputs) -> dict[str, list[str | None]]:
    """Each system's texts."""
    return {name: column.to_pylist() for name, column in transcript.hypotheses.items()}


def rows(outputs: Outputs) -> dict[str, tuple[str | None, ...]]:
    """Each id's reference and hypotheses."""
    columns = [outputs.rows["reference"], *outputs.hypotheses.values()]
    texts = zip(*(column.to_pylist() for column in columns), strict=True)
    return dict(zip(outputs.rows["id"].to_pylist(), texts, strict=True))
