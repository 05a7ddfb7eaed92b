"""Whether audio can be read here: the library, and the formats that the field uses."""

from __future__ import annotations

from earmark.audio.containers import library_version, readable_containers
from earmark.diagnosis.finding import Finding, fine, problem, warning

_NEEDED = ("WAV", "FLAC")
_USUAL = ("OGG", "MP3")
_NEWER = "pip install --upgrade soundfile (its wheel brings libsndfile)"


def codec_finding() -> Finding:
    """The formats that libsndfile reads, and those of the field that it lacks."""
    try:
        found, release = readable_containers(), library_version()
    except (ImportError, OSError) as error:
        return problem("codecs", f"libsndfile cannot be loaded: {str(error).splitlines()[0]}", _NEWER)
    if lacking := [name for name in _NEEDED if name not in found]:
        return problem("codecs", f"libsndfile {release} reads no {' and no '.join(lacking)}", _NEWER)
    if lacking := [name for name in _USUAL if name not in found]:
        return warning("codecs", f"libsndfile {release} reads no {' and no '.join(lacking)}", _NEWER)
    return fine("codecs", f"libsndfile {release}: {', '.join((*_NEEDED, *_USUAL))}, and {len(found) - 4} more")
