"""What it costs to start: ``--version`` and ``--help`` against a bare interpreter, a model against a bare script.

``python benchmarks/start_up.py [--model]``: CPU seconds of whole processes with their children, the least of nine (with
a model, of five), taking turns. ``--version`` must be at most 60 ms above the bare interpreter, ``--help`` at most
250 ms. ``earmark eval`` of one utterance must be at most 1 s above a script that loads the model and transcribes it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from _measure import machine, real_data, run

COMMANDS = {
    "bare interpreter": ["-c", "pass"],
    "earmark --version": ["-m", "earmark", "--version"],
    "earmark --help": ["-m", "earmark", "--help"],
    "earmark eval --help": ["-m", "earmark", "eval", "--help"],
    "import earmark": ["-c", "import earmark"],
}
SCRIPT = """
import sys
import soundfile
import torch
from transformers import AutoFeatureExtractor, AutoTokenizer, Wav2Vec2ForCTC

folder, path = sys.argv[1:]
model = Wav2Vec2ForCTC.from_pretrained(folder).eval()
extractor = AutoFeatureExtractor.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
samples, rate_hz = soundfile.read(path, dtype="float32")
with torch.inference_mode():
    logits = model(**extractor(samples, sampling_rate=rate_hz, return_tensors="pt")).logits
print(tokenizer.decode(logits.argmax(dim=-1)[0]))
"""


def main() -> None:
    """Print CPU milliseconds above the first command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="store_true")
    print(machine())
    if parser.parse_args().model:
        with tempfile.TemporaryDirectory() as folder:
            compare(model_commands(Path(folder)), 5)
    else:
        compare(COMMANDS, 9)


def compare(commands: Mapping[str, Sequence[str]], num_times: int) -> None:
    """Each so many times, taking turns, with one thread of computing."""
    least = dict.fromkeys(commands, float("inf"))
    # An installed package has its bytecode: the first round may write what a checkout lacks.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "OMP_NUM_THREADS": "1"}
    for _ in range(num_times):
        for name, arguments in commands.items():
            least[name] = min(least[name], run([sys.executable, *arguments], environment=environment).cpu_s)
    first = next(iter(commands))
    for name, cpu_s in least.items():
        print(f"{name:<30} {1000 * cpu_s:6.0f} ms CPU, {1000 * (cpu_s - least[first]):6.0f} ms above {first}")


def model_commands(folder: Path) -> dict[str, list[str]]:
    """A script, and ``earmark eval``, of a CTC model that is made now and the first utterance of ``open/``."""
    from _shapes import make_ctc

    model, manifest = folder / "model", folder / "manifest.jsonl"
    model.mkdir()
    make_ctc(model)
    row = json.loads((real_data() / "manifest.jsonl").read_text(encoding="utf-8").splitlines()[0])
    row["audio"] = str(real_data() / row["audio"])
    manifest.write_text(json.dumps(row) + "\n", encoding="utf-8")
    rest = ["--data", str(manifest), "--out", str(folder / "run"), "--fresh", "--workers", "1", "--progress", "none"]
    return {
        "bare script": ["-c", SCRIPT, str(model), row["audio"]],
        "earmark eval": ["-m", "earmark", "eval", str(model), *rest],
        "earmark eval --engine inline": ["-m", "earmark", "eval", str(model), *rest, "--engine", "inline"],
    }


if __name__ == "__main__":
    main()
