"""Which classes and functions a pretrained folder may build: an explicit list, nothing by pattern.

These are what published SpeechBrain recipes for speech recognition recognise with: CRDNN, transformers and their
cousins, wav2vec2 and its cousins, Whisper, n-gram-free searches, language models. Each is named in full, since a module
reaches others (``speechbrain.nnet.RNN.torch.hub.load`` begins like a layer, and downloads code). Those that open files
by a name of the document's (KenLM, BEATs, Fairseq) are not here; where only an argument does, that is refused. Nor is
GlobalNorm, which goes on to learn from what it hears, so that a text would depend on those before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from earmark.errors import UsageError
from earmark.recognizers.speechbrain.document import Wanted

PRETRAINER = "speechbrain.utils.parameter_transfer.Pretrainer"
BACKBONES = frozenset(
    f"speechbrain.integrations.huggingface.{name}"
    for name in ("hubert.HuBERT", "w2v_bert.W2VBert", "wav2vec2.Wav2Vec2", "wavlm.WavLM", "whisper.Whisper")
)
"""Those that are made from a model of Transformers, named by their argument ``source``."""

_DECODERS = {
    "ctc": "CTCBeamSearcher CTCPrefixBeamSearcher",
    "scorer": (
        "CTCScorer RNNLMScorer TransformerLMScorer CoverageScorer LengthScorer ScorerBuilder RNNLMRescorer "
        "TransformerLMRescorer RescorerBuilder"
    ),
    "seq2seq": (
        "S2SRNNGreedySearcher S2SRNNBeamSearcher S2STransformerGreedySearcher S2STransformerBeamSearcher "
        "S2SWhisperGreedySearcher S2SWhisperBeamSearcher"
    ),
    "transducer": "TransducerBeamSearcher",
}
_CLASSES = {
    "sentencepiece": "SentencePieceProcessor",
    "speechbrain.dataio.encoder": "CTCTextEncoder TextEncoder",
    "speechbrain.dataio.preprocess": "AudioNormalizer",
    "speechbrain.lobes.features": "Fbank MFCC",
    "speechbrain.lobes.models.CRDNN": "CRDNN CNN_Block DNN_Block",
    "speechbrain.lobes.models.ContextNet": "ContextNet",
    "speechbrain.lobes.models.ESPnetVGG": "ESPnetVGG",
    "speechbrain.lobes.models.RNNLM": "RNNLM",
    "speechbrain.lobes.models.VanillaNN": "VanillaNN",
    "speechbrain.lobes.models.convolution": "ConvolutionFrontEnd ConvBlock ConvolutionalSpatialGatingUnit",
    "speechbrain.lobes.models.transformer.Branchformer": "BranchformerEncoder",
    "speechbrain.lobes.models.transformer.Conformer": "ConformerEncoder ConformerDecoder",
    "speechbrain.lobes.models.transformer.Transformer": "TransformerEncoder TransformerDecoder PositionalEncoding",
    "speechbrain.lobes.models.transformer.TransformerASR": "TransformerASR EncoderWrapper",
    "speechbrain.lobes.models.transformer.TransformerLM": "TransformerLM",
    "speechbrain.nnet.CNN": "Conv1d Conv2d DepthwiseSeparableConv1d DepthwiseSeparableConv2d SincConv",
    "speechbrain.nnet.RNN": "RNN LSTM GRU LiGRU SLiGRU QuasiRNN AttentionalRNNDecoder",
    "speechbrain.nnet.activations": "Softmax Swish",
    "speechbrain.nnet.attention": "ContentBasedAttention LocationAwareAttention KeyValueAttention MultiheadAttention",
    "speechbrain.nnet.containers": "Sequential LengthsCapableSequential ModuleList ConnectBlocks",
    "speechbrain.nnet.dropout": "Dropout2d",
    "speechbrain.nnet.embedding": "Embedding",
    "speechbrain.nnet.linear": "Linear",
    "speechbrain.nnet.normalization": "BatchNorm1d BatchNorm2d LayerNorm InstanceNorm1d InstanceNorm2d GroupNorm",
    "speechbrain.nnet.pooling": "Pooling1d Pooling2d StatisticsPooling AdaptivePool",
    "speechbrain.nnet.transducer.transducer_joint": "Transducer_joint",
    "speechbrain.processing.features": "STFT Filterbank DCT Deltas ContextWindow InputNormalization",
    "torch.nn": (
        "BatchNorm1d Conv1d Dropout ELU Embedding GELU Identity LayerNorm LeakyReLU Linear LogSoftmax ModuleDict "
        "ModuleList PReLU ReLU SELU Sequential SiLU Sigmoid Softmax Softplus Tanh"
    ),
}
_FUNCTIONS = {
    "earmark.recognizers.speechbrain.fusion": "ctc_beam_search",
    "speechbrain.decoders.ctc": "ctc_greedy_decode",
    # Training's, named in published files and never called here.
    "speechbrain.nnet.losses": "ctc_loss nll_loss kldiv_loss transducer_loss",
    "torch": "manual_seed",
    "torch.nn.functional": "gelu leaky_relu log_softmax relu silu softmax",
}


def _full(table: dict[str, str]) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module, names in table.items() for name in names.split())


_SEARCHES = {name: module for module, names in _DECODERS.items() for name in [*names.split(), "ctc_greedy_decode"]}
CLASSES = (
    _full(_CLASSES)
    | _full({f"speechbrain.decoders.{module}": names for module, names in _DECODERS.items()})
    | BACKBONES
    | {PRETRAINER}
)
FUNCTIONS = _full(_FUNCTIONS)
_KENLM = (("kenlm_model_path",), 3)
_OPENERS: dict[str, tuple[tuple[str, ...], int]] = {
    "sentencepiece.SentencePieceProcessor": (("model_file", "model_proto"), 0),
    "speechbrain.decoders.ctc.CTCBeamSearcher": _KENLM,
    "speechbrain.decoders.ctc.CTCPrefixBeamSearcher": _KENLM,
}
"""The arguments that open a file as they are built, and how many may come before the first without a name."""
_NEVER_PARTIAL = frozenset({"sentencepiece.SentencePieceProcessor", PRETRAINER})
"""What opens files would do it with the arguments of whoever completes it."""


def canonical(name: str) -> str:
    """The name of a thing where SpeechBrain keeps it now; older recipes name it where it was."""
    old = "speechbrain.lobes.models.huggingface_transformers."
    if name.startswith(old):
        return f"speechbrain.integrations.huggingface.{name.removeprefix(old)}"
    package, _, last = name.rpartition(".")
    if package == "speechbrain.decoders" and last in _SEARCHES:
        return f"{package}.{'ctc' if last == 'ctc_greedy_decode' else _SEARCHES[last]}.{last}"
    return name


def is_backbone(wanted: Wanted) -> bool:
    """Whether it is made from a model of Transformers, in the one way whose ``source`` can be told beforehand."""
    return (
        canonical(wanted.name) in BACKBONES
        and wanted.kind == "new"
        and not wanted.args
        and isinstance(wanted.kwargs.get("source"), str)
        and "trust_remote_code" not in wanted.kwargs
    )


def check_allowed(wanted: Sequence[Wanted], place: str) -> None:
    """Raise UsageError for the first thing that ``place`` wants built and that is not on the list."""
    for one in wanted:
        if not _is_allowed(one):
            said = f"!{one.kind}:{one.name}" if one.kind != "attribute" else f"attribute {one.name}"
            raise UsageError(
                f"{place} wants {said}, which is not on the list of what a model may build",
                cause=f"{one.file}, line {one.line}; it would run code of the model's choice",
                hint="--trust builds whatever the file says, for a model whose author you trust",
            )
        _check_opens_nothing(one, place)


def _check_opens_nothing(wanted: Wanted, place: str) -> None:
    names, num_before = _OPENERS.get(canonical(wanted.name), ((), len(wanted.args)))
    opened = [name for name in names if wanted.kwargs.get(name) is not None]
    if opened or len(wanted.args) > num_before:
        raise UsageError(
            f"{place} has {wanted.name} open a file by its argument {(opened or names)[0]}, which a model may not",
            cause=f"{wanted.file}, line {wanted.line}; the files of a model are those that its Pretrainer names",
            hint="--trust builds whatever the file says, for a model whose author you trust",
        )


def _is_allowed(wanted: Wanted) -> bool:
    name = canonical(wanted.name)
    if name in BACKBONES and not is_backbone(wanted):
        return False
    if wanted.kind == "attribute":
        return name.isidentifier() and not name.startswith("_")
    if wanted.kind == "new":
        return name in CLASSES
    if wanted.kind == "name":
        return (name in CLASSES and name not in _NEVER_PARTIAL) or name in FUNCTIONS
    return wanted.kind == "apply" and name in FUNCTIONS
