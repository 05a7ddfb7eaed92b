"""Models in the format of Hugging Face's Transformers: a room of small modules behind one recognizer.

``family``, ``settings``, ``weights`` and ``checkpoint`` read JSON and file headers only, so that what a model is and
what is wrong with it is known before anything is begun, and the driver loads neither torch nor transformers. The others
work where the model is loaded.
"""

from __future__ import annotations

from earmark.recognizers.transformers.recognizer import Transformers

__all__ = ["Transformers"]
