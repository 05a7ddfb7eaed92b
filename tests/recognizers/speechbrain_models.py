"""Tiny pretrained folders of SpeechBrain, built by its own reader from its own kind of file, and saved as recipes do.

They are random, and loud enough that what they say depends on what they hear: they prove interfaces and invariance,
never accuracy.
"""

from __future__ import annotations

import io
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.recognizers import models

PRETRAINER = """
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
"""

CTC = """
seed: 1
__set_seed: !apply:torch.manual_seed [!ref <seed>]
sample_rate: 16000
n_mels: 20
neurons: !ref <n_mels> + 12
compute_features: !new:speechbrain.lobes.features.Fbank
    sample_rate: !ref <sample_rate>
    n_mels: !ref <n_mels>
normalizer: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
model: !new:speechbrain.lobes.models.CRDNN.CRDNN
    input_shape: [null, null, !ref <n_mels>]
    activation: !name:torch.nn.LeakyReLU
    cnn_blocks: 1
    cnn_channels: (8,)
    cnn_kernelsize: (3, 3)
    inter_layer_pooling_size: (2,)
    rnn_class: !name:speechbrain.nnet.RNN.LSTM
    rnn_layers: 1
    rnn_neurons: !ref <neurons>
    rnn_bidirectional: True
    dnn_blocks: 1
    dnn_neurons: !ref <neurons>
output: !new:speechbrain.nnet.linear.Linear
    input_size: !ref <neurons>
    n_neurons: 31
log_softmax: !new:speechbrain.nnet.activations.Softmax
    apply_log: True
tokenizer: !new:speechbrain.dataio.encoder.CTCTextEncoder
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
    input_shape: [null, null, !ref <n_mels>]
    compute_features: !ref <compute_features>
    normalize: !ref <normalizer>
    model: !ref <model>
    output: !ref <output>
    log_softmax: !ref <log_softmax>
asr: !new:torch.nn.ModuleList [[!ref <model>, !ref <output>]]
decoding_function: !name:speechbrain.decoders.ctc_greedy_decode
    blank_id: !ref <tokenizer_blank>
tokenizer_blank: 0
modules:
    encoder: !ref <encoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        asr: !ref <asr>
        tokenizer: !ref <tokenizer>
"""

SEQ2SEQ = """
n_mels: 20
vocabulary: 60
compute_features: !new:speechbrain.lobes.features.Fbank
    sample_rate: 16000
    n_mels: !ref <n_mels>
normalizer: !new:speechbrain.processing.features.InputNormalization
    norm_type: global
enc: !new:speechbrain.lobes.models.CRDNN.CRDNN
    input_shape: [null, null, !ref <n_mels>]
    cnn_blocks: 1
    cnn_channels: (8,)
    cnn_kernelsize: (3, 3)
    inter_layer_pooling_size: (2,)
    time_pooling: True
    time_pooling_size: 4
    rnn_class: !name:speechbrain.nnet.RNN.LSTM
    rnn_layers: 1
    rnn_neurons: 32
    rnn_bidirectional: True
    dnn_blocks: 1
    dnn_neurons: 32
emb: !new:speechbrain.nnet.embedding.Embedding
    num_embeddings: !ref <vocabulary>
    embedding_dim: 16
dec: !new:speechbrain.nnet.RNN.AttentionalRNNDecoder
    enc_dim: 32
    input_size: 16
    rnn_type: gru
    attn_type: location
    hidden_size: 32
    attn_dim: 16
    num_layers: 1
    scaling: 1.0
    channels: 4
    kernel_size: 9
seq_lin: !new:speechbrain.nnet.linear.Linear
    input_size: 32
    n_neurons: !ref <vocabulary>
lm_model: !new:speechbrain.lobes.models.RNNLM.RNNLM
    output_neurons: !ref <vocabulary>
    embedding_dim: 16
    rnn_layers: 1
    rnn_neurons: 16
    dnn_blocks: 1
    dnn_neurons: 16
    return_hidden: True
tokenizer: !new:sentencepiece.SentencePieceProcessor
asr: !new:torch.nn.ModuleList
    - [!ref <enc>, !ref <emb>, !ref <dec>, !ref <seq_lin>]
rnnlm_scorer: !new:speechbrain.decoders.scorer.RNNLMScorer
    language_model: !ref <lm_model>
    temperature: 2.0
scorer: !new:speechbrain.decoders.scorer.ScorerBuilder
    full_scorers: [!ref <rnnlm_scorer>]
    weights:
        rnnlm: 1.0
decoder: !new:speechbrain.decoders.S2SRNNBeamSearcher
    embedding: !ref <emb>
    decoder: !ref <dec>
    linear: !ref <seq_lin>
    bos_index: 1
    eos_index: 2
    min_decode_ratio: 0.0
    max_decode_ratio: 0.2
    beam_size: 4
    eos_threshold: 1.5
    using_max_attn_shift: True
    max_attn_shift: 240
    temperature: 5.0
    scorer: !ref <scorer>
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
    input_shape: [null, null, !ref <n_mels>]
    compute_features: !ref <compute_features>
    normalize: !ref <normalizer>
    model: !ref <enc>
modules:
    encoder: !ref <encoder>
    decoder: !ref <decoder>
    lm_model: !ref <lm_model>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        normalizer: !ref <normalizer>
        asr: !ref <asr>
        lm: !ref <lm_model>
        tokenizer: !ref <tokenizer>
"""

WHISPER = """
whisper_hub: backbone
language: english
sample_rate: 16000
normalized_transcripts: False
whisper: !new:speechbrain.lobes.models.huggingface_transformers.whisper.Whisper
    source: !ref <whisper_hub>
    save_path: whisper_checkpoints
    freeze: True
    encoder_only: False
decoder: !new:speechbrain.decoders.seq2seq.S2SWhisperGreedySearcher
    model: !ref <whisper>
    min_decode_ratio: 0.0
    max_decode_ratio: 0.01
modules:
    whisper: !ref <whisper>
    decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        whisper: !ref <whisper>
"""


def build(kind: str, folder: Path) -> Path:
    """Save a model of ``kind`` (a key of ``BUILDERS``) in ``folder``, the same one every time."""
    folder.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SpeechBrain's and HyperPyYAML's own
            torch.manual_seed(0)
            BUILDERS[kind](folder)
    finally:
        torch.set_num_threads(threads)
    return folder


def _read(text: str) -> dict[str, Any]:
    from hyperpyyaml import load_hyperpyyaml

    found: dict[str, Any] = load_hyperpyyaml(io.StringIO(text))
    return found


def _ctc(folder: Path) -> None:
    (folder / "hyperparams.yaml").write_text(CTC)
    model = _read(CTC)
    letters = sorted({letter for clip in models.demo_clips() for letter in clip.text})
    model["tokenizer"].insert_blank(index=0)
    model["tokenizer"].update_from_iterable([*letters, *"ABCDEFGHIJKLMNOPQRST"][:30], sequence_input=False)
    model["tokenizer"].save(folder / "tokenizer.ckpt")
    _spread(model["output"])
    _level(model["encoder"], model["output"])
    torch.save(model["asr"].state_dict(), folder / "asr.ckpt")


def _seq2seq(folder: Path) -> None:
    (folder / "hyperparams.yaml").write_text(SEQ2SEQ)
    model = _read(SEQ2SEQ)
    _pieces(folder / "tokenizer.ckpt")
    for layer in (model["seq_lin"], model["emb"], model["dec"], model["lm_model"], model["enc"].DNN):
        _spread(layer)
    wavs = [torch.from_numpy(clip.samples) for clip in models.demo_clips()]
    for wav in wavs:  # the statistics that a recipe gathers while it trains
        model["normalizer"](model["compute_features"](wav[None]), torch.ones(1), epoch=0)
    model["normalizer"]._save(folder / "normalizer.ckpt")
    torch.save(model["asr"].state_dict(), folder / "asr.ckpt")
    torch.save(model["lm_model"].state_dict(), folder / "lm.ckpt")


def _pieces(path: Path) -> None:
    import sentencepiece

    written = io.BytesIO()
    texts = [clip.text for clip in models.demo_clips()] * 3
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=written, vocab_size=60, model_type="bpe", minloglevel=2,
    )  # fmt: skip
    path.write_bytes(written.getvalue())


def _whisper(folder: Path) -> None:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    tokenizer = models._whisper_tokenizer()
    token = tokenizer.convert_tokens_to_ids
    end = token("<|endoftext|>")
    config = WhisperConfig(
        encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        vocab_size=len(tokenizer), d_model=32, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=80,
        pad_token_id=end, bos_token_id=end, eos_token_id=end, decoder_start_token_id=token("<|startoftranscript|>"),
        init_std=0.5,
    )  # fmt: skip
    backbone = folder / "backbone"
    WhisperModel(config).save_pretrained(backbone)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(backbone)
    tokenizer.save_pretrained(backbone)
    text = WHISPER.replace("whisper_hub: backbone", f"whisper_hub: {backbone}")
    torch.save(_read(text)["whisper"].state_dict(), folder / "whisper.ckpt")
    (folder / "hyperparams.yaml").write_text(WHISPER)


def _spread(layer: torch.nn.Module) -> None:
    for weight in layer.parameters():
        if weight.dim() > 1:  # what it says must depend on what it hears, and on no bias
            torch.nn.init.normal_(weight, std=1.0)


def _level(encoder: torch.nn.Module, output: Any) -> None:
    """No letter is likelier than another before a word was heard."""
    encoder.eval()
    with torch.no_grad():
        output.w.bias.zero_()
        heard = [encoder(torch.from_numpy(clip.samples)[None], torch.ones(1)) for clip in models.demo_clips()]
        output.w.bias -= torch.cat(heard, dim=1).mean(dim=(0, 1))


def copy_without(folder: Path, target: Path, *names: str) -> Path:
    """A copy of a pretrained folder, without some of its files."""
    return Path(shutil.copytree(folder, target, ignore=shutil.ignore_patterns("whole", *names)))


BUILDERS: dict[str, Callable[[Path], None]] = {
    "speechbrain ctc": _ctc,
    "speechbrain seq2seq": _seq2seq,
    "speechbrain whisper": _whisper,
}
