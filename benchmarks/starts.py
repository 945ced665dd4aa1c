"""Measures the cost of a start: confirmed starts a second, CPU of publisher and broker.

On a private RabbitMQ, without workers and recorder. `pika` is a bare client with the same messages,
which is the least that a start can cost. `link` is the gateway's AMQP connection. `http` is a
gateway process with keep-alive clients, whose CPU does not count; `key` adds an Idempotency-Key to
each start.
usage: python benchmarks/starts.py [COUNT] [AT_A_TIME]
"""

import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import aiohttp
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.channel import Channel

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests")]

from buildfeed import command, names  # noqa: E402
from buildfeed.activity import Activity, Script, encode  # noqa: E402
from buildfeed.broker.amqp.link import AmqpLink  # noqa: E402
from buildfeed.broker.amqp.topology import BUILDS, TOPIC_EXCHANGE, assert_topology  # noqa: E402
from buildfeed.broker.local import ports  # noqa: E402
from support.rabbitmq import ControlledRabbitMQ  # noqa: E402
from support.service import Web  # noqa: E402

PROPERTIES = pika.BasicProperties(delivery_mode=2, headers={"priority": "normal"})


class Benchmark:
    """`count` starts in each way, with at most `at_a_time` unconfirmed."""

    def __init__(
        self, broker: ControlledRabbitMQ, folder: Path, count: int, at_a_time: int
    ) -> None:
        self._broker = broker
        self._folder = folder
        self._count = count
        self._at_a_time = at_a_time
        self._broker_pid = int(broker.ctl("eval", "os:getpid().").strip().strip('"'))

    def run(self) -> None:
        """Print the table."""
        print(f"{self._count} starts       per second   CPU-ms of the publisher   of the broker")
        self._one_by_one()
        self._pipelined()
        self._link()
        for name, headers in (("http", dict), ("key", _idempotency_key)):
            self._http(name, headers)

    def _one_by_one(self) -> None:
        with self._channel() as channel:
            channel.confirm_delivery()
            with self._measured("pika, one by one", os.getpid()):
                for start in starts(self._count):
                    channel.basic_publish(
                        TOPIC_EXCHANGE, start.topic.routing_key, encode(start), PROPERTIES
                    )

    def _pipelined(self) -> None:
        todo = list(starts(self._count))
        with self._measured(f"pika, {self._at_a_time} at a time", os.getpid()):
            Pipeline(self._broker.amqp_url, todo, self._at_a_time).run()

    def _link(self) -> None:
        link = AmqpLink(self._broker.amqp_url, name="benchmark")
        link.start()
        todo = starts(self._count)

        async def caller() -> None:
            for start in todo:
                await asyncio.wrap_future(link.publish(start))

        async def callers() -> None:
            await asyncio.gather(*(caller() for _ in range(self._at_a_time)))

        link.call(lambda _: None).result()
        with self._measured(f"link, {self._at_a_time} at a time", os.getpid()):
            asyncio.run(callers())
        link.stop()

    def _http(self, name: str, headers: Callable[[], dict[str, str]]) -> None:
        gateway = Web(
            "gateway",
            self._folder,
            mqtt_url=self._broker.mqtt_url,
            amqp_url=self._broker.amqp_url,
            port=ports.free_block(1, secrets.randbelow(100_000)),
            starts_per_minute=10**9,
        )
        todo = iter(range(self._count))

        async def client(session: aiohttp.ClientSession) -> None:
            for _ in todo:
                async with session.post("/api/projects/load/builds", headers=headers()) as answer:
                    await answer.read()

        async def clients() -> None:
            async with aiohttp.ClientSession(gateway.url, raise_for_status=True) as session:
                await asyncio.gather(*(client(session) for _ in range(self._at_a_time)))

        with gateway:
            gateway.until_ready()
            with self._measured(f"{name}, {self._at_a_time} at a time", gateway.pid):
                asyncio.run(clients())

    @contextmanager
    def _measured(self, name: str, publisher: int) -> Iterator[None]:
        """Print a line of the table; check that the starts are in the queue, and remove them."""
        pids = publisher, self._broker_pid
        used, began = [*map(cpu_seconds, pids)], time.monotonic()
        yield
        seconds = time.monotonic() - began
        costs = [
            (cpu_seconds(pid) - before) * 1000 / self._count
            for pid, before in zip(pids, used, strict=True)
        ]
        print(f"{name:20} {self._count / seconds:10.0f}   {costs[0]:23.2f}   {costs[1]:13.2f}")
        with self._channel() as channel:
            arrived = channel.queue_purge(BUILDS).method.message_count
        if arrived != self._count:
            sys.exit(f"{arrived} starts are in the queue")

    @contextmanager
    def _channel(self) -> Iterator[BlockingChannel]:
        with closing(pika.BlockingConnection(pika.URLParameters(self._broker.amqp_url))) as opened:
            channel = opened.channel()
            assert_topology(channel)
            yield channel


class Pipeline:
    """Publishes with pika alone, with at most `at_a_time` unconfirmed."""

    def __init__(self, url: str, todo: list[Activity], at_a_time: int) -> None:
        self._url = url
        self._todo = iter(todo)
        self._sent = self._confirmed = 0
        self._at_a_time = at_a_time

    def run(self) -> None:
        """Return when all are confirmed."""
        self._connection = pika.SelectConnection(pika.URLParameters(self._url), self._connected)
        self._connection.ioloop.start()

    def _connected(self, connection: pika.SelectConnection) -> None:
        connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(self._confirm)
        self._fill()

    def _confirm(self, frame: pika.frame.Method) -> None:
        tag = frame.method.delivery_tag
        self._confirmed = tag if frame.method.multiple else self._confirmed + 1
        self._fill()

    def _fill(self) -> None:
        for start in islice(self._todo, self._at_a_time - (self._sent - self._confirmed)):
            self._channel.basic_publish(
                TOPIC_EXCHANGE, start.topic.routing_key, encode(start), PROPERTIES
            )
            self._sent += 1
        if self._confirmed == self._sent:
            self._connection.ioloop.stop()


def starts(count: int) -> Iterator[Activity]:
    """Yield new starts."""
    for _ in range(count):
        build = names.build_id(time.time_ns() // 1_000_000, secrets.token_bytes(10))
        wish = {"by": "ada", "script": Script(), "priority": "normal"}
        yield command.start("load", build, datetime.now(UTC), **wish)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _idempotency_key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


def main(count: str = "2000", at_a_time: str = "32") -> None:
    """Measure `count` starts each way."""
    with tempfile.TemporaryDirectory() as folder:
        broker = ControlledRabbitMQ(Path(folder) / "rabbitmq")
        broker.start()
        try:
            Benchmark(broker, Path(folder), int(count), int(at_a_time)).run()
        finally:
            broker.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
