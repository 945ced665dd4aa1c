"""A thousand readers that stop: what they cost, and that nobody else notices."""

import os
import resource
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from buildfeed.broker.local import ports
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ
from support.loud import speaking
from support.service import Web, until
from support.sse import metric, stalled_reader, stalled_watcher, watching

READERS = 1000
ROUNDS = 20
BUILDS = {f"b{number}" for number in range(300)}
MIB = 1024 * 1024


@contextmanager
def many_files() -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


@pytest.mark.parametrize(
    ("stall", "transport", "others"), [(stalled_reader, "sse", 1), (stalled_watcher, "socketio", 0)]
)
def test_a_thousand_stalled_readers(
    rabbitmq: PrivateRabbitMQ,
    tmp_path: Path,
    stall: Callable[[Web, str], socket.socket],
    transport: str,
    others: int,
) -> None:
    watchers = f'buildfeed_watchers{{transport="{transport}"}}'
    port = ports.free_block(1, os.getpid())
    urls = {"mqtt_url": rabbitmq.mqtt_url, "amqp_url": rabbitmq.amqp_url, "max_per_address": 0}
    with (
        many_files(),
        Web("gateway", tmp_path, port=port, **urls) as gateway,
        speaking(rabbitmq) as speak,
    ):
        gateway.until_ready()
        stalled = [stall(gateway, "builds/loud/#") for _ in range(READERS)]
        with watching(gateway, "builds/loud/#") as quick:
            memory = metric(gateway, "process_resident_memory_bytes")
            for seq in range(ROUNDS):
                for build in BUILDS:
                    speak(build, seq, "running")
                quick.until("build", 60, seq=seq)  # it keeps up
            for build in BUILDS:
                speak(build, ROUNDS, "failed")
            until(lambda: ended(quick.picture.values()) == len(BUILDS), "every ending", 60)
            grown = metric(gateway, "process_resident_memory_bytes") - memory
            merged = metric(gateway, "buildfeed_states_merged_total")
            until(lambda: metric(gateway, watchers) == others, "the others are closed", 90)
            assert metric(gateway, "buildfeed_watchers_stuck_total") == READERS
        sys.stdout.write(
            f"\n{READERS} stalled, {transport}: +{grown / MIB:.0f} MiB, {merged:.0f} merged\n"
        )
        assert grown < 200 * MIB  # everything that was sent to them: 10 GiB
        for reader in stalled:
            reader.close()


def ended(bodies: Iterable[dict[str, Any]]) -> int:
    return sum(body["status"] == "failed" for body in bodies)
