"""Trees and files of known layouts, by their looks: what each is, and its whole name, which can be typed as it is.

Names of files, and the first bytes of one, are looked at; nothing is read for its utterances.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shlex
import zlib
from dataclasses import dataclass
from pathlib import Path

from earmark.formats.cells import AUDIO
from earmark.sources.manifests_in import manifests_in
from earmark.sources.naming import MANIFEST_SUFFIXES, likely

_BEGINNING_BYTES = 1 << 16
_PACKED = (".jsonl.gz", ".json.gz")
_LHOTSE = re.compile(r'"(?:recording|recording_id|supervisions|sampling_rate)"\s*:')
_SPEECHBRAIN = re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{[^{}]*"wav"\s*:')
_PLACEHOLDER = re.compile(r"(?=[^\n]*\bwav\b)[^\n]*\n(?:[^\n]*,)? *(?:\$\w+|\$?\{\w+\})/")
_MANIFEST_COLUMN = re.compile(rf'"(?:{"|".join(AUDIO)})"\s*:', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KnownLayout:
    """What something is, for a sentence, and the name to type for it."""

    what: str
    name: str
    cause: str = "its prefix has to be said"

    @property
    def quoted(self) -> str:
        """The name as a shell wants it."""
        return shlex.quote(self.name)


def layout_of(path: Path) -> KnownLayout | None:
    """The layout of a folder or file that is here; None for plain audio, a manifest, and what is not known."""
    if path.is_file():
        return _of_file(path)
    is_tree, endings = _within(path)
    kinds = [_kaldi, _saved]
    if endings & {"jsonl", "json", "gz"}:
        kinds.append(_lhotse)
    if is_tree:
        kinds += [_common_voice, _notsofar]
    if endings.intersection(suffix[1:] for suffix in MANIFEST_SUFFIXES):
        kinds.append(_manifest)
    if is_tree or "parquet" in endings:
        kinds.append(_parquet)
    if is_tree:
        kinds.append(_librispeech)
    return next((found for kind in kinds if (found := kind(path))), None)


def _within(path: Path) -> tuple[bool, set[str]]:
    """Whether it has folders, and the endings in it: a million files in one folder are to be looked through once."""
    is_tree, endings = False, set()
    with contextlib.suppress(OSError), os.scandir(path) as entries:  # whoever reads it tells
        for entry in entries:
            is_tree = is_tree or entry.is_dir()
            endings.add(entry.name.rpartition(".")[2])
    return is_tree, endings


def _of_file(path: Path) -> KnownLayout | None:
    name = path.name.lower()
    if name.endswith(_PACKED) and not _MANIFEST_COLUMN.search(_beginning(path)):
        return KnownLayout("packed JSON, as Lhotse writes it", f"lhotse:{path}")
    if name.endswith((".tar.gz", ".tgz")):
        return KnownLayout("an archive", f"librispeech:{path}")
    if name.endswith((".jsonl", ".json")):
        return _of_json(_beginning(path), path)
    if name.endswith(".csv") and _PLACEHOLDER.match(_beginning(path)):
        return KnownLayout("a SpeechBrain descriptor", f"speechbrain:{path}")
    return None


def _beginning(path: Path) -> str:
    try:
        with path.open("rb") as file, gzip.GzipFile(fileobj=file) as packed:
            beginning = (packed if path.name.endswith(".gz") else file).read(_BEGINNING_BYTES)
            return beginning.decode("utf-8", errors="replace")
    except (OSError, EOFError, zlib.error):  # whoever reads it tells
        return ""


def _of_json(beginning: str, path: Path) -> KnownLayout | None:
    if _SPEECHBRAIN.match(beginning):
        return KnownLayout("a SpeechBrain descriptor", f"speechbrain:{path}")
    first = beginning if beginning.lstrip().startswith("[") else beginning.partition("\n")[0]
    if _LHOTSE.search(first) and not _MANIFEST_COLUMN.search(first):
        return KnownLayout("a Lhotse manifest", f"lhotse:{path}")
    return None


def _kaldi(path: Path) -> KnownLayout | None:
    is_one = (path / "wav.scp").is_file()
    return KnownLayout("a Kaldi data folder", f"kaldi:{path}") if is_one else None


def _saved(path: Path) -> KnownLayout | None:
    if (path / "state.json").is_file():
        return KnownLayout("what save_to_disk wrote", f"saved:{path}")
    if not (path / "dataset_dict.json").is_file():
        return None
    splits = [place.name for place in path.iterdir() if (place / "state.json").is_file()]
    return KnownLayout("what save_to_disk wrote", f"saved:{path}:{likely(splits)}") if splits else None


def _common_voice(path: Path) -> KnownLayout | None:
    from earmark.sources.common_voice import SPLITS

    for depth in ("", "*/", "*/*/"):
        for clips in sorted(path.glob(f"{depth}clips")):
            splits = [split for split in SPLITS if (clips.parent / f"{split}.tsv").is_file()]
            if splits:
                return KnownLayout("Common Voice", f"common-voice:{clips.parent}:{likely(splits)}")
    return None


def _notsofar(path: Path) -> KnownLayout | None:
    from earmark.sources.notsofar import likely_name

    name = likely_name(str(path))
    return KnownLayout("NOTSOFAR-1", f"chime8_notsofar1:{name}") if name else None


def _lhotse(path: Path) -> KnownLayout | None:
    """A folder of Lhotse's: its one file of cuts, or of recordings and supervisions, is what has a name."""
    from earmark.sources.lhotse import manifest_in

    found = manifest_in(path)
    return KnownLayout("a folder of Lhotse manifests", f"lhotse:{found}") if found else None


def _manifest(path: Path) -> KnownLayout | None:
    found = manifests_in(path)
    if not found:
        return None
    first, *others = found
    layout = _of_file(first)
    also = f"; so do {', '.join(one.name for one in others)}" if others else ""
    return KnownLayout(
        "a folder with a manifest",
        layout.name if layout else str(first),
        cause=f"{first.name} says which audio is meant, and what is said in it{also}",
    )


def _librispeech(path: Path) -> KnownLayout | None:
    for depth in ("", "*/", "*/*/"):
        found = {file.parents[2] for file in path.glob(f"{depth}[0-9]*/[0-9]*/*.trans.txt")}
        if found:
            names = sorted(one.name for one in found)
            several = f", with {len(names)} subsets ({', '.join(names)})" if len(names) > 1 else ""
            return KnownLayout(f"of LibriSpeech{several}", f"librispeech:{likely(map(str, found))}")
    return None


def _parquet(path: Path) -> KnownLayout | None:
    from earmark.sources.hub_snapshot import snapshot

    if not any(any(path.glob(f"{depth}*.parquet")) for depth in ("", "*/", "*/*/")):
        return None
    _, _, found = snapshot(path)
    if not found.configs:  # they are hidden
        return None
    config = found.default or likely(found.configs)
    below = "" if config == found.default else f"/{config}"
    return KnownLayout("Parquet", f"parquet:{path}{below}:{likely(found.configs[config])}")
