"""Publishes progress at a steady pace: the load of `make bench`.

usage: python publisher.py MQTT_URL
Commands on standard input: `RATE BURST` publishes RATE activities a second from now on, in bursts
of BURST in one write; `0 1` stops it; `0 BURST` sends one burst and answers `{}`. The builds take
turns. Each activity has the time of its publishing, in ns, as `by`.
"""

import select
import socket
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT)]

from buildfeed.activity import Activity, Build, encode, urn, worker_actor  # noqa: E402

PROJECT = "bench"
BUILDS = [f"b{number}" for number in range(20)]
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)

_CONNECT, _PUBLISH, _PINGREQ = 0x10, 0x30, b"\xc0\x00"
_RETAIN = 0x01
_KEEPALIVE = 20


class Publisher:
    """A connection by MQTT 3.1.1 that sends several packets in one system call."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flags = b"\xc2"  # a user, a password, a clean session (MQTT 3.1.1 §3.1.2)
        variable = _text("MQTT") + b"\x04" + flags + (3 * _KEEPALIVE).to_bytes(2)
        texts = ("bench", address.username or "", address.password or "")
        self._socket.sendall(_packet(_CONNECT, variable + b"".join(map(_text, texts))))
        if self._socket.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionError("the broker refuses the publisher")
        self._sent_at = 0.0
        self._number = 0

    def publish(self, count: int) -> None:
        """Publish progress of `count` builds with QoS 0."""
        self._send(b"".join(self._progress() for _ in range(count)))

    def say(self, activities: Iterable[Activity]) -> None:
        """Publish these activities with QoS 0, in one write."""
        self._send(b"".join(map(_of, activities)))

    def retain(self, topic: str, payload: bytes) -> None:
        """Publish a message that the broker keeps."""
        self._send(_packet(_PUBLISH | _RETAIN, _text(topic) + payload))

    def keep_alive(self) -> None:
        """Ping the broker when nothing was published for _KEEPALIVE seconds."""
        if time.monotonic() - self._sent_at > _KEEPALIVE:
            self._send(_PINGREQ)

    def _send(self, packets: bytes) -> None:
        self._socket.sendall(packets)
        self._sent_at = time.monotonic()

    def _progress(self) -> bytes:
        seq, turn = divmod(self._number, len(BUILDS))
        self._number += 1
        build = Build(
            id=urn(PROJECT, BUILDS[turn]),
            project=PROJECT,
            build=BUILDS[turn],
            status="running",
            progress=seq % 100,
            errors=0,
            attempt=1,
            seq=seq + 1,
            by=str(time.time_ns()),
            queued_time=MOMENT,
            start_time=MOMENT,
        )
        activity = Activity.about(build, "Update", worker_actor("w1"), datetime.now(UTC))
        return _of(activity)


def run(publisher: Publisher) -> None:
    """Follow the commands until standard input ends."""
    rate, burst = 0.0, 1
    due = time.monotonic()
    while True:
        wait = due - time.monotonic() if rate else 1.0
        if select.select([sys.stdin], [], [], max(0.0, wait))[0]:
            line = sys.stdin.readline()
            if not line:
                return
            rate, burst = float(line.split()[0]), int(line.split()[1])
            due = time.monotonic()
            if not rate and burst > 1:
                publisher.publish(burst)
                print("{}", flush=True)
        elif rate:
            publisher.publish(burst)
            due += burst / rate
        else:
            publisher.keep_alive()


def _of(activity: Activity) -> bytes:
    return _packet(_PUBLISH, _text(str(activity.topic)) + encode(activity))


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2) + text.encode()


def _packet(first: int, rest: bytes) -> bytes:
    head, left = bytes([first]), len(rest)
    while True:
        left, digit = divmod(left, 128)
        head += bytes([digit | 0x80 if left else digit])
        if not left:
            return head + rest


if __name__ == "__main__":
    run(Publisher(sys.argv[1]))
