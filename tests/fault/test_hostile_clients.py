"""Strangers send frames and requests that no client sends: nobody else notices, nothing is left.

`make faults` sends 100 000 of each, as does
`python -m pytest tests/fault/test_hostile_clients.py -s --hostile=100000 --seed=7`.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import socketio

from buildfeed.broker.local import ports
from support import hostile
from support.honest import Delays, Honest, speech
from support.rabbitmq import ControlledRabbitMQ
from support.service import Web, until
from support.sse import metric

WATCHERS = 'buildfeed_watchers{transport="socketio"}'
MEMORY = "process_resident_memory_bytes"
MIB = 1024 * 1024
WARM_UP = 1000
"""How many come before memory is measured, or a fifth of all: the heap grows to what they take at
once, and with that it stays."""
GONE_SECONDS = 60
"""Seconds until the gateway has missed the pongs of those who said no goodbye (45), and some."""
LATE_SECONDS = 2.0
"""Seconds that a state may take to a watcher while strangers take a processor for themselves."""


@pytest.fixture
def gateway(rabbitmq: ControlledRabbitMQ, tmp_path: Path) -> Iterator[Web]:
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url}
    port = ports.free_block(1, 0)
    with Web("gateway", tmp_path, port=port, frame_ms=0, idle_seconds=5, **urls) as web:
        yield web.until_ready()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["frames", "requests"])
def test_whatever_strangers_send_nobody_notices(
    kind: str,
    gateway: Web,
    rabbitmq: ControlledRabbitMQ,
    pytestconfig: pytest.Config,
    capsys: pytest.CaptureFixture[str],
) -> None:
    count, seed = pytestconfig.getoption("hostile"), pytestconfig.getoption("seed")
    with speech(rabbitmq) as worker, socketio.SimpleClient() as poller:
        honest = Honest(gateway)
        poller.connect(gateway.url, transports=["polling"])
        visit(gateway, kind, max(WARM_UP, count // 5), seed + 1)
        before = metric(gateway, MEMORY)
        answers = visit(gateway, kind, count, seed)
        until(lambda: metric(gateway, WATCHERS) == 2, "only who behaves is left", GONE_SECONDS)
        until(lambda: sessions(gateway) <= 4, "no session of strangers is left", GONE_SECONDS)
        grown = metric(gateway, MEMORY) - before
        last = worker.end()
        until(lambda: last.items() <= set(honest.heard), "the final picture")
        missed = worker.said.keys() - honest.heard.keys()
        poller.call("watch", "builds/loud/#", timeout=10)
        honest.close()
    until(lambda: metric(gateway, WATCHERS) == 0, "nobody is left")

    delays = Delays.of(honest, worker)
    with capsys.disabled():
        figures = f"{count} {kind}, seed {seed}: +{grown / MIB:.1f} MiB, {delays}"
        sys.stdout.write(f"\n{figures}\nanswers {dict(sorted(answers.items()))}\n")
    first = min(honest.heard.values())
    assert not [each for each in missed if worker.said[each] > first]
    assert "Traceback" not in gateway.text
    assert " ERROR " not in gateway.text
    assert grown < 30 * MIB
    assert delays.p99 < LATE_SECONDS
    assert answers["200" if kind == "requests" else "101"] > count / 100
    assert answers.get("500", 0) == 0


def visit(gateway: Web, kind: str, count: int, seed: int) -> dict[str, int]:
    """Let strangers come; return how often what was answered."""
    command = [hostile.__file__, kind, gateway.options["port"], count, seed]
    done = subprocess.run(
        [sys.executable, *map(str, command)], check=True, stdout=subprocess.PIPE, timeout=3000
    )
    return dict(json.loads(done.stdout))


def sessions(gateway: Web) -> float:
    """How many connections and sessions are open, the one that asks included."""
    return metric(gateway, "buildfeed_connections")
