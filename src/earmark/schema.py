"""The columns of every table that a run keeps, and their units. It knows no file: where tables lie is the store's."""

from __future__ import annotations

import pyarrow as pa

UTTERANCES = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),  # position in the data, from 0
        pa.field("id", pa.string(), nullable=False),
        pa.field("audio", pa.string(), nullable=False),  # as the source names it
        pa.field("start_s", pa.float64()),  # null: the whole file
        pa.field("stated_duration_s", pa.float64()),  # by the source; null where it does not say
        pa.field("duration_s", pa.float64(), nullable=False),  # stated, or of the file's header; 0 where nobody knows
        pa.field("channel", pa.int32()),
        pa.field("reference", pa.string()),
        pa.field("language", pa.string()),
        pa.field("speaker", pa.string()),
        pa.field("extra", pa.string()),  # a JSON object of the source's other columns
        pa.field("skip_reason", pa.string()),  # the rule by which a missing file does not count as a failure
    ]
)

PLAN = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("segment", pa.int32(), nullable=False),  # piece of a long utterance, from 0
        pa.field("num_segments", pa.int32(), nullable=False),
        pa.field("start_s", pa.float64()),  # in the audio file; null: the whole file
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("batch", pa.int64(), nullable=False),
        pa.field("cost", pa.float64(), nullable=False),  # padded seconds, with the quadratic term
    ]
)

SEGMENTS = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("segment", pa.int32(), nullable=False),
        pa.field("num_segments", pa.int32(), nullable=False),
        pa.field("start_s", pa.float64(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("utterance_s", pa.float64(), nullable=False),  # what decodes of the utterance; in no piece: left out
    ]
)

WORDS = pa.list_(
    pa.struct([("text", pa.string()), ("start_s", pa.float64()), ("end_s", pa.float64()), ("confidence", pa.float64())])
)
ALTERNATIVES = pa.list_(pa.struct([("text", pa.string()), ("score", pa.float64())]))

USAGE = pa.struct(
    [
        ("num_calls", pa.int64()),
        ("num_calls_with_seconds", pa.int64()),
        ("num_calls_with_tokens", pa.int64()),
        ("stated_s", pa.float64()),
        ("unstated_s", pa.float64()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
    ]
)

PARTS = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("segment", pa.int32(), nullable=False),
        pa.field("num_segments", pa.int32(), nullable=False),  # of the utterance, so that a join knows when it is whole
        pa.field("id", pa.string(), nullable=False),
        pa.field("hypothesis", pa.string()),  # null exactly where the row failed
        pa.field("error_kind", pa.string()),
        pa.field("error", pa.string()),
        pa.field("audio_s", pa.float64(), nullable=False),  # what decoded
        pa.field("decode_s", pa.float64(), nullable=False),
        pa.field("compute_s", pa.float64(), nullable=False),  # the batch's, shared out by audio
        pa.field("batch", pa.int64(), nullable=False),
        pa.field("is_split", pa.bool_(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("device", pa.string(), nullable=False),
        pa.field("level_dbfs", pa.float64()),  # of what decoded; null where the row failed, or nobody measured it
        pa.field("words", WORDS),  # null where the recognizer gave no times; seconds from the segment's start
        pa.field("confidence", pa.float64()),  # of the hypothesis, in [0, 1]
        pa.field("alternatives", ALTERNATIVES),  # the n best, the hypothesis first; null where there are none
        pa.field("usage", USAGE),  # what the row's calls to a server used, failed ones too; null where there were none
        pa.field("is_unfinished", pa.bool_()),  # whether the text ended by a limit of tokens; null where nobody looked
    ]
)

STAGED_PARTS = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),  # position in the data that were staged
        pa.field("id", pa.string(), nullable=False),
        pa.field("path", pa.string()),  # in the staged set's folder; null where the utterance failed, as all below
        pa.field("num_samples", pa.int64()),
        pa.field("size_bytes", pa.int64()),
        pa.field("sha256", pa.string()),  # of the file, hexadecimal
        pa.field("coding", pa.string()),  # of the file, such as FLAC/PCM_16
        pa.field("is_exact", pa.bool_()),  # whether the file gives back the very samples that the original gives
        pa.field("level_dbfs", pa.float64()),
        pa.field("peak_dbfs", pa.float64()),
        pa.field("num_clipped", pa.int64()),  # samples at full scale
        pa.field("source_sample_rate", pa.int32()),
        pa.field("source_num_channels", pa.int32()),
        pa.field("source_coding", pa.string()),
        pa.field("error_kind", pa.string()),
        pa.field("error", pa.string()),
    ]
)

STAGED = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),  # position in the data that were staged
        pa.field("id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),  # relative to the table's folder; of a failed one no file
        pa.field("duration", pa.float64(), nullable=False),  # seconds; 0 where it failed
        pa.field("text", pa.string()),  # the reference
        pa.field("dataset", pa.string()),
        pa.field("split", pa.string()),
        pa.field("language", pa.string()),
        pa.field("speaker", pa.string()),
        pa.field("sample_rate", pa.int32(), nullable=False),  # of the staged audio, in Hz
        *(field for field in STAGED_PARTS if field.name not in ("index", "id", "path")),
        pa.field("source_audio", pa.string(), nullable=False),  # as the source named it
        pa.field("source_start_s", pa.float64()),  # null: the whole file
        pa.field("source_channel", pa.int32()),  # null: the mean of all
        pa.field("extra", pa.string()),  # a JSON object of the source's other columns
    ]
)

PUZZLES = pa.schema(
    [
        pa.field("clues", pa.binary(), nullable=False),  # a byte a cell, row by row: the tokens of puzzles.grids
        pa.field("solution", pa.binary()),  # likewise; null where it is not known
    ]
)

CELL_PARTS = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),  # position in the data, from 0
        pa.field("cell", pa.int32(), nullable=False),  # member * num_variants + variant, both as they were named
        pa.field("answer", pa.binary()),  # as an answer to the puzzle itself; null exactly where the row failed
        pa.field("score", pa.float32()),  # the solver's own; higher is surer
        pa.field("is_halted", pa.bool_()),  # whether the solver would have stopped by itself
        pa.field("num_steps", pa.int16()),
        pa.field("is_valid", pa.bool_()),  # whether the answer keeps the rules and the clues
        pa.field("compute_s", pa.float64(), nullable=False),  # the batch's, shared out by rows
        pa.field("error_kind", pa.string()),
        pa.field("error", pa.string()),
    ]
)

REPEATED = ("status", "reason", "skip_reason", "error_kind", "speaker", "language", "extra", "device", "audio",
            "coding", "source_coding", "dataset", "split")  # fmt: skip
"""The columns of texts that come again; for others a dictionary of values costs time and saves nothing."""

SCORED, FAILED, SKIPPED = "scored", "failed", "skipped"

SCORES = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # scored, failed or skipped
        pa.field("reason", pa.string()),  # why it failed or was skipped
        pa.field("reference", pa.string()),
        pa.field("hypothesis", pa.string()),
        pa.field("reference_normalized", pa.string()),
        pa.field("hypothesis_normalized", pa.string()),
        pa.field("hits", pa.int32()),
        pa.field("substitutions", pa.int32()),
        pa.field("deletions", pa.int32()),
        pa.field("insertions", pa.int32()),
        pa.field("character_errors", pa.int32()),
        pa.field("reference_characters", pa.int32()),
        pa.field("hypothesis_characters", pa.int32()),
        pa.field("alignment", pa.string()),  # run-length coded: "5=1S3=1I"
        # compounds written apart on one side that counted as right; null where there is none
        pa.field("forgiven", pa.list_(pa.struct([("reference", pa.string()), ("hypothesis", pa.string())]))),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("speaker", pa.string()),
        pa.field("language", pa.string()),
        pa.field("extra", pa.string()),
        pa.field("flags", pa.list_(pa.string()), nullable=False),  # the guards that it tripped: reports/guards.py
    ]
)

MISTAKES = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("reference", pa.string(), nullable=False),
        pa.field("prediction", pa.string(), nullable=False),
        pa.field("diff", pa.string(), nullable=False),
        pa.field("sample_wer", pa.float64()),
        pa.field("sample_cer", pa.float64()),
        pa.field("gpu_rank", pa.int32(), nullable=False),
    ]
)
