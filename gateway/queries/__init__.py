"""Reads: a build, a page of builds, a snapshot. The board, and history beyond it."""
