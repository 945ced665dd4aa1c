"""How many files and connections this process may have open."""

import resource
from typing import Final

from buildfeed.errors import BuildfeedError

_LEAST: Final = 64
"""Descriptors below which no command that serves can work."""


class TooFewOpenFiles(BuildfeedError):
    """The hard limit of open files is `limit`, which is too low."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"Only {limit} files may be open at a time, and {_LEAST} are needed at least: "
            "raise the limit, as in `ulimit -n 1024`."
        )
        self.limit = limit


def raise_limit() -> int:
    """Raise the limit of this process, and of those that it starts, to the hard one; return it.

    Raises TooFewOpenFiles.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < _LEAST:  # -1 is no limit
        raise TooFewOpenFiles(hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
