"""A proxy that lets a connection begin, and then keeps to itself what is sent on it."""

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Literal, Self

Mute = Literal["websocket", "polling", "events"]
"""What is kept: the frames of WebSockets, requests that poll, or streams of Server-Sent Events."""

_BEGINS: Final[dict[Mute, re.Pattern[bytes]]] = {
    "websocket": re.compile(rb"GET [^\r]*transport=websocket"),
    "polling": re.compile(rb"(?:GET|POST) [^\r]*transport=polling"),
    "events": re.compile(rb"GET /api/events"),
}


_EMPTY_LINE: Final = b"\r\n\r\n"


class MuteProxy:
    """Passes on connections from `port` to the port `target`, but for those named in `mute`.

    Of these nothing that the client sends is passed on after the request that begins it, and of the
    answer only the head and `lets` bytes behind it. Connections stay open.
    """

    def __init__(self, port: int, target: int, *mute: Mute, lets: int = 0) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.mute: set[Mute] = set(mute)
        self.lets = lets
        self.asked: list[Mute] = []
        """What was asked of it that it may keep, in order."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", port))
        self._sockets: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for sock in list(self._sockets):
            _break(sock)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                _Way(self, near, socket.create_connection(("127.0.0.1", self._target))).begin()

    def look(self, sent: bytes) -> list[Mute]:
        """Return what begins with `sent` that may be kept."""
        found = [each for each, begins in _BEGINS.items() if begins.match(sent)]
        self.asked += found
        return found

    def fall_mute(self, *mute: Mute) -> None:
        """Keep these from now on, also what is under way."""
        self.mute.update(mute)

    def holds(self, *sockets: socket.socket) -> None:
        """Take note of sockets to close at the end."""
        self._sockets.update(sockets)


class _Way:
    """One connection through the proxy."""

    def __init__(self, proxy: MuteProxy, near: socket.socket, far: socket.socket) -> None:
        self._proxy = proxy
        self._near = near
        self._far = far
        self._found: set[Mute] = set()
        proxy.holds(near, far)

    def begin(self) -> None:
        for pump in (self._up, self._down):
            threading.Thread(target=self._pump, args=(pump,), daemon=True).start()

    def _pump(self, pump: Callable[[], None]) -> None:
        with suppress(OSError):
            pump()
        for sock in (self._near, self._far):
            _break(sock)

    @property
    def _kept(self) -> bool:
        return bool(self._proxy.mute & self._found)

    def _up(self) -> None:
        while data := self._near.recv(65536):
            kept = self._kept
            self._found.update(self._proxy.look(data))
            if not kept:
                self._far.sendall(data)

    def _down(self) -> None:
        head, behind = b"", 0
        while data := self._far.recv(65536):
            first = 0  # so much of `data` belongs to the head
            if _EMPTY_LINE not in head:
                end = (head + data).find(_EMPTY_LINE)
                first = len(data) if end < 0 else end + len(_EMPTY_LINE) - len(head)
                head += data[:first]
            if self._kept:
                data = data[: first + max(0, self._proxy.lets - behind)]
            behind += len(data) - first
            self._near.sendall(data)


def _break(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
