"""Strangers who send a gateway whatever comes to mind, as a program of its own.

usage: python tests/support/hostile.py KIND PORT COUNT SEED; it prints how often what was answered.

KIND is `frames` (what follows on WebSockets) or `requests` (of clients that poll). COUNT is how
many are sent. They come from eight addresses, some at a time, and go in every way.
"""

import asyncio
import json
import random
import socket
import struct
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.client_frames import sent
from support.strange_packets import mutated_packet, some_connect

AT_ONCE = 40
PATIENCE = 5.0
"""Seconds that an answer may take."""
GOODBYE = 0.02
"""Seconds in which one that goes may still get something."""
HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
BEGIN = "EIO=4&transport=websocket"
POLL = "EIO=4&transport=polling"
HEADERS = [
    "",
    "X: \xff\r\n",
    "Host: evil.example\r\n",
    "Origin: null\r\n",
    "Expect: 100-continue\r\n",
]
HEADERS += ["Sec-WebSocket-Key: no\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"]
HEADERS += ["Sec-WebSocket-Version: 8\r\n", "Upgrade: h2c\r\n", "Sec-WebSocket-Extensions: x\r\n"]
QUERIES = [
    "",
    "EIO=3&transport=polling",
    "EIO=4",
    f"{POLL}&sid=",
    f"{POLL}&sid=unknown",
    f"{POLL}&j=1",
]
QUERIES += [
    f"{POLL}&sid=../../etc.x",
    f"{POLL}&sid=AAAAAAAA.x",
    f"{POLL}&sid=%00",
    f"{POLL}&sid=\xff",
]
QUERIES += [
    "EIO=4&transport=websocket&sid=unknown",
    "EIO=4&transport=webtransport",
    "%zz=&&&=" * 99,
]
LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 2**31, 2**63 - 1, 2**63, 2**64 - 1]
CODES = [0, 1, 999, 1000, 1001, 1004, 1005, 1006, 1009, 1015, 2999, 3000, 4999, 5000, 65_535]


class Line:
    """A connection of a stranger."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.over = False
        """True while its last request was no good, as those of a session that has ended."""

    @classmethod
    async def opened(cls, port: int, rng: random.Random) -> "Line":
        address = f"127.0.0.{rng.randrange(2, 10)}"
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))

    def send(self, text: str | bytes) -> None:
        self.writer.write(text.encode("latin-1") if isinstance(text, str) else text)

    async def answer(self) -> tuple[str, bytes]:
        """Return the status and the body of an answer."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            _, _, length = head.lower().partition("content-length: ")
            body = await self.reader.readexactly(int(length.split("\r")[0])) if length else b""
        status = head.split(" ")[1]
        self.over = status == "400"
        return status, body

    def reset(self) -> None:
        """End it at once, with a reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def leave(self, rng: random.Random) -> None:
        """End it in one of some ways, sooner or later."""
        if rng.random() < 0.5:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE):
                    await self.reader.read(1 << 16)
        if rng.random() < 0.3:
            self.reset()
        elif rng.random() < 0.2 and self.writer.can_write_eof():
            self.writer.write_eof()
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self.reader.read()
        self.writer.close()


class Strangers:
    """Sends `count` of something to a gateway, by AT_ONCE strangers at a time."""

    def __init__(self, port: int, count: int, seed: int) -> None:
        self._port = port
        self._left = count
        self._rng = random.Random(seed)
        self._sids: deque[str] = deque(maxlen=50)
        """Sessions of anybody, most of which have ended."""
        self.answers: Counter[str] = Counter()

    async def run(self, visit: Callable[[random.Random, Line], Awaitable[None]]) -> None:
        await asyncio.gather(*(self._come_and_go(visit) for _ in range(AT_ONCE)))

    async def _come_and_go(self, visit: Callable[[random.Random, Line], Awaitable[None]]) -> None:
        while self._left > 0:
            rng = random.Random(self._rng.getrandbits(64))
            line = None
            try:
                line = await Line.opened(self._port, rng)
                await visit(rng, line)
                await line.leave(rng)
            except (OSError, EOFError, asyncio.LimitOverrunError) as exc:
                self.answers[type(exc).__name__] += 1  # TimeoutError: nothing was answered
            finally:
                if line:
                    line.writer.close()

    # --- WebSockets

    async def frames(self, rng: random.Random, line: Line) -> None:
        """Open a WebSocket, and send frames in pieces that have nothing to do with them."""
        session = await self._session(rng, line) if rng.random() < 0.2 else ""
        query = BEGIN + (f"&sid={session}" if session else "")
        odd = rng.choice(HEADERS) if rng.random() < 0.1 else ""
        line.send(f"GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\n{odd}{HANDSHAKE}\r\n")
        if rng.random() < 0.9:
            status, _ = await line.answer()
            self.answers[status] += 1
        said = [sent(1, packet) for packet in ([b"2probe", b"5"] if session else [])]
        said += [sent(1, some_connect(rng).encode())] * (rng.random() < 0.7)
        said += [some_frame(rng) for _ in range(rng.randrange(1, 20))]
        self._left -= len(said)
        for piece in in_pieces(rng, b"".join(said)):
            line.send(piece)
            if rng.random() < 0.1:
                with suppress(TimeoutError):
                    async with asyncio.timeout(GOODBYE):
                        await line.reader.read(1 << 16)
        await line.writer.drain()

    async def _session(self, rng: random.Random, line: Line) -> str:
        if self._sids and rng.random() < 0.3:
            return rng.choice(self._sids)
        self._left -= 1
        line.send(f"GET /socket.io/?{POLL} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, body = await line.answer()
        self.answers[status] += 1
        if status != "200":
            return ""
        sid: str = json.loads(body[1:])["sid"]
        self._sids.append(sid)
        return sid

    # --- polling

    async def requests(self, rng: random.Random, line: Line) -> None:
        """Open a session, mostly, and send requests of it and of others."""
        sid = await self._session(rng, line) if rng.random() < 0.9 else "none"
        if sid and rng.random() < 0.7:
            await self._post(line, sid, some_connect(rng))
        steps = [self._say, self._say, self._say, self._poll, self._two, self._odd, self._foreign]
        steps += [self._probe, self._half, self._abort]
        for _ in range(rng.randrange(1, 12)):
            await rng.choice(steps)(rng, line, sid)
            if line.over and rng.random() < 0.7:  # there is more to find in one that goes on
                return
        if rng.random() < 0.8:
            await self._post(line, sid, "1")

    async def _post(self, line: Line, sid: str, body: str | bytes, headers: str = "") -> None:
        body = body.encode("utf-8", "replace") if isinstance(body, str) else body
        self._left -= 1
        line.send(
            f"POST /socket.io/?{POLL}&sid={sid} HTTP/1.1\r\nHost: localhost\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        line.send(body)
        await self._take(line)

    async def _take(self, line: Line) -> None:
        status, _ = await line.answer()
        self.answers[status] += 1

    async def _say(self, rng: random.Random, line: Line, sid: str) -> None:
        packets = [mutated_packet(rng) for _ in range(rng.choice([1, 1, 2, 5, 16, 17, 40]))]
        body = "\x1e".join(packets).encode()
        if rng.random() < 0.1:
            body = rng.choice(
                [
                    rng.randbytes(rng.randrange(300)),
                    body[: rng.randrange(len(body) + 1)],
                    b"4" * 70_000,
                    b"\x1e" * 20,
                    b"b" + body,
                    b"\xff\xfe" + body,
                ]
            )
        await self._post(line, sid, body)

    async def _poll(self, rng: random.Random, line: Line, sid: str) -> None:
        """Poll, when there is something to fetch: the answer to a ping of ours."""
        self._get(line, f"{POLL}&sid={sid}")
        other = await Line.opened(self._port, rng)
        try:
            await self._post(other, sid, rng.choice(['427["unwatch",[]]', "40", "1", "40"]))
            await self._take(line)
        finally:
            other.writer.close()

    def _get(self, line: Line, query: str, headers: str = "") -> None:
        self._left -= 1
        line.send(f"GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")

    async def _two(self, rng: random.Random, line: Line, sid: str) -> None:
        """Two polls at a time: the session ends."""
        other = await Line.opened(self._port, rng)
        try:
            for each in (line, other):
                self._get(each, f"{POLL}&sid={sid}")
            await self._take(other)
            await self._take(line)
        finally:
            other.writer.close()

    async def _odd(self, rng: random.Random, line: Line, sid: str) -> None:
        query, headers = rng.choice([*QUERIES, f"{POLL}&sid={sid}"]), rng.choice(HEADERS[:4])
        self._left -= 1
        method = rng.choice(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
        if method == "HEAD" or sid in query:
            method = "PUT"
        line.send(f"{method} /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\n{headers}")
        line.send("Content-Length: 0\r\n\r\n")
        await self._take(line)

    async def _foreign(self, rng: random.Random, line: Line, _sid: str) -> None:
        if self._sids:
            await self._post(line, rng.choice(self._sids), mutated_packet(rng))

    async def _probe(self, rng: random.Random, line: Line, sid: str) -> None:
        """Begin to upgrade, a session of one's own or of another, and go on or not."""
        some = rng.choice([sid, sid, *list(self._sids)[-1:]])
        other = await Line.opened(self._port, rng)
        try:
            self._get(other, f"{BEGIN}&sid={some}", HANDSHAKE)
            await self._take(other)
            said = [
                b"2probe",
                b"5",
                b"40",
                b"5",
                b"4hello",
                b"2probe",
                mutated_packet(rng).encode(),
            ]
            for packet in said[: rng.randrange(len(said) + 1)]:
                other.send(sent(1, packet))
                self._left -= 1
            await other.writer.drain()
            if rng.random() < 0.3:
                await self._post(line, sid, rng.choice(["1", "40", "41"]))
                other.send(sent(1, b"5") + sent(1, some_connect(rng).encode()))
            await other.leave(rng)
        finally:
            other.writer.close()

    async def _half(self, rng: random.Random, _line: Line, sid: str) -> None:
        """Send a part of a request."""
        other = await Line.opened(self._port, rng)
        body = mutated_packet(rng).encode()
        whole = (
            f"POST /socket.io/?{POLL}&sid={sid} HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._left -= 1
        try:
            other.send(whole[: rng.randrange(1, len(whole))])
            await other.leave(rng)
        finally:
            other.writer.close()

    async def _abort(self, rng: random.Random, _line: Line, sid: str) -> None:
        """Poll, and go away."""
        other = await Line.opened(self._port, rng)
        try:
            self._get(other, f"{POLL}&sid={sid}")
            await other.leave(rng)
        finally:
            other.writer.close()


def some_frame(rng: random.Random) -> bytes:
    """Return what may be a frame, or several, or none."""
    packet = mutated_packet(rng).encode("utf-8", "replace")
    kind = rng.random()
    if kind < 0.6:
        return sent(1, packet)
    made = rng.choice(
        [_control, _close, _binary, _fragments, _not_masked, _reserved, _length, _text]
    )
    frame = made(rng, packet)
    if rng.random() < 0.05 and frame:
        at = rng.randrange(len(frame))
        frame = frame[:at] + rng.randbytes(rng.randrange(3)) + frame[at + 1 :]
    return frame


def _control(rng: random.Random, packet: bytes) -> bytes:
    return sent(
        rng.choice([9, 9, 10]), packet[: rng.choice([0, 5, 125, 126])], fin=rng.random() < 0.9
    )


def _close(rng: random.Random, packet: bytes) -> bytes:
    body = rng.choice(CODES).to_bytes(2) + rng.choice([b"", packet[:120], b"\xff\xff"])
    return sent(8, rng.choice([body, body, b"", b"\x03"]))


def _binary(rng: random.Random, _packet: bytes) -> bytes:
    return sent(2, rng.randbytes(rng.choice([0, 1, 200, 70_000])))


def _fragments(rng: random.Random, packet: bytes) -> bytes:
    size = rng.choice([1, 3, 100])
    parts = [packet[at : at + size] for at in range(0, len(packet), size)][: rng.choice([5, 70])]
    frames = [
        sent(0 if number else rng.choice([1, 1, 1, 0, 2]), part, fin=False)
        for number, part in enumerate(parts)
    ]
    if rng.random() < 0.5:
        frames.insert(rng.randrange(len(frames) + 1), sent(9, b"between"))
    return b"".join(frames) + (sent(0, b"") if rng.random() < 0.8 else b"")


def _not_masked(_rng: random.Random, packet: bytes) -> bytes:
    return sent(1, packet, masked=False)


def _reserved(rng: random.Random, packet: bytes) -> bytes:
    first, *rest = sent(rng.choice([1, 3, 7, 11, 15]), packet)
    return bytes([first | rng.choice([0, 0x10, 0x40, 0x70]), *rest])


def _length(rng: random.Random, packet: bytes) -> bytes:
    """A length that is wrong, or longer than it need be."""
    size = rng.choice([*LENGTHS, len(packet)])
    narrow = size < 1 << 16 and rng.random() < 0.5
    length = bytes([0x80 | 126]) + size.to_bytes(2) if narrow else bytes([0xFF]) + size.to_bytes(8)
    return b"\x81" + length + bytes(4) + packet


def _text(rng: random.Random, _packet: bytes) -> bytes:
    return sent(1, rng.randbytes(rng.randrange(40)))


def in_pieces(rng: random.Random, data: bytes) -> list[bytes]:
    """Return `data` cut at some places."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice([0, 1, 3, 10])))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


async def main(kind: str, port: str, count: str, seed: str) -> None:
    """Send, and print the answers as JSON."""
    strangers = Strangers(int(port), int(count), int(seed))
    await strangers.run({"frames": strangers.frames, "requests": strangers.requests}[kind])
    sys.stdout.write(json.dumps(strangers.answers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
