"""What ``--help`` says of each verb first: a sentence, examples to copy, and what to know besides.

The flags are told by the verbs themselves, and ``help_page`` puts both together.
"""

from __future__ import annotations

ROOT = """Evaluate speech recognition, with numbers that can be trusted.

earmark demo                                      a tour, offline
earmark eval pocketsphinx --data manifest.jsonl   transcribe, score, keep
earmark eval pocketsphinx --data manifest.jsonl   again: goes on after a kill
earmark score runs/NAME --normalizer whisper-en   other rules, same texts
earmark report runs/NAME                          see every error, in a page
earmark compare runs/A runs/B                     is B better, and how sure
earmark audit pocketsphinx --data manifest.jsonl  do batches change its texts

Every flag has an environment twin: --batch-size is EARMARK_BATCH_SIZE.
"""

EVAL = """Transcribe data with a model, score it, and keep everything.

earmark eval pocketsphinx -d manifest.jsonl
earmark eval pocketsphinx -d librispeech:LibriSpeech/test-clean --workers 8
earmark eval pocketsphinx -d clips/ --set grammar=commands.gram
earmark eval pocketsphinx -d test.tsv --limit 5% --seed 0 --out runs/glance

The same line again goes on where an earlier attempt stopped.
"""

SCORE = """Score a run again, or the outputs of any recognizer; transcribes nothing.

earmark score runs/NAME --normalizer whisper-en
earmark score predictions.jsonl
earmark score -r ref.trn -h hyp.trn
earmark score -r ref.stm -h hyp.ctm --missing-hyp delete
earmark score -r ref.csv -h a.csv -h b.csv --id-column utt --out runs/both

A manifest with text and pred_text, or several pred_text_*, is all it needs.
"""

COMPARE = """Compare runs with the first one, by utterance.

earmark compare runs/BASELINE runs/CANDIDATE
earmark compare runs/A runs/B --slices speaker,duration
earmark compare runs/A runs/B --fail-if 'delta_wer > 0.2 and p < 0.05'
earmark compare runs/A runs/B runs/C --format md

Differences have intervals, by resampling what both heard. It says so where the
data cannot tell the runs apart.
"""

MERGE = """Merge the mistakes files of a run into one.

earmark merge runs/NAME
earmark merge runs/NAME --output mistakes.parquet
earmark merge runs/NAME --cleanup
earmark eval pocketsphinx -d manifest.jsonl --auto-merge
"""

DEMO = """A tour on bundled clips, offline, in half a minute.

earmark demo
earmark demo --out tour
earmark show tour --worst 3
earmark report tour -o tour.html
"""

LS = """List models, normalizers, scorers, formats and more.

earmark ls
earmark ls models
earmark ls exports
earmark ls formats --format json
"""

AUDIT = """Find out whether batches change what a model says.

earmark audit pocketsphinx -d manifest.jsonl
earmark audit pocketsphinx -d manifest.jsonl --batch-size 8 --sample 200
earmark audit ./my-model -d manifest.jsonl --max-batch-seconds 60
earmark audit ./my-model -d manifest.jsonl --format json

Exits with 4 unless no text changed. earmark eval --audit 50 does it before a
run.
"""

STAGE = """Bring data to one folder as 16 kHz mono files, checked, with a table.

earmark stage librispeech:LibriSpeech/test-clean --to staged/test-clean
earmark stage test.tsv --to s3://bucket/test --workers 8
earmark stage test.tsv --to staged/test --audio-format flac
earmark eval pocketsphinx --data staged/test-clean

The same line again goes on where an earlier attempt stopped. What is staged
gives the same hypotheses as the original files.
"""

CHECK = """Look at data before anything is done with them; starts nothing.

earmark check manifest.jsonl
earmark check common-voice:cv-corpus/es:test --json
earmark check test.csv --text-column sentence --decode all
earmark check librispeech:LibriSpeech/test-clean --limit 5% --seed 0

Exits with 2 where an evaluation would not begin, with 3 where it would begin
and utterances fail. The page is printed all the same.
"""

DOCTOR = """Look at this machine: devices, torch, codecs, disks, tokens, packages.

earmark doctor
earmark doctor --address HOST:6379
earmark doctor --json
EARMARK_CACHE=/scratch/cache earmark doctor

Every problem has the line that mends it. Exits with 1 where a plain run would
not work, or the cluster that was named does not answer. No token is ever shown.
"""

EXPORT = """Write what a run heard in a format of other programs.

earmark export runs/NAME --to jsonl -o scores.jsonl
earmark export runs/NAME --to open-asr -o results/
earmark export runs/NAME --to pra -o system.pra
earmark export runs/NAME --to srt -o subtitles/

The formats: earmark ls exports. Words with times, and the n best, are there
where the model gave them. Without -o it goes to stdout.
"""

SHOW = """Show the worst utterances of a run, aligned.

earmark show runs/NAME
earmark show runs/NAME --worst 5 --slice speaker=1688
earmark show runs/NAME --grep '(?i)doctor'
earmark show runs/NAME --flag loop --format jsonl

Most errors first. A letter stands below each error; colour comes only on a
terminal. What has no error is shown only with --grep or --flag.
"""

REPORT = """Write a page about a run that opens offline, in any browser.

earmark report runs/NAME
earmark report runs/BASELINE runs/CANDIDATE -o beside.html
earmark report runs/NAME --audio none -o small.html
earmark report runs/NAME --audio all -o page/

Charts, words, and every utterance with its alignment; clips of the worst 100.
The page asks for nothing from the network. Click on what fails to see where.
"""

PLOT = """Draw a figure of runs for a paper.

earmark plot runs/A runs/B -o duration.svg
earmark plot runs/A --kind slices --slices speaker,language -o slices.pdf
earmark plot runs/A runs/B --kind cumulative -o errors.png
earmark plot runs/A --kind slices --slices snr -o snr.svg

Rates have intervals of 95 %. It needs: pip install 'earmark[plots]'
"""

TRACK = """Send a run that is over to a tracker, all of it.

earmark track runs/NAME --to mlflow
earmark track runs/NAME --to wandb --track-texts
earmark eval pocketsphinx -d manifest.jsonl --track mlflow
earmark track runs/NAME --to mlflow --track-texts

Where it goes is said by the tracker's own environment: WANDB_PROJECT,
MLFLOW_TRACKING_URI and others. Sent again, it goes into the same run there.
"""

CACHE = """What was fetched and is kept on this machine.

earmark cache
earmark cache --older-than 30
earmark cache --clean --older-than 30
earmark cache --format json

The largest first, with the day of its last use. EARMARK_CACHE says where it is.
"""

MODAL = """Throw away what earmark keeps in Modal's cloud.

earmark modal clean
earmark modal clean results --yes
earmark modal clean data
earmark modal clean models --yes

Three Volumes: earmark-data, earmark-models, earmark-results. What a run found
is in its own folder, too, and stays. Without --yes it asks.
"""

PREPARE = """Make SpeechBrain's tables from a language of Common Voice, once.

earmark prepare cv-corpus-17.0/es --to tables/es --accented-letters
earmark prepare cv-corpus-17.0/en --to tables/en
earmark check speechbrain:tables/es/test.csv
earmark eval speechbrain:./model --data speechbrain:tables/es/test.csv

The sentences are treated as SpeechBrain's recipes do. Any number of processes
may type the same line at once: one does the work.
"""

SWEEP = """Many checkpoints in many variants over the same items, and what they come to.

earmark sweep --checkpoints DIR/step_750,DIR/step_1000 --permutes 4
earmark sweep --checkpoint DIR/step_1000 --data sudoku-extreme --permutes 9
earmark sweep --checkpoints A,B --permutes 9 --exhaustive --aggregate majority
earmark sweep --task asr --checkpoint A --checkpoint B -d m.jsonl --out sweep

A puzzle leaves once an answer keeps its rules and clues: --exhaustive does all.
The same line again goes on where an earlier attempt stopped.
"""

TRAIN = """Train a speech recognizer by a recipe, and compare it with what it was before.

earmark train recipe.toml --out trained/NAME
earmark train digits_ctc --set data.source=digits/manifest.jsonl --out trained/d
earmark train hparams.yaml --set lr=1e-5 --out trained/NAME
earmark train recipe.toml --out trained/NAME --engine torchrun
earmark train recipe.toml --out /mnt/trained/NAME --engine ray --address auto
earmark train sudoku --size 4 --out solvers/four

The same line again goes on where an earlier attempt stopped. The fourth one is
for the ranks that torchrun starts. earmark train sudoku trains a solver of
puzzles.
"""

TRAIN_SUDOKU = """Train a recursive solver of Sudoku on made puzzles, for a sweep.

earmark train sudoku --size 4 --out solvers/four
earmark train sudoku --size 4 --out solvers/four --steps 1500
earmark train sudoku --size 9 --out solvers/nine --device cuda
earmark sweep --checkpoints solvers/four/step_600,solvers/four/step_1200

Snapshots are kept as step_N, with the puzzles that none was trained on. The
same line again goes on where an earlier attempt stopped; more steps go on from
the end.
"""
