"""Start and stop: each sent once, and confirmed."""
