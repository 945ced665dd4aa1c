"""The checks of `buildfeed doctor`, one file a subject; `examination.py` runs them all."""
