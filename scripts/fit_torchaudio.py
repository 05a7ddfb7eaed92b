"""Make torchaudio importable beside a torch without CUDA.

Its wheel is compiled for CUDA and fails to load where those libraries are missing; but for a compiled part that is not
there at all it has an answer of its own, and none of them is needed here. Does nothing where torch has CUDA, or where
torchaudio is missing. Safe to run again.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch


def main() -> None:
    """Remove torchaudio's compiled parts where this torch cannot load them."""
    found = find_spec("torchaudio")  # finds it, and does not import it
    if torch.version.cuda is not None or found is None or found.origin is None:
        return
    for library in (Path(found.origin).parent / "lib").glob("*.so"):
        library.unlink()


if __name__ == "__main__":
    main()
