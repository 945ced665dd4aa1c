"""The worker: takes starts from a queue, runs builds, publishes their activities."""
