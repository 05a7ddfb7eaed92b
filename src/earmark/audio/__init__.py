"""From an audio file to the one kind of waveform that recognizers see: float32, mono, 16 kHz."""
