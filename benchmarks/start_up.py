"""What it costs to start: ``--version`` and ``--help`` against a bare interpreter.

``python benchmarks/start_up.py``: CPU seconds of whole processes, the least of nine, taking turns. ``--version`` must
be at most 60 ms above the bare interpreter, ``--help`` at most 250 ms.
"""

from __future__ import annotations

import sys

from _measure import machine, run

COMMANDS = {
    "bare interpreter": ["-c", "pass"],
    "earmark --version": ["-m", "earmark", "--version"],
    "earmark --help": ["-m", "earmark", "--help"],
    "earmark eval --help": ["-m", "earmark", "eval", "--help"],
    "import earmark": ["-c", "import earmark"],
}


def main() -> None:
    """Print CPU milliseconds above the bare interpreter."""
    print(machine())
    least = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(9):
        for name, arguments in COMMANDS.items():
            least[name] = min(least[name], run([sys.executable, *arguments]).cpu_s)
    bare = least["bare interpreter"]
    for name, cpu_s in least.items():
        print(f"{name:<22} {1000 * cpu_s:6.0f} ms CPU, {1000 * (cpu_s - bare):6.0f} ms above bare")


if __name__ == "__main__":
    main()
