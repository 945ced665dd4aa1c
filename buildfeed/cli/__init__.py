"""The `buildfeed` command, and `buildfeed up`: everything on one machine. Nobody imports it."""
