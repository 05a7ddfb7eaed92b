"""What a run keeps, and how it survives a kill at any moment. Knows files and tables, no recognizer and no score."""
