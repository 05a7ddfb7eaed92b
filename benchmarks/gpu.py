"""How fast large models are on a GPU, beside the way of the leaderboard's Transformers script on the same GPU.

``python benchmarks/gpu.py --shape SHAPE [--device cuda] [--dtype bfloat16] [--utterances 2620] [--compile]``, of the
shapes large-v3, large-v3-turbo, parakeet-0.6b and, to try the program on any machine, toy and parakeet-toy. The weights
are random, the audio is noise in lengths like LibriSpeech's, and Whisper is made to say about as many tokens as English
has: the figures are of speed alone. Wall seconds from arrays to texts, after a warm-up, with the device synchronised.

With ``--peak-tflops`` and ``--bandwidth-gbs`` of the GPU (H200, dense bfloat16: 989 and 4800) the share of two limits
is printed: the encoder's arithmetic, and the weights that the decoder reads once a step of a batch. On a GPU the share
of time in which it waited is measured on the first batches.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from _measure import machine
from _shapes import TOKENS_PER_S, WHISPER, make_parakeet, make_whisper, talking

from earmark.recognizers.transformers import Transformers
from earmark.records import SAMPLE_RATE_HZ
from recognizers import Samples, Texts, earmark_way, fixed, plan

BOARD_SIZE = 64
_WINDOW_FRAMES = 1_500
_TEXTS = ("the quick brown fox jumps over the lazy dog and runs away from the house on the hill",) * 20


def main() -> None:
    """Print a line an arm, the ratio, and the limits."""
    arguments = read_arguments()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    clips = noises(arguments.utterances)
    name = torch.cuda.get_device_name() if arguments.device.startswith("cuda") else "no GPU"
    print(f"{machine()}, {name}, torch {torch.__version__}, transformers {transformers.__version__}")
    print(f"{arguments.shape}, {arguments.dtype}, {len(clips)} utterances, {seconds(clips):.0f} s of noise")
    with tempfile.TemporaryDirectory() as folder, talking():
        if arguments.shape.startswith("parakeet-"):
            make_parakeet(Path(folder), arguments.shape.removeprefix("parakeet-"), clips[:4])
        else:
            make_whisper(Path(folder), arguments.shape, _TEXTS)
        compare(arguments, Path(folder), clips)


def read_arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=[*WHISPER, "parakeet-0.6b", "parakeet-toy"], required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--utterances", type=int, default=2_620)
    parser.add_argument("--batch-seconds", type=float, default=None)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--peak-tflops", type=float, default=None)
    parser.add_argument("--bandwidth-gbs", type=float, default=None)
    return parser.parse_args()


def compare(arguments: argparse.Namespace, folder: Path, clips: Sequence[Samples]) -> None:
    """Both arms over the same clips."""
    is_whisper = arguments.shape in WHISPER
    asked: dict[str, Any] = {"language": "en", "task": "transcribe"} if is_whisper else {}
    options = {**asked, "device": arguments.device, "dtype": arguments.dtype, "compile": arguments.compile}
    with Transformers(model=str(folder), **options) as recognizer:
        batches = plan(clips, arguments.batch_seconds or recognizer.usual_batch_s)
        ours, texts = timed("earmark", lambda some: earmark_way(recognizer, clips, some), clips, batches)
        if arguments.device.startswith("cuda"):
            print(f"the GPU waited {waited_share(lambda: earmark_way(recognizer, clips, batches[:8])):.1%} of the time")
    board = Board(folder, is_whisper=is_whisper, device=arguments.device, dtype=arguments.dtype, asked=asked)
    theirs, said = timed("leaderboard's way", lambda some: board.texts(clips, some), clips, fixed(clips, BOARD_SIZE))
    print(f"texts alike: {sum(a == b for a, b in zip(said, texts, strict=True))} of {len(texts)}")
    print(f"against the leaderboard's way: {theirs / ours:.2f}")
    if is_whisper and arguments.peak_tflops and arguments.bandwidth_gbs:
        print_limits(arguments, batches, clips, ours)


class Board:
    """The library called as the leaderboard's scripts do: the order of the data, fixed batches, a processor each time.

    Parakeet's is the library's own batched generation.
    """

    def __init__(self, folder: Path, *, is_whisper: bool, device: str, dtype: str, asked: dict[str, Any]) -> None:
        self._processor = transformers.AutoProcessor.from_pretrained(folder)
        kind = transformers.AutoModelForSpeechSeq2Seq if is_whisper else transformers.ParakeetForTDT
        self._dtype, self._device = getattr(torch, dtype), device
        self._model = kind.from_pretrained(folder, dtype=self._dtype).to(device).eval()
        self._asked = {**asked, "num_beams": 1} if is_whisper else {}

    def texts(self, clips: Sequence[Samples], batches: Sequence[Sequence[int]]) -> Texts:
        """In the order of the clips."""
        texts: Texts = []
        for batch in batches:
            arrays = [clips[number] for number in batch]
            inputs = self._processor(arrays, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
            inputs = inputs.to(self._device, self._dtype)
            with torch.inference_mode():
                said = self._model.generate(**inputs, **self._asked)
            ids = getattr(said, "sequences", said)
            texts += [text.strip() for text in self._processor.batch_decode(ids, skip_special_tokens=True)]
        return texts


def timed(
    name: str,
    do: Callable[[Sequence[Sequence[int]]], Texts],
    clips: Sequence[Samples],
    batches: Sequence[Sequence[int]],
) -> tuple[float, Texts]:
    """Wall seconds, and the texts; printed with RTFx. The first and the last batch are done once before."""
    do([batches[0], batches[-1]])
    synchronise()
    began = time.perf_counter()
    texts = do(batches)
    synchronise()
    wall_s = time.perf_counter() - began
    print(f"{name:<20} {wall_s:8.1f} s, RTFx {seconds(clips) / wall_s:7.1f}, {len(batches)} batches")
    return wall_s, texts


def waited_share(do: Callable[[], object]) -> float:
    """The share of time in which no kernel ran."""
    synchronise()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        began = time.perf_counter()
        do()
        synchronise()
        wall_s = time.perf_counter() - began
    busy_us: float = sum(event.self_device_time_total for event in profile.key_averages())
    return 1 - busy_us / 1e6 / wall_s


def print_limits(
    arguments: argparse.Namespace, batches: Sequence[Sequence[int]], clips: Sequence[Samples], wall_s: float
) -> None:
    """How much of the time the encoder's arithmetic and the decoder's reading of weights would take at the limit."""
    size = WHISPER[arguments.shape]
    width, (encoder_layers, decoder_layers) = size.width, size.layers
    weights = 2 * 12 * width**2 * _WINDOW_FRAMES
    attention = 4 * width * _WINDOW_FRAMES**2
    encoder_s = len(clips) * encoder_layers * (weights + attention) / (arguments.peak_tflops * 1e12)
    num_steps = sum(max(len(clips[number]) for number in batch) / SAMPLE_RATE_HZ * TOKENS_PER_S for batch in batches)
    num_bytes = torch.finfo(getattr(torch, arguments.dtype)).bits // 8
    decoder_s = num_steps * decoder_layers * 16 * width**2 * num_bytes / (arguments.bandwidth_gbs * 1e9)
    print(
        f"limits: encoder's arithmetic {encoder_s / wall_s:.0%} of the time, decoder's weights {decoder_s / wall_s:.0%}"
    )


def noises(number: int) -> list[Samples]:
    """Noise in lengths like those of LibriSpeech's test-clean: 7.4 s in the mean, 1.3 s to 30 s."""
    random = np.random.default_rng(0)
    lengths_s = random.gamma(2.2, 3.35, number).clip(1.3, 30.0)
    return [random.normal(scale=0.1, size=int(one * SAMPLE_RATE_HZ)).astype(np.float32) for one in lengths_s]


def seconds(clips: Sequence[Samples]) -> float:
    """Of audio."""
    return sum(map(len, clips)) / SAMPLE_RATE_HZ


def synchronise() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
