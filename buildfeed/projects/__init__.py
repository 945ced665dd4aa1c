"""The worker of real builds: it takes starts from the queue and runs the jobs of a file."""
