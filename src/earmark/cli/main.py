"""The program: its commands, and the one place where an error becomes a message and an exit code.

Commands are named by module and imported when they are called, so that ``--help`` stays quick.
"""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Env

from earmark import __version__
from earmark.cli import help_texts
from earmark.cli.help_page import page_for
from earmark.cli.mistyped import hint_of, sentence_of
from earmark.cli.screen import print_error
from earmark.cli.train import train_command
from earmark.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, EarmarkError, without_secret

app = App(
    name="earmark",
    help=help_texts.ROOT,
    help_format="plaintext",
    version=__version__,  # of a verb too: else it is that of the library which parses the arguments
    version_flags=["--version"],
    help_flags=["--help"],
    config=Env("EARMARK_", command=False),
    default_parameter=Parameter(show_env_var=False),
)
app.command("earmark.cli.eval:eval_command", name="eval", help=help_texts.EVAL)
app.command("earmark.cli.score:score_command", name="score", help=help_texts.SCORE)
app.command("earmark.cli.compare:compare_command", name="compare", help=help_texts.COMPARE)
app.command("earmark.cli.audit:audit_command", name="audit", help=help_texts.AUDIT)
app.command("earmark.cli.check:check_command", name="check", help=help_texts.CHECK)
app.command("earmark.cli.prepare:prepare_command", name="prepare", help=help_texts.PREPARE)
app.command("earmark.cli.sweep:sweep_command", name="sweep", help=help_texts.SWEEP)
app.command("earmark.cli.stage:stage_command", name="stage", help=help_texts.STAGE)
app.command("earmark.cli.merge:merge_command", name="merge", help=help_texts.MERGE)
app.command("earmark.cli.show:show_command", name="show", help=help_texts.SHOW)
app.command("earmark.cli.export:export_command", name="export", help=help_texts.EXPORT)
app.command("earmark.cli.report:report_command", name="report", help=help_texts.REPORT)
app.command("earmark.cli.plot:plot_command", name="plot", help=help_texts.PLOT)
app.command("earmark.cli.track:track_command", name="track", help=help_texts.TRACK)
app.command("earmark.cli.cache:cache_command", name="cache", help=help_texts.CACHE)
app.command("earmark.cli.modal:modal_command", name="modal", help=help_texts.MODAL)
app.command("earmark.cli.doctor:doctor_command", name="doctor", help=help_texts.DOCTOR)
app.command("earmark.cli.demo:demo_command", name="demo", help=help_texts.DEMO)
app.command("earmark.cli.ls:ls_command", name="ls", help=help_texts.LS)

train = App(name="train", help=help_texts.TRAIN, help_format="plaintext")
train.default(train_command)
train.command("earmark.cli.train:train_sudoku_command", name="sudoku", help=help_texts.TRAIN_SUDOKU)
app.command(train)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    is_verbose = "-vv" in arguments
    words = [word for word in arguments if word != "-vv"]
    app.help_formatter, app.help_epilogue = page_for(words)
    try:
        result = app(
            words,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except EarmarkError as error:
        return _fail(error, error.exit_code, is_verbose=is_verbose)
    except CycloptsError as error:
        print_error(sentence_of(error), hint=hint_of(error))
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the outermost frame: a defect of ours must not look like the user's
        unexpected = EarmarkError(
            f"unexpected {type(error).__name__}: {error}", hint="a defect of earmark: -vv shows where"
        )
        unexpected.__cause__ = error
        return _fail(unexpected, EXIT_FAILED, is_verbose=is_verbose)
    return result if isinstance(result, int) else 0


def _fail(error: EarmarkError, code: int, *, is_verbose: bool) -> int:
    if is_verbose:
        import sys
        import traceback

        # A library's own words may hold the URL that it was given.
        sys.stderr.write(without_secret("".join(traceback.format_exception(error))))
    if not error.is_told:
        print_error(error.what, cause=error.cause, hint=error.hint)
    return code
