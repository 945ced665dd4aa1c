"""Measures how soon a revoked token has nothing open: many watchers at several processes.

Watchers come by WebSocket, by polling, and by Server-Sent Events, all with one token. It is revoked
in the history, as `buildfeed token revoke` does; each watcher notes when it was closed. Before a
round the broker or the gateway restarts, or both; or that happens between the coming of the
watchers and the revocation, and those who were cut off come again. In the last round a process of
the gateway is frozen for a while when the token is revoked.
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
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

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
            max_per_principal=0,
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

    def kill_one(self) -> None:
        """Kill a process of the gateway; its successor serves when this returns."""
        self.web.kill_one()

    def kill_one_and_restart_broker(self) -> None:
        """Kill a process of the gateway while the broker is away."""
        self.broker.stop()
        self.web.kill_one()
        self.broker.start()
        self.web.until_ready()


def nothing(_place: Place) -> None:
    """Do nothing."""


class Round(NamedTuple):
    """What happens before the watchers come, and what before their token is revoked."""

    before: Callable[[Place], None] = nothing
    meanwhile: Callable[[Place], None] = nothing
    freezes: bool = False


ROUNDS = {
    "nothing": Round(),
    "before: the gateway restarted": Round(before=Place.restart_gateway),
    "before: the broker restarted": Round(before=Place.restart_broker),
    "before: both restarted": Round(before=Place.restart_both),
    "meanwhile: a process killed": Round(meanwhile=Place.kill_one),
    "meanwhile: the broker restarted": Round(meanwhile=Place.restart_broker),
    "meanwhile: a process killed, the broker restarted": Round(
        meanwhile=Place.kill_one_and_restart_broker
    ),
    "meanwhile: a process frozen": Round(freezes=True),
}


async def revoke(place: Place, name: str, watchers: int, kind: Round) -> dict[str, object]:
    """Let watchers in, revoke their token, and return how soon they were closed."""
    await asyncio.to_thread(kind.before, place)
    _, secret = place.tokens.add(name, Grants.parse(["viewer@*"]))
    share = watchers // 5
    counts = {"websocket": watchers - 2 * share, "polling": share, "sse": share}
    began = time.monotonic()
    there = await gathered(place.port, secret, counts)
    connected = time.monotonic() - began
    assert not [each for each in there if each.closed]
    await asyncio.to_thread(kind.meanwhile, place)
    await asyncio.sleep(1)  # those who poll learn by their next request that they were cut off
    cut = Counter(each.way for each in there if each.closed)
    there = [each for each in there if not each.closed]
    there += await gathered(place.port, secret, cut)
    frozen = place.web.processes[-1] if kind.freezes else 0
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
        "came again": cut.total(),
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
        for number in range(asked.rounds):
            for what, kind in ROUNDS.items():
                found = asyncio.run(revoke(place, f"r{number}", asked.watchers, kind))
                print(json.dumps({"round": what, **found}), flush=True)


if __name__ == "__main__":
    main()
