"""Which kinds of audio files can be read here. Asks the library that reads them."""

from __future__ import annotations


def library_version() -> str:
    """The version of libsndfile. Raises OSError where it cannot be loaded."""
    import soundfile  # late: it loads a library of the system, which is what is asked about

    return str(soundfile.__libsndfile_version__)


def readable_containers() -> frozenset[str]:
    """The names of the formats, in capitals, as libsndfile calls them. Raises OSError where it cannot be loaded."""
    import soundfile

    return frozenset(soundfile.available_formats())
