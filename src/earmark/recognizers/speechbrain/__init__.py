"""Pretrained models of SpeechBrain: a room of small modules behind one recognizer.

``document``, ``references``, ``allowed``, ``parts`` and ``pretrained`` read YAML and names of files only, so that what
a model is, and what of it is dangerous, is known before anything is begun, and the driver loads neither torch nor
SpeechBrain. ``building``, ``weights`` and ``loading`` work where the model is loaded.
"""

from __future__ import annotations

from earmark.recognizers.speechbrain.recognizer import SpeechBrain

__all__ = ["SpeechBrain"]
