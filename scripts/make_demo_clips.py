"""Make the demo's clips and their manifest with espeak-ng (a development tool: apt-get install espeak-ng).

    python scripts/make_demo_clips.py

Knows nothing of earmark but where its demo lies. espeak-ng 1.51 gives the same samples each time; another version gives
other ones, and tests/test_demo_clips.py then says whether they still teach what they should.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEMO = Path(__file__).parents[1] / "src" / "earmark" / "demo"
SAMPLE_RATE_HZ = 16_000
SILENCE_S = 0.25
# Without the faint noise of a real room, recognizers that normalise by the mean stumble over exact zeros.
NOISE_PEAK = 3


@dataclass(frozen=True)
class Clip:
    """What is said, by which voice of espeak-ng, how fast."""

    text: str
    voice: str
    words_per_minute: int

    @property
    def id(self) -> str:
        """The text with hyphens: no text is said twice."""
        return self.text.replace(" ", "-")


CLIPS = (
    Clip("turn off the hall fan", "en-us+f2", 150),
    Clip("turn off the office heating", "en-us", 140),
    Clip("turn on the kitchen light", "en-us+f5", 150),
    Clip("set a timer for twenty five minutes", "en-us", 160),
    Clip("set the timer for twelve minutes", "en-us-nyc+f2", 150),
    Clip("set timer for forty seconds", "en-us+f1", 150),
    Clip("call five nine two seven", "en-us+f2", 150),
    Clip("call two nine nine five", "en-us+f1", 150),
    Clip("dial six four one", "en-us+f5", 150),
    Clip("play the next song", "en-us-nyc+m5", 140),
    Clip("play last station", "en-us+m3", 150),
    Clip("pause the music", "en-gb-x-rp+f2", 140),
    Clip("go forward six steps", "en-us+f4", 150),
    Clip("move back two meters", "en-us+m1", 140),
)


def main() -> None:
    """Write every clip, and the manifest last."""
    (DEMO / "clips").mkdir(exist_ok=True)
    lines = []
    for clip in CLIPS:
        samples = spoken(clip)
        audio = f"clips/{clip.id}.flac"
        soundfile.write(DEMO / audio, samples, SAMPLE_RATE_HZ, subtype="PCM_16")
        lines.append(json.dumps(manifest_row(clip, audio, len(samples) / SAMPLE_RATE_HZ)) + "\n")
    (DEMO / "manifest.jsonl").write_text("".join(lines), encoding="utf-8")


def manifest_row(clip: Clip, audio: str, duration_s: float) -> dict[str, str | float | bool]:
    """Describe a clip in the fields that a manifest has, and say that no person speaks."""
    return {
        "id": clip.id,
        "audio": audio,
        "text": clip.text,
        "duration": duration_s,
        "speaker": f"espeak-ng {clip.voice}",
        "language": "en",
        "synthetic": True,
    }


def spoken(clip: Clip) -> NDArray[np.int16]:
    """Say a clip's text: int16 samples at 16 kHz over faint noise, with a pause before and after."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as wave:
        speed = str(clip.words_per_minute)
        subprocess.run(  # noqa: S603  # the arguments are the constants above
            ["espeak-ng", "-v", clip.voice, "-s", speed, "-w", wave.name, clip.text],  # noqa: S607
            check=True,
        )
        speech, rate_hz = soundfile.read(wave.name, dtype="float32")
    pause = np.zeros(round(SILENCE_S * SAMPLE_RATE_HZ), dtype=np.float32)
    samples = np.concatenate([pause, soxr.resample(speech, rate_hz, SAMPLE_RATE_HZ), pause])
    noise = np.random.default_rng(len(samples)).integers(-NOISE_PEAK, NOISE_PEAK, len(samples), endpoint=True)
    loudest = np.iinfo(np.int16).max
    return np.clip(np.round(samples * loudest) + noise, -loudest, loudest).astype(np.int16)


if __name__ == "__main__":
    main()
