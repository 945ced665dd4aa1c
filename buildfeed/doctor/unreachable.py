"""The exception of a part that cannot be examined."""

import socket
import ssl

from buildfeed.errors import BuildfeedError


class Unreachable(BuildfeedError):
    """A part cannot be reached, or does not answer as it should, for a `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason.rstrip("."))
        self.reason = reason.rstrip(".")


def reason(exc: BaseException) -> str:
    """Return what an exception of a connection says."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, socket.gaierror):
        return "its name is unknown"
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
