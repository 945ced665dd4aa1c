"""Paths: the spellings of one, and the root below which a proxy serves them. Pure.

Two paths are one if they differ in slashes only: at the end, or several for one. A proxy that
serves Buildfeed below `/ci` may pass that on, or take it away. So a request is for the same place
with and without it, and every link that leaves has it.
"""

import re
from typing import Final

SOCKETS: Final = "/socket.io"
"""The path of socket.io: a request there may do more than read."""

OWN: Final = frozenset(
    (
        SOCKETS.strip("/"),
        *("api", "assets", "badge", "embed", "favicon.svg", "healthz", "icons", "login"),
        *("manifest.webmanifest", "metrics", "operations", "phone", "projects", "readyz"),
        *("s", "scripts", "styles", "vendor"),
    )
)
"""The first parts of our own paths, none of which can begin a root."""

_METHODS: Final = "GET", "POST"
_SLASHES: Final = re.compile(r"/{2,}")
_PART: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*", re.ASCII)


class Paths:
    """The paths below `root`, which is empty or as `root()` returns it."""

    def __init__(self, root: str = "") -> None:
        self.root = root
        """What a link to one of our own paths begins with."""
        sockets = {SOCKETS, f"{root}{SOCKETS}"}
        self.begins = tuple(f"{method} {each}".encode() for method in _METHODS for each in sockets)
        """How a request to SOCKETS begins, in the spellings that clients use."""

    def own(self, path: str) -> str:
        """Return the path of ours that a request for `path` means, in its one spelling."""
        path = _SLASHES.sub("/", path)
        if self.root and f"{path}/".startswith(f"{self.root}/"):
            path = path[len(self.root) :]
        return path.removesuffix("/") or "/"

    def bare(self, data: bytes) -> bytes:
        """Return `data`, the beginning of a request, without the root in its first line."""
        if self.root:
            for method in _METHODS:
                begin = f"{method} {self.root}/".encode()
                if data.startswith(begin):
                    return f"{method} /".encode() + data[len(begin) :]
        return data


def root(text: str) -> str:
    """Return the root that an operator means by `text`: empty, or as `/ci`.

    Raises ValueError that says what is wrong.
    """
    parts = _SLASHES.sub("/", text.strip()).strip("/").split("/")
    if parts == [""]:
        return ""
    if not all(map(_PART.fullmatch, parts)):
        raise ValueError("it has parts of letters, digits, '-', '_', '.' and '~' between slashes")
    if parts[0] in OWN:
        raise ValueError(f"Buildfeed itself has paths that begin with /{parts[0]}, choose another")
    return "/" + "/".join(parts)
