"""``earmark`` and ``python -m earmark``. Answers ``--version`` without importing anything else."""

from __future__ import annotations

import sys

_QUICK = "show"
"""The verb that is to answer at once, and that loads nothing of other packages that could want data frames."""


class _WithoutPandas:
    """Finds no pandas: Arrow would import it, where it is installed, at its first scalar, and use nothing of it."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Raise ModuleNotFoundError for pandas; leave every other module to others."""
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError("not for this verb", name=name)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.argv[1:] == ["--version"]:
        from earmark import __version__

        sys.stdout.write(__version__ + "\n")
        return
    if sys.argv[1:2] == [_QUICK]:
        sys.meta_path.insert(0, _WithoutPandas)
    import gc

    from earmark.cli.main import run
    from earmark.cli.streams import outlast_readers, told

    outlast_readers()
    code = told(run(sys.argv[1:]))
    gc.freeze()  # else the interpreter searches all that is left for cycles: a second after Transformers was loaded
    sys.exit(code)


if __name__ == "__main__":
    main()
