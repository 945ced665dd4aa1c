"""Requests that poll, answered on the bare connection where they are whole in one piece.

Each event may cost a client that polls a request, and ASGI with its layers is most of the cost of
one. So a short request is answered here; any other takes the long way to the same `Polling`.

Relied on in uvicorn: `on_response_complete` makes the connection wait for its next request.
"""

from collections.abc import Callable
from typing import Final, Protocol

from gateway import problems
from gateway.access.credentials import Client
from gateway.access.refusals import Refusals
from gateway.http import protocol, short_requests
from gateway.http.short_requests import ShortRequest
from gateway.problems import SECURITY_HEADERS, STRICT_TRANSPORT, Problem

_MOST_BEHIND: Final = 64 * 1024
"""Bytes that a client may send while its poll waits: it should send none."""

_FIELDS: Final = {**SECURITY_HEADERS, "content-type": "text/plain; charset=UTF-8"}
_HEAD: Final = "".join(
    ["HTTP/1.1 200 OK\r\n", *(f"{name}: {value}\r\n" for name, value in _FIELDS.items())]
).encode()
_SECURE: Final = "{}: {}\r\n".format(*STRICT_TRANSPORT).encode()


def encoded(payload: bytes, *, keeps_alive: bool, is_secure: bool) -> bytes:
    """Return an answer of HTTP/1.1; `is_secure` as in `problems.encoded`."""
    more = _SECURE if is_secure else b""
    ending = more if keeps_alive else b"%bconnection: close\r\n" % more
    return b"%bcontent-length: %d\r\n%b\r\n%b" % (_HEAD, len(payload), ending, payload)


class Poll(Protocol):
    """A poll that waits, as far as it matters here."""

    def abandon(self) -> None:
        """End the session of a client that has gone, or has to go."""


class Polling(Protocol):
    """The sessions that poll, as far as they matter here."""

    def begin(
        self,
        method: str,
        query: str,
        body: bytes,
        client: Client,
        answer: Callable[[bytes], None],
    ) -> Poll | None:
        """Call `answer` with the text of an answer, at once or later; return a poll that waits.

        Raises Problem.
        """


class Polls(protocol.Protocol):
    """HTTP/1.1 that answers short requests that poll by itself."""

    _poll: Poll | None = None
    _is_due = False
    """Whether an answer is due to a short request."""
    _keeps_alive = True
    _is_secure = False
    _behind = b""
    """What a client has sent while its poll waited."""

    def data_received(self, data: bytes) -> None:
        """Answer a short request; parse anything else."""
        if self._poll:
            self._behind += data
            if len(self._behind) > _MOST_BEHIND:
                self.transport.abort()
        elif (
            self.is_between
            and (request := short_requests.parse(self._paths.bare(data)))
            and self._serves(request)
        ):
            self.begins()
            self._begin(request)
        else:
            super().data_received(data)

    @property
    def is_between(self) -> bool:
        """Whether no request is under way."""
        idle = self.cycle is None or self.cycle.response_complete
        return self._part == "none" and idle and not self._poll

    def begins(self) -> None:
        """Take note that a short request has come."""

    def address(self, _forwarded: str) -> str:
        """Return the address of the client; `forwarded` is the header X-Forwarded-For."""
        return self.client[0] if self.client else ""

    def _serves(self, request: ShortRequest) -> bool:
        """Tell whether nothing speaks against an answer, and it needs no header for its origin."""
        if "polling" not in self.app_state:
            return False
        refusals: Refusals = self.app_state["refusals"]
        return refusals.pass_own(request.headers["host"], request.headers.get("origin"))

    def _begin(self, request: ShortRequest) -> None:
        polling: Polling = self.app_state["polling"]
        self._unset_keepalive_if_required()
        self._keeps_alive = request.keeps_alive
        refusals: Refusals = self.app_state["refusals"]
        self._is_secure = is_secure = refusals.is_secure(request.headers["host"])
        self._is_due = True
        client = self.address(request.headers.get("x-forwarded-for", ""))
        try:
            poll = polling.begin(
                request.method,
                request.query,
                request.body,
                Client(client, request.shown),
                self._answer,
            )
        except Problem as problem:
            accept = request.headers.get("accept", "")
            self.transport.write(problems.encoded(problem, accept, is_secure=is_secure))
            self.transport.close()
        else:
            self._poll = poll if self._is_due else None

    def _answer(self, payload: bytes) -> None:
        self._poll, self._is_due = None, False
        answer = encoded(payload, keeps_alive=self._keeps_alive, is_secure=self._is_secure)
        self.transport.write(answer)
        if not self._keeps_alive:
            self.transport.close()
            return
        self.on_response_complete()
        if self._behind:
            behind, self._behind = self._behind, b""
            self.loop.call_soon(self.data_received, behind)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the session whose poll was lost."""
        if self._poll:
            self._poll.abandon()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Let go of the poll: the client connects again, elsewhere."""
        if self._poll:
            self._keeps_alive = False
            self._poll.abandon()
        super().shutdown()
