"""The formats that a run is exported in, by name; importing this loads none of the writers.

Each is called with the utterances of a run in the order of the data, and yields the file's bytes piece by piece. It
stands beside what reads the same format.
"""

from __future__ import annotations

from earmark.registry import Registry

EXPORTS = Registry("export format", group="earmark.exports")
EXPORTS.add("ctm", "earmark.formats.ctm:write_ctm", "NIST's: a recognized word a line, with times and confidence")
EXPORTS.add(
    "jsonl", "earmark.formats.scored_jsonl:write_scored_jsonl", "all of it: texts, counts, words, confidences, n best"
)
EXPORTS.add("csv", "earmark.formats.scored_csv:write_scored_csv", "texts, counts and confidences, safe to open")
