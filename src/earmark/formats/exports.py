"""The formats that a run is exported in, by name; importing this loads none of the writers.

Each is called with the run (``exported_run.ExportedRun``: its utterances in the order of the data when it is iterated),
and yields the file's bytes piece by piece. A format that has a file for each recording has a method ``files``, too,
which yields names with their content. Each stands beside what reads the same format.
"""

from __future__ import annotations

from earmark.registry import Registry

EXPORTS = Registry("export format", group="earmark.exports")
_ALL = (
    ("jsonl", "scored_jsonl:write_scored_jsonl", "all of it: texts, counts, words, confidences, n best"),
    ("csv", "scored_csv:write_scored_csv", "texts, counts and confidences, safe to open"),
    ("nemo", "nemo:write_nemo", "NeMo's manifest with text and pred_text"),
    ("open-asr", "open_asr:write_open_asr", "the Open ASR leaderboard's result file"),
    ("hf-eval-results", "hub_results:write_hub_results", "YAML for .eval_results of a model's repository"),
    ("trn", "trn:write_trn", "NIST's hypotheses, as they were scored"),
    ("trn-ref", "trn:write_trn_references", "NIST's references, as they were scored"),
    ("pra", "pra:write_pra", "sclite's alignments"),
    ("dtl", "sclite_reports:write_dtl", "sclite's totals and confusions"),
    ("sys", "sclite_reports:write_sys", "sclite's table by speaker"),
    ("ctm", "ctm:write_ctm", "NIST's: a recognized word a line, with times and confidence"),
    ("stm", "stm:write_stm", "NIST's reference segments, which go with ctm"),
    ("kaldi", "kaldi:write_kaldi", "Kaldi's text of the hypotheses"),
    ("kaldi-ref", "kaldi:write_kaldi_references", "Kaldi's text of the references"),
    ("icefall", "icefall:write_icefall", "icefall's recogs file"),
    ("seglst", "seglst:write_seglst", "a JSON list of segments, for MeetEval"),
    ("srt", "subtitles:write_srt", "subtitles, a file a recording; needs times"),
    ("vtt", "subtitles:write_vtt", "the same for the web; needs times"),
    ("mistakes", "mistakes_parquet:write_mistakes", "the utterances with errors as one Parquet table"),
    ("results-csv", "job_csv:write_results_csv", "a row an utterance, as --job-id writes them"),
    ("results-summary-csv", "job_csv:write_requests_csv", "a row a worker, as --job-id writes them"),
    ("speechbrain", "speechbrain_json:write_speechbrain", "the summary that SpeechBrain's recipes print"),
    ("md", "summary_tables:write_markdown", "the numbers as a Markdown table"),
    ("latex", "summary_tables:write_latex", "the numbers as a LaTeX table"),
)
for _name, _target, _summary in _ALL:
    EXPORTS.add(_name, f"earmark.formats.{_target}", _summary)

CONVENTIONS = {"open-asr": "earmark.formats.open_asr:open_asr_name"}
"""Where a file's name says something: what makes it, called with the run."""
