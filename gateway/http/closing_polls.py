"""Requests that poll on a connection of their own, answered on the bare socket.

The official client in Node opens a connection for each request, and closes it behind the answer. A
transport and a parser for each would be most of its cost, and with several processes there would be
two of each. Here the socket itself waits for the answer. A client that goes away meanwhile is
noticed by epoll(7), which costs one call for each poll.

A connection that waits here is not counted: its session is, and that has one poll at a time.
"""

import asyncio
import select
import socket
from collections.abc import Callable
from typing import Any

from gateway import problems
from gateway.access.clients import Clients
from gateway.access.credentials import Client
from gateway.access.paths import Paths
from gateway.access.refusals import Refusals
from gateway.http import polls, short_requests
from gateway.http.polls import Poll, Polling
from gateway.http.short_requests import ShortRequest
from gateway.problems import Problem

Finish = Callable[[socket.socket, bytes], None]
"""Sends the rest of an answer, which the kernel has not taken yet, and closes the connection."""


class ClosingPolls:
    """The polls of a process that wait on bare sockets.

    `state` is what the application yields: `polling`, `refusals`, `clients`, and `paths` if any.
    """

    def __init__(self, state: dict[str, Any], finish: Finish) -> None:
        self._polling: Polling = state["polling"]
        self._refusals: Refusals = state["refusals"]
        self._clients: Clients = state["clients"]
        self._paths: Paths = state.get("paths") or Paths()
        self._finish = finish
        self._waiting: dict[int, _Waiting] = {}
        self._hangups = select.epoll()
        asyncio.get_running_loop().add_reader(self._hangups.fileno(), self._hung_up)

    def take(self, connection: socket.socket, peer: str, data: bytes) -> bool:
        """Answer a request that closes its connection; False for any other.

        `data` is what was read of the connection, `peer` the address of its other side; it may be
        empty for a request of a session.
        """
        request = short_requests.parse(self._paths.bare(data))
        if request is None or request.keeps_alive or self._hangups.closed:
            return False
        if not self._refusals.pass_own(request.headers["host"], request.headers.get("origin")):
            return False
        client = self._clients.address(peer, [request.headers.get("x-forwarded-for", "")])
        self._begin(connection, client, request)
        return True

    def close(self) -> None:
        """Let go of all polls: their clients connect again, elsewhere."""
        if self._hangups.closed:
            return
        for each in list(self._waiting.values()):
            each.poll.abandon()
        asyncio.get_running_loop().remove_reader(self._hangups.fileno())
        self._hangups.close()

    def _begin(self, connection: socket.socket, client: str, request: ShortRequest) -> None:
        is_secure = self._refusals.is_secure(request.headers["host"])
        waiting = _Waiting(self, connection, is_secure=is_secure)
        try:
            poll = self._polling.begin(
                request.method,
                request.query,
                request.body,
                Client(client, request.shown),
                waiting.answer,
            )
        except Problem as problem:
            accept = request.headers.get("accept", "")
            self.send(connection, problems.encoded(problem, accept, is_secure=is_secure))
            return
        if poll and not waiting.answered:
            waiting.poll = poll
            self._waiting[connection.fileno()] = waiting
            self._hangups.register(connection, select.EPOLLRDHUP | select.EPOLLONESHOT)

    def _hung_up(self) -> None:
        for descriptor, _ in self._hangups.poll(0):
            if waiting := self._waiting.get(descriptor):
                waiting.poll.abandon()

    def forget(self, connection: socket.socket) -> None:
        """Take note that a poll is answered."""
        self._waiting.pop(connection.fileno(), None)

    def send(self, connection: socket.socket, answer: bytes) -> None:
        """Send an answer, and close the connection."""
        try:
            sent = connection.send(answer, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(answer)  # the client has gone
        if sent < len(answer):
            self._finish(connection, answer[sent:])
        else:
            connection.close()


class _Waiting:
    """A poll on its socket."""

    __slots__ = ("_connection", "_is_secure", "_polls", "answered", "poll")

    def __init__(self, polls_: ClosingPolls, connection: socket.socket, *, is_secure: bool) -> None:
        self.poll: Poll
        self.answered = False
        self._polls = polls_
        self._connection = connection
        self._is_secure = is_secure

    def answer(self, payload: bytes) -> None:
        self.answered = True
        self._polls.forget(self._connection)
        answer = polls.encoded(payload, keeps_alive=False, is_secure=self._is_secure)
        self._polls.send(self._connection, answer)
