"""The ids of new builds: their only source, which reads the clock and the system's randomness.

`names` has the form of an id.
"""

import secrets
import time

from buildfeed import names


def new() -> str:
    """Return the id of a new build, a UUIDv7 of now: ids sort by the millisecond they are made."""
    return names.build_id(time.time_ns() // 1_000_000, secrets.token_bytes(10))
