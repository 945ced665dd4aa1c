"""The entrance of a connection: requests that belong to another process go there at once.

The first line of a request is looked at before it is parsed. Only between two requests nothing of
the connection is in our hands, so a request that was sent before the last one was answered (HTTP
pipelining, which neither browsers nor proxies do) is not passed on.
"""

import asyncio
import socket
from typing import Any, Final
from urllib.parse import parse_qs

from gateway.access.access import SOCKETS
from gateway.handover import Handover
from gateway.http.protocol import Protocol
from gateway.tasks import Tasks

_BEGINS: Final = tuple(f"{method} {SOCKETS}".encode() for method in ("GET", "POST"))
_LONGEST_LINE: Final = 8 * 1024
"""Bytes of a first line that are waited for; one that is longer names no session of ours."""


class Entrance(Protocol):
    """HTTP/1.1 on a connection that other processes of the port may get or give."""

    first: bytes = b""
    """Bytes that another process has read from the connection."""

    def connection_made(  # type: ignore[override] # as uvicorn's
        self, transport: asyncio.Transport
    ) -> None:
        """Begin, maybe with what another process has read."""
        super().connection_made(transport)
        self._handover: Handover | None = self.app_state.get("handover")
        self._line = b""  # the beginning of a first line that is not whole
        self._inside = False  # between the first and the last byte of a request
        if self._handover and not self._handover.serve:
            self._handover.serve = self._adopting()
        if self.first:
            self.data_received(self.first)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless they are for another process."""
        if self._handover and not self._busy:
            data, self._line = self._line + data, b""
            if _is_part(data):
                self._line = data
                return
            if data.startswith(_BEGINS) and self._pass_on(self._handover, data):
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Take note."""
        self._inside = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Take note."""
        self._inside = False
        super().on_message_complete()

    @property
    def _busy(self) -> bool:
        """Whether a request is under way."""
        return self._inside or not (self.cycle is None or self.cycle.response_complete)

    def _pass_on(self, handover: Handover, data: bytes) -> bool:
        line = data[: data.index(b"\r\n")] if b"\r\n" in data else data
        query = line.partition(b"?")[2].partition(b" ")[0].decode("latin-1")
        session = parse_qs(query).get("sid", [""])[-1]
        sock: socket.socket = self.transport.get_extra_info("socket")
        if self.transport.get_write_buffer_size():
            return False
        if not handover.pass_on(session, sock.fileno(), data):
            return False
        self._unset_keepalive_if_required()
        self.transport.abort()  # ends our descriptor, not the connection
        return True

    def _adopting(self) -> Any:  # noqa: ANN401 - it is Handover's `Serve`
        config, state, app_state = self.config, self.server_state, self.app_state
        loop, tasks = self.loop, Tasks()

        async def adopt(sock: socket.socket, data: bytes) -> None:
            protocol = Entrance(config, state, app_state)
            protocol.first = data
            await loop.connect_accepted_socket(lambda: protocol, sock)

        return lambda sock, data: tasks.start(adopt(sock, data))


def _is_part(data: bytes) -> bool:
    """Tell whether `data` may be the beginning of a first line that would have to be looked at."""
    if any(begin.startswith(data) for begin in _BEGINS):
        return True
    return data.startswith(_BEGINS) and b"\n" not in data and len(data) < _LONGEST_LINE
