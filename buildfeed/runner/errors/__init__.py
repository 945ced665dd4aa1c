"""Errors in the output of a build: `finder.py` finds them, a file for each dialect knows its form.

A dialect reads a line by `read(text, findings)`, which returns True when the line is of that
dialect, so that no other reads it. One whose errors take several lines is a class, and holds what
it knows so far; `settle` hands that out when no more output comes.
"""
