"""Connections of a watcher that is signed in, and when and how the gateway ends them."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import websocket

from support.service import HTTP, Web, until
from support.sse import Reader

WATCH = ["builds/#"]


class HeldOpen:
    """A connection; `code` is that of its close frame, if it has one."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended_at: float | None = None
        self.code: int | None = None
        self.reason = ""

    def end(self) -> None:
        self.ended_at = time.monotonic()

    def until_ended(self, since: float, seconds: float) -> float:
        """Wait for its end; return how long that took."""
        until(lambda: self.ended_at, "an end of what is open", seconds)
        assert self.ended_at
        return self.ended_at - since


@contextmanager
def web_socket(web: Web, token: str) -> Iterator[HeldOpen]:
    """Hold a WebSocket of socket.io open."""
    held = HeldOpen()
    url = f"ws://127.0.0.1:{web.options['port']}/socket.io/?EIO=4&transport=websocket"
    client = websocket.create_connection(url, timeout=60)

    def read() -> None:
        client.send("40" + json.dumps({"token": token, "watch": WATCH}))
        while True:
            try:
                opcode, frame = client.recv_data_frame()
            except (OSError, websocket.WebSocketException):  # the test ends it
                return
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                held.code = int.from_bytes(frame.data[:2])
                held.reason = frame.data[2:].decode()
                break
            text = frame.data.decode()
            if text == "2":
                client.send("3")  # the pong of Engine.IO
            elif text.startswith("40"):
                held.began.set()
        held.end()

    with _reading(read):
        assert held.began.wait(10), "it does not begin"
        yield held
        client.shutdown()


@contextmanager
def stream(web: Web, token: str) -> Iterator[HeldOpen]:
    """Hold a stream of Server-Sent Events open."""
    held = HeldOpen()
    query, headers = {"watch": WATCH}, {"Authorization": f"Bearer {token}"}
    url = f"{web.url}/api/events"
    with HTTP.stream("GET", url, params=query, headers=headers, timeout=60) as response:
        assert response.status_code == httpx.codes.OK
        reader = Reader(response)

        def read() -> None:
            reader.run()
            held.end()

        with _reading(read):
            reader.until("feed")
            yield held
            reader.close()


@contextmanager
def _reading(read: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield
    thread.join(10)
