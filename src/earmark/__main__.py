"""``earmark`` and ``python -m earmark``. Answers ``--version`` without importing anything else."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.argv[1:] == ["--version"]:
        from earmark import __version__

        sys.stdout.write(__version__ + "\n")
        return
    import gc

    from earmark.cli.main import run
    from earmark.cli.streams import outlast_readers, told

    outlast_readers()
    code = told(run(sys.argv[1:]))
    gc.freeze()  # else the interpreter searches all that is left for cycles: a second after Transformers was loaded
    sys.exit(code)


if __name__ == "__main__":
    main()
