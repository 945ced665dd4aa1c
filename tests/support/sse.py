"""Readers of `/api/events`, quick, slow and stalled; stalled watchers of socket.io."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

import httpx

from support.service import HTTP, Web, until


class Reader:
    """One stream and what came on it: `events` as (name, body), comments and fields as `others`."""

    def __init__(self, response: httpx.Response) -> None:
        self.headers = response.headers
        self.events: list[tuple[str, Any]] = []
        self.others: list[str] = []
        self.ended = False
        self.slowness = 0.0
        """Pause before each line, in seconds."""
        self._response = response

    def run(self) -> None:
        name = ""
        try:
            for line in self._response.iter_lines():
                time.sleep(self.slowness)
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    self.events.append((name, json.loads(value)))
                elif line:
                    self.others.append(line)
        except httpx.TransportError:
            pass
        self.ended = True

    def close(self) -> None:
        stream = self._response.extensions["network_stream"]
        with suppress(OSError):  # closed already
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def bodies(self, name: str = "build") -> list[Any]:
        return [body for each, body in list(self.events) if each == name]

    @property
    def picture(self) -> dict[str, Any]:
        """The newest `build` event of each build."""
        return {body["build"]: body for body in self.bodies()}

    def until(self, name: str, seconds: float = 20, **facts: Any) -> Any:
        """Wait for an event with these facts and return its body."""

        def found() -> Any:
            return [body for body in self.bodies(name) if facts.items() <= body.items()]

        return until(found, f"{name} with {facts}", seconds)[0]


@contextmanager
def watching(gateway: Web, *filters: str) -> Iterator[Reader]:
    """Watch by Server-Sent Events; yield the reader when the snapshot is complete."""
    query = [("watch", filter_) for filter_ in filters]
    with httpx.stream("GET", f"{gateway.url}/api/events", params=query, timeout=30) as response:
        reader = Reader(response)
        thread = threading.Thread(target=reader.run)
        thread.start()
        try:
            reader.until("feed")
            yield reader
        finally:
            reader.close()
            thread.join()


def stalled_reader(gateway: Web, filter_: str) -> socket.socket:
    """Watch, and read only the beginning of the answer."""
    path = f"/api/events?watch={quote(filter_)}"
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", int(str(gateway.options["port"]))))
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert reader.recv(12) == b"HTTP/1.1 200"
    return reader


def stalled_watcher(gateway: Web, filter_: str) -> socket.socket:
    """Watch by socket.io over a WebSocket, and read only the beginning of the answer."""
    watcher = socket.socket()
    watcher.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    watcher.connect(("127.0.0.1", int(str(gateway.options["port"]))))
    watcher.sendall(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert watcher.recv(12) == b"HTTP/1.1 101"
    packet = b"40" + json.dumps({"watch": filter_}).encode()
    watcher.sendall(bytes([0x81, 0x80 | len(packet)]) + bytes(4) + packet)  # a mask of zeros
    return watcher


def metric(gateway: Web, series: str) -> float:
    """Return the value of the first line of the metrics that begins with `series`."""
    text = HTTP.get(f"{gateway.url}/metrics").text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(series))
