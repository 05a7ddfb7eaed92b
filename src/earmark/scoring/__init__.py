"""From texts to numbers: error counts, rates, alignments and confidence intervals.

Pure: it reads and writes no file, knows no recognizer and no run, and never changes a text but for its whitespace.
"""
