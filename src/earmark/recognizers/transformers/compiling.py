"""A model compiled by torch, for those who run so much that a minute of compiling pays.

An encoder, or all of a CTC model, is compiled once for all lengths. Whisper's decoder gets a cache of keys and values
whose size never changes; on a GPU Transformers then compiles the decoder itself, once for each number of rows. So that
there are few of them, batches are filled up to the next power of two.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

from earmark.errors import RecognizerError
from earmark.recognizers.transformers.family import FamilyKind

if TYPE_CHECKING:
    import torch

_BACKEND = "inductor"
_COMPILERS = ("c++", "g++", "clang++", "cl")


def compiled(model: Any, kind: FamilyKind) -> Any:  # noqa: ANN401  # a torch module
    """The model itself, whose passes compile when they are first asked for.

    Raises RecognizerError where there is no compiler for a processor.
    """
    import torch

    names = [name for name in (os.environ.get("CXX"), *_COMPILERS) if name]
    if model.device.type == "cpu" and not any(map(shutil.which, names)):
        raise RecognizerError(
            "a model cannot be compiled here",
            cause=f"there is no C++ compiler: looked for {', '.join(names)}",
            hint="install one, or leave --set compile=true out",
        )
    part = model if kind == "ctc" else model.get_encoder()
    part.forward = torch.compile(part.forward, backend=_BACKEND, dynamic=True)
    if kind == "whisper":
        model.generation_config.cache_implementation = "static"
    return model


def filled_up(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inputs with their last row repeated until the number of rows is a power of two."""
    num_rows = len(next(iter(inputs.values())))
    missing = (1 << (num_rows - 1).bit_length()) - num_rows
    return {name: one[[*range(num_rows), *[num_rows - 1] * missing]] for name, one in inputs.items()}
