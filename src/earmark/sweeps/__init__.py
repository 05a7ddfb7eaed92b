"""Many members and variants over the same items: which are done, in which order, and what they come to together."""
