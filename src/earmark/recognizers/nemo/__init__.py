"""Models in NeMo's archives: a room of small modules behind one recognizer.

``archive``, ``configuration``, ``family`` and ``settings`` read the archive's table of contents and its YAML only, so
that what a model is and what is wrong with it is known before anything is begun, and the driver never loads NeMo, whose
import takes many seconds. The others work where the model is loaded.
"""

from __future__ import annotations

from earmark.recognizers.nemo.recognizer import Nemo

__all__ = ["Nemo"]
