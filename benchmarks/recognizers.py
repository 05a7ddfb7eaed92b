"""How fast a CTC model of Transformers is in planned batches, beside the library's pipeline and the leaderboard's way.

``python benchmarks/recognizers.py [--repeat N] [--batch-seconds S]``: utterances per CPU second of one thread, in one
process, on the real utterances of ``open/`` with random weights in wav2vec2's layer-norm shape, smaller. Audio is
decoded before. All arms get the same arrays; the texts are compared. Must be at least 1.5 x the pipeline at batch 16
and the leaderboard's way, and never below the pipeline's best batch size.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from _measure import machine, real_data

from earmark.audio.decode import decode
from earmark.planning.batching import cut, longest_first
from earmark.recognizers.transformers import Transformers
from earmark.records import SAMPLE_RATE_HZ, Waveform
from earmark.spec import BatchingSpec

Samples = np.ndarray[Any, np.dtype[np.float32]]
Texts = list[str]
LETTERS = "abcdefghijklmnopqrstuvwxyz'"
BATCH_SIZES = (1, 4, 8, 16, 32)


def main() -> None:
    """Print one line an arm, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--batch-seconds", type=float, default=32.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clips = read_clips() * arguments.repeat
    print(f"{machine()}, torch {torch.__version__}, transformers {transformers.__version__}, one thread, CPU seconds")
    print(f"{len(clips)} utterances, {sum(map(len, clips)) / SAMPLE_RATE_HZ:.0f} s of audio")
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder))
        compare(Path(folder), clips, arguments.batch_seconds)


def compare(folder: Path, clips: Sequence[Samples], batch_s: float) -> None:
    """All arms over the same clips."""
    with Transformers(model=str(folder)) as recognizer:
        planned = plan(clips, batch_s)
        ours, texts = timed("earmark", lambda: earmark_way(recognizer, clips, planned), clips, planned)
    pipe = transformers.pipeline("automatic-speech-recognition", model=str(folder), device="cpu")
    pipelines = {}
    for size in BATCH_SIZES:
        way = partial(pipeline_way, pipe, clips, size)
        rate, said = timed(f"pipeline, batch {size}", way, clips, fixed(clips, size))
        pipelines[size] = rate
        print(f"    texts as ours: {sum(a == b for a, b in zip(said, texts, strict=True))}")
    board, said = timed("leaderboard's way, 16", lambda: leaderboard_way(folder, clips, 16), clips, fixed(clips, 16))
    print(f"    texts as ours: {sum(a == b for a, b in zip(said, texts, strict=True))}")
    best = max(pipelines, key=lambda size: pipelines[size])
    print(f"against the pipeline at 16: {ours / pipelines[16]:.2f}")
    print(f"against the pipeline at its best, {best}: {ours / pipelines[best]:.2f}")
    print(f"against the leaderboard's way: {ours / board:.2f}")


def timed(
    name: str, do: Callable[[], Texts], clips: Sequence[Samples], batches: Sequence[Sequence[int]]
) -> tuple[float, Texts]:
    """Utterances per CPU second, and the texts; printed with the share of padding."""
    began = time.process_time()
    texts = do()
    rate = len(clips) / (time.process_time() - began)
    padded = sum(max(len(clips[number]) for number in batch) * len(batch) for batch in batches)
    share = 1 - sum(map(len, clips)) / padded
    print(f"{name:<22} {rate:7.2f} utterances/s, {len(batches)} batches, {share:.1%} padding")
    return rate, texts


def earmark_way(recognizer: Transformers, clips: Sequence[Samples], batches: Sequence[Sequence[int]]) -> Texts:
    """The plan's batches, one after the other."""
    texts = [""] * len(clips)
    for batch in batches:
        found = recognizer.transcribe([Waveform(str(number), clips[number]) for number in batch])
        for number, one in zip(batch, found, strict=True):
            texts[number] = one.text
    return texts


def pipeline_way(pipe: Any, clips: Sequence[Samples], size: int) -> Texts:  # noqa: ANN401  # a pipeline
    """In the order of the data; a generator, as its documentation advises."""
    inputs = ({"raw": clip, "sampling_rate": SAMPLE_RATE_HZ} for clip in clips)
    return [one["text"].strip() for one in pipe(inputs, batch_size=size)]


def leaderboard_way(folder: Path, clips: Sequence[Samples], size: int) -> Texts:
    """In the order of the data, fixed batches, the processor in the loop, as its script for CTC models does."""
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.AutoModelForCTC.from_pretrained(folder).eval()
    texts: Texts = []
    for batch in fixed(clips, size):
        inputs = processor(
            [clips[number] for number in batch], sampling_rate=SAMPLE_RATE_HZ, padding=True, return_tensors="pt"
        )
        with torch.inference_mode():
            ids = model(**inputs).logits.argmax(dim=-1)
        texts += [text.strip() for text in processor.batch_decode(ids)]
    return texts


def fixed(clips: Sequence[Samples], size: int) -> list[range]:
    """Batches of ``size`` in the order of the data."""
    return [range(start, min(start + size, len(clips))) for start in range(0, len(clips), size)]


def plan(clips: Sequence[Samples], batch_s: float) -> list[list[int]]:
    """The batches that an evaluation would make: longest first, within so many padded seconds."""
    duration_s = np.array([len(clip) / SAMPLE_RATE_HZ for clip in clips])
    order = longest_first(duration_s)
    numbers = cut(duration_s[order], "masked", BatchingSpec(max_batch_s=batch_s))
    batches: dict[int, list[int]] = {}
    for place, number in zip(order.tolist(), numbers.tolist(), strict=True):
        batches.setdefault(number, []).append(place)
    return list(batches.values())


def read_clips() -> list[Samples]:
    """The utterances of ``open/`` as recognizers get them."""
    folder = real_data()
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    return [decode(str(folder / row["audio"]), max_decoded_s=60.0) for row in rows]


def make_model(folder: Path) -> None:
    """A random CTC model in the shape of wav2vec2 with layer norm: seven convolutions, fewer channels and layers."""
    torch.manual_seed(0)
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    config = transformers.Wav2Vec2Config(
        vocab_size=len(vocabulary),
        pad_token_id=0,
        hidden_size=256,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=1_024,
        conv_dim=(64,) * 7,
        conv_bias=True,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=32,
    )
    model = transformers.Wav2Vec2ForCTC(config)
    torch.nn.init.normal_(model.lm_head.weight, std=1.0)
    with torch.no_grad():
        model.lm_head.bias[1:4] = -100.0  # the pipeline shows special tokens, and a trained model says none
    model.save_pretrained(folder)
    extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json"))
    transformers.Wav2Vec2Processor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)


if __name__ == "__main__":
    main()
