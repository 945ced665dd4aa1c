"""The ids of new builds: their only source, which reads the clock and the system's randomness.

`names` has the form of an id.
"""

import secrets
import time

from buildfeed import names


def new(after: int = 0) -> str:
    """Return the id of a new build, a UUIDv7 of now: ids sort by the millisecond they are made.

    It sorts behind every id of the Unix time `after`, in milliseconds: the clock of whoever made
    that one may be ahead of ours.
    """
    now_ms = time.time_ns() // 1_000_000
    return names.build_id(max(now_ms, after + 1), secrets.token_bytes(10))
