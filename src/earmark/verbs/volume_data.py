"""Data on a Volume of Modal's cloud, ``modal:VOLUME/PATH``: looked at where they are, by the code that looks at any.

The table of utterances comes to this machine; the audio stays. So a run of such data has the identity that it would
have with the same data here. Knows no more of Modal than its places.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from earmark.engines.mounts import PREFIX, Place
from earmark.errors import EngineError, UsageError
from earmark.planning.identity import audio_sample
from earmark.planning.index import MissingAudio, index_source
from earmark.records import Utterance
from earmark.sources import open_source
from earmark.sources.base import DerivedSource, Source
from earmark.verbs.inputs import source_of
from earmark.verbs.workforce import Workforce

if TYPE_CHECKING:
    import pyarrow as pa

    from earmark.engines.modal import ModalEngine


@dataclass(frozen=True)
class Looked:
    """What was found where the data are: see Source, and ``planning.identity`` for the sample."""

    fingerprint: str
    root: str
    loss: str | None
    utterances: pa.Table
    sample: str


class VolumeSource:
    """The utterances at ``place``, looked at in a container. A DistantSource."""

    def __init__(self, place: Place, found: Looked, engine: ModalEngine) -> None:
        self._place = place
        self._found = found
        self._engine = engine
        self.name = place.name
        self.fingerprint = found.fingerprint
        self.root = found.root
        self.loss = found.loss
        self.sample = found.sample
        self.table = found.utterances

    def utterances(self) -> Iterator[Utterance]:
        """Nobody reads them one by one: they are a table already. Raises EngineError."""
        raise EngineError(f"the utterances of {self.name} are a table already")

    def why_missing(self, uri: str) -> tuple[str, str] | None:
        """Nothing is known here: what is missing was said when the data were looked at."""
        del uri
        return None

    def beside_audio(self, function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # whatever it gives
        """See DistantSource."""
        return self._engine.call(function, *arguments, volumes=[self._place.volume])


def data_for(
    workforce: Workforce,
    data: str | os.PathLike[str] | Source,
    *,
    missing_audio: MissingAudio,
    audit: int | None,
    audio_root: str | None,
    **choice: Any,  # noqa: ANN401  # as source_of takes it
) -> Source:
    """The source that ``data`` names, for those workers: see ``source_of``.

    Raises UsageError where the data are on a Volume and the workers are not, or the other way round.
    """
    is_there = isinstance(data, str) and data.startswith(PREFIX)
    if not is_there and workforce.name != "modal":
        return source_of(data, audio_root=audio_root, **choice)
    if is_there and workforce.name != "modal":
        raise UsageError(f"{data} is in Modal's cloud, and the workers are not", hint="--engine modal")
    if isinstance(data, VolumeSource):
        return data
    if not is_there:
        what = data if isinstance(data, str) else getattr(data, "name", data)
        raise UsageError(
            f"no container of Modal's sees {what}",
            cause="it is on this machine, or comes to it; containers see Volumes",
            hint=f"earmark stage DATA --to {PREFIX}earmark-data/NAME --engine modal, then --data of that name",
        )
    if audit is not None:
        hint = "earmark audit MODEL -d THE_SAME_DATA_HERE"
        raise UsageError(f"--audit tries batches on this machine, and {data} is not here", hint=hint)
    if audio_root is not None:
        raise UsageError(f"--audio-root does not fit {data}", cause="what is on a Volume is its own root")
    return _looked_at(Place.of(str(data)), workforce, missing_audio, choice)


def _looked_at(
    place: Place, workforce: Workforce, missing_audio: MissingAudio, choice: Mapping[str, Any]
) -> VolumeSource:
    engine: ModalEngine = workforce.engine  # type: ignore[assignment]  # it is called modal
    said = {name: value for name, value in choice.items() if name != "fetching"}
    if said["limit"] is not None:
        said["limit"] = str(said["limit"])
    else:
        said["seed"] = None
    found: Looked = engine.call(look, place.folder, said, missing_audio, volumes=[place.volume])
    return VolumeSource(place, found, engine)


def look(folder: str, choice: Mapping[str, Any], missing_audio: MissingAudio) -> Looked:
    """Look at the data in ``folder`` of this machine, which a container calls itself. Raises what indexing raises."""
    source = open_source(folder, **choice)
    utterances = index_source(source, missing_audio=missing_audio).combine_chunks()
    return Looked(
        fingerprint=source.fingerprint,
        root=source.root,
        loss=source.loss if isinstance(source, DerivedSource) else None,
        utterances=utterances,
        sample=audio_sample(utterances, source.root),
    )
