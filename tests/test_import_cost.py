"""What costs nothing must go on costing nothing: counted in modules, not in seconds."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "pyarrow", "numpy", "rich", "cyclopts", "soundfile", "pandas"}


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import earmark",
        "import earmark.errors, earmark.records, earmark.registry, earmark.spec",
        "import sys; sys.argv[1:] = ['--version']; import earmark.__main__; earmark.__main__.main()",
        "import earmark.sources, earmark.recognizers, earmark.text, earmark.engines",
    ],
    ids=["import earmark", "ground floor", "earmark --version", "registries"],
)
def test_light_things_load_nothing_heavy(code):
    """Neither torch, nor pyarrow, nor numpy, nor the command line's libraries."""
    assert not loaded_by(code) & HEAVY


def test_help_needs_no_numpy():
    """``earmark eval --help`` loads the command line's library, and nothing that computes."""
    loaded = loaded_by("from earmark.cli.main import run; run(['eval', '--help'])")
    assert not loaded & {"torch", "pyarrow", "numpy", "soundfile", "pandas"}


def test_an_evaluation_loads_no_torch():
    """The base install has none."""
    assert "torch" not in loaded_by("import earmark; earmark.evaluate; earmark.RunSummary")
