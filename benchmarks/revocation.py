"""Measures how soon a revoked token has nothing open: many watchers at several processes.

Watchers come by WebSocket, by polling, and by Server-Sent Events, all with one token. It is revoked
in the history, as `buildfeed token revoke` does; each watcher notes when it was closed. Between the
rounds the broker or the gateway restarts, or both; in the last a process of the gateway is frozen
for a while when the token is revoked.
usage: python benchmarks/revocation.py --help
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "tests")]

from buildfeed.broker.local import ports
from buildfeed.grants import Grants
from buildfeed.history.store import Store
from buildfeed.history.tokens import Tokens
from support.brokers import Mosquitto
from support.lasting import WAYS, delays, gathered, refused, until_closed
from support.service import Web

FROZEN_SECONDS = 4.0
PATIENCE_SECONDS = 30.0


class Place:
    """A broker, and a gateway of several processes on one history."""

    def __init__(self, folder: Path, processes: int, stack: ExitStack) -> None:
        self.broker = Mosquitto(folder, "max_queued_messages 0")
        self.broker.start()
        stack.callback(self.broker.stop)
        store = stack.enter_context(closing(Store(f"sqlite:///{folder}/history.db")))
        self.tokens: Tokens = store.tokens()
        self.tokens.add("operator", Grants.parse(["operator"]))
        self.port = ports.free_block(1, os.getpid()) or 0
        self.web = Web(
            "gateway",
            folder,
            mqtt_url=self.broker.url,
            port=self.port,
            workers=processes,
            anonymous="none",
            max_per_address=0,
        )
        stack.enter_context(self.web)
        self.web.until_ready()

    def restart_gateway(self) -> None:
        """Stop all processes, and start them again."""
        self.web.stop()
        self.web.start()
        self.web.until_ready()

    def restart_broker(self) -> None:
        """Stop the broker, and start it again."""
        self.broker.stop()
        self.broker.start()
        self.web.until_ready()

    def restart_both(self) -> None:
        """Stop broker and gateway, and start them again."""
        self.web.stop()
        self.broker.stop()
        self.broker.start()
        self.web.start()
        self.web.until_ready()

    def processes(self) -> list[int]:
        """Return the processes of the gateway that serve (proc(5), `children`)."""
        pid = self.web.pid
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(each) for each in below]


async def revoke(place: Place, name: str, watchers: int, *, freeze: bool) -> dict[str, object]:
    """Let watchers in, revoke their token, and return how soon they were closed."""
    _, secret = place.tokens.add(name, Grants.parse(["viewer@*"]))
    share = watchers // 5
    counts = {"websocket": watchers - 2 * share, "polling": share, "sse": share}
    began = time.monotonic()
    there = await gathered(place.port, secret, counts)
    connected = time.monotonic() - began
    assert not [each for each in there if each.closed]
    frozen = place.processes()[-1] if freeze else 0
    if frozen:
        os.kill(frozen, signal.SIGSTOP)
    try:
        await asyncio.to_thread(place.tokens.revoke, name)
        revoked = time.monotonic()
        if frozen:
            await asyncio.sleep(FROZEN_SECONDS)
    finally:
        if frozen:
            os.kill(frozen, signal.SIGCONT)
    await until_closed(there, PATIENCE_SECONDS)
    took = delays(there, revoked)
    told = {f"{each.way}: {each.told or 'ended'}" for each in there}
    again = [await refused(place.port, secret, way) for way in WAYS]
    return {
        "watchers": len(took),
        "connected_seconds": round(connected, 2),
        "p50": round(took[len(took) // 2], 2),
        "p99": round(took[int(0.99 * len(took))], 2),
        "last": round(took[-1], 2),
        "told": sorted(told),
        "let in again": sum("let in" in each for each in again),
    }


def main() -> None:
    """Measure, and print a line of JSON for each round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--watchers", default=1000, type=int, help="default: %(default)s")
    parser.add_argument("--processes", default=4, type=int, help="default: %(default)s")
    parser.add_argument("--rounds", default=3, type=int, help="of each kind")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        place = Place(Path(name), asked.processes, stack)
        kinds: dict[str, Callable[[], None]] = {
            "nothing": lambda: None,
            "the gateway restarted": place.restart_gateway,
            "the broker restarted": place.restart_broker,
            "both restarted": place.restart_both,
            "a process frozen meanwhile": lambda: None,
        }
        for number in range(asked.rounds):
            for kind, before in kinds.items():
                before()
                freeze = "frozen" in kind
                found = asyncio.run(revoke(place, f"r{number}", asked.watchers, freeze=freeze))
                print(json.dumps({"before": kind, **found}), flush=True)


if __name__ == "__main__":
    main()
