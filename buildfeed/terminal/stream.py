"""Edge: what a gateway sends on filters, for good (Server-Sent Events, topics.md).

The gateway sends `feed` every 5 s. A connection on which nothing comes for 8 s, the time-out of
`Site`, is given up, also where a proxy keeps it open.
"""

import random
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPResponse
from typing import Final
from urllib.parse import urlencode

from buildfeed.doctor.unreachable import Unreachable
from buildfeed.terminal.gateway import Away, Gateway, Refused

OPENED: Final = "opened"
"""The event that no gateway sends: a connection has begun, and with it a snapshot."""
_FIRST_SECONDS: Final = 0.5
_MOST_SECONDS: Final = 5.0
"""Shortest and longest pause before the next try; half of it is random, as browsers' is."""
_MOST_LINE: Final = 1024 * 1024
"""Bytes of a line: a `log` has at most 16 KiB, each byte six characters in JSON."""
_MOST_PROBLEM: Final = 64 * 1024
_MEDIA_TYPE: Final = "text/event-stream"

Event = tuple[str, bytes]
"""Name and data: `build`, `log` or `feed` with its body in JSON, or OPENED with nothing."""


class Stream:
    """The events of `gateway` on `filters`.

    `say` is told in one sentence when the connection is lost, and when it is there again. With
    `patience` the first connection is tried again as well.
    """

    def __init__(
        self,
        gateway: Gateway,
        filters: tuple[str, ...],
        say: Callable[[str], None],
        *,
        patience: bool,
    ) -> None:
        self._gateway = gateway
        self._filters = filters
        self._say = say
        self._patience = patience
        self._tries = 0
        self._lost = False
        self._changed = False

    def watch(self, filters: tuple[str, ...]) -> None:
        """Watch other filters, by a new connection, from the next event on."""
        self._changed = self._changed or filters != self._filters
        self._filters = filters

    def events(self) -> Iterator[Event]:
        """Yield events until the caller has enough; raises Refused, and Away without patience."""
        while True:
            try:
                yield from self._connection()
            except Away as exc:
                self._heed(exc)
            else:
                continue  # other filters

    def _heed(self, exc: Away) -> None:
        """Wait until it is time for the next try."""
        if not self._patience:
            raise exc
        if not self._lost:
            self._lost = True
            self._say(f"{exc.reason} Trying again …")
        pause = min(_FIRST_SECONDS * 2**self._tries, _MOST_SECONDS)
        self._tries = min(self._tries + 1, 10)
        time.sleep(max(exc.seconds, pause * random.uniform(0.5, 1)))  # noqa: S311 - no secret

    def _connection(self) -> Iterator[Event]:
        """Yield the events of one connection until other filters are wanted; raises as `events`."""
        path = f"/api/events?{urlencode([('watch', each) for each in self._filters])}"
        self._changed = False
        try:
            with self._gateway.site.open(path, headers={"Accept": _MEDIA_TYPE}) as response:
                self._check(response)
                yield OPENED, b""
                for event in _events(response):
                    if event[0] == "feed":
                        self._is_live()
                    yield event
                    if self._changed:
                        return
        except Unreachable as exc:
            raise self._gateway.away(exc) from exc
        raise Away(f"The gateway {self._gateway.url} has ended the connection.")

    def _check(self, response: HTTPResponse) -> None:
        is_stream = response.headers.get_content_type() == _MEDIA_TYPE
        if response.status != HTTPStatus.OK:
            retry_after = response.headers.get("Retry-After", "")
            try:
                self._gateway.check(response.status, response.read(_MOST_PROBLEM), retry_after)
            except Refused as exc:
                if exc.seconds is None:
                    raise
                raise Away(exc.reason, exc.seconds) from exc
        if response.status != HTTPStatus.OK or not is_stream:
            raise Refused(f"{self._gateway.url} is no gateway of Buildfeed: is that the address?")

    def _is_live(self) -> None:
        self._patience = True
        self._tries = 0
        if self._lost:
            self._lost = False
            self._say("Connected again.")


def _events(response: HTTPResponse) -> Iterator[Event]:
    """Yield the events of a response (WHATWG HTML §9.2.6); each has its data in one line."""
    name, data = "", b""
    while line := response.readline(_MOST_LINE):
        if not line.endswith(b"\n"):
            raise Unreachable("it sends no end of a line")
        field, _, value = line.strip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"data":
            data = value
        elif not line.strip(b"\r\n"):
            if name and data:
                yield name, data
            name, data = "", b""
