"""The listening sockets of a process, and who goes on with each connection that comes.

The first bytes of a connection decide. A request of a session of another process is passed on to
that. A poll that closes its connection is answered on the bare socket, see `closing_polls`. Any
other gets a transport and HTTP, see `entrance`; with TLS (`tls`) that is each. So the kernel keeps
a connection until it has sent something, for a second at most (tcp(7), TCP_DEFER_ACCEPT).

Relied on in uvicorn: its server listens by `create_server` of the loop that `loop=` names, and
closes what that returns. In uvloop: a server that does not serve has bound its sockets.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, Final, cast

import uvloop

from gateway.access.clients import Clients
from gateway.access.paths import Paths
from gateway.handover import Handover
from gateway.http import short_requests
from gateway.http.certificate import Certificate
from gateway.http.closing_polls import ClosingPolls
from gateway.http.entrance import Entrance
from gateway.http.tls import Tls
from gateway.log_limit import LogLimit
from gateway.tasks import Tasks

_AT_ONCE: Final = 64
"""Connections that are taken in a turn of the loop, so that others get theirs."""
_MOST_BYTES: Final = 16 * 1024
"""Bytes that are read before it is decided who goes on."""
_SILENT_SECONDS: Final = 1
"""How long the kernel keeps a connection that has sent nothing."""
_PAUSE_SECONDS: Final = 0.1
"""How long no connection is taken after the system refused one, for want of descriptors."""

_LOGGED: Final = LogLimit(20)

log = logging.getLogger(__name__)


class Loop(uvloop.Loop):
    """uvloop's loop, whose servers of HTTP are listeners."""

    async def create_server(  # type: ignore[override] # as uvicorn calls it
        self, protocol_factory: Callable[[], Entrance], *, backlog: int, **where: object
    ) -> "Listener":
        """Listen, and serve each connection by a protocol."""
        options = cast(dict[str, Any], where)
        bound = await super().create_server(protocol_factory, start_serving=False, **options)
        return Listener(self, cast(asyncio.Server, bound), protocol_factory, backlog)


class Listener:
    """Takes the connections of the sockets that `bound` has, until it is closed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        bound: asyncio.Server,
        protocol: Callable[[], Entrance],
        backlog: int,
    ) -> None:
        self._loop = loop
        self._bound = bound
        self._protocol = protocol
        self._tasks = Tasks()
        state = protocol().app_state
        self._paths: Paths = state.get("paths") or Paths()
        self._certificate: Certificate | None = state.get("certificate")
        self._clients: Clients = state["clients"]
        self._polls = ClosingPolls(state, self._finish)
        self._handover: Handover = state["handover"]
        self._handover.serve = self._take_over
        # The sockets are uvloop's: these are duplicates to accept by.
        self.sockets = [each.dup() for each in bound.sockets]
        for each in self.sockets:
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENT_SECONDS)
            each.listen(backlog)
            self._heed(each)

    def close(self) -> None:
        """Take no more connections, and let go of the polls on bare sockets."""
        for each in self.sockets:
            if each.fileno() >= 0:
                self._loop.remove_reader(each)
                each.close()
        self._bound.close()
        self._polls.close()

    async def wait_closed(self) -> None:
        """Wait until all connections are with their protocols."""
        await self._bound.wait_closed()
        await self._tasks.cancel()

    def _heed(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:  # no descriptor is left, or no memory
                self._refused(exc)
                self._loop.remove_reader(listening)
                self._loop.call_later(_PAUSE_SECONDS, self._heed, listening)
                return
            if self._certificate:
                self._encrypt(connection, self._certificate)
            else:
                self._begin(connection, address[0])

    def _refused(self, exc: OSError) -> None:
        left_out = _LOGGED.take(exc.errno, self._loop.time())
        if left_out is not None:
            facts = {"reason": str(exc), "left_out": left_out}
            log.warning("gateway.cannot_accept", extra=facts)

    def _begin(self, connection: socket.socket, peer: str) -> None:
        try:
            data = connection.recv(_MOST_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            self._serve(connection)
            return
        except OSError:
            data = b""
        session = short_requests.session(self._paths.bare(data))
        is_passed_on = session and self._handover.pass_on(session, connection.fileno(), data)
        if is_passed_on or not data:  # without data the client has gone
            connection.close()
        elif not self._polls.take(connection, peer, data):
            self._serve(connection, data)

    def _take_over(self, connection: socket.socket, data: bytes) -> None:
        if not self._polls.take(connection, "", data):
            self._serve(connection, data)

    def _finish(self, connection: socket.socket, answer: bytes) -> None:
        self._serve(connection, rest=answer)

    def _serve(self, connection: socket.socket, data: bytes = b"", rest: bytes = b"") -> None:
        protocol = self._protocol()
        protocol.first, protocol.rest = data, rest
        connection.setblocking(False)
        self._tasks.start(self._connect(connection, protocol))

    def _encrypt(self, connection: socket.socket, certificate: Certificate) -> None:
        """Speak TLS: nothing of it can be read on the bare socket, or by another process."""
        connection.setblocking(False)
        tls = Tls(certificate.context, self._protocol(), self._clients)
        self._tasks.start(self._connect(connection, tls))

    async def _connect(self, connection: socket.socket, protocol: Entrance | Tls) -> None:
        await self._loop.connect_accepted_socket(lambda: protocol, connection)
