"""The program: its commands, and the one place where an error becomes a message and an exit code.

Commands are named by module and imported when they are called, so that ``--help`` stays quick.
"""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError, UnusedCliTokensError
from cyclopts.config import Env

from earmark.cli.screen import print_error
from earmark.cli.train import train_command
from earmark.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE, EarmarkError, without_secret

_ROOT = """Evaluate speech recognition, with numbers that can be trusted.

earmark demo                                      a tour, offline
earmark eval pocketsphinx --data manifest.jsonl   transcribe, score, keep
earmark eval pocketsphinx --data manifest.jsonl   again: goes on after a kill
earmark score runs/NAME --normalizer whisper-en   other rules, same texts
earmark report runs/NAME                          see every error, in a page
earmark compare runs/A runs/B                     is B better, and how sure
earmark audit pocketsphinx --data manifest.jsonl  do batches change its texts

Every flag has an environment twin: --batch-size is EARMARK_BATCH_SIZE.
"""

_EVAL = """Transcribe data with a model, score it, and keep everything.

earmark eval pocketsphinx -d manifest.jsonl
earmark eval pocketsphinx -d librispeech:LibriSpeech/test-clean --workers 8
earmark eval pocketsphinx -d clips/ --set grammar=commands.gram
earmark eval pocketsphinx -d test.tsv --limit 5% --seed 0 --out runs/glance

The same line again goes on where an earlier attempt stopped.
"""

_SCORE = """Score a run again, or the outputs of any recognizer; transcribes nothing.

earmark score runs/NAME --normalizer whisper-en
earmark score predictions.jsonl
earmark score -r ref.trn -h hyp.trn
earmark score -r ref.stm -h hyp.ctm --missing-hyp delete
earmark score -r ref.csv -h a.csv -h b.csv --id-column utt --out runs/both

A manifest with text and pred_text, or several pred_text_*, is all it needs.
"""

_AUDIT = """Find out whether batches change what a model says.

earmark audit pocketsphinx -d manifest.jsonl
earmark audit pocketsphinx -d manifest.jsonl --batch-size 8 --sample 200

Exits with 4 unless no text changed. earmark eval --audit 50 does it before a run.
"""

_STAGE = """Bring data to one folder as 16 kHz mono files, checked, with a table.

earmark stage librispeech:LibriSpeech/test-clean --to staged/test-clean
earmark stage test.tsv --to s3://bucket/test --workers 8
earmark eval pocketsphinx --data staged/test-clean

The same line again goes on where an earlier attempt stopped. What is staged
gives the same hypotheses as the original files.
"""

_CHECK = """Look at data before anything is done with them; starts nothing.

earmark check manifest.jsonl
earmark check common-voice:cv-corpus/es:test --json
earmark check test.csv --text-column sentence --decode all
earmark check librispeech:LibriSpeech/test-clean --limit 5% --seed 0

Exits with 2 where an evaluation would not begin, with 3 where it would begin and
utterances fail. The page is printed all the same.
"""

_DOCTOR = """Look at this machine: devices, torch, codecs, disks, tokens, packages.

earmark doctor
earmark doctor --address HOST:6379
earmark doctor --json

Every problem has the line that mends it. Exits with 1 where a plain run would not
work, or the cluster that was named does not answer. No token is ever shown.
"""

_EXPORT = """Write what a run heard in a format of other programs.

earmark export runs/NAME --to jsonl -o scores.jsonl
earmark export runs/NAME --to open-asr -o results/
earmark export runs/NAME --to pra -o system.pra
earmark export runs/NAME --to srt -o subtitles/

The formats: earmark ls exports. Words with times, and the n best, are there where
the model gave them. Without -o it goes to stdout.
"""

_SHOW = """Show the worst utterances of a run, aligned.

earmark show runs/NAME
earmark show runs/NAME --worst 5 --slice speaker=1688
earmark show runs/NAME --grep '(?i)doctor'
earmark show runs/NAME --flag loop --format jsonl

Most errors first. A letter stands below each error; colour comes only on a
terminal. What has no error is shown only with --grep or --flag.
"""

_REPORT = """Write a page about a run that opens offline, in any browser.

earmark report runs/NAME
earmark report runs/BASELINE runs/CANDIDATE -o beside.html
earmark report runs/NAME --audio none -o small.html
earmark report runs/NAME --audio all -o page/

Charts, words, and every utterance with its alignment; clips of the worst 100.
The page asks for nothing from the network. Click on what fails to see where.
"""

_PLOT = """Draw a figure of runs for a paper.

earmark plot runs/A runs/B -o duration.svg
earmark plot runs/A --kind slices --slices speaker,language -o slices.pdf
earmark plot runs/A runs/B --kind cumulative -o errors.png

Rates have intervals of 95 %. It needs: pip install 'earmark[plots]'
"""

_TRACK = """Send a run that is over to a tracker, all of it.

earmark track runs/NAME --to mlflow
earmark track runs/NAME --to wandb --track-texts

Where it goes is said by the tracker's own environment: WANDB_PROJECT,
MLFLOW_TRACKING_URI and others. Sent again, it goes into the same run there.
"""

_CACHE = """What was fetched and is kept on this machine.

earmark cache
earmark cache --older-than 30
earmark cache --clean --older-than 30

The largest first, with the day of its last use. EARMARK_CACHE says where it is.
"""

_MODAL = """Throw away what earmark keeps in Modal's cloud.

earmark modal clean
earmark modal clean results --yes

Three Volumes: earmark-data, earmark-models, earmark-results. What a run found
is in its own folder, too, and stays. Without --yes it asks.
"""

_PREPARE = """Make SpeechBrain's tables from a language of Common Voice, once.

earmark prepare cv-corpus-17.0/es --to tables/es --accented-letters

The sentences are treated as SpeechBrain's recipes do. Any number of processes may
type the same line at once: one does the work.
"""

_SWEEP = """Many checkpoints in many variants over the same items, and what they come to.

earmark sweep --checkpoints DIR/step_750,DIR/step_1000 --permutes 4
earmark sweep --checkpoint DIR/step_1000 --data sudoku-extreme --permutes 9
earmark sweep --checkpoints A,B --permutes 9 --exhaustive --aggregate majority
earmark sweep --task asr --checkpoint A --checkpoint B -d m.jsonl --out sweep

A puzzle leaves once an answer keeps its rules and clues: --exhaustive does all.
The same line again goes on where an earlier attempt stopped.
"""

_TRAIN = """Train a speech recognizer by a recipe, and compare it with what it was before.

earmark train recipe.toml --out trained/NAME
earmark train digits_ctc --set data.source=digits/manifest.jsonl --out trained/d
earmark train recipe.toml --out trained/NAME --engine torchrun

The same line again goes on where an earlier attempt stopped. The last one is for
the ranks that torchrun starts. earmark train sudoku trains a solver of puzzles.
"""

_TRAIN_SUDOKU = """Train a recursive solver of Sudoku on made puzzles, for a sweep.

earmark train sudoku --size 4 --out solvers/four
earmark train sudoku --size 4 --out solvers/four --steps 1500
earmark train sudoku --size 9 --out solvers/nine --device cuda

Snapshots are kept as step_N, with the puzzles that none was trained on. The same
line again goes on where an earlier attempt stopped; more steps go on from the end.
"""

app = App(
    name="earmark",
    help=_ROOT,
    help_format="plaintext",
    version_flags=["--version"],
    help_flags=["--help"],
    config=Env("EARMARK_", command=False),
    default_parameter=Parameter(show_env_var=False),
)
app.command("earmark.cli.eval:eval_command", name="eval", help=_EVAL)
app.command("earmark.cli.score:score_command", name="score", help=_SCORE)
app.command(
    "earmark.cli.compare:compare_command", name="compare", help="Compare runs with the first one, by utterance."
)
app.command("earmark.cli.audit:audit_command", name="audit", help=_AUDIT)
app.command("earmark.cli.check:check_command", name="check", help=_CHECK)
app.command("earmark.cli.prepare:prepare_command", name="prepare", help=_PREPARE)
app.command("earmark.cli.sweep:sweep_command", name="sweep", help=_SWEEP)
app.command("earmark.cli.stage:stage_command", name="stage", help=_STAGE)
app.command("earmark.cli.merge:merge_command", name="merge", help="Merge the mistakes files of a run into one.")
app.command("earmark.cli.show:show_command", name="show", help=_SHOW)
app.command("earmark.cli.export:export_command", name="export", help=_EXPORT)
app.command("earmark.cli.report:report_command", name="report", help=_REPORT)
app.command("earmark.cli.plot:plot_command", name="plot", help=_PLOT)
app.command("earmark.cli.track:track_command", name="track", help=_TRACK)
app.command("earmark.cli.cache:cache_command", name="cache", help=_CACHE)
app.command("earmark.cli.modal:modal_command", name="modal", help=_MODAL)
app.command("earmark.cli.doctor:doctor_command", name="doctor", help=_DOCTOR)
app.command("earmark.cli.demo:demo_command", name="demo", help="A tour on bundled clips, offline, in half a minute.")
app.command("earmark.cli.ls:ls_command", name="ls", help="List models, normalizers, scorers, formats and more.")

train = App(name="train", help=_TRAIN, help_format="plaintext")
train.default(train_command)
train.command("earmark.cli.train:train_sudoku_command", name="sudoku", help=_TRAIN_SUDOKU)
app.command(train)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    is_verbose = "-vv" in arguments
    try:
        result = app(
            [word for word in arguments if word != "-vv"],
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except EarmarkError as error:
        return _fail(error, error.exit_code, is_verbose=is_verbose)
    except CycloptsError as error:
        print_error(_sentence(error), hint=_hint(arguments, error))
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


def _sentence(error: CycloptsError) -> str:
    if isinstance(error, UnusedCliTokensError):
        return f"one word too many: {', '.join(error.unused_tokens or ())}"
    return " ".join(str(error).split())


def _hint(arguments: Sequence[str], error: CycloptsError) -> str:
    """What to type instead, for what many people try first: two files without flags, and data with one."""
    if arguments[:1] == ["score"] and isinstance(error, UnusedCliTokensError):
        return "two files are scored by: earmark score -r REFERENCES -h HYPOTHESES"
    if isinstance(error, UnknownOptionError) and (error.token.keyword or error.token.value) in ("-d", "--data"):
        return f"earmark {arguments[0]} DATA: here they need no flag"
    return f"earmark {arguments[0]} --help" if error.command_chain else "earmark --help"


def _fail(error: EarmarkError, code: int, *, is_verbose: bool) -> int:
    if is_verbose:
        import sys
        import traceback

        # A library's own words may hold the URL that it was given.
        sys.stderr.write(without_secret("".join(traceback.format_exception(error))))
    if not error.is_told:
        print_error(error.what, cause=error.cause, hint=error.hint)
    return code
