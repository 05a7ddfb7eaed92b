"""``earmark`` and ``python -m earmark``. Answers ``--version`` without importing anything else."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.argv[1:] == ["--version"]:
        from earmark import __version__

        sys.stdout.write(__version__ + "\n")
        return
    from earmark.cli.main import run
    from earmark.cli.streams import outlast_readers, told

    outlast_readers()
    sys.exit(told(run(sys.argv[1:])))


if __name__ == "__main__":
    main()
