"""File descriptors: as many as the system allows, and what that means for connections."""

import logging
import resource
from typing import Final

from gateway.access.clients import RESERVE

OTHERS: Final = 100 + RESERVE
"""Descriptors for other things: broker, history, the listener, connections of the reserve."""

log = logging.getLogger(__name__)


def fitting(most: int, limit: int) -> int:
    """Return how many connections a process may have that has so many descriptors.

    That is `most`, or fewer, which is said in the log: without descriptors no connection would be
    refused, but all would wait.
    """
    if limit == resource.RLIM_INFINITY:
        return most
    possible = max(1, limit - OTHERS)
    if most <= possible:
        return most
    facts = {"limit": limit, "needed": most + OTHERS, "max_connections": possible}
    log.warning("gateway.few_descriptors", extra=facts)
    return possible
