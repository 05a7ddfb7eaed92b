"""How fast models of Transformers are in planned batches, beside the library's pipeline and the leaderboard's way.

``python benchmarks/recognizers.py [--shape ctc|whisper] [--repeat N] [--take N] [--batch-seconds S]``: utterances per
CPU second of one thread, in one process, on the real utterances of ``open/``, with random weights: wav2vec2's
layer-norm shape, smaller, and Whisper tiny's, made to say as many tokens as English has. Audio is decoded before; from
the arrays to the texts, features and all, everything counts. All arms get the same arrays; the texts are compared.

CTC must be at least 1.5 x the pipeline at batch 16 and the leaderboard's way, and never below the pipeline's best batch
size; Whisper at least 1.1 x the pipeline at 16 and the leaderboard's way, all with one beam.
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
from _shapes import make_ctc, make_whisper, talking

from earmark.audio.decode import decode
from earmark.planning.batching import cut, longest_first
from earmark.recognizers.transformers import Transformers
from earmark.records import SAMPLE_RATE_HZ, Waveform
from earmark.spec import BatchingSpec

Samples = np.ndarray[Any, np.dtype[np.float32]]
Texts = list[str]
BOARD_SIZE = 16


def main() -> None:
    """Print one line an arm, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=["ctc", "whisper"], default="ctc")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--take", type=int, default=None)
    parser.add_argument("--batch-seconds", type=float, default=None, help="instead of what earmark takes by itself")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 4, 8, 16, 32], help="of the pipeline")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    rows = read_rows()
    clips = read_clips(rows)[: arguments.take] * arguments.repeat
    print(f"{machine()}, torch {torch.__version__}, transformers {transformers.__version__}, one thread, CPU seconds")
    print(f"{len(clips)} utterances, {sum(map(len, clips)) / SAMPLE_RATE_HZ:.0f} s of audio, {arguments.shape}")
    with tempfile.TemporaryDirectory() as folder, talking():
        if arguments.shape == "ctc":
            make_ctc(Path(folder))
        else:
            make_whisper(Path(folder), "tiny", [row["text"] for row in rows])
        compare(arguments.shape, Path(folder), clips, arguments.batch_seconds, arguments.batch_sizes)


def compare(shape: str, folder: Path, clips: Sequence[Samples], batch_s: float | None, sizes: Sequence[int]) -> None:
    """All arms over the same clips."""
    asked: dict[str, Any] = {"language": "en", "task": "transcribe"} if shape == "whisper" else {}
    with Transformers(model=str(folder), **asked) as recognizer:
        planned = plan(clips, batch_s or recognizer.usual_batch_s)
        ours, texts = timed("earmark", lambda: earmark_way(recognizer, clips, planned), clips, planned)
    pipe = transformers.pipeline("automatic-speech-recognition", model=str(folder), device="cpu")
    pipelines = {}
    for size in sizes:
        way = partial(pipeline_way, pipe, clips, size, asked)
        pipelines[size], said = timed(f"pipeline, batch {size}", way, clips, fixed(clips, size))
        print(f"    texts as ours: {sum(a == b for a, b in zip(said, texts, strict=True))}")
    way = partial(leaderboard_way, shape, folder, clips, BOARD_SIZE, asked)
    board, said = timed(f"leaderboard's way, {BOARD_SIZE}", way, clips, fixed(clips, BOARD_SIZE))
    print(f"    texts as ours: {sum(a == b for a, b in zip(said, texts, strict=True))}")
    best = max(pipelines, key=lambda size: pipelines[size])
    if BOARD_SIZE in pipelines:
        print(f"against the pipeline at {BOARD_SIZE}: {ours / pipelines[BOARD_SIZE]:.2f}")
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


def pipeline_way(pipe: Any, clips: Sequence[Samples], size: int, asked: dict[str, str]) -> Texts:  # noqa: ANN401
    """In the order of the data; a generator, as its documentation advises. Greedy: told nothing it takes five beams."""
    inputs = ({"raw": clip, "sampling_rate": SAMPLE_RATE_HZ} for clip in clips)
    told = {"generate_kwargs": {"num_beams": 1, **asked}} if asked else {}
    return [one["text"].strip() for one in pipe(inputs, batch_size=size, **told)]


def leaderboard_way(shape: str, folder: Path, clips: Sequence[Samples], size: int, asked: dict[str, str]) -> Texts:
    """In the order of the data, fixed batches, the processor in the loop, as its scripts for such models do."""
    processor = transformers.AutoProcessor.from_pretrained(folder)
    kind = transformers.AutoModelForCTC if shape == "ctc" else transformers.AutoModelForSpeechSeq2Seq
    model = kind.from_pretrained(folder).eval()
    texts: Texts = []
    for batch in fixed(clips, size):
        arrays = [clips[number] for number in batch]
        with torch.inference_mode():
            if shape == "ctc":
                inputs = processor(arrays, sampling_rate=SAMPLE_RATE_HZ, padding=True, return_tensors="pt")
                said = processor.batch_decode(model(**inputs).logits.argmax(dim=-1))
            else:
                inputs = processor(arrays, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
                said = processor.batch_decode(model.generate(**inputs, **asked, num_beams=1), skip_special_tokens=True)
        texts += [text.strip() for text in said]
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


def read_rows() -> list[dict[str, Any]]:
    """The manifest of ``open/``."""
    return [json.loads(line) for line in (real_data() / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


def read_clips(rows: Sequence[dict[str, Any]]) -> list[Samples]:
    """Its utterances as recognizers get them; none is longer than a window of 30 s."""
    longest = 30 * SAMPLE_RATE_HZ
    return [decode(str(real_data() / row["audio"]), max_decoded_s=60.0)[:longest] for row in rows]


if __name__ == "__main__":
    main()
