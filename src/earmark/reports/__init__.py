"""What is said of a run: scores, summary, mistakes. Reads the store and nothing above it; needs no recognizer."""
