"""A bare client of MQTT 3.1.1, for what no library would send; also in a WebSocket."""

import socket
import struct
from typing import Protocol
from urllib.parse import unquote, urlsplit

import websocket

ACCEPTED, REJECTED_ID = b"\x20\x02\x00\x00", b"\x20\x02\x00\x02"
UNAVAILABLE, NOT_AUTHORIZED = b"\x20\x02\x00\x03", b"\x20\x02\x00\x05"
REFUSED = 0x80
"""In a SUBACK."""


def text(value: str) -> bytes:
    return struct.pack("!H", len(value)) + value.encode()


class Stream(Protocol):
    """What carries the bytes of MQTT."""

    def sendall(self, data: bytes) -> None: ...
    def recv(self, size: int) -> bytes: ...
    def close(self) -> None: ...


class WebSocketStream:
    """The bytes inside the binary messages of a WebSocket."""

    def __init__(self, url: str) -> None:
        self._socket = websocket.create_connection(url, timeout=5, subprotocols=["mqtt"])
        self._read = b""

    def sendall(self, data: bytes) -> None:
        self._socket.send_binary(data)

    def recv(self, size: int) -> bytes:
        """Return the next bytes; nothing if the WebSocket has ended."""
        while not self._read:
            code, data = self._socket.recv_data()
            if code == websocket.ABNF.OPCODE_CLOSE:
                return b""
            self._read = data
        data, self._read = self._read[:size], self._read[size:]
        return data

    def close(self) -> None:
        self._socket.shutdown()


def stream(url: str) -> Stream:
    """Open what carries MQTT to a broker, without the login in the URL."""
    address = urlsplit(url)
    if address.scheme == "ws":
        place = address.netloc.rpartition("@")[2]
        return WebSocketStream(f"ws://{place}{address.path}")
    return socket.create_connection((address.hostname, address.port), timeout=5)


class Raw:
    """A bare MQTT 3.1.1 client, which says exactly what it is told to."""

    def __init__(
        self, url: str, client_id: str, *, clean: bool = True, will: tuple[str, str] | None = None
    ) -> None:
        address = urlsplit(url)
        self._socket = stream(url)
        flags = 0xC0 | clean << 1 | (0x2C if will else 0)  # retained, QoS 1
        body = b"\x00\x04MQTT\x04" + bytes([flags]) + b"\x00\x3c" + text(client_id)
        body += b"".join(map(text, will or ()))
        body += text(unquote(address.username or "")) + text(unquote(address.password or ""))
        self.send(0x10, body)
        self.connack = self.receive(4)

    def send(self, first: int, body: bytes, *, length: int | None = None) -> None:
        """Send a packet; it may lie about its length."""
        left, header = len(body) if length is None else length, bytes([first])
        while True:
            left, digit = divmod(left, 128)
            header += bytes([digit | (0x80 if left else 0)])
            if not left:
                break
        self.say(header + body)

    def say(self, packets: bytes) -> None:
        self._socket.sendall(packets)

    def receive(self, size: int) -> bytes:
        """Return what comes next; nothing if the connection has ended."""
        try:
            return self._socket.recv(size)
        except (ConnectionError, websocket.WebSocketConnectionClosedException):
            return b""

    def subscribe(self, filter_: str) -> int:
        self.send(0x82, b"\x00\x01" + text(filter_) + b"\x01")
        return self.receive(5)[4]

    def is_open(self) -> bool:
        self.send(0xC0, b"")  # PINGREQ
        return self.receive(100)[-2:] == b"\xd0\x00"

    def close(self) -> None:
        self._socket.close()
