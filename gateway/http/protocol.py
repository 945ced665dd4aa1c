"""HTTP/1.1 as uvicorn speaks it, mended: ignored upgrades, bodies without length, endless heads.

httptools, the parser of uvicorn, takes any `Upgrade` for the end of HTTP, and drops the body of
that request. Here an absent body means defaults: a start that nobody wanted. So a second parser,
which is given the same head without the upgrade, goes on with the body.

httptools has no limit for a head, and keeps what it has of a header until that is whole. So bytes
are parsed in pieces, and those counted that bring no body: a head, the trailers behind a body, the
extensions of chunks.

A client may end its side once it has asked (a half-closed connection), and is answered.
"""

import asyncio
import logging
import re
from http import HTTPStatus
from typing import Any, Final, Literal, cast
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway import problems
from gateway.access.paths import SOCKETS, Paths
from gateway.http import heads
from gateway.http.until_closed import end_with_connection
from gateway.http_connection import EXTENSION, HttpConnection
from gateway.log_limit import LogLimit
from gateway.problems import Problem

HEAD_BYTES: Final = 32 * 1024
"""Largest head of a request, in bytes, with its first line."""

_MOST_WAITING: Final = 16
"""Requests that may wait until the one before is answered (HTTP pipelining); the connection ends
with the answer to the last."""
_PIECE_BYTES: Final = 4 * 1024
"""Bytes that are parsed at once; a head that is not whole may be longer by twice so many."""
_LENGTH: Final = b"content-length", b"transfer-encoding"
_HALF_CLOSED_SECONDS: Final = 30.0
"""Seconds in which a client that has ended its side is answered: it may as well have gone."""
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
    `_start_asgi_task` begins one, `connection_lost` tells the newest, `send_400_response` ends the
    connection, and `shutdown` is called when the server begins to stop.
    """

    def connection_made(  # type: ignore[override] # as uvicorn's
        self, transport: asyncio.Transport
    ) -> None:
        """Begin."""
        super().connection_made(transport)
        self._connection = HttpConnection(transport)
        self._paths: Paths = self.app_state.get("paths") or Paths()
        self._repeats = False  # while the second parser is given the head
        self._unframed = False  # the body has no length, and does not end with the connection
        self._deaf = False  # all further bytes are no HTTP, or not ours
        self._part: Literal["none", "head", "body"] = "none"  # what is under way of a request
        self._idle_bytes = 0  # that came since there was a body
        self._problem: Problem | None = None  # why the head is refused
        self._answering: Any = None  # the request whose answer is under way, or was last
        self._may_lack_body = False  # the next bytes may be meant as the body of the last request
        self._tail = b""  # where an empty line may have begun
        self._end: asyncio.TimerHandle | None = None  # of a half-closed connection
        self._before: Any = None  # the request before the last

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the response, also when another request waits behind it."""
        super().connection_lost(exc)
        if self._answering and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        if self._end:
            self._end.cancel()
        self._connection.end(lost=True)

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn keeps nothing open
        """Keep our side open while there is something to answer, but for no stream."""
        waits = self.cycle is not None and not self.cycle.response_complete
        if self._deaf or self._part != "none" or not waits:
            return False
        self.cycle.keep_alive = False
        self._connection.end(lost=False)
        self._end = self.loop.call_later(_HALF_CLOSED_SECONDS, self.transport.close)
        return True

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
        before = self.cycle
        self._may_lack_body = False  # a body would have begun by now
        try:
            for start in range(0, len(data), _PIECE_BYTES):
                self._take(data[start : start + _PIECE_BYTES])
        except (httptools.HttpParserError, _Refused):
            self.send_400_response("")
        if self._deaf:
            return
        more = data if self.cycle is before else _behind_head(self._tail + data)
        self._tail = data[-_EMPTY_LINE_BYTES + 1 :]
        if self._unframed and not self.cycle.response_complete and more.strip(b"\r\n"):
            detail = "The body has no length: send Content-Length or Transfer-Encoding: chunked."
            self._refuse(Problem(HTTPStatus.LENGTH_REQUIRED, "no-length", detail))

    def _take(self, piece: bytes) -> None:
        self._idle_bytes += len(piece)
        while piece and not self._deaf:
            piece = self._parse(piece)
        if self._idle_bytes > HEAD_BYTES:
            self._problem = _too_large()
            raise _Refused

    def _parse(self, data: bytes) -> bytes:
        """Parse; return the rest after an upgrade that is ignored."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            if not self._should_upgrade():
                self._ignore_upgrade()
                return data[exc.args[0] :]
            self._deaf = True  # the WebSocket has the connection
            self.handle_websocket_upgrade()
        return b""

    def _should_upgrade(self) -> bool:
        """Tell whether this is the handshake of a WebSocket that we serve (RFC 6455 §4.1).

        The `Upgrade` of a request by HTTP/1.0 is ignored (RFC 9110 §7.8).
        """
        return (
            super()._should_upgrade()
            and self._paths.own(unquote(self._path())) == SOCKETS
            and self.scope["http_version"] == "1.1"
            and self.scope["method"] == "GET"
            and all(name not in _LENGTH or value == b"0" for name, value in self.headers)
        )

    def _path(self) -> str:
        """Return the path of the request, whose target may be a whole URL (RFC 9112 §3.2.2)."""
        return (httptools.parse_url(self.url).path or b"/").decode("latin-1")

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
        if len(self.pipeline) >= _MOST_WAITING:
            raise _Refused
        self._part, self._idle_bytes = "head", 0
        if not self._repeats:
            super().on_message_begin()
            self.scope["extensions"] = {EXTENSION: cast(dict[object, object], self._connection)}

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        if not self._repeats:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; one behind the body is ignored (RFC 9110 §6.5.1)."""
        if not self._repeats and self._part == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the application begin."""
        self._idle_bytes = 0
        if self._repeats:
            self._part = "body"
            return
        first = len(self.parser.get_method()) + len(self.url) + len(b"  HTTP/1.1\r\n\r\n")
        fields = sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)
        version = self.parser.get_http_version()
        too_large = first + fields > HEAD_BYTES
        self._problem = _too_large() if too_large else heads.refusal(version, self.headers)
        if self._problem:
            raise _Refused
        if not self.url.startswith((b"/", b"*")):
            self.headers[:] = heads.with_host_of(self.url, self.headers)
        self.expect_100_continue = heads.awaits_consent(version, self.headers)
        before = self.cycle
        super().on_headers_complete()
        self._part = "body"
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

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Let the application know, but not before a body that an upgrade seemed to leave out."""
        self._part, self._idle_bytes = "none", 0
        if not self.parser.should_upgrade() or self._should_upgrade():
            super().on_message_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:  # noqa: ANN401 - uvicorn's
        self._answering = cycle
        if cycle.scope["http_version"] == "1.0":
            end_with_connection(cycle)
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, _msg: str) -> None:
        """Refuse bytes that are no HTTP, or a head that is refused."""
        detail = (
            "This is no HTTP/1.1, or it is not clear how long its body is: "
            "send Content-Length once, or Transfer-Encoding: chunked."
        )
        self._give_up(self._problem or Problem(HTTPStatus.BAD_REQUEST, "bad-http", detail))

    def _give_up(self, problem: Problem) -> None:
        """Hear nothing more; refuse what has come last, and the request before if it is not whole.

        One that is whole is answered, and the connection ends then.
        """
        self._deaf = True
        last = self.cycle
        if last is not None and not last.response_complete:
            if last.more_body or self._may_lack_body:
                if not self.pipeline:  # else another is answered first
                    self._refuse(problem)
                    return
                self.pipeline.popleft()
                last = self._before
            last.keep_alive = False
            return
        self._refuse(problem)

    def _refuse(self, problem: Problem) -> None:
        """Answer and close; a request that waits for its answer ends as if its client had gone."""
        self._deaf = True
        waits = self.cycle is not None and not self.cycle.response_complete
        asked = self.scope["client"] if waits or self._part == "body" else self.client
        client = asked[0] if asked else ""
        left_out = _LOGGED.take((problem.slug, client), self.loop.time())
        if left_out is not None:
            facts = {"problem": problem.slug, "client": client, "left_out": left_out}
            log.warning("http.malformed", extra=facts)
        begun = (waits or self._part == "body") and self.cycle.response_started
        if not begun:
            self.transport.write(problems.encoded(problem))
        if waits:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._close()

    def _close(self) -> None:
        """End the connection; what was written leaves first."""
        self.transport.close()

    def shutdown(self) -> None:
        """Tell the response that the server is about to stop."""
        super().shutdown()
        self._connection.end(lost=False)


class _Refused(Exception):
    """A request is not taken, or too many wait."""


def _too_large() -> Problem:
    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    detail = f"The head of a request has {HEAD_BYTES // 1024} KiB at most."
    return Problem(status, "head-too-large", detail)


def _behind_head(data: bytes) -> bytes:
    """Return the bytes after the first empty line."""
    _, *rest = _EMPTY_LINE.split(data, maxsplit=1)
    return rest[0] if rest else b""
