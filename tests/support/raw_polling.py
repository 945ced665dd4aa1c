"""A socket.io client that polls, byte by byte where a test wants it."""

import json
import re
import socket
from typing import Any, NamedTuple, Self

PATH = "/socket.io/?EIO=4&transport=polling"


class Answer(NamedTuple):
    """A whole answer: its status, and its body as text."""

    status: int
    body: str


class Raw:
    """One TCP connection to a gateway; `process` is the name of the process that took it.

    The session that it begins with is `session`.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""
        self.send(request("GET"))
        self.session = str(json.loads(self.answer().body[1:])["sid"])
        self.process = self.session.partition(".")[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes, *, a_time: int = 1 << 20) -> None:
        """Send `data`, so many bytes in a segment."""
        for start in range(0, len(data), a_time):
            self._socket.sendall(data[start : start + a_time])

    def answer(self) -> Answer:
        """Return the next answer."""
        head = self._until(lambda read: b"\r\n\r\n" in read).partition(b"\r\n\r\n")[0]
        status = int(head.split()[1])
        found = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
        whole = len(head) + 4 + (int(found[1]) if found else 0)
        read = self._until(lambda read: len(read) >= whole)
        self._read = read[whole:]
        return Answer(status, read[len(head) + 4 : whole].decode())

    def _until(self, is_there: Any) -> bytes:
        while not is_there(self._read):
            data = self._socket.recv(1 << 16)
            assert data, f"closed after {self._read!r}"
            self._read += data
        return self._read


def request(method: str, session: str = "", body: bytes = b"", *fields: str) -> bytes:
    """Return a request of a session, or one that begins one."""
    path = PATH + (f"&sid={session}" if session else "")
    length = [f"Content-Length: {len(body)}"] if method == "POST" else []
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *length, *fields])
    return head.encode() + b"\r\n\r\n" + body


def pair(port: int) -> tuple[Raw, Raw]:
    """Return two connections that different processes took."""
    one = Raw(port)
    while True:
        other = Raw(port)
        if other.process != one.process:
            return one, other
        other.__exit__()
