"""Requests with tokens, cookies and links that are none, or nearly.

Each comes from an address of its own, as ten failures a minute are all that one may have.
"""

import asyncio
import json
import random
import string
import time
from collections import Counter
from contextlib import suppress

from support.hostile import PATIENCE

AT_ONCE = 20
LETTERS = string.digits + string.ascii_letters
SCHEMES = [
    "Bearer ",
    "bearer ",
    "BEARER ",
    "Bearer  ",
    "Bearer",
    "Basic ",
    "Bearer\t",
    "",
    "Token ",
]
COOKIES = ["buildfeed={0}", "__Host-buildfeed={0}", "buildfeed=x; __Host-buildfeed={0}"]
COOKIES += ['buildfeed="{0}"', "buildfeed={0};;=;", "a=b; buildfeed ={0}", "buildfeed", "={0}"]
COOKIES += ["buildfeed={0}; buildfeed=", "$Version=1; buildfeed={0}", "Buildfeed={0}"]
GUARDED = ["/api/overview", "/metrics"]
"""What nobody without a token is shown."""
ASKED = [*GUARDED, "/api/builds", "/api/projects/acme/builds/latest"]
BODIES = ['{{"token":"{0}"}}', '{{"token":["{0}"]}}', '{{"token":null}}', '"{0}"', "{{", "", "[]"]
BODIES += [
    '{{"token":"{0}","x":1}}',
    '{{"token":"{0}"',
    '{{"token":"\\ud800"}}',
    '{{"token":1e999}}',
]


class Impostors:
    """Asks a gateway with `good` credentials that were altered, for some seconds."""

    def __init__(self, port: int, good: list[str], seed: int) -> None:
        self._port = port
        self._good = good
        self._rng = random.Random(seed)
        self.answers: Counter[str] = Counter()
        self.let_in: list[bytes] = []
        """Requests that were served though what they show is not good."""

    async def run(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        await asyncio.gather(*(self._come_and_go(deadline) for _ in range(AT_ONCE)))

    async def _come_and_go(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            rng = random.Random(self._rng.getrandbits(64))
            address = f"127.{rng.randrange(1, 255)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(address, 0), limit=1 << 20
            )
            with suppress(OSError, EOFError):
                for _ in range(rng.randrange(1, 20)):
                    await self._ask(rng, reader, writer)
            writer.close()

    async def _ask(
        self, rng: random.Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        credential = self._altered(rng)
        request = some_request(rng, credential)
        writer.write(request)
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
            _, _, length = head.lower().partition(b"content-length: ")
            await reader.readexactly(int(length.split(b"\r")[0])) if length else b""
        status = head.split(b" ")[1].decode()
        self.answers[status] += 1
        asked = request.split(b" ", 2)[1].decode("latin-1")
        if status.startswith("2") and asked in GUARDED:
            self.let_in.append(request)

    def _altered(self, rng: random.Random) -> str:
        """Return a credential that is not good."""
        kind, length = rng.random(), rng.choice([0, 1, 31, 32, 33, 199, 200, 201, 8000])
        if kind < 0.3:
            made_up = "".join(rng.choice(LETTERS) for _ in range(length))
            return rng.choice(["bf_", "bs_", "bl_", ""]) + made_up
        if kind < 0.4:
            return "".join(
                chr(rng.choice([*range(1, 10), *range(11, 13), *range(14, 256)]))
                for _ in range(length % 300)
            )
        good = rng.choice(self._good)
        at = rng.randrange(1, len(good))  # white space around it is no part of it
        other = rng.choice([letter for letter in LETTERS if letter != good[at]])
        return rng.choice(
            [
                good[:at],
                good[:at] + other + good[at + 1 :],
                good + other,
                good[:at] + " " + good[at:],
                good.swapcase(),
                good[:at] + "\\u0000" + good[at:],
                good.replace("_", "%5f"),
            ]
        )


def some_request(rng: random.Random, credential: str) -> bytes:
    """Return a request that shows a credential somewhere."""
    method, path, headers, body = "GET", rng.choice(ASKED), "", b""
    kind = rng.random()
    if kind < 0.4:
        headers = f"Authorization: {rng.choice(SCHEMES)}{credential}\r\n"
    elif kind < 0.7:
        headers = f"Cookie: {rng.choice(COOKIES).format(credential)}\r\n"
    elif kind < 0.9:
        method, path = "POST", "/api/session"
        body = rng.choice(BODIES).format(json.dumps(credential)[1:-1]).encode("latin-1", "replace")
    else:
        shown = "".join(each if each in LETTERS or each in "_%." else "%7f" for each in credential)
        path = f"/s/{shown[:4000]}"
    if rng.random() < 0.1:
        method, path = rng.choice([("DELETE", "/api/session"), ("GET", "/api/session")])
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {len(body)}\r\n"
    )
    return head.encode("latin-1", "replace") + b"\r\n" + body
