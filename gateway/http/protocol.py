"""HTTP/1.1 as uvicorn speaks it, mended: ignored upgrades, bodies without length, bad heads.

httptools, the parser of uvicorn, takes any `Upgrade` for the end of HTTP, and drops the body of
that request. Here an absent body means defaults: a start that nobody wanted. So a second parser,
which is given the same head without the upgrade, goes on with the body.
"""

import asyncio
import logging
import re
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway import problems
from gateway.access.access import SOCKETS
from gateway.http_connection import EXTENSION, HttpConnection
from gateway.log_limit import LogLimit
from gateway.problems import Problem

_LENGTH: Final = b"content-length", b"transfer-encoding"
_LOGGED: Final = LogLimit(20)
_EMPTY_LINE: Final = re.compile(rb"\r?\n\r?\n")
_EMPTY_LINE_BYTES: Final = 4

log = logging.getLogger(__name__)


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with a `HttpConnection` in the scope of every request.

    An upgrade that we do not support is ignored, as RFC 9110 §7.8 lets a server do: the request is
    answered, and its body counts.

    Relied on besides asyncio's and httptools' protocol interfaces: `on_message_begin` makes
    `scope` and `headers`, `on_headers_complete` makes `cycle` unless `_should_upgrade`,
    `send_400_response` ends the connection, and `shutdown` is called when the server begins to
    stop.
    """

    def connection_made(  # type: ignore[override] # as uvicorn's
        self, transport: asyncio.Transport
    ) -> None:
        """Begin."""
        super().connection_made(transport)
        self._connection = HttpConnection(transport)
        self._repeats = False  # while the second parser is given the head
        self._unframed = False  # the body has no length, and does not end with the connection
        self._deaf = False  # all further bytes are no HTTP
        self._may_lack_body = False  # the next bytes may be meant as the body of the last request
        self._tail = b""  # where an empty line may have begun
        self._before: Any = None  # the request before the last

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the response, also when another request waits behind it."""
        super().connection_lost(exc)
        self._connection.end(lost=True)

    def pause_writing(self) -> None:
        """Take note."""
        super().pause_writing()
        self._connection.pause()

    def resume_writing(self) -> None:
        """Take note."""
        super().resume_writing()
        self._connection.resume()

    def data_received(self, data: bytes) -> None:
        """Parse `data`."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        before, rest = self.cycle, data
        self._may_lack_body = False  # a body would have begun by now
        try:
            while rest:
                rest = self._parse(rest)
        except httptools.HttpParserError:
            self.send_400_response("")
            return
        more = data if self.cycle is before else _behind_head(self._tail + data)
        self._tail = data[-_EMPTY_LINE_BYTES + 1 :]
        if self._unframed and not self.cycle.response_complete and more.strip(b"\r\n"):
            detail = "The body has no length: send Content-Length or Transfer-Encoding: chunked."
            self._refuse(Problem(HTTPStatus.LENGTH_REQUIRED, "no-length", detail))

    def _parse(self, data: bytes) -> bytes:
        """Parse; return the rest after an upgrade that is ignored."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            if not self._should_upgrade():
                self._ignore_upgrade()
                return data[exc.args[0] :]
            self.handle_websocket_upgrade()
        return b""

    def _should_upgrade(self) -> bool:
        """Tell whether this is the handshake of a WebSocket that we serve (RFC 6455 §4.1)."""
        path = self.url.partition(b"?")[0].decode("latin-1")
        return (
            super()._should_upgrade()
            and (path == SOCKETS or path.startswith(f"{SOCKETS}/"))
            and self.scope["method"] == "GET"
            and all(name not in _LENGTH or value == b"0" for name, value in self.headers)
        )

    def _ignore_upgrade(self) -> None:
        """Go on with a parser that has seen the same head, but for the upgrade."""
        version = self.scope["http_version"].encode()
        head = [b"POST / HTTP/%b\r\n" % version]  # only CONNECT and the like have other bodies
        for name, value in self.headers:
            if name in (*_LENGTH, b"connection"):
                head.append(b"%b: %b\r\n" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self._repeats = True
        try:
            self.parser.feed_data(b"".join([*head, b"\r\n"]))
        finally:
            self._repeats = False

    def on_message_begin(self) -> None:
        """Put the connection into the scope (ASGI: extensions)."""
        if not self._repeats:
            super().on_message_begin()
            self.scope["extensions"] = {EXTENSION: cast(dict[object, object], self._connection)}

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        if not self._repeats:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        if not self._repeats:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the application begin."""
        if self._repeats:
            return
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self._before = before
            self._may_lack_body = self.scope["method"] == "POST" and all(
                name not in _LENGTH or value == b"0" for name, value in self.headers
            )
            self._unframed = (
                self.scope["method"] == "POST"
                and not self.cycle.keep_alive
                and not any(name in _LENGTH for name, _ in self.headers)
            )

    def on_message_complete(self) -> None:
        """Let the application know, but not before a body that an upgrade seemed to leave out."""
        if not self.parser.should_upgrade() or self._should_upgrade():
            super().on_message_complete()

    def send_400_response(self, _msg: str) -> None:
        """Refuse bytes that are no HTTP, and the request before them where that is not whole.

        One that is whole is answered, and the connection ends then.
        """
        self._deaf = True
        last = self.cycle
        if last is not None and not last.response_complete:
            if last.more_body or self._may_lack_body:
                if not self.pipeline:  # else another is answered first
                    self._refuse_malformed()
                    return
                self.pipeline.popleft()
                last = self._before
            last.keep_alive = False
            return
        self._refuse_malformed()

    def _refuse_malformed(self) -> None:
        detail = (
            "This is no HTTP/1.1, or a body without its length: "
            "send Content-Length or Transfer-Encoding: chunked."
        )
        self._refuse(Problem(HTTPStatus.BAD_REQUEST, "bad-http", detail))

    def _refuse(self, problem: Problem) -> None:
        """Answer and close; a request that waits for its answer ends as if its client had gone."""
        client = self.client[0] if self.client else ""
        left_out = _LOGGED.take((problem.slug, client), self.loop.time())
        if left_out is not None:
            facts = {"problem": problem.slug, "client": client, "left_out": left_out}
            log.warning("http.malformed", extra=facts)
        waits = self.cycle is not None and not self.cycle.response_complete
        if not (waits and self.cycle.response_started):
            self.transport.write(problems.encoded(problem))
        if waits:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def shutdown(self) -> None:
        """Tell the response that the server is about to stop."""
        super().shutdown()
        self._connection.end(lost=False)


def _behind_head(data: bytes) -> bytes:
    """Return the bytes after the first empty line."""
    _, *rest = _EMPTY_LINE.split(data, maxsplit=1)
    return rest[0] if rest else b""
