"""Builds at a terminal: what a gateway tells of them, as lines, bars or JSON; starts and stops."""
