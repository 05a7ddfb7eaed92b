from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from tests.audio.tones import FORMATS

if TYPE_CHECKING:
    import numpy as np

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write samples under a name (whose ending chooses the coding, unless told) and give the path."""

    def write_samples(name: str, samples: np.ndarray, rate_hz: int = 16_000, **coding: str) -> str:
        format_, subtype = FORMATS["a" + Path(name).suffix]
        path = str(tmp_path / name)
        soundfile.write(path, samples, rate_hz, **{"format": format_, "subtype": subtype, **coding})
        return path

    return write_samples
