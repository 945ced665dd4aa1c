"""The machine under a command: standard streams, signals, folders, locks, leftover processes."""
