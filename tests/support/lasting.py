"""What watchers have open, by each way there is: many at once, and when each was closed."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self

FILTER: Final = "builds/%23"
WAYS: Final = "websocket", "polling", "sse"
_AT_ONCE: Final = 64
_POLICY: Final = (1008).to_bytes(2, "big")


class Refused(Exception):
    """A watcher was not let in; the text is what it was told."""


class Lasting:
    """A watcher; `closed` is the moment (monotonic) when it had no connection any more.

    `told` is how that was said: 1008, an unknown session, or nothing for a stream that ended.
    """

    def __init__(
        self, way: str, reading: asyncio.StreamReader, writing: asyncio.StreamWriter
    ) -> None:
        self.way = way
        self.closed: float | None = None
        self.told = ""
        self.process = ""
        """What tells the gateway process that serves it, if that is said."""
        self._reading, self._writing = reading, writing
        self._session = ""
        self._waiting: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, way: str, port: int, secret: str) -> Self:
        """Return a watcher that has got in; raise Refused if it is not let in."""
        watcher = cls(way, *await asyncio.open_connection("127.0.0.1", port))
        try:
            await {"websocket": watcher._dial, "polling": watcher._poll, "sse": watcher._stream}[
                way
            ](secret)
        except (Refused, asyncio.IncompleteReadError):
            watcher.close()
            raise
        watcher._waiting = asyncio.create_task(watcher._wait())
        return watcher

    def close(self) -> None:
        if self._waiting:
            self._waiting.cancel()
        self._writing.close()

    async def _wait(self) -> None:
        """Wait until it is closed from the other side."""
        with suppress(OSError, asyncio.IncompleteReadError):
            match self.way:
                case "websocket":
                    while True:
                        opcode, payload = await self._frame()
                        if opcode == 8:
                            self.told = "1008" if payload.startswith(_POLICY) else repr(payload)
                case "polling":
                    while True:
                        status, body = await self._ask("GET")
                        if status != 200:
                            self.told = str(json.loads(body)["type"]).rpartition(":")[2]
                            break
                case _:
                    while await self._reading.read(1 << 16):
                        pass
        self.closed = time.monotonic()
        self._writing.close()

    # by WebSocket

    async def _dial(self, secret: str) -> None:
        self._writing.write(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await self._reading.readuntil(b"\r\n\r\n")
        packet = _connect(secret).encode()
        head = bytes([0x81, 0x80 | 126]) + len(packet).to_bytes(2, "big")
        self._writing.write(head + bytes(4) + packet)  # a mask of zeros
        while True:
            opcode, payload = await self._frame()
            if payload.startswith(b"44") or opcode == 8:
                raise Refused(payload.decode(errors="replace"))
            if payload.startswith(b"40"):
                return

    async def _frame(self) -> tuple[int, bytes]:
        head = await self._reading.readexactly(2)
        size = head[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(await self._reading.readexactly(2 if size == 126 else 8), "big")
        return head[0] & 0x0F, await self._reading.readexactly(size)

    # by polling

    async def _poll(self, secret: str) -> None:
        _, body = await self._ask("GET")
        self._session = json.loads(body[1:])["sid"]
        self.process = self._session.partition(".")[0]
        await self._ask("POST", _connect(secret))
        while True:
            status, body = await self._ask("GET")
            if status != 200 or "44{" in body:
                raise Refused(body)
            if "40{" in body:
                return

    async def _ask(self, method: str, body: str = "") -> tuple[int, str]:
        query = f"&sid={self._session}" if self._session else ""
        length = f"Content-Length: {len(body)}\r\n" if method == "POST" else ""
        self._writing.write(
            f"{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\n"
            f"Host: 127.0.0.1\r\n{length}\r\n{body}".encode()
        )
        head = (await self._reading.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return int(head.split()[1]), (await self._reading.readexactly(size)).decode()

    # by Server-Sent Events

    async def _stream(self, secret: str) -> None:
        self._writing.write(
            f"GET /api/events?watch={FILTER} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {secret}\r\n\r\n".encode()
        )
        head = await self._reading.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise Refused(head.decode())
        await self._reading.readuntil(b"event: feed")


def _connect(secret: str) -> str:
    packet = "40" + json.dumps({"token": secret, "watch": FILTER.replace("%23", "#")})
    return packet.ljust(126)


async def gathered(port: int, secret: str, counts: dict[str, int]) -> list[Lasting]:
    """Return so many watchers by each way, of which each has got in."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(way: str) -> Lasting:
        async with room:
            return await Lasting.open(way, port, secret)

    ways = [way for way, count in counts.items() for _ in range(count)]
    return list(await asyncio.gather(*map(one, ways)))


async def until_closed(watchers: Sequence[Lasting], seconds: float) -> None:
    """Wait until each is closed; fail when some are not within `seconds`."""
    deadline = time.monotonic() + seconds
    while left := [each for each in watchers if each.closed is None]:
        assert time.monotonic() < deadline, (
            f"{len(left)} of {len(watchers)} are open: {left[0].way}"
        )
        await asyncio.sleep(0.01)


def delays(watchers: Sequence[Lasting], since: float) -> list[float]:
    """Return the seconds after which each was closed, in order."""
    return sorted(each.closed - since for each in watchers if each.closed is not None)


async def refused(port: int, secret: str, way: str) -> str:
    """Return what a watcher is told that is not let in."""
    try:
        watcher = await Lasting.open(way, port, secret)
    except Refused as told:
        return str(told)
    watcher.close()
    return "it was let in"
