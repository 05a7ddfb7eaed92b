"""The field's files of references and hypotheses, read by name; importing this loads none of the readers.

Each reader is called with a path, what is wanted of the file, and what to call its system where it names none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from earmark.registry import Registry

if TYPE_CHECKING:
    from earmark.formats.transcript import Transcript, Wanted

FORMATS = Registry("format", group="earmark.formats")
FORMATS.add(
    "jsonl",
    "earmark.formats.named:read_jsonl",
    "NeMo manifest (text, pred_text or several pred_text_*), Open ASR leaderboard, {id, reference, hypotheses}",
)
FORMATS.add("csv", "earmark.formats.named:read_csv", "a table with a header")
FORMATS.add("tsv", "earmark.formats.named:read_tsv", "the same, with tabs")
FORMATS.add("parquet", "earmark.formats.named:read_parquet", "a Parquet table")
FORMATS.add("kaldi", "earmark.formats.kaldi:read_kaldi", "Kaldi's text: an id, then the words")
FORMATS.add("trn", "earmark.formats.trn:read_trn", "NIST's: the words, then (id)")
FORMATS.add("stm", "earmark.formats.stm:read_stm", "NIST's reference segments, with times")
FORMATS.add("ctm", "earmark.formats.ctm:read_ctm", "NIST's recognized words, with times; goes with stm")
FORMATS.add("seglst", "earmark.formats.seglst:read_seglst", "a JSON list of segments with session, speaker and times")
FORMATS.add("pra", "earmark.formats.pra:read_pra", "sclite's alignments, with both texts")
FORMATS.add("icefall", "earmark.formats.icefall:read_icefall", "icefall's recogs file, with both texts")
FORMATS.add("srt", "earmark.formats.subtitles:read_subtitles", "subtitles of one recording: the text of all cues")
FORMATS.add("vtt", "earmark.formats.subtitles:read_subtitles", "the same, WebVTT")
FORMATS.add("lines", "earmark.formats.plain:read_lines", "a text each, matched by the number of the line")


def read_transcript(path: str, wanted: Wanted, *, format_name: str | None = None) -> Transcript:
    """Read the file at ``path``, in the format of that name or as its ending and its content tell.

    Of files that are scored together ``sniff.formats_of`` tells the formats, as each says something of the other.

    Raises UnknownNameError for a name that is none, ManifestError for a file that cannot be read, and UsageError where
    it has not what is wanted of it.
    """
    from earmark.formats.sniff import check_file, format_of

    check_file(path)
    read = FORMATS.load(format_name or format_of(path))
    transcript: Transcript = read(path, wanted, Path(path).stem)
    return transcript
