"""TLS on a connection: a protocol to the socket, a transport to what is spoken inside.

Encrypted bytes go to the transport of the socket at once, and wait there. So whatever holds for a
connection without TLS holds for this: HTTP is told of each byte that the kernel does not take, and
nothing else is buffered for a slow client. (The TLS of asyncio and uvloop has a buffer of its own
between the two, which neither is told of.)

Until the handshake is done there is no HTTP. A connection has seconds for that, and counts as one
of its address meanwhile.
"""

import asyncio
import contextlib
import logging
import ssl
from http import HTTPStatus
from typing import Any, Final, cast

from gateway import problems
from gateway.access.clients import Clients
from gateway.log_limit import LogLimit
from gateway.problems import Problem

HANDSHAKE_SECONDS: Final = 10.0
"""Seconds from the beginning of a connection to the end of its handshake."""
_PIECE_BYTES: Final = 64 * 1024
"""Bytes that are decrypted at once."""
_LOGGED: Final = LogLimit(20)
_PLAIN: Final = "HTTP_REQUEST"
"""How OpenSSL calls the beginning of HTTP where TLS should begin."""

log = logging.getLogger(__name__)


class Tls(asyncio.Transport, asyncio.Protocol):
    """A connection to a server; `protocol` begins when the handshake is done."""

    def __init__(
        self, context: ssl.SSLContext, protocol: asyncio.Protocol, clients: Clients
    ) -> None:
        super().__init__()
        self._context = context
        self._protocol = protocol
        self._clients = clients
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False
        self._is_paused = False
        self._has_ended = False  # the client says nothing more,
        self._is_answered = False  # but is still answered
        self._is_over = False  # nothing more is read or written
        self._peer = ""

    # Of the socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the handshake."""
        self._below = cast(asyncio.Transport, transport)
        peername = transport.get_extra_info("peername")
        self._peer = peername[0] if peername else ""
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(HANDSHAKE_SECONDS, self._give_up, "too slow")
        if excess := self._clients.connect(self, self._peer):
            self._clients.refusal(excess, self._peer)  # which cannot be said before the handshake
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Decrypt what has come."""
        if self._is_over:
            return
        self._incoming.write(data)
        if self._is_open or self._shake_hands():
            self._read()

    def eof_received(self) -> bool:
        """Let the protocol say whether it still has to answer."""
        return self._is_open and not self._is_over and self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note."""
        self._deadline.cancel()
        self._is_over = True
        if self._is_open:
            self._protocol.connection_lost(exc)
        else:
            self._clients.leave(self)

    def pause_writing(self) -> None:
        """Take note."""
        if self._is_open:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Take note."""
        if self._is_open:
            self._protocol.resume_writing()

    def _shake_hands(self) -> bool:
        """Go on with the handshake; tell whether it is done."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as exc:
            if exc.reason == _PLAIN:
                self._below.write(problems.encoded(_no_tls()))
                self._below.close()
                self._is_over = True
            else:
                self._flush()  # an alert, which says why
                self._give_up(exc.reason or str(exc))
            return False
        self._flush()
        self._deadline.cancel()
        self._clients.leave(self)  # the protocol counts it
        self._is_open = True
        self._protocol.connection_made(self)
        return True

    def _give_up(self, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        left_out = _LOGGED.take((reason, self._peer), now)
        if left_out is not None:
            facts = {"reason": reason, "client": self._peer, "left_out": left_out}
            log.info("http.no_tls", extra=facts)
        self._is_over = True
        self._below.close()

    def _read(self) -> None:
        """Pass on what is decrypted; an answer to the client's TLS may be due."""
        while not (self._is_paused or self._is_over):
            try:
                data = self._tls.read(_PIECE_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                data = b""
            except ssl.SSLError:
                self.abort()
                return
            if not data:
                if not self._end():
                    self.close()
                return
            self._protocol.data_received(data)
        if not self._is_over:
            self._flush()

    def _end(self) -> bool:
        """Take note that the client says nothing more; tell whether it still is answered.

        It may say so twice: by TLS (RFC 8446 §6.1), and by TCP.
        """
        if not self._has_ended:
            self._has_ended = True
            self._is_answered = bool(self._protocol.eof_received())
        return self._is_answered

    def _flush(self) -> None:
        if data := self._outgoing.read():
            self._below.write(data)

    # Of the protocol.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        left = memoryview(data)
        while left and not self._is_over:
            left = left[self._tls.write(left) :]  # a record at a time
        self._flush()

    def write_eof(self) -> None:
        """End our side; what was written leaves first."""
        self._say_goodbye()
        if self._below.can_write_eof():
            self._below.write_eof()

    def can_write_eof(self) -> bool:
        """Tell that our side may end alone."""
        return True

    def close(self) -> None:
        """End the connection; what was written leaves first."""
        self._say_goodbye()
        self._below.close()

    def abort(self) -> None:
        """End the connection now."""
        self._is_over = True
        self._below.abort()

    def _say_goodbye(self) -> None:
        """Send a `close_notify` (RFC 8446 §6.1), so that the client knows that it has all."""
        if self._is_open and not self._is_over:
            with contextlib.suppress(ssl.SSLError):  # it wants that of the client, which may come
                self._tls.unwrap()
            self._flush()
        self._is_over = True

    def is_closing(self) -> bool:
        """Tell whether it is closed, or is being closed."""
        return self._below.is_closing()

    def pause_reading(self) -> None:
        """Pass nothing more on."""
        self._is_paused = True
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Go on, first with what is decrypted."""
        self._is_paused = False
        self._below.resume_reading()
        asyncio.get_running_loop().call_soon(self._read)

    def is_reading(self) -> bool:
        """Tell whether what comes is passed on."""
        return not self._is_paused

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Say from how many waiting bytes on the protocol is told."""
        self._below.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Return how many bytes the kernel has not taken yet."""
        return self._below.get_write_buffer_size()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection on to another protocol."""
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as asyncio's
        """Return a fact about the connection; with a `sslcontext` it is one of TLS."""
        if name == "sslcontext":
            return self._context
        return self._tls if name == "ssl_object" else self._below.get_extra_info(name, default)


def _no_tls() -> Problem:
    detail = "This port speaks TLS: write https in the address."
    return Problem(HTTPStatus.BAD_REQUEST, "needs-https", detail)
