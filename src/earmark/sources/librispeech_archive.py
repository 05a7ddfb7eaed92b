"""LibriSpeech and Mini LibriSpeech from their archives: where each lies, what its bytes must be, and unpacking it.

The archives are openslr.org's resources 12 and 31. OpenSLR publishes MD5 sums of them; these are the SHA-256 of the
same files, found in public projects that pin them: those of LibriSpeech in torchaudio's data sets, those of Mini
LibriSpeech in several projects beside OpenSLR's own MD5 of the file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earmark.errors import UsageError
from earmark.fetching import FetchOptions, fetch
from earmark.fetching.archive import extract
from earmark.fetching.cache import Cache

ARCHIVE_ENDINGS = (".tar.gz", ".tgz")
_SERVER = "https://www.openslr.org/resources"


@dataclass(frozen=True, slots=True)
class Subset:
    """An archive: the number of its resource, and the hex SHA-256 of its bytes."""

    resource: int
    sha256: str


SUBSETS = {
    "dev-clean": Subset(12, "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3"),
    "dev-other": Subset(12, "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365"),
    "test-clean": Subset(12, "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23"),
    "test-other": Subset(12, "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29"),
    "train-clean-100": Subset(12, "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2"),
    "train-clean-360": Subset(12, "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf"),
    "train-other-500": Subset(12, "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2"),
    "dev-clean-2": Subset(31, "176ec501490eced2d6c1f89f4f0ddc7dfe799e649e5322f8ba49fe3ff50c8012"),
    "train-clean-5": Subset(31, "47805806c8b15f7549f3c51bd6b7da72ec0128a34d32830c8014a88658c0292d"),
}


def fetched_subset(name: str, options: FetchOptions) -> Path:
    """The folder of the subset ``name``, fetched and unpacked unless it is here already.

    EARMARK_OPENSLR names a mirror, as ``https://HOST/PATH`` with the folders ``12`` and ``31`` in it. Raises FetchError
    (also for bytes that are not the archive's) and ArchiveError.
    """
    subset = SUBSETS[name]
    server = os.environ.get("EARMARK_OPENSLR", _SERVER).rstrip("/")
    url = f"{server}/{subset.resource}/{name}.tar.gz"

    def archive() -> Path:
        return fetch(url, sha256=subset.sha256, options=options).path

    return _subset_in(_unpacked(subset.sha256, archive, options), url)


def unpacked_subset(path: str, options: FetchOptions) -> Path:
    """The folder of the one subset in the archive at ``path``, unpacked in the cache by the digest of its bytes.

    Raises UsageError for an archive without a subset, or with several, FetchError and ArchiveError.
    """
    found = fetch(str(Path(path).absolute()), options=options)
    return _subset_in(_unpacked(found.sha256, lambda: found.path, options), path)


def _unpacked(sha256: str, archive: Callable[[], Path], options: FetchOptions) -> Path:
    """What the archive of this digest holds. It is asked for only where it is not unpacked yet."""
    cache, home = Cache(options.folder), options.folder / "unpacked" / sha256
    cache.use(home)
    if not home.is_dir():
        with cache.locked(f"unpacked-{sha256}"):
            if not home.is_dir():
                extract(archive(), home)
    return home


def _subset_in(home: Path, path: str) -> Path:
    folders = sorted({file.parents[2] for file in home.glob("**/*.trans.txt") if len(file.relative_to(home).parts) > 2})  # noqa: PLR2004
    if len(folders) != 1:
        names = ", ".join(folder.name for folder in folders)
        cause = f"it has {names}" if folders else "it has no SUBSET/SPEAKER/CHAPTER/*.trans.txt"
        raise UsageError(f"{path} is no archive of one LibriSpeech subset", cause=cause)
    return folders[0]
