"""The entrance of a connection: what is asked of it before, and beside, HTTP.

**Handover.** Requests that belong to another process go there at once. The first line of a request
is looked at before it is parsed. Only between two requests nothing of the connection is in our
hands, so a request that was sent before the last one was answered (HTTP pipelining, which neither
browsers nor proxies do) is not passed on.

**Number.** A connection beyond the limits of `Clients` is refused, unless it asks how the process
is: a few more are taken for that.

**Time.** A request has to arrive within limits, `--head-seconds` and `--body-seconds`. An answer
may take as long as it wants, and between requests uvicorn's keep-alive timeout rules. A client that
takes nothing of its answer is given up, as a watcher is.
"""

import asyncio
import re
import socket
from collections import Counter
from http import HTTPStatus
from typing import Final

import msgspec

from gateway import problems
from gateway.access.clients import Clients
from gateway.access.connection_limit import Excess
from gateway.handover import Handover
from gateway.http import short_requests
from gateway.http.deadlines import Deadlines
from gateway.http.polls import Polls
from gateway.problems import Problem

SPARE_SECONDS: Final = 5.0
"""Seconds that a connection beyond the limits may last."""
LINGER_SECONDS: Final = 2.0
"""Seconds in which a refusal may leave, and a client goes on sending what nobody reads."""

_LONGEST_LINE: Final = 8 * 1024
"""Bytes of a first line that are waited for; one that is longer names no session of ours."""
_ASKS_HOW_IT_IS: Final = re.compile(
    rb"(?:GET|HEAD|OPTIONS) (?:/[^/ ?]*)*/(?:healthz|readyz|metrics)/?[ ?]"
)


class Patience(msgspec.Struct, frozen=True):
    """The deadlines of all connections of a process.

    A connection has one of the first four at a time, and `stuck` while an answer waits for it. A
    head has its time from its first byte or, of a new connection, from the beginning. `refused`
    counts the requests that were too slow, by the limit.
    """

    head: "Deadlines[Entrance]"
    body: "Deadlines[Entrance]"
    spare: "Deadlines[Entrance]"
    linger: "Deadlines[Entrance]"
    stuck: "Deadlines[Entrance]"
    refused: Counter[str]


def patience(head: float = 10.0, body: float = 30.0, stuck: float = 60.0) -> Patience:
    """Return the deadlines of a process, in seconds."""
    late = Entrance.late
    return Patience(
        Deadlines(head, late),
        Deadlines(body, late),
        Deadlines(SPARE_SECONDS, late),
        Deadlines(LINGER_SECONDS, late),
        Deadlines(stuck, Entrance.stuck),
        Counter({"head-seconds": 0, "body-seconds": 0}),
    )


class Entrance(Polls):
    """HTTP/1.1 on a connection that other processes of the port may get or give."""

    first: bytes = b""
    """Bytes that were read from the connection before."""
    rest: bytes = b""
    """The rest of an answer that is under way; the connection ends with it."""

    def connection_made(  # type: ignore[override] # as uvicorn's
        self, transport: asyncio.Transport
    ) -> None:
        """Begin, maybe with what was read before."""
        super().connection_made(transport)
        self._handover: Handover | None = self.app_state.get("handover")
        self._clients: Clients = self.app_state["clients"]
        self._patience: Patience = self.app_state["patience"]
        self._deadline: Deadlines[Entrance] | None = None
        self._waiting = 0  # bytes of an answer, when it was looked at last
        transport.set_write_buffer_limits(high=0)  # report every byte that the kernel does not take
        self._line = b""  # the beginning of a first line that is not whole
        self._begins = self._paths.begins
        self._excess: Excess | None = None
        if self.rest:
            self._deaf = True
            self.transport.write(self.rest)
            self.transport.close()
            return
        self._enter()
        if self.first:
            self.data_received(self.first)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note."""
        self._clients.leave(self.transport)
        self._allow(None)
        self._patience.stuck.end(self)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Take note."""
        super().pause_writing()
        self._waiting = self.transport.get_write_buffer_size()
        self._patience.stuck.begin(self)

    def resume_writing(self) -> None:
        """Take note."""
        super().resume_writing()
        self._patience.stuck.end(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless they are for another process, or of a client too many."""
        if self._deaf:
            return
        if self.is_between:
            if not self._deadline:
                self._allow(self._patience.head)
            data, self._line = self._line + data, b""
            if self._excess and not self._is_spared(data):
                return
            if self._handover:
                if self._is_part(data):
                    self._line = data
                    return
                if data.startswith(self._begins) and self._pass_on(self._handover, data):
                    return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Take note."""
        super().on_message_begin()
        if not self._deadline:
            self._allow(self._patience.head)

    def on_headers_complete(self) -> None:
        """Let the application begin; it sees the client, not the proxy in front of it."""
        self._allow(self._patience.body)
        peer = self.client[0] if self.client else ""
        if self._clients.is_proxy(peer):
            lines = [value for name, value in self.headers if name == b"x-forwarded-for"]
            client = self._clients.address(peer, [line.decode("latin-1") for line in lines])
            self.scope["client"] = client, 0
            self.scope["state"]["proxied"] = True
        super().on_headers_complete()
        if self._excess and not self._repeats:
            self.cycle.keep_alive = False

    def begins(self) -> None:
        """Take note that a short request has come, as a whole."""
        self._allow(None)

    def address(self, forwarded: str) -> str:
        """Return the address of the client, not of a proxy in front of it."""
        peer = self.client[0] if self.client else ""
        return self._clients.address(peer, [forwarded]) if self._clients.is_proxy(peer) else peer

    def on_message_complete(self) -> None:
        """Take note."""
        if not self._excess:
            self._allow(None)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on; whether it is stuck is no more our concern."""
        self._patience.stuck.end(self)
        super().handle_websocket_upgrade()

    def late(self) -> None:
        """End what has taken too long."""
        deadline, self._deadline = self._deadline, None
        if self._deaf or self._excess:  # it had time to take the answer
            self.transport.abort()
        elif self.flow.read_paused:  # it is we who are late
            self._allow(deadline)
        elif self._part == "none" and not self._line:
            self.transport.close()
        else:
            head, body = self._patience.head, self._patience.body
            self._patience.refused["head-seconds" if deadline is head else "body-seconds"] += 1
            detail = (
                f"The head of a request is to arrive within {head.seconds:g} s, and its body "
                f"within {body.seconds:g} s."
            )
            self._give_up(Problem(HTTPStatus.REQUEST_TIMEOUT, "too-slow", detail))

    def stuck(self) -> None:
        """End the connection of a client that has taken nothing of its answer meanwhile."""
        before, self._waiting = self._waiting, self.transport.get_write_buffer_size()
        if self._waiting < before:
            self._patience.stuck.begin(self)
        else:
            self._connection.abort()
            self.transport.abort()

    def _allow(self, deadline: Deadlines["Entrance"] | None) -> None:
        """Let another deadline be that of the connection; one beyond the limits keeps its own."""
        if self._excess and deadline and self._deadline:
            return
        if self._deadline:
            self._deadline.end(self)
        self._deadline = deadline
        if deadline:
            deadline.begin(self)

    def _close(self) -> None:
        """End our side; the client may take the answer first, and stop sending."""
        if not self.transport.is_closing():
            self.transport.write_eof()
            self._allow(self._patience.linger)

    def _enter(self) -> None:
        """Count the connection, or refuse it."""
        peer = self.client[0] if self.client else ""
        self._excess = self._clients.connect(self.transport, peer)
        if not self._excess:
            self._allow(self._patience.head)
        elif self._clients.spare(self.transport, peer):
            self._allow(self._patience.spare)
        else:
            self._turn_away(self._excess)

    def _is_spared(self, data: bytes) -> bool:
        """Tell whether a connection beyond the limits asks how the process is; else refuse it."""
        if self._excess and not _ASKS_HOW_IT_IS.match(data):
            if b"\n" not in data and len(data) < _LONGEST_LINE:
                self._line = data
            else:
                self._turn_away(self._excess)
            return False
        return True

    def _turn_away(self, excess: Excess) -> None:
        self._deaf = True
        peer = self.client[0] if self.client else ""
        self.transport.write(problems.encoded(self._clients.refusal(excess, peer)))
        self.transport.close()

    def _is_part(self, data: bytes) -> bool:
        """Tell whether `data` may begin a first line that would have to be looked at."""
        if any(begin.startswith(data) for begin in self._begins):
            return True
        return data.startswith(self._begins) and b"\n" not in data and len(data) < _LONGEST_LINE

    def _pass_on(self, handover: Handover, data: bytes) -> bool:
        session = short_requests.session(self._paths.bare(data))
        sock: socket.socket = self.transport.get_extra_info("socket")
        if self.transport.get_write_buffer_size():
            return False
        if not session or not handover.pass_on(session, sock.fileno(), data):
            return False
        self._unset_keepalive_if_required()
        self.transport.abort()  # ends our descriptor, not the connection
        return True
