"""Connections passed on between the processes that share a port.

A session of socket.io that polls belongs to one process, but its requests may reach any: the kernel
spreads connections, and a proxy has its own. So whichever process gets a request of another's
session hands the connection itself over, with the bytes read so far; what follows on it reaches
that process too. Nothing is copied between processes but one descriptor (SCM_RIGHTS, unix(7)).

Every process listens on a socket of its own in a shared directory. The name of the process begins
the ids of its sessions, so an id says whose it is. A session of a process that is gone is unknown
everywhere, and its client connects again.

Relied on: closing a transport closes its descriptor and does not shut the connection down.
"""

import asyncio
import os
import re
import secrets
import socket
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, cast

_NAME_BYTES: Final = 6
_NAME: Final = re.compile(r"([A-Za-z0-9_-]{8})\.")
_MOST_BYTES: Final = 64 * 1024
"""Largest part of a request, in bytes, that is passed on with its connection."""
_BACKLOG: Final = 64
_AT_ONCE: Final = 64
"""Connections of one process that are taken in a turn of the loop."""
_DESCRIPTOR_BYTES: Final = socket.CMSG_SPACE(array("i").itemsize)
_LOOK_SECONDS: Final = 1.0
"""Seconds between two looks whether the socket is still there."""

Serve = Callable[[socket.socket, bytes], None]
"""Goes on with a connection whose first bytes are given."""


class Handover:
    """Passes connections on to the other processes of `directory`, and takes theirs."""

    def __init__(self, directory: Path | None) -> None:
        self.name = secrets.token_urlsafe(_NAME_BYTES)
        """The name of this process, which begins the ids of its sessions."""
        self.serve: Serve | None = None
        self._directory = directory
        self._peers: dict[str, socket.socket] = {}
        self._readers: set[socket.socket] = set()
        """What other processes pass connections on by."""
        self._leaving = False
        self._buffer = memoryview(bytearray(_MOST_BYTES))

    def new_session(self) -> str:
        """Return the id of a session of this process."""
        return f"{self.name}.{secrets.token_urlsafe(15)}"

    def pass_on(self, session: str, connection: int, data: bytes) -> bool:
        """Give the descriptor of a `connection` to another process that has the session.

        The caller closes its own descriptor if this returns True.
        """
        found = _NAME.match(session)
        if not self._directory or not found or found[1] == self.name or len(data) > _MOST_BYTES:
            return False
        for _ in range(2):  # a known peer may have ended, and its place be taken
            peer = self._peer(found[1])
            if peer is None:
                return False
            try:
                socket.send_fds(peer, [data], [connection])
            except BlockingIOError:
                return False  # it hangs
            except OSError:
                self._peers.pop(found[1]).close()
            else:
                return True
        return False

    def _peer(self, name: str) -> socket.socket | None:
        peer = self._peers.get(name)
        if peer is None and self._directory:
            peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            peer.setblocking(False)
            try:
                with _address(self._directory, name) as address:
                    peer.connect(address)
            except OSError:
                peer.close()
                return None
            self._peers[name] = peer
        return peer

    async def run(self) -> None:
        """Take the connections of others, until cancelled.

        The socket is made again when it is gone, as something may clean the temporary files.
        """
        try:
            while True:
                with suppress(OSError):
                    await self._listen()
                await asyncio.sleep(_LOOK_SECONDS)  # until there is a folder again
        finally:
            self._close()
            for peer in self._peers.values():
                peer.close()

    async def _listen(self) -> None:
        """Listen until the socket is removed; raises OSError without a directory."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.setblocking(False)
            with _address(cast(Path, self._directory), self.name) as address:
                listener.bind(address)
            listener.listen(_BACKLOG)
            accepting = asyncio.create_task(self._accept(listener))
            try:
                while self._leaving or self._path.exists():
                    await asyncio.wait([accepting], timeout=_LOOK_SECONDS)
                    if accepting.done():
                        accepting.result()
            finally:
                accepting.cancel()
                await asyncio.wait([accepting])

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            other, _ = await loop.sock_accept(listener)
            self._readers.add(other)
            loop.add_reader(other.fileno(), self._take, other)
            if self._leaving:
                self._drop(other)

    def leave(self) -> None:
        """Take no more connections: the process is about to stop.

        To the others its sessions are unknown from now on, and clients come to them.
        """
        self._leaving = True
        self._close()

    def _close(self) -> None:
        if self._directory:
            with suppress(OSError):
                self._path.unlink()
        for each in list(self._readers):
            self._drop(each)

    def _drop(self, other: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(other.fileno())
        self._readers.discard(other)
        other.close()

    @property
    def _path(self) -> Path:
        return cast(Path, self._directory) / f"{self.name}.sock"

    def _take(self, other: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                size, messages, _, _ = other.recvmsg_into([self._buffer], _DESCRIPTOR_BYTES)
            except BlockingIOError:
                return
            except OSError:
                size, messages = 0, []
            descriptors = array("i")
            for _, _, more in messages:
                descriptors.frombytes(more)
            self._serve(descriptors, bytes(self._buffer[:size]))
            if not size:
                self._drop(other)
                return

    def _serve(self, descriptors: Iterable[int], data: bytes) -> None:
        for descriptor in descriptors:
            # It may be IPv6, too. Nobody asks for the family, and to find it out costs three calls.
            taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, descriptor)
            if self.serve:
                self.serve(taken, data)
            else:
                taken.close()


@contextmanager
def _address(directory: Path, name: str) -> Iterator[str]:
    """Give the address of a process's socket: short, as it may have 107 bytes (unix(7))."""
    opened = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{name}.sock"
    finally:
        os.close(opened)
