"""A sweep over trained 4x4 solvers: passes saved, time against the way of the seed, and memory that stays flat.

    earmark train sudoku --size 4 --out four
    python benchmarks/sweep.py four/step_A four/step_B four/step_C [--permutes 4] [--batch-size 2323]

The bare way is that of parallel_batch_inference.py: for each batch every checkpoint in every relabelling, a thread each
in one pool, on models that all threads share; the states of all steps are kept, as it keeps them; what is right is told
by the labels, and ORed. Each way is one command in fresh processes, from the start to the last byte: imports of Python
packages (from bytecode, after a round that is not timed), reading checkpoints and puzzles, all passes, and for earmark
all that it keeps and prints. The command has the engine and the workers that it chooses by itself. The bare way keeps
nothing on the disk. What must be reached: a sixth of the passes, a fifth of the time and of the CPU seconds, the same
answers. Peak memory is of one process without workers, with one cell, with all, and with twice the steps.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Cost, machine, run
from numpy.typing import NDArray

_LEAST_GAIN, _LEAST_SAVED = 5, 6


def main() -> None:
    """Print the rows."""
    arguments = _arguments()
    if arguments.bare:
        print(json.dumps(bare(arguments)))
        return
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode, written here
        _sweep(arguments, folder / "first")
        ours = _timed("earmark", _sweep(arguments, folder / "ours"))
        seed = _timed("bare", _bare(arguments, folder))
        _print_gain(seed, ours)
        whole = _timed("exhaustive", _sweep(arguments, folder / "whole", "--exhaustive", *_rules()))
        _print_rules(ours[0], whole[0])
        _print_memory(arguments, folder)


def _timed(name: str, found: tuple[dict[str, Any], Cost]) -> tuple[dict[str, Any], Cost]:
    cost = found[1]
    print(
        f"{name:15} {cost.wall_s:7.2f} s wall {cost.cpu_s:8.2f} CPU s {cost.peak_mib:7.0f} MiB in one process",
        flush=True,
    )
    return found


def bare(arguments: argparse.Namespace) -> dict[str, Any]:
    """The way of the seed: how many puzzles any pass solves, by the labels."""
    import torch

    from earmark.puzzles.hrm.checkpoint import read_checkpoint
    from earmark.puzzles.hrm.weights import load_model
    from earmark.puzzles.layout import read_puzzles
    from earmark.puzzles.variants import cyclic

    checkpoints = [read_checkpoint(path) for path in arguments.members]
    models = [load_model(one, device=torch.device("cpu"), dtype=torch.float32) for one in checkpoints]
    puzzles = read_puzzles(arguments.data or checkpoints[0].data_path or "")
    if puzzles.solutions is None:
        sys.exit("the bare way compares with labels")
    solutions = puzzles.solutions
    variants = cyclic(arguments.permutes, puzzles.size)
    results: list[dict[tuple[int, int], NDArray[np.bool_]]] = []

    def task(member: int, variant: int, rows: slice) -> NDArray[np.bool_]:
        model, clues = models[member], variants[variant].forward(puzzles.clues[rows])
        labels = variants[variant].forward(solutions[rows])
        ids = torch.from_numpy(clues.astype(np.int32))
        with torch.no_grad():
            carries, said = [model.begun(len(clues))], []
            for _ in range(model.settings.halt_max_steps):
                carry, one = model(carries[-1], ids)
                carries.append(carry)
                said.append(one)
        return np.asarray((said[-1].logits.argmax(-1).numpy() == labels).all(axis=1))

    num_correct = 0
    cells = [(member, variant) for member in range(len(models)) for variant in range(len(variants))]
    for start in range(0, puzzles.num_puzzles, arguments.batch_size):
        rows = slice(start, start + arguments.batch_size)
        with ThreadPoolExecutor(len(cells)) as pool:
            waiting = {cell: pool.submit(task, *cell, rows) for cell in cells}
            results.append({cell: future.result() for cell, future in waiting.items()})
        num_correct += int(np.logical_or.reduce(list(results[-1].values())).sum())
    return {"correct": num_correct, "total": puzzles.num_puzzles, "passes": len(cells) * puzzles.num_puzzles}


def _bare(arguments: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], Cost]:
    out = folder / "bare.json"
    script = f"{sys.executable} {__file__} {' '.join(arguments.members)} --bare"
    more = f"--permutes {arguments.permutes} --batch-size {arguments.batch_size}"
    data = f"--data {arguments.data}" if arguments.data else ""
    cost = run(["sh", "-c", f"exec {script} {more} {data} > {out}"])
    return json.loads(out.read_text()), cost


def _rules() -> list[str]:
    rules = ("any", "verifier", "majority", "best-score", "upstream-head")
    return [word for rule in rules for word in ("--aggregate", rule)]


def _sweep(arguments: argparse.Namespace, out: Path, *more: str) -> tuple[dict[str, Any], Cost]:
    """The results of both families, by the name of the rule, and what the command cost with its workers."""
    words = [sys.executable, "-m", "earmark", "sweep", "--checkpoints", ",".join(arguments.members)]
    words += ["--permutes", str(arguments.permutes), "--batch-size", str(arguments.batch_size), "--quiet"]
    words += ["--data", arguments.data] if arguments.data else []
    cost = run([*words, "--out", str(out), *more])
    families = [json.loads((out / name).read_text()) for name in ("oracle.json", "honest.json")]
    found = {name: one for family in families for name, one in family["aggregates"].items()}
    return {**found, "passes": families[0]["forwards_run"], "pass_at_k": families[0].get("pass_at_k")}, cost


def _print_rules(ours: dict[str, Any], whole: dict[str, Any]) -> None:
    print("aggregate       family   correct   accuracy")
    for name in ("any", "upstream-head", "verifier", "majority", "best-score"):
        family = "oracle" if name in ("any", "upstream-head") else "honest"
        print(f"{name:15} {family:8} {whole[name]['correct']:7,}   {100 * whole[name]['accuracy']:7.2f} %")
    print("pass@k (oracle)", {k: round(value, 4) for k, value in whole["pass_at_k"].items()})
    if not whole["any"]["correct"] == whole["verifier"]["correct"] == ours["verifier"]["correct"]:
        sys.exit("the answers differ")
    print("verifier == any, exhaustive or not")


def _print_gain(seed: tuple[dict[str, Any], Cost], ours: tuple[dict[str, Any], Cost]) -> None:
    print(f"correct         bare {seed[0]['correct']:,}, earmark {ours[0]['any']['correct']:,} by any")
    if seed[0]["correct"] != ours[0]["any"]["correct"]:
        sys.exit("the answers differ")
    passes = seed[0]["passes"] / ours[0]["passes"]
    wall, cpu = seed[1].wall_s / ours[1].wall_s, seed[1].cpu_s / ours[1].cpu_s
    said = f"bare / earmark  {wall:.2f} x wall, {cpu:.2f} x CPU (at least 5: {_yes(min(wall, cpu) >= _LEAST_GAIN)})"
    print(f"passes          {seed[0]['passes']:,} and {ours[0]['passes']:,}: {passes:.1f} x fewer", end=" ")
    print(f"(at least 6: {_yes(passes >= _LEAST_SAVED)})", said, sep="\n", flush=True)


def _yes(is_reached: bool) -> str:
    return "yes" if is_reached else "NO"


def _print_memory(arguments: argparse.Namespace, folder: Path) -> None:
    """Peak memory of one process, for one cell, all cells, and all cells with twice the steps."""
    few = argparse.Namespace(**{**vars(arguments), "members": arguments.members[:1], "permutes": 1})
    longer = argparse.Namespace(**{**vars(arguments), "members": _longer(arguments.members, folder / "longer")})
    longer.data = arguments.data or _data_of(arguments.members[0])
    for name, one in (("one cell", few), ("all cells", arguments), ("all cells, twice the steps", longer)):
        _, cost = _sweep(one, folder / name.replace(" ", "-").replace(",", ""), "--exhaustive", "--engine", "inline")
        print(f"{name:27} {cost.peak_mib:7.0f} MiB peak", flush=True)


def _data_of(member: str) -> str:
    from earmark.puzzles.hrm.checkpoint import read_checkpoint

    return str(read_checkpoint(member).data_path)


def _longer(members: list[str], folder: Path) -> list[str]:
    """Copies of the checkpoints whose settings take twice the steps."""
    import yaml

    folder.mkdir()
    for member in members:
        shutil.copy(member, folder)
        settings = yaml.safe_load(Path(member).with_name("all_config.yaml").read_text())
        settings["arch"]["halt_max_steps"] *= 2
        (folder / "all_config.yaml").write_text(yaml.safe_dump(settings))
    return [str(folder / Path(member).name) for member in members]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("members", nargs="+")
    parser.add_argument("--permutes", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=2323)
    parser.add_argument("--data")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
