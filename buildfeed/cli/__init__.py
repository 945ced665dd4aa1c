"""The `buildfeed` command, and `buildfeed up`: everything on one machine. No room imports it."""
