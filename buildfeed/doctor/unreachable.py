"""The exception of a part that cannot be examined."""

from buildfeed.errors import BuildfeedError


class Unreachable(BuildfeedError):
    """A part cannot be reached, or does not answer as it should, for a `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason.rstrip("."))
        self.reason = reason.rstrip(".")
