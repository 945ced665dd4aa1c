"""The peers of a link under test: its user, a bad network, a scripted broker."""

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from buildfeed.broker.mqtt.link import Message, MqttLink
from support.brokers import free_port

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 1, 2, 3, 4, 8, 9, 14
V311, V5 = 4, 5


class Client:
    """A link, and everything that it reported."""

    def __init__(self, url: str, **options: Any) -> None:
        self.messages: list[Message] = []
        self.ups = 0
        self.downs: list[str] = []
        self._changed = threading.Condition()
        self._handle = options.pop("handle", None)
        self.link = MqttLink(
            url,
            on_message=self._on_message,
            on_up=self._on_up,
            on_down=self._on_down,
            **{"name": "test", **options},
        )

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]

    def until(self, condition: Callable[[], object], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline, (self.messages[-3:], self.ups, self.downs)
                self._changed.wait(0.02)  # the condition may be about something else than this link

    def _on_message(self, message: Message) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        if self._handle:
            self._handle(self.link, message)

    def _on_up(self) -> None:
        with self._changed:
            self.ups += 1
            self._changed.notify_all()

    def _on_down(self, reason: str) -> None:
        with self._changed:
            self.downs.append(reason)
            self._changed.notify_all()


Connect = Callable[..., Client]


class Proxy:
    """A TCP proxy between a client and a broker that can be cut, frozen and closed."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        assert target.hostname
        assert target.port
        self._target = target.hostname, target.port
        self._port = free_port()
        self.url = url.replace(f":{target.port}", f":{self._port}")
        self._selector = selectors.DefaultSelector()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._frozen = False
        self._ended = False
        self.open()
        threading.Thread(target=self._run, daemon=True).start()

    def open(self) -> None:
        with self._lock:
            self._listener = socket.create_server(("127.0.0.1", self._port))
            self._selector.register(self._listener, selectors.EVENT_READ)

    def close(self) -> None:
        """Refuse new connections and cut the old ones."""
        with self._lock:
            if self._listener:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = None
        self.cut()

    def cut(self) -> None:
        with self._lock:
            for sock in list(self._pairs):
                self._drop(sock)

    def freeze(self) -> None:
        self._frozen = True

    def thaw(self) -> None:
        self._frozen = False

    def end(self) -> None:
        self.close()
        self._ended = True

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.02):
                with self._lock:
                    self._forward(key.fileobj)
            while self._frozen and not self._ended:
                time.sleep(0.01)

    def _forward(self, sock: Any) -> None:
        if sock is self._listener:
            client, server = sock.accept()[0], socket.create_connection(self._target)
            for one, other in ((client, server), (server, client)):
                self._pairs[one] = other
                self._selector.register(one, selectors.EVENT_READ)
        elif sock in self._pairs:
            try:
                data = sock.recv(65_536)
                self._pairs[sock].sendall(data)
            except OSError:
                data = b""
            if not data:
                self._drop(sock)

    def _drop(self, sock: socket.socket) -> None:
        other = self._pairs.pop(sock, None)
        if other:
            self._pairs.pop(other, None)
            for one in (sock, other):
                self._selector.unregister(one)
                one.close()


class Peer:
    """One connection of a client to a scripted broker."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.number = number
        self._sock = sock
        self._file = sock.makefile("rb")
        _, connect = self.read()
        self.version = connect[6]
        self.clean = bool(connect[7] & 2)
        rest = connect[10:]
        if self.version == V5:
            self.properties, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]
        self.client_id = rest[2 : 2 + struct.unpack("!H", rest[:2])[0]].decode()

    def read(self) -> tuple[int, bytes]:
        """Return type and body of the next packet; raise EOFError at the end."""
        first = self._byte()
        length = shift = 0
        while (byte := self._byte()) >= 0x80:
            length |= (byte & 0x7F) << shift
            shift += 7
        return first >> 4, self._file.read(length | byte << shift)

    def _byte(self) -> int:
        byte = self._file.read(1)
        if not byte:
            raise EOFError
        return byte[0]

    def publishes(self) -> Iterator[tuple[str, bytes]]:
        """Yield topic and packet id of each QoS 1 publish until the client goes away."""
        while True:
            type_, body = self.read()
            if type_ == PUBLISH:
                length = struct.unpack("!H", body[:2])[0]
                yield body[2 : 2 + length].decode(), body[2 + length : 4 + length]

    def send(self, type_: int, *body: bytes, flags: int = 0) -> None:
        data = b"".join(body)
        assert len(data) < 128
        self._sock.sendall(bytes((type_ << 4 | flags, len(data))) + data)

    def accept(self, *properties: bytes) -> None:
        data = b"".join(properties)
        self.send(CONNACK, b"\0\0", bytes((len(data),)) + data if self.version == V5 else b"")

    def grant(self, code: int = 1) -> None:
        """Answer the SUBSCRIBE."""
        type_, body = self.read()
        assert type_ == SUBSCRIBE
        self.send(SUBACK, body[:2], b"\0" if self.version == V5 else b"", bytes((code,)))

    def message(self, topic: bytes, payload: bytes, packet_id: bytes = b"\0\1") -> None:
        properties = b"\0" if self.version == V5 else b""
        length = struct.pack("!H", len(topic))
        self.send(PUBLISH, length, topic, packet_id, properties, payload, flags=2)

    def send_raw(self, data: bytes) -> None:
        self._sock.sendall(data)


Script = Callable[[Peer], None]


class ScriptedBroker:
    """A broker that runs a script for each connection, and closes it when the script ends."""

    def __init__(self, script: Script) -> None:
        self.peers: list[Peer] = []
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.url = f"mqtt://user:password@127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                sock = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            peer = Peer(sock, len(self.peers))
            self.peers.append(peer)
            self._script(peer)
        except (OSError, EOFError):
            pass
        finally:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


StartScript = Callable[[Script], ScriptedBroker]
