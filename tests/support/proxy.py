"""A bad network: a TCP proxy on the loopback interface that can be cut or fall silent."""

import socket
import threading
from contextlib import suppress
from typing import Self

from buildfeed.broker.local import ports


class Proxy:
    """Passes on connections from `port` to `target`, unless it is cut or silent."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", ports.free_block(1, target) or 0))
        self.port = int(self._listener.getsockname()[1])
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._sockets: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection and refuse new ones, until `mend`."""
        self._refusing = True
        for sock in list(self._sockets):
            _break(sock)

    def silence(self) -> None:
        """Pass nothing on until `mend`; connections stay open."""
        self._flowing.clear()

    def mend(self) -> None:
        """Let everything flow."""
        self._refusing = False
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # it is closed
            try:
                if self._refusing:
                    raise ConnectionRefusedError
                far = socket.create_connection(("127.0.0.1", self._target), timeout=5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            self._sockets |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        for sock in (source, sink):
            _break(sock)
            self._sockets.discard(sock)


def _break(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
