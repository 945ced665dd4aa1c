"""Print every activity from any point on, and go on where it stopped. Needs RabbitMQ.

    python examples/replay.py amqp://user:password@host first

The point is `first` (the oldest activity that is kept), `last` (about the newest), an offset, or a
time such as 2026-11-21T10:15Z. It counts the first time; from then on the file `replay.offset`
does, which has the offset of the last activity that was handled. Delete it to begin anew.
"""

import logging
import os
import signal
import sys
import time
from datetime import datetime

from pika import BasicProperties, BlockingConnection, URLParameters
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, AuthenticationError, ProbableAuthenticationError
from pika.spec import Basic

from buildfeed import activity
from buildfeed.errors import BuildfeedError


def parse(point: str) -> str | int | datetime:
    """Return the point to begin at; raise ValueError."""
    if point in ("first", "last"):
        return point
    return int(point) if point.isdecimal() else datetime.fromisoformat(point)


try:
    url, point = sys.argv[1:]
    if not url.startswith(("amqp://", "amqps://")):
        raise ValueError  # noqa: TRY301
    first = parse(point)
    parameters = URLParameters(url)
except (ValueError, TypeError):
    sys.exit("usage: python examples/replay.py amqp://user:password@host first|last|OFFSET|TIME")
try:
    reached = os.open("replay.offset", os.O_RDWR | os.O_CREAT)
except OSError as exc:
    sys.exit(f"The file replay.offset cannot be written here: {exc.strerror}")


def begin() -> str | int | datetime:
    """Return where to go on, or else where to begin."""
    kept = os.pread(reached, 20, 0)
    if kept and not kept.strip().isdigit():
        sys.exit("The file replay.offset holds no offset: delete it to begin anew.")
    return int(kept) + 1 if kept else first


def handle(
    channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
) -> None:
    """Print one activity, and only then keep its offset: whatever happens, none is left out."""
    offset = int((properties.headers or {})["x-stream-offset"])
    try:
        build = activity.decode(method.routing_key.replace(".", "/"), body).object
        print(offset, build.project, build.build, build.status, f"{build.progress} %", flush=True)
    except BuildfeedError:
        pass  # a payload that is no activity: not for us
    os.pwrite(reached, f"{offset:20}".encode(), 0)  # always as long, so never half of it
    channel.basic_ack(method.delivery_tag)  # of a stream this only asks for more


# Ctrl-C simply ends it. Do not cancel a consumer of a stream, nor close its channel: that hands
# back what is under way, and RabbitMQ 3.10 closes the connection with an error for it.
signal.signal(signal.SIGINT, signal.SIG_DFL)
logging.getLogger("pika").setLevel(logging.CRITICAL)  # what fails is printed below, in one line

while True:  # pika does not connect again by itself
    try:
        stream = BlockingConnection(parameters).channel()
        stream.basic_qos(prefetch_count=100)  # a stream needs a limit
        stream.basic_consume("builds.stream", handle, arguments={"x-stream-offset": begin()})
        stream.start_consuming()
    except (AuthenticationError, ProbableAuthenticationError):
        sys.exit("The broker refuses this user or password.")
    except (AMQPError, OSError) as exc:
        print(f"{exc!r}, connecting again", file=sys.stderr, flush=True)
    time.sleep(1)
