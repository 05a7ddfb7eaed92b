"""How many frames of a padded output belong to each row (the rest is about padding), and how long a frame is.

Transformers has the arithmetic on its models, under names that are not public, so each is looked for here only.
"""

from __future__ import annotations

from typing import Any

from earmark.errors import RecognizerError
from earmark.records import SAMPLE_RATE_HZ

_FEATURE_S = 0.01  # every feature extractor of these models makes one frame of features for each 10 ms


def num_output_frames(model: Any, inputs: dict[str, Any]) -> list[int] | None:  # noqa: ANN401  # torch
    """Frames at the output of the encoder for each row of ``inputs``; None where nothing was padded.

    Also a row alone may have a frame more than its samples fill. Raises RecognizerError where rows were padded, and the
    model cannot tell.
    """
    mask = inputs.get("attention_mask")
    if mask is None:
        return None
    for owner in (model, getattr(model, "encoder", None)):
        for name in ("_get_feat_extract_output_lengths", "_get_subsampling_output_length"):
            if (count := getattr(owner, name, None)) is not None:
                return [int(one) for one in count(mask.sum(dim=-1))]
    if len(mask) == 1:
        return None
    raise RecognizerError(
        f"{type(model).__name__} does not tell how long its output is",
        hint="this version of Transformers is not known to work: pip install 'earmark[transformers]'",
    )


def frame_s(config: Any) -> float:  # noqa: ANN401  # a configuration of Transformers
    """Seconds of audio for each frame at the output of the encoder. Raises RecognizerError where that is not said."""
    if ratio := getattr(config, "inputs_to_logits_ratio", None):  # of models that hear samples
        return float(ratio) / SAMPLE_RATE_HZ
    if factor := getattr(getattr(config, "encoder_config", None), "subsampling_factor", None):
        return float(factor) * _FEATURE_S
    raise RecognizerError(
        f"{config.model_type} does not tell how long its frames are", hint="leave --set words=true out"
    )
