"""What costs nothing must go on costing nothing: counted in modules, not in seconds."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "pyarrow", "numpy", "rich", "cyclopts", "soundfile", "pandas"}


def modules_of(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def loaded_by(code: str) -> set[str]:
    return {name.split(".")[0] for name in modules_of(code)}


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


def test_show_loads_no_pandas_and_verbs_that_load_what_others_wrote_may():
    """Arrow imports it for any scalar, where it is installed; another package's normalizer or format may need it."""
    show = "sys.argv[1:] = ['show', 'nowhere']\nimport contextlib, earmark.__main__\n"
    show += "with contextlib.suppress(SystemExit): earmark.__main__.main()\n"
    scalar = "import pyarrow; pyarrow.scalar('one')"
    pytest.importorskip("pandas")
    assert "pandas" in loaded_by(scalar)
    assert not loaded_by(show + scalar) & {"pandas", "torch"}
    assert "pandas" in loaded_by(show.replace("'show'", "'score'") + "import pandas")


def test_an_evaluation_loads_no_torch():
    """The base install has none."""
    assert "torch" not in loaded_by("import earmark; earmark.evaluate; earmark.RunSummary")


def test_a_worker_process_loads_neither_verbs_nor_reports_nor_the_command_line():
    """What a spawned worker imports before it loads its recognizer, which every worker pays again."""
    # The first is imported by a spawned process again, as the module that started its parent.
    loaded = modules_of("import earmark.__main__, earmark.engines.processes, earmark.worker")
    rooms = {name.split(".")[1] for name in loaded if name.startswith("earmark.")}
    assert "worker" in rooms
    assert not rooms & {"cli", "verbs", "reports", "scoring", "text", "formats", "sources", "planning", "demo"}
    assert not {name.split(".")[0] for name in loaded} & {"torch", "pandas", "rich", "cyclopts", "filelock"}
    assert "pyarrow.compute" not in loaded


def test_the_program_ends_without_a_search_of_all_that_it_loaded():
    """After Transformers was loaded, the interpreter's last search for cycles would cost a second."""
    code = """
import atexit, gc, sys
atexit.register(lambda: print("frozen" if gc.get_freeze_count() else "searched"))
sys.argv[1:] = ["--help"]
import earmark.__main__
earmark.__main__.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "frozen"
