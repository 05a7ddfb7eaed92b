"""From a source to a plan: which utterances, in which batches, in which shards. Knows no recognizer and no engine."""
