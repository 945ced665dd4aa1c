"""Malformed payloads: they came on a build topic, are no activities, and are set aside. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

MAX_KEPT: Final = 1000
"""Payloads in the table; older ones are removed."""
MAX_TEXT: Final = 200
"""Characters kept of a topic and of a reason."""
MAX_PAYLOAD_BYTES: Final = 4096
"""Bytes kept of a payload."""


class Malformed(msgspec.Struct, frozen=True):
    """A payload that came on `topic` and was refused for `reason`."""

    topic: str
    reason: str
    payload: bytes

    @property
    def fields(self) -> dict[str, str]:
        """Topic and reason, cut short."""
        return {"topic": _short(self.topic), "reason": _short(self.reason)}

    def row(self, now: datetime, storable: Callable[[str], str]) -> dict[str, object]:
        """Return the row of the table `malformed`, with every value cut short."""
        texts = {name: storable(text) for name, text in self.fields.items()}
        return {"time": now, **texts, "payload": self.payload[:MAX_PAYLOAD_BYTES]}


def _short(text: str) -> str:
    return text[:MAX_TEXT].replace("\0", "�")  # PostgreSQL has no NUL in a text
