"""Measures how long high and normal builds of a backlog wait for the one worker.

On a private RabbitMQ. Prints seconds from queued to running, and the share of normal builds while
high ones waited: one in four is the rule.
usage: python benchmarks/priority.py [BUILDS] [SECONDS_OF_A_BUILD]
"""

import secrets
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests")]

from buildfeed import command, names  # noqa: E402
from buildfeed.activity import Activity, Priority, Script, decode  # noqa: E402
from buildfeed.broker.amqp.link import AmqpLink  # noqa: E402
from buildfeed.broker.amqp.topology import publish  # noqa: E402
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ  # noqa: E402
from buildfeed.broker.mqtt.link import Message, MqttLink  # noqa: E402
from support.service import Service, until  # noqa: E402

SLOTS = 2


def main(builds: str = "100", seconds: str = "0.5") -> None:
    """Measure two backlogs of `builds`, each build of `seconds`."""
    count = int(builds)
    few = count // 10
    backlogs: dict[str, list[Priority]] = {
        "half of each, in turn": ["high", "normal"] * (count // 2),
        f"{few} high after the others": ["normal"] * (count - few) + ["high"] * few,
    }
    script = Script(seconds=float(seconds), steps=5, errors=())
    print(f"{builds} builds of {seconds} s on one worker with {SLOTS} slots: seconds of waiting")
    with tempfile.TemporaryDirectory() as folder:
        broker = PrivateRabbitMQ(Path(folder) / "rabbitmq")
        broker.start()
        try:
            for name, priorities in backlogs.items():
                tell(name, taken(broker, Path(folder), priorities, script))
        finally:
            broker.stop()


def taken(
    broker: PrivateRabbitMQ, folder: Path, priorities: Iterable[Priority], script: Script
) -> list[Activity]:
    """Queue the backlog, start a worker, return its first activity of each build in order."""
    begun: list[Activity] = []
    ended: list[Activity] = []

    def hear(message: Message) -> None:
        said = decode(message.topic, message.payload)
        (ended if said.object.ended else begun).append(said)

    ear = MqttLink(
        broker.mqtt_url, name="ear", subscriptions=[("builds/+/+/status", 1)], on_message=hear
    )
    ear.start()
    until(lambda: ear.up, "the subscription")
    link = AmqpLink(broker.amqp_url, name="benchmark")
    link.start()
    backlog = [start(priority, script) for priority in priorities]
    for each in backlog:
        link.call(lambda channel, each=each: publish(channel, each)).result()
    link.stop()
    urls = {"mqtt_url": broker.mqtt_url, "amqp_url": broker.amqp_url}
    with Service("fakebuild", folder, **urls, concurrency=SLOTS):
        until(lambda: len(ended) == len(backlog), "every build has ended", 600)
    ear.stop()
    return begun


def start(priority: Priority, script: Script) -> Activity:
    """Return a new start."""
    build = names.build_id(time.time_ns() // 1_000_000, secrets.token_bytes(10))
    return command.start(
        "load", build, datetime.now(UTC), by="ada", script=script, priority=priority
    )


def tell(name: str, begun: list[Activity]) -> None:
    """Print the table of one backlog."""
    order = [each.object.priority for each in begun]
    busy = order[: len(order) - order[::-1].index("high")]
    print(f"{name}; while high ones waited, {busy.count('normal')} of {len(busy)} were normal")
    for priority in ("high", "normal"):
        waits = [waited(each) for each in begun if each.object.priority == priority]
        percentiles = quantiles(waits, n=100, method="inclusive")
        p50, p99 = percentiles[49], percentiles[98]
        print(
            f"  {len(waits):3} {priority:6} p50 {p50:5.1f}   p99 {p99:5.1f}   max {max(waits):5.1f}"
        )


def waited(begun: Activity) -> float:
    """Return the seconds from queued to running."""
    build = begun.object
    return (build.start_time - build.queued_time).total_seconds()


if __name__ == "__main__":
    main(*sys.argv[1:])
