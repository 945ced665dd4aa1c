#!/usr/bin/env python3
"""Health check of a container: it has lasting connections to these remote TCP ports.

usage: connected PORT...

RabbitMQ takes 3 s to refuse a password, so a connection counts if it lasts for 4 s.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SECONDS: Final = 4
"""How long a connection has to last."""
ESTABLISHED: Final = "01"  # TCP_ESTABLISHED in the kernel's tcp_states.h


def connections() -> Iterator[tuple[str, str]]:
    """Yield local and remote address, hexadecimal, of every connection in this container."""
    for table in Path("/proc/net").glob("tcp*"):
        for line in table.read_text().splitlines()[1:]:
            _, local, remote, state, *_ = line.split()
            if state == ESTABLISHED:
                yield local, remote


def main() -> None:
    """Exit with 0 if all ports have a lasting connection, else with 1 and the missing ports."""
    first = set(connections())
    time.sleep(SECONDS)
    reached = {int(remote.rpartition(":")[2], 16) for _, remote in first & set(connections())}
    if missing := {int(port) for port in sys.argv[1:]} - reached:
        sys.exit(f"Not connected to port {sorted(missing)}.")


if __name__ == "__main__":
    main()
