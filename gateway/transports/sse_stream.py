"""Edge: one response of Server-Sent Events, written as fast as its reader takes it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from starlette.types import Send

from gateway.http_connection import HttpConnection
from gateway.state.event import Subject
from gateway.transports.backlog import Backlog

CHUNK_BYTES: Final = 16 * 1024
"""Size in bytes at which a write takes no further message: it waits in the backlog instead."""
PING: Final = b":\n"
"""A comment. Without an empty line, as some readers would take that for the end of an event."""


class Stream:
    """The stream of one watcher; ends when the reader goes, is given up, or the server stops.

    `newest` returns the message that the backlog owes, empty for a build that nobody knows, and
    `id_line` the line with the id of the last message for now. `retry`, another line, is that of
    the first.
    `now` is the time in seconds. Events that come due within `frame_seconds` of the last write
    leave together.
    """

    def __init__(
        self,
        connection: HttpConnection,
        backlog: Backlog,
        *,
        client: str,
        newest: Callable[[Backlog, Subject], Awaitable[bytes]],
        id_line: Callable[[], bytes],
        retry: bytes,
        now: float,
        frame_seconds: float,
    ) -> None:
        self.backlog = backlog
        self.client = client
        """The address of the reader, for the log."""
        self.builds_sent = 0
        """Messages about builds that were sent."""
        self.greeted = False
        """True once the snapshot is in the backlog."""
        self._connection = connection
        self._newest = newest
        self._id_line = id_line
        self._retry = retry
        self._due = asyncio.Event()
        self._over = asyncio.Event()
        self._greeting: asyncio.Task[None] | None = None
        self._ping = False
        self._frame_seconds = frame_seconds
        self._pinged = self._moved = now
        self._written = self._taken = 0
        connection.on_end = self._end
        connection.keep_buffers_small()

    async def greet(self, greeting: Coroutine[Any, Any, None]) -> None:
        """Let `greeting` fill the backlog; the end of the stream cancels it."""
        self._greeting = asyncio.create_task(greeting)
        if self._connection.ending:
            self._greeting.cancel()
        try:
            await asyncio.wait([self._greeting])
        finally:
            self._greeting.cancel()
        if not self._greeting.cancelled():
            self._greeting.result()

    async def run(self, send: Send) -> None:
        """Write messages as they come due, until the end."""
        while not self._connection.ending:
            await self._due.wait()
            self._due.clear()
            while self._ping or self.backlog:
                await self._connection.writable()  # states that are taken later are newer
                if self._connection.ending:
                    break
                await self._write(send, await self._chunk())
                if self.backlog:
                    await asyncio.sleep(0)  # other streams get their turn
            await self._end_of_frame()

    async def _end_of_frame(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._frame_seconds):
                await self._over.wait()

    async def _write(self, send: Send, chunk: bytes) -> None:
        self._written += len(chunk)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})

    @property
    def slow(self) -> bool:
        """Whether the reader has not taken all that was written."""
        return self._connection.waiting > 0

    def wake(self) -> None:
        """Note that something is due."""
        self._due.set()

    def ping_if_due(self, now: float, seconds: float) -> None:
        """Send a comment when the last one was `seconds` ago."""
        if now - self._pinged >= seconds:
            self._pinged, self._ping = now, True
            self._due.set()

    def stuck_for(self, now: float) -> float:
        """Return the seconds since the reader took a byte, 0 when no byte waits."""
        waiting = self._connection.waiting
        taken = self._written - waiting
        if not waiting or taken > self._taken:
            self._taken, self._moved = taken, now
        return now - self._moved

    def abort(self) -> None:
        """End the connection of a reader that takes nothing."""
        self._connection.abort()

    async def _chunk(self) -> bytes:
        """Take messages that are due, up to the size of a chunk."""
        parts, size = [self._retry, PING if self._ping else b""], 0
        self._retry, self._ping = b"", False
        while self.backlog and size < CHUNK_BYTES:
            subject, message = self.backlog.take()
            if message is None:
                message = await self._newest(self.backlog, subject)
            self.builds_sent += isinstance(subject, tuple)
            parts.append(message)
            size += len(message)
        if size:
            # The id says that nothing is missing, so none is sent while something waits.
            parts.insert(-1, b"" if self.backlog else self._id_line())
        return b"".join(parts)

    def _end(self) -> None:
        if self._connection.waiting and not self._connection.lost:
            self._connection.abort()  # a server that stops does not wait for slow readers
        if self._greeting:
            self._greeting.cancel()
        self._due.set()
        self._over.set()
