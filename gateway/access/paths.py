"""Paths that the room of access, and those above it, treat in ways of their own. Pure."""

from typing import Final

SOCKETS: Final = "/socket.io"
"""The path of socket.io: a request there may do more than read."""
