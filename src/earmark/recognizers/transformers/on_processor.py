"""A loaded model made faster on a processor, where memory is what it waits for. The answers are those it had.

The convolutions with which wav2vec2 and its kind begin: the library keeps channels before time, and its layer norm
wants them after it. Each of the seven layers copies all its activations twice, and they are the largest of the model.
Here channels stay last. A convolution is then a few matrix products over windows of the input, which lie in memory as
they are. The sums are the library's but for rounding.

The encoder of Whisper: of a batch, all activations of 30 s a row go through the caches layer by layer. Here one row
goes through all layers, and then the next; the decoder, which waits for its weights, still has the whole batch.

On a GPU both are left as they are.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_LAYERS = ("HubertLayerNormConvLayer", "WavLMLayerNormConvLayer", "Wav2Vec2LayerNormConvLayer")


def with_channels_last(model: Any) -> Any:  # noqa: ANN401  # a torch module
    """The model itself, whose convolutions over samples keep channels last where all of them are of a known class."""
    encoder: Any = getattr(getattr(model, model.base_model_prefix, None), "feature_extractor", None)
    layers = getattr(encoder, "conv_layers", None)
    if layers is not None and all(_is_known(layer) for layer in layers):
        encoder.forward = lambda samples: _encoded(layers, samples)
    return model


def with_rows_apart(model: Any) -> Any:  # noqa: ANN401  # a torch module
    """The model itself, whose encoder takes a batch row by row. Of what it gives only the last hidden state is kept."""
    import torch

    encoder = model.get_encoder()
    whole = encoder.forward

    @functools.wraps(whole)  # the library reads its signature
    def apart(input_features: torch.Tensor, *given: Any, **named: Any) -> Any:  # noqa: ANN401  # an output of it
        if len(input_features) == 1:
            return whole(input_features, *given, **named)
        masks = named.pop("attention_mask", None)
        rows = []
        for number, row in enumerate(input_features):
            mask = None if masks is None else masks[number : number + 1]
            rows.append(whole(row.unsqueeze(0), *given, attention_mask=mask, **named))
        return type(rows[0])(last_hidden_state=torch.cat([one.last_hidden_state for one in rows]))

    encoder.forward = apart
    return model


def _is_known(layer: Any) -> bool:  # noqa: ANN401  # a torch module
    plain = {"padding": (0,), "dilation": (1,), "groups": 1}
    return type(layer).__name__ in _LAYERS and all(getattr(layer.conv, name) == one for name, one in plain.items())


def _encoded(layers: Any, samples: torch.Tensor) -> torch.Tensor:  # noqa: ANN401  # a list of torch modules
    """Of samples ``(num_rows, num_samples)``, features ``(num_rows, num_channels, num_frames)``, a transposed view."""
    hidden = samples.unsqueeze(-1).contiguous()
    for layer in layers:
        hidden = layer.activation(layer.layer_norm(_convolved(hidden, layer.conv)))
    return hidden.transpose(1, 2)


def _convolved(inputs: torch.Tensor, convolution: torch.nn.Conv1d) -> torch.Tensor:
    """The convolution of inputs ``(num_rows, num_frames, num_channels)``, channels last again.

    Taps are taken together as many at a time as the stride is long: then windows do not overlap, and are the rows of a
    matrix.
    """
    import torch

    kernel, stride = convolution.kernel_size[0], convolution.stride[0]
    num_rows, num_frames, num_channels = inputs.shape
    num_outputs = (num_frames - kernel) // stride + 1
    weight = convolution.weight.permute(2, 1, 0)  # taps, inputs, outputs
    found = inputs.new_empty(num_rows, num_outputs, convolution.out_channels)
    for row, out in zip(inputs, found, strict=True):
        summed = convolution.bias
        for first in range(0, kernel, stride):
            taps = weight[first : first + stride].reshape(-1, convolution.out_channels)
            start = row.storage_offset() + first * num_channels
            windows = row.as_strided((num_outputs, len(taps)), (stride * num_channels, 1), start)
            product = (
                torch.mm(windows, taps, out=out) if summed is None else torch.addmm(summed, windows, taps, out=out)
            )
            summed = product
    return found
