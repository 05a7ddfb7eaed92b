"""The flags that say how a model is run and what meets in its batches: written once, the same in every verb.

Knows what a person can say about a model. What the words do to it is known to the verbs, which take them by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from earmark.cli.data_flags import MODEL
from earmark.cli.flags import options_from
from earmark.spec import SegmenterName


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFlags:
    """How a model is run, and how it is batched.

    Parameters
    ----------
    set_
        KEY=VALUE (a decoding option); may be repeated.
    trust
        Let code run that the model brings with it: read it first.
    batch_size
        Utterances in a batch, at most.
    max_batch_seconds
        Padded audio in a batch, at most (what suits model and device).
    segmenter
        How longer audio than the model takes is cut; vad leaves long silences out.
    gpu_memory_limit
        Share of a GPU's memory for each worker, such as 0.9.
    """

    set_: Annotated[list[str] | None, Parameter(name="--set", group=MODEL, negative="")] = None
    trust: Annotated[bool, Parameter(group=MODEL, negative="")] = False
    batch_size: Annotated[int | None, Parameter(group=MODEL)] = None
    max_batch_seconds: Annotated[float | None, Parameter(group=MODEL)] = None
    segmenter: Annotated[SegmenterName, Parameter(group=MODEL)] = "energy"
    gpu_memory_limit: Annotated[float | None, Parameter(group=MODEL)] = None

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of a verb. Raises UsageError for a setting that is not KEY=VALUE."""
        return {
            "options": options_from(self.set_ or []),
            "trust": self.trust,
            "batch_size": self.batch_size,
            "max_batch_s": self.max_batch_seconds,
            "segmenter": self.segmenter,
            "gpu_memory_limit": self.gpu_memory_limit,
        }


NO_MODEL_FLAGS = ModelFlags()
"""Nothing is said beside the name of the model."""
