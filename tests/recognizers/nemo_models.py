"""Tiny models of NeMo's true classes, made from configs with a tokenizer trained on the spot, saved as real ones are.

They are random: they prove interfaces and invariance, never accuracy. Importing NeMo takes seconds, so this module is
imported late, and by one process of a test run.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from omegaconf import OmegaConf

from earmark.audio.decode import decode
from earmark.recognizers.nemo.quiet import quietly_imported

asr = quietly_imported()
from nemo.utils.app_state import AppState  # noqa: E402  # after that

DEMO = Path(str(files("earmark") / "demo"))
KINDS = ("ctc", "rnnt", "tdt", "hybrid", "canary")
VOCABULARY_SIZE = 40
WIDTH = 32
DURATIONS = [0, 1, 2, 3, 4]
_MODULES = "nemo.collections.asr.modules"
_CANARY_TOKENS = [
    "<|endoftext|>", "<|startoftranscript|>", "<|transcribe|>", "<|translate|>", "<|nopnc|>", "<|pnc|>",
    "<|nospeech|>", "<|en|>", "<|es|>", "<|de|>", "<|fr|>",
]  # fmt: skip


def build(kind: str, path: Path) -> Path:
    """Save a model of ``kind`` (one of ``KINDS``) as the archive ``path``, the same one every time."""
    folder = path.parent / f"{path.stem}-parts"
    folder.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            AppState().model_restore_path = None  # a model that was loaded before, for which Canary looks again
            model = _MAKERS[kind](folder).eval()
            if kind != "canary":
                _vary(model)
            model.save_to(str(path))
    finally:
        torch.set_num_threads(threads)
    return path


def _rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DEMO / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


def _vary(model: Any) -> None:
    """Make what it says depend on what it hears: no token is likelier than others, but blank, in four of ten frames.

    A random model says one token otherwise, whatever it hears, and would keep any promise about batches.
    """
    layers = []
    if hasattr(model, "joint"):
        layers.append((model.joint.joint_net[-1], None))
    if hasattr(model, "ctc_decoder") or not layers:
        layers.append((getattr(model, "ctc_decoder", model.decoder).decoder_layers[0], "ctc"))
    clips = [decode(str(DEMO / row["audio"]), max_decoded_s=60.0) for row in _rows()[:3]]
    for layer, decoder in layers:
        torch.nn.init.normal_(layer.weight, std=1.0)
        if hasattr(model, "ctc_decoder"):
            model.change_decoding_strategy(decoder_type=decoder or "rnnt", verbose=False)
        heard: list[torch.Tensor] = []
        hook = layer.register_forward_hook(lambda _, __, found, heard=heard: heard.append(found.detach()))
        model.transcribe(clips, batch_size=1, num_workers=0, verbose=False)
        hook.remove()
        frames = torch.cat([one.transpose(1, 2).flatten(0, 1) if decoder else one.flatten(0, -2) for one in heard])
        usual = frames.mean(dim=0)
        frames = frames - usual
        blank = VOCABULARY_SIZE
        with torch.no_grad():
            layer.bias -= usual
            layer.bias[blank] += (frames[:, :blank].amax(dim=-1) - frames[:, blank]).quantile(0.4)


def _texts() -> list[str]:
    return [row["text"] for row in _rows()]


def _tokenizer(folder: Path, *, special: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
    """Word pieces of the demo's texts: what NeMo wants in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_texts() * 4),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=VOCABULARY_SIZE + len(special),
        model_type="bpe",
        user_defined_symbols=list(special),
        minloglevel=2,
        **options,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    (folder / "vocab.txt").write_text("\n".join(pieces.id_to_piece(one) for one in range(len(pieces))))
    return {"dir": str(folder), "type": "bpe"}


def _common(folder: Path) -> dict[str, Any]:
    return {
        "sample_rate": 16_000,
        "preprocessor": {
            "_target_": f"{_MODULES}.AudioToMelSpectrogramPreprocessor",
            "sample_rate": 16_000,
            "normalize": "per_feature",
            "window_size": 0.025,
            "window_stride": 0.01,
            "features": 40,
            "n_fft": 512,
            "dither": 1e-5,
            "pad_to": 0,
        },
        "encoder": {
            "_target_": f"{_MODULES}.ConformerEncoder",
            "feat_in": 40,
            "feat_out": -1,
            "n_layers": 1,
            "d_model": WIDTH,
            "n_heads": 4,
            "subsampling": "dw_striding",
            "subsampling_factor": 8,
            "subsampling_conv_channels": 16,
            "conv_kernel_size": 5,
            "self_attention_model": "rel_pos",
        },
        "validation_ds": {
            "manifest_filepath": None, "shuffle": False, "use_start_end_token": False, "batch_size": 2,
        },
    }  # fmt: skip


def _ctc_decoder() -> dict[str, Any]:
    return {"_target_": f"{_MODULES}.ConvASRDecoder", "feat_in": WIDTH, "num_classes": -1, "vocabulary": []}


def _ctc(folder: Path) -> Any:
    config = {**_common(folder), "tokenizer": _tokenizer(folder), "decoder": _ctc_decoder()}
    return asr.models.EncDecCTCModelBPE(OmegaConf.create(config))


def _transducer(kind: str, folder: Path) -> dict[str, Any]:
    is_tdt = kind == "tdt"
    more = {"num_extra_outputs": len(DURATIONS)} if is_tdt else {}
    decoding: dict[str, Any] = {"strategy": "greedy_batch", "greedy": {"max_symbols": 2}}
    loss: dict[str, Any] = {"loss_name": "default"}
    if is_tdt:
        decoding |= {"model_type": "tdt", "durations": DURATIONS}
        loss = {"loss_name": "tdt", "tdt_kwargs": {"durations": DURATIONS, "fastemit_lambda": 0.0, "clamp": -1.0}}
    return {
        **_common(folder),
        "tokenizer": _tokenizer(folder),
        "model_defaults": {
            "enc_hidden": WIDTH, "pred_hidden": WIDTH, "joint_hidden": WIDTH,
            **({"tdt_durations": DURATIONS, "num_tdt_durations": len(DURATIONS)} if is_tdt else {}),
        },
        "decoder": {
            "_target_": f"{_MODULES}.RNNTDecoder",
            "vocab_size": -1,
            "blank_as_pad": True,
            "prednet": {"pred_hidden": WIDTH, "pred_rnn_layers": 1},
        },
        "joint": {
            "_target_": f"{_MODULES}.RNNTJoint",
            "vocabulary": [],
            "num_classes": -1,
            "jointnet": {"encoder_hidden": WIDTH, "pred_hidden": WIDTH, "joint_hidden": WIDTH, "activation": "relu"},
            **more,
        },
        "decoding": decoding,
        "loss": loss,
    }  # fmt: skip


def _rnnt(folder: Path) -> Any:
    return asr.models.EncDecRNNTBPEModel(OmegaConf.create(_transducer("rnnt", folder)))


def _tdt(folder: Path) -> Any:
    return asr.models.EncDecRNNTBPEModel(OmegaConf.create(_transducer("tdt", folder)))


def _hybrid(folder: Path) -> Any:
    config = _transducer("tdt", folder) | {
        "aux_ctc": {"ctc_loss_weight": 0.3, "decoder": _ctc_decoder(), "decoding": {"strategy": "greedy_batch"}}
    }
    return asr.models.EncDecHybridRNNTCTCBPEModel(OmegaConf.create(config))


def _canary(folder: Path) -> Any:
    width = WIDTH
    transformer = {
        "library": "nemo", "model_name": None, "pretrained": False, "max_sequence_length": 128,
        "num_token_types": 0, "embedding_dropout": 0.0, "learn_positional_encodings": False, "hidden_size": width,
        "inner_size": 64, "num_layers": 1, "num_attention_heads": 4, "ffn_dropout": 0.0, "attn_score_dropout": 0.0,
        "attn_layer_dropout": 0.0, "hidden_act": "relu", "pre_ln": True, "vocab_size": None,
    }  # fmt: skip
    special = folder / "spl_tokens"
    special.mkdir(parents=True, exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a"]),
        model_prefix=str(special / "tokenizer"),
        vocab_size=len(_CANARY_TOKENS) + 4,
        user_defined_symbols=["<pad>", *_CANARY_TOKENS],
        bos_id=-1,
        eos_id=-1,
        pad_id=-1,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(special / "tokenizer.model"))
    (special / "vocab.txt").write_text("\n".join(pieces.id_to_piece(one) for one in range(len(pieces))))
    languages = {
        "spl_tokens": {"dir": str(special), "type": "bpe"},
        **{one: _tokenizer(folder / one) for one in ("en", "es")},
    }
    common = _common(folder)
    del common["validation_ds"]  # this class has no such loader
    config = {
        **common,
        "prompt_format": "canary",
        "model_defaults": {"asr_enc_hidden": width, "lm_enc_hidden": width, "lm_dec_hidden": width},
        "tokenizer": {
            "type": "agg",
            "dir": None,
            "langs": languages,
            "custom_tokenizer": {"_target_": "nemo.collections.common.tokenizers.canary_tokenizer.CanaryTokenizer"},
        },
        "transf_decoder": {
            "_target_": "nemo.collections.asr.modules.transformer.get_nemo_transformer",
            "model_name": None,
            "pretrained": False,
            "encoder": None,
            "pre_ln_final_layer_norm": True,
            "config_dict": transformer,
        },
        "head": {
            "_target_": "nemo.collections.asr.parts.submodules.token_classifier.TokenClassifier",
            "num_layers": 1, "activation": "relu", "log_softmax": True, "hidden_size": width, "num_classes": -1,
            "dropout": 0.0, "use_transformer_init": True,
        },
        "decoding": {"strategy": "beam", "return_best_hypothesis": True, "beam": {"beam_size": 1, "len_pen": 0.0,
                     "max_generation_delta": 2}},
        "loss": {"_target_": "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
                 "label_smoothing": 0.0, "pad_id": 0},
    }  # fmt: skip
    return asr.models.EncDecMultiTaskModel(OmegaConf.create(config))


_MAKERS = {"ctc": _ctc, "rnnt": _rnnt, "tdt": _tdt, "hybrid": _hybrid, "canary": _canary}
