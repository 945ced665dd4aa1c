"""The bytes of an event: one whose body cannot be made is left out, and no other with it."""

import logging
import time
from collections.abc import Callable
from typing import Final

from gateway.log_limit import LogLimit
from gateway.state.event import Event
from gateway.state.event_bodies import Body

log = logging.getLogger(__name__)

_LOGGED: Final = LogLimit(20)


def encoded(event: Event, encode: Callable[[str, Body], bytes]) -> bytes:
    """Return what `encode` makes of the name and the body of an event.

    Empty, and a log, if that fails: a bug of ours, which must not cost watchers the other events.
    """
    try:
        return encode(event.name, event.body())
    except Exception as exc:
        left_out = _LOGGED.take(type(exc).__name__, time.monotonic())
        if left_out is not None:
            facts = {"subject": str(event.subject), "left_out": left_out}
            log.exception("gateway.event_failed", extra=facts)
        return b""
