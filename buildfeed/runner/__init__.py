"""The runner of commands: what a command that builds something prints, and what that tells."""
