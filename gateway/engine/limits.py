"""The limits of a connection, and how one of them is told to be reached. Pure."""

from typing import Final

import msgspec

BURST_SECONDS: Final = 10
"""Seconds for which a client may have said nothing, and catch up on at once."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a connection: in seconds, and `max_bytes` of one message of a client.

    A pong is due before the next ping: `ping_timeout` is less than `ping_interval`. The
    `connect_timeout` is also that of an upgrade. `messages_per_second` counts packets and pings;
    `unfetched_bytes` may wait for a client that polls when it says more.
    """

    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    connect_timeout: float = 10.0
    stuck: float = 30.0
    max_bytes: int = 64 * 1024
    messages_per_second: int = 20
    unfetched_bytes: int = 256 * 1024

    @property
    def message_burst(self) -> int:
        """Messages that a client may send at once (the size of a token bucket)."""
        return BURST_SECONDS * self.messages_per_second


class LimitReached(Exception):
    """A client says too much. `limit` is the setting that bounds it, as its option is called.

    `reason` fits into a close frame (RFC 6455 §5.5: 123 bytes).
    """

    def __init__(self, limit: str, reason: str) -> None:
        super().__init__(reason)
        self.limit = limit
        self.reason = reason
