"""Measures how fast a recorder stores, on SQLite and on a private PostgreSQL that syncs to disk.

`store`: one process hands batches to the store. `keep`: the same with output of 50 builds, 1 KiB in
each activity. `drain`: a recorder process comes back to a backlog
in its durable session on a private RabbitMQ. CPU is that of the recorder's process only.
usage: python benchmarks/recorder.py [COUNT] [sqlite|postgresql]
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import pika
import sqlalchemy
from msgspec import structs

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests")]

from lives import AT_A_TIME, NOW, interleaved, life  # noqa: E402

from buildfeed.activity import Activity, encode  # noqa: E402
from buildfeed.broker.local.rabbitmq import PrivateRabbitMQ  # noqa: E402
from buildfeed.history.recorder import MAX_BATCH  # noqa: E402
from buildfeed.history.store import Store  # noqa: E402
from support.postgresql import PostgreSQL  # noqa: E402

SESSION = "recorder"
SIZE = 1024
"""Bytes of an activity's output."""


def main(count: str = "100000", only: str = "") -> None:
    """Measure with `count` activities."""
    with tempfile.TemporaryDirectory() as folder, PostgreSQL(durable=True) as postgresql:
        broker = PrivateRabbitMQ(Path(folder) / "rabbitmq")
        broker.start()
        try:
            for name in [only] if only else ["sqlite", "postgresql"]:
                urls = [
                    f"sqlite:///{folder}/{part}.db"
                    if name == "sqlite"
                    else postgresql.new_database()
                    for part in ("store", "keep", "drain")
                ]
                store(name, urls[0], min(int(count), 100_000))
                store(name, urls[1], min(int(count), 100_000), "keep", output)
                drain(name, urls[2], broker, int(count))
        finally:
            broker.stop()


def store(
    name: str,
    url: str,
    count: int,
    what: str = "store",
    said_by: Callable[[int], Iterator[Activity]] = interleaved,
) -> None:
    """Append `count` activities in full batches."""
    said = said_by(count)
    seconds = cpu = 0.0
    with closing(Store(url)) as history:
        history.position()
        while batch := list(islice(said, MAX_BATCH)):
            began, used = time.monotonic(), time.process_time()
            history.append(batch)
            seconds += time.monotonic() - began
            cpu += time.process_time() - used
    tell(what, name, count, seconds, cpu)


def output(count: int) -> Iterator[Activity]:
    """Yield the beginnings of builds, then what they print."""
    begun = [life(number)[1] for number in range(AT_A_TIME)]
    yield from begun
    for made in range(count - len(begun)):
        seq, number = divmod(made, len(begun))
        state = structs.replace(begun[number].object, seq=seq + 1)
        actor, text = begun[number].actor, "x" * (SIZE - 1) + "\n"
        yield Activity.about(state, "Add", actor, NOW, content=text, offset=seq * SIZE)


def drain(name: str, url: str, broker: PrivateRabbitMQ, count: int) -> None:
    """Let a recorder record activities that were published while it was away."""
    with recorder(url, broker):
        pass  # the session exists now
    publish(broker, count)
    used, began = cpu_of_children(), time.monotonic()
    with recorder(url, broker):
        while recorded(url) < count:
            time.sleep(0.1)
        seconds = time.monotonic() - began
    tell("drain", name, count, seconds, cpu_of_children() - used)
    with closing(pika.BlockingConnection(pika.URLParameters(broker.amqp_url))) as connection:
        connection.channel().queue_delete(f"mqtt-subscription-{SESSION}qos1")


@contextmanager
def recorder(url: str, broker: PrivateRabbitMQ) -> Iterator[None]:
    """Run the recorder's process; it logs `recorder.ready` before this yields."""
    environment = os.environ | {
        "BUILDFEED_MQTT_URL": broker.mqtt_url,
        "BUILDFEED_DATABASE_URL": url,
        "BUILDFEED_RECORDER_ID": SESSION,
    }
    command = [sys.executable, "-m", "buildfeed.history"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    while "recorder.ready" not in process.stderr.readline():
        assert process.poll() is None, "The recorder has ended."
    yield
    process.send_signal(signal.SIGTERM)
    process.communicate()


def publish(broker: PrivateRabbitMQ, count: int) -> None:
    """Publish `count` activities, which the broker keeps for the recorder."""
    with closing(pika.BlockingConnection(pika.URLParameters(broker.amqp_url))) as connection:
        channel = connection.channel()
        lasting = pika.BasicProperties(delivery_mode=2)
        for activity in interleaved(count):
            key = str(activity.topic).replace("/", ".")
            channel.basic_publish("amq.topic", key, encode(activity), lasting)
        # An answer means that everything published before it is in the queue.
        channel.confirm_delivery()
        channel.basic_publish("amq.topic", "nothing", b"", lasting)


def recorded(url: str) -> int:
    """Return how many activities the database has."""
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        number = connection.scalar(sqlalchemy.text("SELECT max(number) FROM activities"))
    engine.dispose()
    return int(number or 0)


def cpu_of_children() -> float:
    """Return the CPU seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tell(what: str, name: str, count: int, seconds: float, cpu: float) -> None:
    """Print a line of the table."""
    print(
        f"{what:5} {name:10} {count:>8} activities in {seconds:6.1f} s: "
        f"{count / seconds:>6.0f}/s, {cpu / count * 1e6:4.0f} us CPU each",
        flush=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
