"""What of a machine an evaluation depends on, looked at one thing at a time. Knows no run and no model."""
