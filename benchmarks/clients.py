"""Measures what the official clients of socket.io cost the gateway, by their way of connecting.

Clients in Node, all in one process, watch builds whose progress one publisher publishes. Compared
in one run, interleaved: clients with default options, which poll first and upgrade, beside clients
that begin as a WebSocket; and clients that only poll, at a gateway of four processes, beside stock
python-socketio. Ends with a fault when a client has another picture than the rest.
usage: python benchmarks/clients.py --help
"""

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
from fanout import (
    HERE,
    OTHER_CORE,
    SETTLE_SECONDS,
    Program,
    allow_many_files,
    cpu_seconds,
    on_core,
    program,
    resident,
)

from buildfeed.broker.local import ports
from support.brokers import Mosquitto
from support.service import Web

FILTER = "builds/bench/#"
WARM_UP = 20
KEEP_ALIVE_SECONDS = 6  # after which the connections that opened sessions have ended


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A server with `processes`, 0 for stock python-socketio, and its clients."""

    name: str
    processes: int
    transports: str
    clients: int


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a case cost: CPU in µs for each client and activity, memory for each idle client."""

    name: str
    cpu_us: float
    idle_kib: float
    events: float
    """Events for each client and activity: fewer than 1 when states were merged."""


def cases(upgraded: int, polling: int) -> list[Case]:
    """Return all cases; those that are compared stand beside each other."""
    return [
        Case(name="websocket", processes=1, transports="websocket", clients=upgraded),
        Case(name="default", processes=1, transports="default", clients=upgraded),
        Case(name="stock polling", processes=0, transports="polling", clients=polling),
        Case(name="polling", processes=4, transports="polling", clients=polling),
    ]


def processes(pid: int) -> list[int]:
    """Return a process and all below it (proc(5), `children`)."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in below for each in processes(int(child)))]


def measure(case: Case, rate: float, seconds: float) -> Figures:
    """Run a server and its clients; raise RuntimeError when pictures differ or clients are lost."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        directory = Path(folder)
        port = ports.free_block(1, secrets.randbelow(100_000)) or 0
        broker = Mosquitto(directory, "max_queued_messages 0", "set_tcp_nodelay true")
        with on_core(OTHER_CORE):
            broker.start()
        stack.callback(broker.stop)
        if case.processes:
            options = {"mqtt_url": broker.url, "port": port, "workers": case.processes}
            options |= {"max_per_address": 0}  # all clients come from one
            pid = stack.enter_context(Web("gateway", directory, **options)).until_ready().pid
        else:
            stock = program(sys.executable, str(HERE / "peers" / "stock.py"))
            pid = stock(directory, broker.url, port, stack)
        url = f"http://127.0.0.1:{port}"
        with on_core(OTHER_CORE):
            node = Program("node", HERE / "official.mjs", url, FILTER, case.transports)
            publisher = Program(sys.executable, HERE / "publisher.py", broker.url)
        clients = stack.enter_context(node)
        stack.enter_context(publisher)
        clients.ask(f"open {WARM_UP}")
        before = sum(map(resident, processes(pid)))
        clients.ask(f"open {case.clients - WARM_UP}")
        grown = sum(map(resident, processes(pid))) - before

        time.sleep(KEEP_ALIVE_SECONDS)
        clients.ask("count")
        used = sum(map(cpu_seconds, processes(pid)))
        publisher.tell(f"{rate} 1")
        time.sleep(seconds)
        publisher.tell("0 1")
        time.sleep(2 * SETTLE_SECONDS)
        used = sum(map(cpu_seconds, processes(pid))) - used
        found = clients.ask("count")
    if len(found["pictures"]) > 1 or found["lost"]:
        raise RuntimeError(f"{case.name}: {found}")
    due = sum(seq for _, seq in json.loads(found["pictures"][0])) * case.clients
    return Figures(
        name=case.name,
        cpu_us=used / due * 1e6,
        idle_kib=grown / (case.clients - WARM_UP) / 1024,
        events=found["events"] / due,
    )


def main() -> None:
    """Measure all cases in turn, as often as asked; print each, and the medians of the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", default=5, type=int, help="default: %(default)s")
    parser.add_argument("--upgraded", default=1000, type=int, help="clients; default: %(default)s")
    parser.add_argument("--polling", default=100, type=int, help="clients; default: %(default)s")
    parser.add_argument("--rate", default=10.0, type=float, help="activities a second")
    parser.add_argument("--seconds", default=5.0, type=float, help="of a measurement")
    asked = parser.parse_args()
    allow_many_files()
    rounds = []
    for _ in range(asked.runs):
        found = {}
        for case in cases(asked.upgraded, asked.polling):
            found[case.name] = measure(case, asked.rate, asked.seconds)
            print(msgspec.json.encode(found[case.name]).decode(), flush=True)
        rounds.append(found)
    for name, beside in (("default", "websocket"), ("polling", "stock polling")):
        for figure in ("cpu_us", "idle_kib"):
            ratios = [
                getattr(each[name], figure) / getattr(each[beside], figure) for each in rounds
            ]
            print(f"{figure}: {name} beside {beside}: {statistics.median(ratios):.2f} times")


if __name__ == "__main__":
    main()
