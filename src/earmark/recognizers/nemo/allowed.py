"""Which classes an archive may build: an explicit list, nothing by pattern. NeMo's own list comes after this one.

These are what published models for speech recognition are made of. NeMo's list lets every tokenizer pass, and one of
them loads code from wherever its argument points. So no tokenizer is here but those of Canary, and they are built in
their own place only, where NeMo gives them their arguments. Optimizers and data sets are not built here at all.
"""

from __future__ import annotations

_ASR = "nemo.collections.asr"
_MODULES = {
    "audio_preprocessing": (
        "AudioToMelSpectrogramPreprocessor AudioToMFCCPreprocessor SpectrogramAugmentation MaskedPatchAugmentation "
        "CropOrPadSpectrogramAugmentation"
    ),
    "conformer_encoder": "ConformerEncoder ConformerEncoderAdapter",
    "conv_asr": "ConvASREncoder ConvASREncoderAdapter ParallelConvASREncoder ConvASRDecoder",
    "hybrid_autoregressive_transducer": "HATJoint",
    "lstm_decoder": "LSTMDecoder",
    "rnn_encoder": "RNNEncoder",
    "rnnt": "RNNTDecoder RNNTJoint SampledRNNTJoint StatelessTransducerDecoder",
    "ssl_modules": "MultiSoftmaxDecoder",
    "transformer_encoder": "TransformerEncoder",
}
_TRANSFORMERS = {
    "transformer": "TransformerEncoderNM TransformerDecoderNM TransformerDecoderNMAdapter",
    "transformer_decoders": "TransformerDecoder TransformerDecoderAdapter",
    "transformer_encoders": "TransformerEncoder TransformerEncoderAdapter",
    "transformer_utils": "get_nemo_transformer",
}
_METRICS = {"bleu": "BLEU", "wer": "WER"}
_LOSSES_OF_ASR = {"ctc": "CTCLoss", "rnnt": "RNNTLoss", "rnnt_pytorch": "RNNTLossPytorch TDTLossPytorch"}
_LOSSES = {
    "cross_entropy": "CrossEntropyLoss NLLLoss",
    "smoothed_cross_entropy": "SmoothedCrossEntropyLoss SmoothedNLLLoss",
}
_SUBMODULES = {
    "spectr_augment": "SpecAugment SpecCutout",
    "token_classifier": "TokenClassifier",
}


def _full(package: str, table: dict[str, str]) -> frozenset[str]:
    """Each where it is kept, and by the shorter name under which its package gives it, too."""
    found = {(module, name) for module, names in table.items() for name in names.split()}
    return frozenset(f"{package}.{module}.{name}" for module, name in found) | {
        f"{package}.{name}" for _, name in found
    }


CLASSES = (
    _full(f"{_ASR}.modules", _MODULES)
    | _full(f"{_ASR}.modules.transformer", _TRANSFORMERS)
    | _full(f"{_ASR}.metrics", _METRICS)
    | _full(f"{_ASR}.losses", _LOSSES_OF_ASR)
    | _full(f"{_ASR}.parts.submodules", _SUBMODULES)
    | _full("nemo.collections.common.losses", _LOSSES)
)
TOKENIZERS = _full("nemo.collections.common.tokenizers", {"canary_tokenizer": "CanaryTokenizer CanaryBPETokenizer"})
_PLACE_OF_TOKENIZER = ("tokenizer", "custom_tokenizer", "_target_")


def is_allowed(path: tuple[str, ...], name: str) -> bool:
    """Whether the class or function ``name`` may be built where the keys ``path`` lead."""
    return name in CLASSES or (path == _PLACE_OF_TOKENIZER and name in TOKENIZERS)
